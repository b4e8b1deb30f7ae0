"""The texts of pairs of rows, read as they are compared: column by column, and some pairs at a time."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Hashes, Ints, sorted_unique
from pipeline.stages.dedupe.known import pair_keys
from pipeline.table.take_rows import take_rows

#: Bytes of texts that are held at once, and pairs: their numbers, beside a bigram, fit into 64 bits.
_BYTES, _MOST_PAIRS = 1 << 22, 1 << 18
#: A message has about as many bytes.
_MESSAGE = 1 << 9


def is_empty(column: pa.ChunkedArray) -> bool:
    """Whether no row has a text, as far as that can be seen without reading it: such texts are all equal.

    >>> is_empty(pa.chunked_array([[None, None]], pa.string())), is_empty(pa.chunked_array([["가", None]]))
    (True, False)
    """
    if pa.types.is_list(column.type):
        return all(len(chunk.flatten()) == 0 for chunk in column.chunks)
    return bool(column.null_count == len(column))


def texts_of(column: pa.ChunkedArray, rows: Ints) -> pa.StringArray:
    """The texts of a column of the table for these rows, int64[n]: no nulls; of messages one text."""
    taken = take_rows(column, rows)
    return keys.message_texts(taken) if pa.types.is_list(taken.type) else taken.fill_null("")


def parts_of(columns: list[pa.ChunkedArray], rows: Ints, first: Ints, second: Ints) -> list[slice]:
    """Parts of the pairs, so that the texts of each can be held at once. Arguments as those of `verify`."""
    if not len(first):
        return []
    places = sorted_unique(np.concatenate([first, second]))
    size = np.zeros(len(rows), np.int64)
    for column in columns:
        is_list = pa.types.is_list(column.type)
        sizes = pc.multiply(pc.list_value_length(column), _MESSAGE) if is_list else pc.binary_length(column)
        size[places] += take_rows(sizes, rows[places]).fill_null(0).to_numpy()

    def halves(part: slice) -> Iterator[slice]:
        """The part itself, or halves of it that are small enough; a text counts once for all its pairs."""
        pairs = part.stop - part.start
        if pairs == 1 or size[sorted_unique(np.concatenate([first[part], second[part]]))].sum() <= _BYTES:
            yield part
        else:
            middle = part.start + pairs // 2
            yield from halves(slice(part.start, middle))
            yield from halves(slice(middle, part.stop))

    parts = (slice(at, min(at + _MOST_PAIRS, len(first))) for at in range(0, len(first), _MOST_PAIRS))
    return list(itertools.chain.from_iterable(map(halves, parts)))


def keys_of_pairs(
    columns: list[pa.ChunkedArray], rows: Ints, first: Ints, second: Ints, what: tuple[Any, ...]
) -> Hashes:
    """`pair_keys` of pairs of places in `rows`, of all texts that are compared."""
    places, text_of = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = np.split(text_of, 2)
    return pair_keys([texts_of(column, rows[places]) for column in columns], one, other, what)
