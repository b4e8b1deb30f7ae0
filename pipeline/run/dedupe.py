"""The duplicates of all rows: the stage dedupe over the stage files of a plan, and over existing datasets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.dataset.reference import read_existing
from pipeline.io.arrow_files import BATCH_ROWS, open_table, read_column, write_tables
from pipeline.io.processes import Processes
from pipeline.io.progress import note
from pipeline.io.stage_files import EXCHANGES, KNOWN_PRINTS, RowFiles
from pipeline.io.workers import ordered
from pipeline.run.dedupe_in_parts import Steps, decide_in_parts
from pipeline.run.raw_state import unchanged
from pipeline.stages.dedupe import TEXTS_READ, decide, fingerprint
from pipeline.stages.dedupe.arrays import Ints
from pipeline.stages.dedupe.changed import Again, decide_changed
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.known import Known
from schemas.columns import FINGERPRINT, INGESTED

if TYPE_CHECKING:
    from pipeline.run.engines import Engine
    from pipeline.run.plan import Plan
    from schemas.options import DedupeOptions


class Decided(NamedTuple):
    """What was compared, and what was decided: first the rows of existing datasets, which are never dropped."""

    rows: pa.Table
    decisions: pa.Table
    existing: int

    @property
    def new(self) -> pa.Table:
        """The decisions on the rows of the plan."""
        return self.decisions.slice(self.existing)


@dataclass(frozen=True)
class Compared:
    """All rows that are compared, from stage files of a plan and existing datasets, in whatever process
    (`pipeline.stages.dedupe.parts.Rows`)."""

    plan: Plan
    files: RowFiles
    workers: int
    #: The fingerprints of existing datasets, where another process has made them.
    known_prints: Path | None = None

    @cached_property
    def existing(self) -> list[pa.Table]:
        return [read_existing(unit.path, unit.origin) for unit in self.plan.existing]

    @cached_property
    def known(self) -> pa.Table:
        """The fingerprints of existing datasets."""
        if self.known_prints:
            return open_table(self.known_prints)
        tables = (
            table.slice(start, BATCH_ROWS) for table in self.existing for start in range(0, len(table), BATCH_ROWS)
        )
        return pa.concat_tables([FINGERPRINT.empty_table(), *ordered(fingerprint, tables, self.workers)])

    @cached_property
    def rows(self) -> pa.Table:
        return pa.concat_tables([*self.existing, rows_of_units(self.plan, self.files)], promote_options="default")

    @property
    def against(self) -> int:
        return len(self.known)

    def column(self, name: str) -> Iterator[pa.Array]:
        """A column of the fingerprints of all rows, which leaves memory when it is read."""
        yield from self.known[name].chunks
        for unit in self.plan.units:
            yield from read_column(self.plan.file(unit, self.files.fingerprints), name)

    @cached_property
    def prints(self) -> pa.Table:
        """The fingerprints of all rows, on memory maps."""
        files = (open_table(self.plan.file(unit, self.files.fingerprints)) for unit in self.plan.units)
        return pa.concat_tables([self.known, *files])

    @cached_property
    def job(self) -> Job:
        names = [name for name in TEXTS_READ if name in self.rows.column_names]
        return Job(self.prints, self.rows.select(names), self.plan.config.dedupe, self.workers)

    def __reduce__(self) -> tuple[Callable[..., Compared], tuple[Any, ...]]:
        """A pickle holds no rows."""
        return Compared, (self.plan, self.files, self.workers, self.known_prints)


def dedupe_units(
    plan: Plan,
    files: RowFiles,
    options: DedupeOptions,
    workers: int,
    known: Known | None = None,
    python: Processes | None = None,
) -> Decided:
    """Decide over all rows of the plan, from these stage files, and of existing datasets. `known`, `python`: as of
    `decide`."""
    with _comparing(Compared(plan, files, workers)) as all_:
        decisions = decide(all_.column, all_.rows, options, all_.against, workers, known, python=python)
        return Decided(all_.rows, decisions, all_.against)


def dedupe_changed(
    plan: Plan, files: RowFiles, before: pa.Table, place: Ints, options: DedupeOptions, workers: int
) -> tuple[Decided, Again] | None:
    """The same where some rows are decided already, by `before` and `place` of `decide_changed`; and the rows that were
    decided on. None where it has to be decided on all."""
    prints = [open_table(plan.file(unit, files.fingerprints)) for unit in plan.units]
    if any(table.schema != FINGERPRINT for table in prints):  # of an older version: `read_column` refuses them
        return None
    rows, fingerprints = rows_of_units(plan, files), pa.concat_tables([FINGERPRINT.empty_table(), *prints])
    again = decide_changed(fingerprints, rows, before, place, options, workers)
    if again is None:
        return None
    note(f"{'dedupe':<11} all sources: {len(again.rows):,} of {len(rows):,} rows are compared")
    return Decided(rows, again.decisions, 0), again


def dedupe_in_parts(plan: Plan, files: RowFiles, engine: Engine, count: int, workers: int) -> Decided:
    """The same by an engine, in parts that it decides at the same time: with the same decisions."""
    options = plan.config.dedupe
    if count == 1 or options.within != "prompt" or options.semantic:
        return dedupe_units(plan, files, options, workers, python=engine.python)
    with _comparing(Compared(plan, files, engine.workers)) as all_:
        folder = plan.stages / EXCHANGES
        write_tables(folder / KNOWN_PRINTS, [all_.known], FINGERPRINT)
        far = replace(all_, known_prints=folder / KNOWN_PRINTS)
        decisions = decide_in_parts(far, Steps(engine.each, folder, count))
        return Decided(all_.rows, decisions, all_.against)


@contextlib.contextmanager
def _comparing(compared: Compared) -> Iterator[Compared]:
    with contextlib.ExitStack() as reading:
        for unit in compared.plan.existing:
            reading.enter_context(unchanged(unit))
        note(f"{'dedupe':<11} all sources: {len(compared.rows):,} rows are compared")
        yield compared


def rows_of_units(plan: Plan, files: RowFiles) -> pa.Table:
    """All rows of the plan, from these stage files, on memory maps."""
    return concatenated(tables_of_units(plan, files))


def tables_of_units(plan: Plan, files: RowFiles) -> list[pa.Table]:
    """The rows of each raw file of the plan."""
    return [open_table(plan.file(unit, files.tokenized)) for unit in plan.units]


def concatenated(tables: list[pa.Table]) -> pa.Table:
    """The rows of all raw files, from those of each."""
    return pa.concat_tables([INGESTED.empty_table(), *tables], promote_options="default")
