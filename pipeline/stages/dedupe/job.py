"""What every step of a decision uses, in one object; and the kinds of duplicates."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.io.processes import Processes
from pipeline.stages.dedupe.arrays import Ints
from pipeline.stages.dedupe.fingerprint_columns import Fingerprints, Number, read_column, take_part
from pipeline.stages.dedupe.known import Known
from schemas.columns import MESSAGES, TEXTS
from schemas.errors import TableError
from schemas.options import DedupeOptions

Result = TypeVar("Result")
#: The kinds of duplicates: the reason of a rejection, or the name of a flag (its bit in a decision's `flags`).
KINDS = ("exact", "near", "conflict", "near-prompt", "shared-output", "semantic-near")
EXACT, NEAR, CONFLICT, NEAR_PROMPT, SHARED_OUTPUT, SEMANTIC_NEAR = range(len(KINDS))
#: What a decision reads of each row.
TEXTS_READ = ("origin", "tools", "tool_calls", "label", "learn", *MESSAGES, *TEXTS)


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
    #: The results of such calls, where they are kept from run to run.
    known: Known | None = None
    #: How much was compared, for the report; the one part that changes.
    counts: Counter[str] = field(default_factory=Counter)

    def column(self, name: str, rows: Ints, kind: type[Number]) -> npt.NDArray[Number]:
        """A column of the fingerprints of these rows: kind[len(rows), as many as a value holds]."""
        return read_column(self.fingerprints, name, rows, kind)

    def calls(self, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
        """`function` of each tuple of arguments: it is pure, defined in a module, and a loop of Python."""
        if self.known is None:
            return self.python.calls(function, arguments)
        return self.known.calls(self.python, function, arguments)


def order_of_preference(job: Job, against: int) -> Ints:
    """The rows that take part, int64[rows], the one to keep first. The first `against` rows of the table come first."""
    valid = take_part(job.fingerprints)
    if len(valid) != len(job.table):
        raise TableError(f"{len(valid):,} fingerprints of {len(job.table):,} rows: each row needs one fingerprint")
    rows = np.flatnonzero(valid)
    if job.options.keeper == "longest":
        rows = rows[np.lexsort((rows, rank(job, rows, against)))]
    return rows


def rank(job: Job, rows: Ints, against: int) -> Ints:
    """int64[rows]: of two rows the one with the lesser rank is to be kept; of equal ranks the first row."""
    if job.options.keeper == "first":
        return np.zeros(len(rows), np.int64)
    lengths = job.column("length", rows, np.uint32)[:, 0].astype(np.int64)
    return np.where(rows < against, np.iinfo(np.int64).min, -lengths)
