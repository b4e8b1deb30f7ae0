"""Fingerprints, read one column at a time: of many rows, only the column in use is in memory."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.stages.dedupe.arrays import Bools, Ints
from schemas.columns import FINGERPRINT

#: The fingerprints of all rows: a table, or a function that reads a column by its name, chunk by chunk, from files.
Fingerprints: TypeAlias = pa.Table | Callable[[str], Iterable[pa.Array]]
Number = TypeVar("Number", bound=np.generic)


def take_part(fingerprints: Fingerprints) -> Bools:
    """bool[rows]: the row has a fingerprint, since no earlier stage rejected it."""
    parts = [chunk.is_valid().to_numpy(zero_copy_only=False) for chunk in _chunks(fingerprints, "prompt")]
    return np.concatenate([np.empty(0, bool), *parts])


def read_column(fingerprints: Fingerprints, name: str, rows: Ints, kind: type[Number]) -> npt.NDArray[Number]:
    """A column for these rows, which all have a value, as numbers: kind[len(rows), as many as a value holds]."""
    width = FINGERPRINT.field(name).type.bit_width // 8 // np.dtype(kind).itemsize
    found = np.empty((len(rows), width), kind)
    order = None if (rows[1:] > rows[:-1]).all() else np.argsort(rows)
    ascending = rows if order is None else rows[order]
    start = at = 0
    for chunk in _chunks(fingerprints, name):
        end = at + int(np.searchsorted(ascending[at:], start + len(chunk)))
        values = np.frombuffer(chunk.buffers()[1] or b"", kind, (chunk.offset + len(chunk)) * width)
        taken = ascending[at:end] - (start - chunk.offset)
        found[slice(at, end) if order is None else order[at:end]] = values.reshape(-1, width).take(taken, axis=0)
        start, at = start + len(chunk), end
    return found


def take_fingerprints(fingerprints: Fingerprints, rows: Ints) -> pa.Table:
    """The fingerprints of these rows, which all have one."""
    return pa.table([_fixed_size(fingerprints, name, rows) for name in FINGERPRINT.names], FINGERPRINT)


def _fixed_size(fingerprints: Fingerprints, name: str, rows: Ints) -> pa.Array:
    """A column of the fingerprints of these rows, as it was."""
    values = np.ascontiguousarray(read_column(fingerprints, name, rows, np.uint8))
    return pa.Array.from_buffers(FINGERPRINT.field(name).type, len(rows), [None, pa.py_buffer(values)])


def _chunks(fingerprints: Fingerprints, name: str) -> Iterable[pa.Array]:
    chunks: Iterable[pa.Array] = fingerprints[name].chunks if isinstance(fingerprints, pa.Table) else fingerprints(name)
    return chunks
