"""Rows of ids, laid out from segments: pieces of id arrays, joined by one gather over the whole batch."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import alive
from pipeline.tokenizers.protocol import Tokenizer

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.signedinteger[Any]]
Rows = npt.NDArray[np.bool_]


class Segment(NamedTuple):
    """One piece of every row: `lengths[i]` ids from `starts[i]` of `ids`."""

    ids: Ids
    starts: Ints
    lengths: Ints

    @classmethod
    def constant(cls, ids: list[int], rows: Rows) -> "Segment":
        """The same ids in every row that is true in `rows`, nothing in the others."""
        return cls(np.array(ids, np.int32), np.zeros(len(rows), np.int64), np.where(rows, len(ids), 0))

    @classmethod
    def of_lists(cls, lists: pa.ListArray, lengths: Ints) -> "Segment":
        """The first `lengths[i]` ids of every list."""
        offsets = lists.offsets.to_numpy()
        return cls(lists.values.to_numpy(), offsets[:-1].astype(np.int64), lengths)

    @classmethod
    def padding(cls, pad_id: int, lengths: Ints) -> "Segment":
        longest = int(lengths.max(initial=0))
        return cls(np.full(longest, pad_id, np.int32), np.zeros(len(lengths), np.int64), lengths)


def join(segments: list[Segment]) -> tuple[Ints, Ids, Numbers]:
    """Lay the segments of every row end to end.

    Returns offsets (rows + 1), the ids of all rows in one array, and for each id the number of its segment.
    """
    base = np.cumsum([0] + [len(s.ids) for s in segments[:-1]])
    source = np.concatenate([s.ids for s in segments])
    starts = np.stack([s.starts + b for s, b in zip(segments, base, strict=True)], axis=1).ravel()
    lengths = np.stack([s.lengths for s in segments], axis=1)
    flat = lengths.ravel()
    ends = np.cumsum(flat)
    # The index is as long as all ids: in half the bytes it costs half the time. Arrow takes by it as it is.
    narrow = np.int32 if len(source) < 1 << 31 else np.int64
    index = np.repeat((starts - (ends - flat)).astype(narrow), flat)
    index += np.arange(len(index), dtype=narrow)
    ids: Ids = pa.array(source).take(pa.array(index)).to_numpy()
    small = np.int8 if len(segments) < 128 else np.int16
    numbers: Numbers = np.repeat(np.tile(np.arange(len(segments)).astype(small), len(lengths)), flat)
    return np.concatenate([[0], ends])[:: len(segments)], ids, numbers


def total(segments: list[Segment]) -> Ints:
    """Ids of each row, over all its segments."""
    return sum((s.lengths for s in segments), np.zeros(len(segments[0].lengths), np.int64))


def as_lists(offsets: Ints, values: npt.NDArray[np.generic], rows: Rows) -> pa.Array:
    """A list column, null where `rows` is false."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values), mask=pa.array(~rows))


def as_ints(values: Ints, rows: Rows) -> pa.Array:
    """An int32 column, null where `rows` is false."""
    return pa.array(values, pa.int32(), mask=~rows)


def living(table: pa.Table) -> Rows:
    rows: Rows = alive(table).to_numpy(zero_copy_only=False)
    return rows


def lengths_of(lists: pa.ListArray) -> Ints:
    lengths: Ints = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def encode(column: pa.ChunkedArray, rows: Rows, tokenizer: Tokenizer) -> tuple[pa.ListArray, Ints]:
    """The ids of a text column (rejected rows are not encoded), and their number per row."""
    texts = column if rows.all() else pc.if_else(pa.array(rows), column, pa.scalar(None, pa.string()))
    lists = tokenizer.encode(texts.combine_chunks())
    return lists, lengths_of(lists)


def count(ids: Ids, offsets: Ints, wanted: int | None) -> Ints:
    """How often an id occurs in each row."""
    places = np.flatnonzero(ids == wanted) if wanted is not None else np.zeros(0, np.int64)
    return np.diff(np.searchsorted(places, offsets)).astype(np.int64)


def prompt(table: pa.Table, between: str = "\n") -> pa.ChunkedArray:
    """instruction, newline, input; the instruction alone where the input is empty."""
    both = pc.binary_join_element_wise(table["instruction"], table["input"], between)
    alone = pc.equal(table["input"], "")
    return pc.if_else(alone, table["instruction"], both) if pc.any(alone).as_py() else both
