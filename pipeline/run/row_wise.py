"""The row-wise stages of a raw file, composed: ingest, validate, normalize, screen, tokenize, and the fingerprints.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, NamedTuple

import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import read_tables, table_writer
from pipeline.io.atomic_files import whole, write_if_changed
from pipeline.io.clock import Clock
from pipeline.io.hashed_files import describe_file
from pipeline.io.progress import note, watch
from pipeline.io.workers import Stage, ordered
from pipeline.run.raw_state import unchanged
from pipeline.run.times import leave_times
from pipeline.run.tokenizer import find_tokenizer
from pipeline.run.verdicts import write_outcomes
from pipeline.table.verdicts import Verdicts, apply_verdicts
from pipeline.tokenizers.load import open_tokenizer
from schemas.columns import FINGERPRINT, INGESTED
from schemas.manifest import RawFile
from schemas.options import Benchmark
from schemas.run_times import StepTimes
from schemas.shapes import Questions

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit
    from pipeline.stages.screen import Benchmarks
    from pipeline.tokenizers.protocol import Tokenizer
    from schemas.options import IngestOptions, Source
    from schemas.verdict import Key, Outcome

#: The stages of one pass over the rows.
ROW_WISE = ("ingest", "validate", "normalize", "screen", "tokenize")


def tokenize_unit(plan: Plan, unit: Unit, cleaned: bool, workers: int) -> None:
    """The stage files of a raw file: its rows cleaned, tokenized, and their fingerprints.

    `cleaned`: begin with the rows that an earlier run has cleaned, where they are still there.
    """
    tokenizer = open_tokenizer(find_tokenizer(plan))
    stages: list[NamedStage] | None
    clean = plan.file(unit, stage_files.CLEANED)
    # The last to appear are the two that Make looks at.
    wanted = [plan.file(unit, name) for name in stage_files.OF_MAKE]
    outcomes: dict[Key, Outcome] = {}
    if cleaned and clean.exists():
        tables, stages = read_tables(clean), None
    else:
        tables = ingest_unit(plan, unit)
        stages = cleaning(plan, unit.source, load_benchmarks(plan), plan.verdicts_on(unit), outcomes)
        wanted.append(clean)
    with contextlib.ExitStack() as files:
        sinks = [files.enter_context(whole(path)) for path in wanted]
        times = pass_over(plan, unit, tables, stages, tokenizer, workers, sinks)
    leave_times(plan.file(unit, stage_files.TIMES), times)
    if stages:
        write_outcomes(plan.file(unit, stage_files.VERDICTS), outcomes)


class NamedStage(NamedTuple):
    """A stage, or a step of the user, or the condition of a source, by its name."""

    name: str
    work: Stage


def cleaning(
    plan: Plan,
    source: Source,
    benchmarks: Benchmarks | None,
    verdicts: Verdicts | None = None,
    outcomes: dict[Key, Outcome] | None = None,
) -> list[NamedStage]:
    """The row-wise stages between ingest and tokenize for the rows of a source, in order, and behind them the verdicts
    on these rows. `outcomes`: takes what becomes of the verdicts."""
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen
    from pipeline.stages.validate import validate

    own, after = plan.config.of(source), following(plan, source, ROW_WISE[:-1])
    stages = [
        *after["ingest"],
        NamedStage("validate", lambda table: validate(table, own.validate_)),
        *after["validate"],
        NamedStage("normalize", lambda table: normalize(table, own.normalize)),
        *after["normalize"],
        NamedStage("screen", lambda table: screen(table, own.screen, benchmarks)),
        *after["screen"],
    ]
    if not verdicts:
        return stages

    def clean(table: pa.Table) -> pa.Table:
        for stage in stages:
            table = stage.work(table)
        return table

    return [*stages, NamedStage("verdicts", lambda table: apply_verdicts(table, verdicts, clean, outcomes))]


def tokenizing(plan: Plan, source: Source, tokenizer: Tokenizer) -> list[NamedStage]:
    """The stage tokenize for the rows of a source, and what follows it."""
    from pipeline.stages.tokenize import tokenize

    options = plan.config.tokenize
    stage = NamedStage("tokenize", lambda table: tokenize(table, tokenizer, options))
    return [stage, *following(plan, source, ROW_WISE[-1:])["tokenize"]]


def following(plan: Plan, source: Source, stages: Sequence[str]) -> dict[str, list[NamedStage]]:
    """What follows each of these stages: the user's own steps, then the condition of the source, if it is decided
    there. Runs the files of these steps."""
    from pipeline.run.steps import load_step
    from pipeline.table.keep import keep, stage_of
    from schemas.parse_condition import parse

    found: dict[str, list[NamedStage]] = {stage: [] for stage in stages}
    for own in (own for own in plan.steps if own.step.after in stages):
        found[own.step.after].append(NamedStage(own.name, load_step(own)))
    decided = stage_of(parse(source.keep)) if source.keep else ""
    if decided in stages:
        found[decided].append(NamedStage("keep", lambda table: keep(table, source.keep)))
    return found


def pass_over(
    plan: Plan,
    unit: Unit,
    tables: Iterable[pa.Table],
    clean: Sequence[NamedStage] | None,
    tokenizer: Tokenizer,
    workers: int,
    sinks: Sequence[IO[bytes]],
) -> StepTimes:
    """The row-wise stages of a raw file in one pass: clean (None: that is done), tokenize, and fingerprint.

    `sinks`: take the rows tokenized, their fingerprints and, where there is a third, the rows as they were before, as
    Arrow IPC. Gives the times. Raises UnknownTokensError where too many tokens are [UNK].
    """
    from pipeline.stages.dedupe import fingerprint
    from pipeline.stages.tokenize import check_unknown

    clock, tokenized = Clock(), tokenizing(plan, unit.source, tokenizer)

    def work(table: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
        cleaned = through(clean or (), table, clock)
        rows = through(tokenized, cleaned, clock)
        with clock.stage("fingerprint"):
            return rows, fingerprint(rows), cleaned

    with contextlib.ExitStack() as files:
        schemas = (INGESTED, FINGERPRINT, INGESTED)
        write = [files.enter_context(table_writer(*file)) for file in zip(sinks, schemas, strict=False)]

        def written() -> Iterator[pa.Table]:
            read = tables if clean is None else clock.each("ingest", tables)
            for done in ordered(work, read, workers):
                for put, table in zip(write, done, strict=False):
                    put(table)
                yield done[0]

        rejecting = ROW_WISE[-1:] if clean is None else ROW_WISE
        checked = check_unknown(written(), tokenizer, plan.config.tokenize)
        rows = sum(map(len, watch(checked, "tokenize", unit.origin, stages=rejecting, place=plan.place_of(unit))))
    order = ["ingest", *(stage.name for stage in (*(clean or ()), *tokenized))]
    return clock.times("rows", rows, workers, unit.origin, order)


def through(stages: Iterable[NamedStage], table: pa.Table, clock: Clock) -> pa.Table:
    """The table after these stages."""
    for stage in stages:
        with clock.stage(stage.name):
            table = stage.work(table)
    return table


def ingest_unit(plan: Plan, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a raw file. What file it was, and how it was read, is written beside them for the manifest."""
    from pipeline.stages.ingest import IngestError, ingest
    from pipeline.stages.ingest.streams import readings_of

    options = plan.config.of(unit.source).ingest
    with unchanged(unit), ThreadPoolExecutor(1) as beside:
        described = beside.submit(describe_file, unit.path)
        read_as: list[str] = []
        with contextlib.suppress(IngestError):  # which `ingest` raises again, unless the source skips such a file
            readings = readings_of(unit.path, unit.source, options)
            read_as += [", ".join(filter(None, (each.place, each.reader, each.encoding))) for each in readings]
        left_out: set[str] = set()
        skipped = ""
        published: Counter[str] = Counter()
        for table in ingest(unit.path, unit.origin, unit.source, options, left_out):
            published.update(filter(None, table["published_split"].to_pylist()))
            if len(table) == 1 and table["reject_reason"][0].as_py() == "unreadable-file":
                skipped = table["reject_detail"][0].as_py()
            yield table
        file = described.result().model_dump()
        about = RawFile(**file, read_as=read_as, left_out=sorted(left_out), skipped=skipped)
        note_what_was_heard(unit.origin, about.left_out, published)
        write_if_changed(plan.file(unit, stage_files.RAW), about.model_dump_json() + "\n")


def note_what_was_heard(origin: str, left_out: Sequence[str], published: Mapping[str, int]) -> None:
    """Tell on stderr what a file says that does not show in its rows: fields left out, and published splits."""
    lines = []
    if left_out:
        lines.append(f"fields that are left out: {', '.join(left_out)}")
    if published:
        lines.append(f"published splits: {', '.join(f'{split} ({rows:,} rows)' for split, rows in published.items())}")
    for line in lines:
        note(f"{'ingest':<11} {origin}: {line}")


def read_unit(unit: Unit, options: IngestOptions) -> Iterator[pa.Table]:
    """The rows of a file, which must not change meanwhile."""
    from pipeline.stages.ingest import ingest

    with unchanged(unit):
        yield from ingest(unit.path, unit.origin, unit.source, options)


def load_benchmarks(plan: Plan) -> Benchmarks | None:
    """The evaluation sets that the config names, ready for `screen`; their rows need no answer."""
    from pipeline.stages.screen import benchmarks_of

    tables: dict[str, list[pa.Table]] = {}
    for unit in plan.benchmarks:
        named = unit.source.name != Benchmark.model_fields["name"].default
        tables.setdefault(unit.source.name if named else unit.origin, []).append(read_benchmark(unit, plan))
    return benchmarks_of({name: pa.concat_tables(parts) for name, parts in tables.items()}) if tables else None


def read_benchmark(unit: Unit, plan: Plan) -> pa.Table:
    """The rows of a file of an evaluation set. Raises IngestError where none of them has the prompt."""
    from pipeline.stages.ingest import IngestError
    from pipeline.stages.screen import telling

    rows = pa.concat_tables([INGESTED.empty_table(), *read_unit(unit, plan.config.ingest)])
    if not isinstance(unit.source.shape, Questions):
        return rows
    if len(rows) and rows["instruction"].null_count == len(rows):
        fields = ", ".join(json.loads(rows["raw"][0].as_py()))
        raise IngestError(
            f"{unit.path}: {rows['reject_detail'][0]}. Its first record has {fields}. Name the fields of the question "
            f"in the prompt of the [[screen.benchmarks]] {unit.source.name!r}."
        )
    return telling(rows)
