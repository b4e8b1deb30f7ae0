"""Groups of rows that are equal in some columns of hashes. By sorting: large hash tables miss the processor's cache."""

from typing import NamedTuple

import numpy as np

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Hashes, Ints


class Groups(NamedTuple):
    """Rows in groups, numbered in the order of their first rows."""

    first: Ints  # int64[groups]: the first row of each group
    of_row: Ints  # int64[rows]: the number of each row's group

    @classmethod
    def of(cls, first_of_row: Ints) -> "Groups":
        """The groups, from the first row of each row's group: int64[rows].

        >>> Groups.of(np.array([0, 1, 0, 3, 1]))
        Groups(first=array([0, 1, 3]), of_row=array([0, 1, 0, 2, 1]))
        """
        is_first = first_of_row == np.arange(len(first_of_row))
        number: Ints = np.cumsum(is_first) - 1
        return cls(np.flatnonzero(is_first), number[first_of_row])


def group_rows(*columns: Hashes) -> Groups:
    """The groups of rows that are equal in every column, each uint64[rows]."""
    return Groups.of(first_equal_rows(*columns))


def first_equal_rows(*columns: Hashes) -> Ints:
    """For each row the first row that is equal to it in every column: int64[rows]. Columns: uint64[rows] each.

    >>> a, b = np.array([[7, 8, 7, 7], [1, 1, 1, 2]], np.uint64)
    >>> first_equal_rows(a, b).tolist()
    [0, 1, 0, 3]
    """
    key = keys.mix(columns[0])
    for column in columns[1:]:
        key = keys.mix(key ^ column)
    row, group = repeated_keys(key)
    begins = _begins(row, columns)
    by_chance = group[1:][begins[1:] & (group[1:] == group[:-1])]
    if len(by_chance):  # rows that share a group and are not equal
        clash = np.isin(group, by_chance)
        some = row[clash]
        row[clash] = some[np.lexsort((some, *(column[some] for column in columns), group[clash]))]
        begins = _begins(row, columns)
    first = np.arange(len(key))
    first[row] = row[begins][np.cumsum(begins) - 1]
    return first


def _begins(rows: Ints, columns: tuple[Hashes, ...]) -> Bools:
    """bool[len(rows)]: the row differs from the one before it in `rows`, in some column."""
    begins = np.zeros(len(rows), bool)
    begins[:1] = True
    for column in columns:
        values = column[rows]
        begins[1:] |= values[1:] != values[:-1]
    return begins


def repeated_keys(key: Hashes) -> tuple[Ints, Hashes]:
    """The rows of keys that occur more than once, int64[m], equal ones side by side; and their keys, uint64[m].

    The low bits of a key make room for its row, so that one sort of uint64 does nearly all. Where two keys share all
    other bits by chance, the whole keys are sorted: the groups do not depend on the number of rows.

    >>> rows, key = repeated_keys(np.array([9, 4, 9, 5, 4, 9], np.uint64) << np.uint64(60))
    >>> rows.tolist(), (key >> np.uint64(60)).tolist()
    ([1, 4, 0, 2, 5], [4, 4, 9, 9, 9])
    >>> rows, key = repeated_keys(np.array([9, 8, 9, 5, 8, 9], np.uint64))
    >>> rows.tolist(), key.tolist()
    ([1, 4, 0, 2, 5], [8, 8, 9, 9, 9])
    """
    row_bits = np.uint64(max(len(key) - 1, 0).bit_length())
    packed = key >> row_bits << row_bits
    packed |= np.arange(len(key), dtype=np.uint64)
    packed.sort()
    same = (packed[1:] ^ packed[:-1]) >> row_bits == 0
    packed = packed[np.append(same, False)[: len(packed)] | np.append(False, same)[: len(packed)]]
    row = (packed & ((np.uint64(1) << row_bits) - np.uint64(1))).view(np.int64)
    whole = key[row]
    chance = ((packed[1:] ^ packed[:-1]) >> row_bits == 0) & (whole[1:] != whole[:-1])
    if chance.any():
        row = row[np.lexsort((row, whole))]
        same = key[row[1:]] == key[row[:-1]]
        row = row[np.append(same, False)[: len(row)] | np.append(False, same)[: len(row)]]
        whole = key[row]
    return row, whole
