"""Mark duplicates: fingerprint every row, decide over all fingerprints, apply the decisions to the rows.

The decision alone looks across rows, and of texts it reads only those of candidate pairs: a fingerprint has a fixed
size, so that memory grows with the number of rows and not with their length.
"""

import sys
import warnings

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe.decisions import decide
from pipeline.stages.dedupe.fingerprints import STAGE, fingerprint
from pipeline.stages.dedupe.job import KINDS, TEXTS_READ
from pipeline.stages.dedupe.marks import apply
from pipeline.table.reject_and_flag import complete, set_column
from schemas.options import DedupeOptions

__all__ = ["KINDS", "STAGE", "TEXTS_READ", "apply", "decide", "dedupe", "fingerprint", "texts"]

#: Calls between `datasets.map` and the function that it was given.
MAP_DEPTH = 4


def dedupe(table: pa.Table, options: DedupeOptions = DedupeOptions(), against: pa.Table | None = None) -> pa.Table:
    """The table with its duplicates marked: rejected, flagged or neither, by kind, as the options demand.

    Adds the columns `schemas.columns.DEDUPED`. The decisions of an earlier dedupe are replaced.
    `against`: an existing dataset, whose rows come before those of the table and are all kept. Where rows have no
    origin, `duplicate_of` names them by their number: `#3`, or `against#3`.
    Warns inside `datasets.map`, which gives it a batch at a time.
    """
    table = complete(table)
    _warn_of_batches()
    existing = complete(against) if against is not None else table.slice(0, 0)
    rows = pa.concat_tables([texts(existing, "against#"), texts(table, "#")])
    fingerprints = pa.concat_tables([fingerprint(existing), fingerprint(table)])
    return apply(table, decide(fingerprints, rows, options, against=len(existing)).slice(len(existing)))


def texts(table: pa.Table, name: str) -> pa.Table:
    """What a decision reads of each row: its texts and its origin; where that is null, `name` and the row's number."""
    if table["origin"].null_count:
        numbers = pc.cast(pa.array(range(len(table)), pa.int64()), pa.string())
        named = pc.coalesce(table["origin"], pc.binary_join_element_wise(name, numbers, ""))
        table = set_column(table, "origin", named)
    return table.select(TEXTS_READ)


def _warn_of_batches() -> None:
    """Warn where `datasets.map` calls: what is compared is then the rows of one batch."""
    frame = sys._getframe(2)
    for _ in range(MAP_DEPTH):
        if frame.f_globals.get("__name__") == "datasets.arrow_dataset":
            warnings.warn(
                "dedupe compares the rows of one table, and datasets.map gives it a batch at a time: duplicates in "
                'different batches stay. For all rows at once: dedupe(dataset.with_format("arrow")[:]).',
                stacklevel=3,
            )
            return
        if frame.f_back is None:
            return
        frame = frame.f_back
