"""Samples of rows: for each key, such as a flag, the rows with the lowest hashes of their numbers.

So the sample of the same rows is always the same, in whatever batches they come, and one pass is enough.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.hashes import Hashes, mix

Ints = npt.NDArray[np.int64]
Row = dict[str, Any]

#: Rows of each key that are sampled.
PER_KEY = 12
#: Most keys that are sampled: a dataset has fewer, unless its files are not what ko-instruct wrote.
KEYS = 1000


class Key(NamedTuple):
    """What rows have in common: a facet ("flag") and its value ("refusal")."""

    facet: str
    value: str


def hashes_of_numbers(start: int, count: int) -> Hashes:
    """A hash for each of `count` rows, by its number from `start`."""
    return mix(np.arange(start, start + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))


class Sample:
    """At most `size` rows of each key, chosen by hash. Rows come in tables, in their order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen = 0
        self._codes: dict[Key, int] = {}
        self._held = np.zeros((3, 0), np.uint64)  # code, hash, number of the row
        self._limits = np.zeros(0, np.uint64)  # of each code: a higher hash is not in its sample
        self._rows: dict[int, Row] = {}

    def add(self, table: pa.Table, facets: dict[str, pa.ChunkedArray | pa.Array]) -> None:
        """Sample the rows of a table. `facets`: columns of the same length, of a value or a list of values a row."""
        hashes = hashes_of_numbers(self.seen, len(table))
        found = [self._fresh(facet, column, hashes) for facet, column in facets.items()]
        fresh = np.concatenate(found, axis=1) if found else np.zeros((3, 0), np.uint64)
        start = self.seen
        self.seen += len(table)
        if not fresh.shape[1]:
            return
        self._hold(np.concatenate([self._held, fresh], axis=1))
        held = np.unique(self._held[2].astype(np.int64))
        numbers = held[held >= start]
        new = table.take(pa.array(numbers - start)).to_pylist()
        kept = set(held.tolist())
        self._rows = {number: row for number, row in self._rows.items() if number in kept}
        self._rows.update(zip(numbers.tolist(), new, strict=True))

    def _fresh(self, facet: str, column: pa.ChunkedArray | pa.Array, hashes: Hashes) -> npt.NDArray[np.uint64]:
        """The rows of this batch that belong to the sample of one of their keys so far."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        rows = np.arange(len(column))
        if pa.types.is_list(column.type):
            rows, column = pc.list_parent_indices(column).to_numpy(), pc.list_flatten(column)
        encoded = pc.dictionary_encode(column)
        codes = np.array([self._code(Key(facet, str(value))) for value in encoded.dictionary.to_pylist()], np.int64)
        valid = encoded.is_valid().to_numpy(zero_copy_only=False)
        if not valid.any():
            return np.zeros((3, 0), np.uint64)
        rows = rows[valid]
        code = codes[encoded.indices.drop_null().to_numpy()]
        close = (code >= 0) & (hashes[rows] < self._limits[code])
        return np.stack(
            [code[close].astype(np.uint64), hashes[rows[close]], (rows[close] + self.seen).astype(np.uint64)]
        )

    def _code(self, key: Key) -> int:
        """The number of a key; -1 where there are too many."""
        if key not in self._codes:
            if len(self._codes) >= KEYS:
                return -1
            self._codes[key] = len(self._codes)
            self._limits = np.append(self._limits, np.uint64(np.iinfo(np.uint64).max))
        return self._codes[key]

    def _hold(self, entries: npt.NDArray[np.uint64]) -> None:
        """Keep of each key the entries with the lowest hashes."""
        entries = entries[:, np.lexsort((entries[1], entries[0]))]
        rank = _ranks(entries[0])
        last = rank == self.size - 1
        self._limits[entries[0, last].astype(np.int64)] = entries[1, last]
        self._held = entries[:, rank < self.size]

    def of(self, key: Key) -> list[int]:
        """The numbers of the rows of a key, the lowest hash first."""
        code = self._codes.get(key, -1)
        return [int(number) for number in self._held[2, self._held[0] == np.uint64(code)]] if code >= 0 else []

    def every_key(self) -> list[Key]:
        """All keys, sorted: in which order they came is not to be seen."""
        return sorted(self._codes)

    def row(self, number: int) -> Row:
        return self._rows[number]


def _ranks(codes: Hashes) -> Ints:
    """The place of each entry among those of its code, where equal codes follow one another."""
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))


def counts_of(column: pa.Array) -> dict[str, int]:
    """How often each value is in the column."""
    return {each["values"]: each["counts"] for each in pc.value_counts(column.drop_null()).to_pylist()}
