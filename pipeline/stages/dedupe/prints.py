"""Fingerprints, read one column at a time: of many rows, no more than what is compared just then is in memory."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.stages.dedupe.keys import Ints
from schemas.columns import FINGERPRINT

#: Fingerprints of all rows: a table, or what reads a column by its name, chunk by chunk, where they lie in files.
Prints: TypeAlias = pa.Table | Callable[[str], Iterable[pa.Array]]
Number = TypeVar("Number", bound=np.generic)


def chunks(prints: Prints, name: str) -> Iterable[pa.Array]:
    """The chunks of a column, in order."""
    found: Iterable[pa.Array] = prints[name].chunks if isinstance(prints, pa.Table) else prints(name)
    return found


def values(prints: Prints, name: str, rows: Ints, kind: type[Number]) -> npt.NDArray[Number]:
    """A column for these rows, which all have a value, as numbers: len(rows) by as many as a value holds."""
    width = FINGERPRINT.field(name).type.bit_width // 8 // np.dtype(kind).itemsize
    found = np.empty((len(rows), width), kind)
    order = None if (rows[1:] > rows[:-1]).all() else np.argsort(rows)
    ascending = rows if order is None else rows[order]
    start = at = 0
    for chunk in chunks(prints, name):
        end = at + int(np.searchsorted(ascending[at:], start + len(chunk)))
        every = np.frombuffer(chunk.buffers()[1] or b"", kind, (chunk.offset + len(chunk)) * width)
        taken = ascending[at:end] - (start - chunk.offset)
        found[slice(at, end) if order is None else order[at:end]] = every.reshape(-1, width).take(taken, axis=0)
        start, at = start + len(chunk), end
    return found
