"""The composition: the one place that knows the order of the stages. Make runs it step by step, `run` in one go.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain as chained
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

import pipeline
from pipeline.io.files import (
    BATCH_ROWS,
    describe_file,
    naming,
    open_table,
    read_column,
    read_tables,
    table_writer,
    whole,
    write_if_changed,
)
from pipeline.io.folders import clean_up
from pipeline.io.lock import locked
from pipeline.io.progress import watch
from pipeline.io.terminal_text import visible
from pipeline.io.workers import Stage, ordered
from pipeline.run.plan import Plan, Unit, find_tokenizer, unchanged, versions
from pipeline.table.reject_and_flag import set_column
from pipeline.tokenizers.load import open_tokenizer
from schemas.columns import FINGERPRINT, INGESTED
from schemas.manifest import Manifest, RawFile
from schemas.options import Config, DedupeOptions, IngestOptions, Source, TokenizeOptions, glob_of
from schemas.tokenizer import Resolution

if TYPE_CHECKING:
    from pipeline.stages.screen import Benchmarks
    from pipeline.stages.tokenize import Tokenizer


#: The stages of one pass over the rows.
ROW_WISE = ("ingest", "validate", "normalize", "screen", "tokenize")


def cleaning(config: Config, benchmarks: Benchmarks | None) -> Stage:
    """The row-wise stages between ingest and tokenize, in order, as one."""
    from pipeline import normalize, screen, validate

    def stages(table: pa.Table) -> pa.Table:
        table = validate(table, config.validate_)
        table = normalize(table, config.normalize)
        return screen(table, config.screen, benchmarks)

    return stages


def pass_over(
    tables: Iterable[pa.Table],
    clean: Stage | None,
    tokenizer: Tokenizer,
    options: TokenizeOptions,
    origin: str,
    workers: int,
    sinks: Sequence[IO[bytes]],
) -> None:
    """The row-wise stages of a raw file in one pass: clean (None: that is done), tokenize, and fingerprint.

    `sinks`: take the rows tokenized, their fingerprints and, where there is a third, the rows as they were before, as
    Arrow IPC. Raises UnknownTokensError where too many tokens are [UNK].
    """
    from pipeline import tokenize
    from pipeline.stages.dedupe import fingerprint
    from pipeline.stages.tokenize import check_unknown

    def work(table: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
        cleaned = clean(table) if clean else table
        rows = tokenize(cleaned, tokenizer, options)
        return rows, fingerprint(rows), cleaned

    with contextlib.ExitStack() as files:
        schemas = (INGESTED, FINGERPRINT, INGESTED)
        write = [files.enter_context(table_writer(*file)) for file in zip(sinks, schemas, strict=False)]

        def written() -> Iterator[pa.Table]:
            for done in ordered(work, tables, workers):
                for put, table in zip(write, done, strict=False):
                    put(table)
                yield done[0]

        rejecting = ROW_WISE if clean else ROW_WISE[-1:]
        for _ in watch(check_unknown(written(), tokenizer, options), "tokenize", origin, stages=rejecting):
            pass


def tokenize_unit(plan: Plan, unit: Unit, cleaned: bool, workers: int) -> None:
    """The stage files of a raw file: its rows cleaned, tokenized, and their fingerprints.

    `cleaned`: begin with the rows that an earlier run has cleaned, where they are still there.
    """
    tokenizer = open_tokenizer(find_tokenizer(plan))
    clean = plan.file(unit, "clean.arrow")
    # The last to appear are the two that Make looks at.
    wanted = [plan.file(unit, name) for name in ("tokenize.arrow", "fingerprint.arrow")]
    if cleaned and clean.exists():
        tables, stages = read_tables(clean), None
    else:
        tables, stages = ingest_unit(plan, unit), cleaning(plan.config, load_benchmarks(plan))
        wanted.append(clean)
    with contextlib.ExitStack() as files:
        sinks = [files.enter_context(whole(path)) for path in wanted]
        pass_over(tables, stages, tokenizer, plan.config.tokenize, unit.origin, workers, sinks)


def ingest_unit(plan: Plan, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a raw file. What file it was, and how it was read, is written beside them for the manifest."""
    from pipeline.stages.ingest.reading import readings_of

    with unchanged(unit), ThreadPoolExecutor(1) as beside:
        described = beside.submit(describe_file, unit.path)
        readings = readings_of(unit.path, unit.source, plan.config.ingest)
        read_as = [", ".join(filter(None, (reading.place, reading.reader, reading.encoding))) for reading in readings]
        yield from pipeline.ingest(unit.path, unit.origin, unit.source, plan.config.ingest)
        about = RawFile(**described.result().model_dump(), read_as=read_as)
        write_if_changed(plan.file(unit, "raw.json"), about.model_dump_json() + "\n")


def read_unit(unit: Unit, options: IngestOptions) -> Iterator[pa.Table]:
    """The rows of a file, which must not change meanwhile."""
    with unchanged(unit):
        yield from pipeline.ingest(unit.path, unit.origin, unit.source, options)


def load_benchmarks(plan: Plan) -> Benchmarks | None:
    """The evaluation sets that the config names, ready for `screen`; their rows need no answer."""
    from pipeline.stages.screen import benchmarks_of

    tables = {}
    for unit in plan.benchmarks:
        found = read_unit(unit, plan.config.ingest)
        tables[unit.origin] = pa.concat_tables([INGESTED.empty_table(), *found])
    return benchmarks_of(tables) if tables else None


def unit_of(plan: Plan | None, path: Path) -> Unit:
    """The plan's unit for this raw file; where no plan has one, a source of its own, to be detected."""
    for unit in plan.units if plan else ():
        if unit.path.samefile(path):
            return unit
    return Unit(Source(name="file", files=(glob_of(path.name),)), path, path.name)


def rows_of_units(plan: Plan, rows: str) -> pa.Table:
    """All rows of the plan, from the stage files of this name, on memory maps."""
    tables = [INGESTED.empty_table(), *(open_table(plan.file(unit, rows)) for unit in plan.units)]
    return pa.concat_tables(tables, promote_options="default")


class Decided(NamedTuple):
    """What was compared, and what was decided: rows of existing datasets first, of which nothing is dropped."""

    rows: pa.Table
    decisions: pa.Table
    existing: int

    @property
    def new(self) -> pa.Table:
        """The decisions on the rows of the plan."""
        return self.decisions.slice(self.existing)


def dedupe_units(plan: Plan, rows: str, fingerprints: str, options: DedupeOptions, workers: int) -> Decided:
    """Decide over all rows of the plan, from the stage files of these names, and of existing datasets."""
    from pipeline.dataset.reference import read_existing
    from pipeline.stages.dedupe import decide, fingerprint

    with contextlib.ExitStack() as reading:
        for unit in plan.existing:
            reading.enter_context(unchanged(unit))
        existing = [read_existing(unit.path, unit.origin) for unit in plan.existing]
        parts = (table.slice(start, BATCH_ROWS) for table in existing for start in range(0, len(table), BATCH_ROWS))
        known = pa.concat_tables([FINGERPRINT.empty_table(), *ordered(fingerprint, parts, workers)])

        def prints(name: str) -> Iterator[pa.Array]:
            yield from known[name].chunks
            for unit in plan.units:
                yield from read_column(plan.file(unit, fingerprints), name)

        table = rows_of_units(plan, rows)
        compared = pa.concat_tables([*existing, table], promote_options="default")
        return Decided(compared, decide(prints, compared, options, len(known), workers), len(known))


def export_units(plan: Plan, rows: str, decisions: pa.Table, tokenizer: Resolution, workers: int) -> Manifest:
    """Write processed/<dataset>/ from the stage files of this name and the decisions on their rows."""
    from pipeline.stages.dedupe import apply

    sides = _sides(plan, rows, decisions)

    def parts() -> Iterator[tuple[pa.Table, slice]]:
        start = 0
        for table in chained.from_iterable(read_tables(plan.file(unit, rows)) for unit in plan.units):
            yield table, slice(start, start + len(table))
            start += len(table)

    def decided(part: tuple[pa.Table, slice]) -> pa.Table:
        table, place = part
        return set_column(apply(table, decisions[place]), "split", sides[place])

    about = {
        "dataset": plan.config.dataset,
        "sources": [source for source in plan.config.source if any(unit.source == source for unit in plan.units)],
        "tokenizer": tokenizer.model_dump(mode="json", exclude={"path"}),
        "options": plan.config.model_dump(mode="json", exclude={"dataset", "source"}, by_alias=True),
        "versions": versions(),
        "raw": {
            unit.origin: RawFile.model_validate_json(plan.file(unit, "raw.json").read_bytes()) for unit in plan.units
        },
    }
    tables = watch(ordered(decided, parts(), workers), "dedupe", "all sources", len(decisions))
    return pipeline.export(tables, plan.folder, plan.config.export, about)


def _sides(plan: Plan, rows: str, decisions: pa.Table) -> pa.Array:
    """The split of every row; null for the rejected."""
    from pipeline.stages.split import split

    table = rows_of_units(plan, rows).select(["source", "reject_stage"])
    rejected = pc.if_else(pc.is_valid(decisions["reason"]), "dedupe", table["reject_stage"])
    table = set_column(set_column(table, "reject_stage", rejected), "cluster_key", decisions["cluster_key"])
    return split(table, plan.config.export)


def run(plan: Plan, workers: int) -> Manifest:
    """The whole chain in one process: the same functions as under Make, row-wise stages in one pass over each file."""
    with locked(plan.stages, "ko-instruct run"):
        clean_up(plan.folder, plan.stages)
        return _run(plan, workers)


def _run(plan: Plan, workers: int) -> Manifest:
    found = find_tokenizer(plan)
    tokenizer, stages = open_tokenizer(found), cleaning(plan.config, load_benchmarks(plan))
    try:
        for unit in plan.units:
            # Files of this run alone: nothing waits for the disk.
            rows, keys = plan.file(unit, "run.arrow"), plan.file(unit, "run.keys.arrow")
            rows.parent.mkdir(parents=True, exist_ok=True)
            with naming(rows), rows.open("wb") as rows_sink, keys.open("wb") as keys_sink:
                sinks = (rows_sink, keys_sink)
                tables = ingest_unit(plan, unit)
                pass_over(tables, stages, tokenizer, plan.config.tokenize, unit.origin, workers, sinks)
        # The rows that it saw are let go: their mapped files are out of memory before others are written.
        decisions = dedupe_units(plan, "run.arrow", "run.keys.arrow", plan.config.dedupe, workers).new
        # What Make has of this dataset may be of other options: it is to export anew.
        plan.stamp("export").unlink(missing_ok=True)
        return export_units(plan, "run.arrow", decisions, found, workers)
    finally:
        for unit in plan.units:
            for name in ("run.arrow", "run.keys.arrow"):
                plan.file(unit, name).unlink(missing_ok=True)


def report(manifest: Manifest, folder: Path) -> str:
    """What a run did, as a table for the terminal: rows in, kept, rejected by stage and reason, tokens."""
    counts, tokens = manifest.counts, manifest.tokens
    rejected: dict[str, int] = {}
    for part in counts.rejected:
        name = f"{part.stage}: {part.reason}"
        rejected[name] = rejected.get(name, 0) + part.rows
    lines = [("rows in", counts.rows_in), *((f"- {name}", rows) for name, rows in rejected.items())]
    lines += [("kept", counts.kept), *((f"  {name}", rows) for name, rows in counts.splits.items())]
    lines += [("tokens", tokens.total), ("  [UNK]", tokens.unknown), ("  cut by truncation", tokens.cut)]
    width = max(len(name) for name, _ in lines)
    text = "\n".join(f"{name:<{width}}  {number:>12,}" for name, number in lines)
    tried = "".join(f"\n  not {name}: {why}" for name, why in manifest.tokenizer["tried"])
    if not counts.kept:
        text += "\n\nNo row was kept: rejects.jsonl says of each why."
    return visible(f"{text}\n\ntokenizer: {manifest.tokenizer['name']}{tried}\nwritten to {folder}")
