"""The composition: the one place that knows the order of the stages. Make runs it step by step, `run` in one go.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain as chained
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

import pipeline
from pipeline.files import (
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
from pipeline.folders import clean_up
from pipeline.load_tokenizer import open_tokenizer
from pipeline.lock import locked
from pipeline.marks import set_column
from pipeline.plan import Plan, Unit, find_tokenizer, unchanged, versions
from pipeline.progress import watch
from pipeline.visible import visible
from pipeline.workers import Stage, ordered
from schemas.columns import FINGERPRINT, INGESTED
from schemas.manifest import Manifest, RawFile
from schemas.options import Config, DedupeOptions, IngestOptions, Source, TokenizeOptions
from schemas.tokenizer import Resolution

if TYPE_CHECKING:
    from pipeline.screen import Benchmarks
    from pipeline.tokenize import Tokenizer


#: The stages of one pass over the rows.
ROW_WISE = ("ingest", "validate", "normalize", "screen", "tokenize")


class Worked(NamedTuple):
    """The same rows tokenized, their fingerprints, and as they were before."""

    rows: pa.Table
    keys: pa.Table
    cleaned: pa.Table


def cleaning(config: Config, benchmarks: Benchmarks | None) -> Stage:
    """The row-wise stages between ingest and tokenize, in order, as one."""
    from pipeline import normalize, screen, validate

    def stages(table: pa.Table) -> pa.Table:
        table = validate(table, config.validate_)
        table = normalize(table, config.normalize)
        return screen(table, config.screen, benchmarks)

    return stages


def work_on(
    tables: Iterable[pa.Table], clean: Stage | None, tokenizer: Tokenizer, options: TokenizeOptions, workers: int
) -> Iterator[Worked]:
    """One pass over rows: clean (None: that is done), tokenize, and the fingerprints while the texts are at hand."""
    from pipeline import tokenize
    from pipeline.dedupe import fingerprint

    def stages(table: pa.Table) -> Worked:
        cleaned = clean(table) if clean else table
        rows = tokenize(cleaned, tokenizer, options)
        return Worked(rows, fingerprint(rows), cleaned)

    return ordered(stages, tables, workers)


def write_worked(
    worked: Iterable[Worked],
    gate: Callable[[Iterable[pa.Table]], Iterator[pa.Table]],
    rows: IO[bytes],
    keys: IO[bytes],
    cleaned: IO[bytes] | None = None,
) -> None:
    """Write them as Arrow IPC, each to its file. `gate` sees the rows as they pass, and may stop the run."""
    with (
        table_writer(rows, INGESTED) as write_rows,
        table_writer(keys, FINGERPRINT) as write_keys,
        table_writer(cleaned, INGESTED) if cleaned else contextlib.nullcontext() as write_cleaned,
    ):

        def passing() -> Iterator[pa.Table]:
            for part in worked:
                write_keys(part.keys)
                if write_cleaned:
                    write_cleaned(part.cleaned)
                yield part.rows

        for table in gate(passing()):
            write_rows(table)


def gate_of(
    tokenizer: Tokenizer, options: TokenizeOptions, origin: str, stages: Sequence[str]
) -> Callable[[Iterable[pa.Table]], Iterator[pa.Table]]:
    """Tokenized rows are watched on their way, and too many of unknown tokens stop the run."""
    from pipeline.tokenize import check_unknown

    return lambda tables: watch(check_unknown(tables, tokenizer, options), "tokenize", origin, stages=stages)


def tokenize_unit(plan: Plan, unit: Unit, cleaned: bool, workers: int) -> None:
    """The stage files of a raw file: its rows cleaned, tokenized, and their fingerprints.

    `cleaned`: begin with the rows that an earlier run has cleaned, where they are still there.
    """
    options, tokenizer = plan.config.tokenize, open_tokenizer(find_tokenizer(plan))
    keys, rows, clean = (plan.file(unit, f"{name}.arrow") for name in ("fingerprint", "tokenize", "clean"))
    if cleaned and clean.exists():
        worked = work_on(read_tables(clean), None, tokenizer, options, workers)
        with whole(keys) as keys_sink, whole(rows) as rows_sink:
            write_worked(worked, gate_of(tokenizer, options, unit.origin, ("tokenize",)), rows_sink, keys_sink)
        return
    stages = cleaning(plan.config, load_benchmarks(plan))
    worked = work_on(ingest_unit(plan, unit), stages, tokenizer, options, workers)
    with whole(keys) as keys_sink, whole(rows) as rows_sink, whole(clean) as clean_sink:
        gate = gate_of(tokenizer, options, unit.origin, ROW_WISE)
        write_worked(worked, gate, rows_sink, keys_sink, clean_sink)


def ingest_unit(plan: Plan, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a raw file. What file it was, and how it was read, is written beside them for the manifest."""
    from pipeline.ingest.reading import readings_of

    with unchanged(unit), ThreadPoolExecutor(1) as beside:
        described = beside.submit(describe_file, unit.path)
        readings = readings_of(unit.path, unit.source, plan.config.ingest)
        read_as = [", ".join(filter(None, (reading.place, reading.reader, reading.encoding))) for reading in readings]
        yield from pipeline.ingest(unit.path, unit.origin, unit.source, plan.config.ingest)
        about = RawFile(**described.result().model_dump(), read_as=read_as)
        write_if_changed(plan.file(unit, "raw.json"), about.model_dump_json() + "\n")


def load_benchmarks(plan: Plan) -> Benchmarks | None:
    """The evaluation sets that the config names, ready for `screen`; their rows need no answer."""
    from pipeline.screen import benchmarks_of

    tables = {}
    for unit in plan.benchmarks:
        with unchanged(unit):
            found = pipeline.ingest(unit.path, unit.origin, unit.source, plan.config.ingest)
            tables[unit.origin] = pa.concat_tables([INGESTED.empty_table(), *found])
    return benchmarks_of(tables) if tables else None


def unit_of(plan: Plan | None, path: Path) -> Unit:
    """The plan's unit for this raw file; where no plan has one, a source of its own, to be detected."""
    for unit in plan.units if plan else ():
        if unit.path.samefile(path):
            return unit
    return Unit(Source(name="file", files=(path.name,)), path, path.name)


def read_unit(plan: Plan | None, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a raw file, whether or not it is one of the plan."""
    if plan and unit in plan.units:
        return ingest_unit(plan, unit)
    return pipeline.ingest(unit.path, unit.origin, unit.source, plan.config.ingest if plan else IngestOptions())


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
    from pipeline.dedupe import decide, fingerprint
    from pipeline.existing import read_existing

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
    from pipeline.dedupe import apply

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
    from pipeline.split import split

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
    options, tokenizer = plan.config.tokenize, open_tokenizer(found)
    stages = cleaning(plan.config, load_benchmarks(plan))
    try:
        for unit in plan.units:
            worked = work_on(ingest_unit(plan, unit), stages, tokenizer, options, workers)
            # Files of this run alone: nothing waits for the disk.
            rows, keys = plan.file(unit, "run.arrow"), plan.file(unit, "run.keys.arrow")
            rows.parent.mkdir(parents=True, exist_ok=True)
            with naming(rows), rows.open("wb") as rows_sink, keys.open("wb") as keys_sink:
                write_worked(worked, gate_of(tokenizer, options, unit.origin, ROW_WISE), rows_sink, keys_sink)
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
