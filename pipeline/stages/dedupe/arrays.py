"""The types of arrays, and a few functions on arrays that numpy lacks or has only slower.

Docstrings write dtype and shape as `uint64[n, 2]`: n rows of two numbers. Texts lie flat, one after the other:
`codes` holds all their characters, and text number i is `codes[bounds[i] : bounds[i + 1]]`.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int8]
Signatures = npt.NDArray[np.uint16]

Number = TypeVar("Number", bound=np.generic)
#: Characters that are looked up at once: they stay in the processor's cache.
_BLOCK = 1 << 16


def look_up(table: npt.NDArray[Number], codes: Codes) -> npt.NDArray[Number]:
    """The entry of the table for each character: `table[codes]`, several times faster.

    >>> look_up(np.array([7, 8, 9]), np.array([2, 0, 2], np.uint32)).tolist()
    [9, 7, 9]
    """
    found = np.empty(len(codes), table.dtype)
    for at in range(0, len(codes), _BLOCK):
        found[at : at + _BLOCK] = table.take(codes[at : at + _BLOCK].astype(np.int64))
    return found


def sorted_unique(numbers: Ints) -> Ints:
    """The distinct numbers, int64[n] in order: `np.unique` without its hash table, which is several times slower.

    >>> sorted_unique(np.array([3, 1, 3, 2, 1])).tolist()
    [1, 2, 3]
    """
    numbers = np.sort(numbers)
    distinct: Ints = numbers[np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]]
    return distinct


def ranges(starts: Ints, sizes: Ints) -> Ints:
    """The numbers start, start + 1, … (as many as its size) of each start, one range after the other: int64[sum].

    >>> ranges(np.array([7, 20]), np.array([3, 2])).tolist()
    [7, 8, 9, 20, 21]
    """
    ends = np.cumsum(sizes)
    numbers: Ints = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return numbers
