"""The duplicates of all rows: the stage dedupe over the stage files of a plan, and over existing datasets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from pipeline.dataset.reference import read_existing
from pipeline.io.arrow_files import BATCH_ROWS, open_table, read_column
from pipeline.io.progress import note
from pipeline.io.stage_files import RowFiles
from pipeline.io.workers import ordered
from pipeline.run.raw_state import unchanged
from pipeline.stages.dedupe import decide, fingerprint
from pipeline.stages.dedupe.known import Known
from schemas.columns import FINGERPRINT, INGESTED

if TYPE_CHECKING:
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


def dedupe_units(
    plan: Plan, files: RowFiles, options: DedupeOptions, workers: int, known: Known | None = None
) -> Decided:
    """Decide over all rows of the plan, from these stage files, and of existing datasets. `known`: as of `decide`."""
    with contextlib.ExitStack() as reading:
        for unit in plan.existing:
            reading.enter_context(unchanged(unit))
        existing = [read_existing(unit.path, unit.origin) for unit in plan.existing]
        parts = (table.slice(start, BATCH_ROWS) for table in existing for start in range(0, len(table), BATCH_ROWS))
        of_existing = pa.concat_tables([FINGERPRINT.empty_table(), *ordered(fingerprint, parts, workers)])

        def prints(name: str) -> Iterator[pa.Array]:
            yield from of_existing[name].chunks
            for unit in plan.units:
                yield from read_column(plan.file(unit, files.fingerprints), name)

        table = rows_of_units(plan, files)
        compared = pa.concat_tables([*existing, table], promote_options="default")
        note(f"{'dedupe':<11} all sources: {len(compared):,} rows are compared")
        return Decided(compared, decide(prints, compared, options, len(of_existing), workers, known), len(of_existing))


def rows_of_units(plan: Plan, files: RowFiles) -> pa.Table:
    """All rows of the plan, from these stage files, on memory maps."""
    tables = [INGESTED.empty_table(), *(open_table(plan.file(unit, files.tokenized)) for unit in plan.units)]
    return pa.concat_tables(tables, promote_options="default")
