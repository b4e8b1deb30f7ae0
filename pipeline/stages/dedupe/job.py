"""What every step of a decision uses, in one object; and the kinds of duplicates."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.io.processes import Processes
from pipeline.stages.dedupe.arrays import Ints
from pipeline.stages.dedupe.fingerprint_columns import Fingerprints, Number, read_column, take_part
from schemas.errors import TableError
from schemas.options import DedupeOptions

#: The kinds of duplicates: the reason of a rejection, or the name of a flag (its bit in a decision's `flags`).
KINDS = ("exact", "near", "conflict", "near-prompt", "shared-output", "semantic-near")
EXACT, NEAR, CONFLICT, NEAR_PROMPT, SHARED_OUTPUT, SEMANTIC_NEAR = range(len(KINDS))


@dataclass(frozen=True)
class Job:
    """One call of `decide`: all rows, the options, the threads."""

    fingerprints: Fingerprints
    #: The texts of the rows. Few are read, so that the table is best memory-mapped.
    table: pa.Table
    options: DedupeOptions
    workers: int = 1
    #: Make the calls that hold the GIL.
    python: Processes = field(default_factory=Processes)
    #: How much was compared, for the report; the one part that changes.
    counts: Counter[str] = field(default_factory=Counter)

    def column(self, name: str, rows: Ints, kind: type[Number]) -> npt.NDArray[Number]:
        """A column of the fingerprints of these rows: kind[len(rows), as many as a value holds]."""
        return read_column(self.fingerprints, name, rows, kind)


def order_of_preference(job: Job, against: int) -> Ints:
    """The rows that take part, int64[rows], the one to keep first. The first `against` rows of the table come first."""
    valid = take_part(job.fingerprints)
    if len(valid) != len(job.table):
        raise TableError(f"{len(valid):,} fingerprints of {len(job.table):,} rows: each row needs one fingerprint")
    rows = np.flatnonzero(valid)
    if job.options.keeper == "longest":
        lengths = job.column("length", rows, np.uint32)[:, 0].astype(np.int64)
        rows = rows[np.lexsort((rows, -lengths, rows >= against))]
    return rows
