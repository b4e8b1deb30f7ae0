"""The rows of a dataset in the order of its splits, each as often as it is in the dataset."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.stages.mix.shares import Ints, Sizes, ranks
from pipeline.table.hashes import mix as spread
from schemas.options import MixOptions


class Arranged(NamedTuple):
    """Rows in order, int64[n], and the number of each copy of a row, from 1."""

    row: Ints
    copy: Ints


def arrange(copies: Ints, sizes: Sizes, options: MixOptions) -> Arranged:
    """All rows in order: a row that is rejected (no copies) is there once.

    >>> sizes = Sizes(np.zeros(3, np.int64), np.array([5, 9, 2]), np.zeros(3, np.int64), np.arange(3, dtype=np.uint64))
    >>> arrange(np.array([2, 0, 1]), sizes, MixOptions())
    Arranged(row=array([0, 0, 1, 2]), copy=array([1, 2, 1, 1]))
    >>> arrange(np.array([2, 0, 1]), sizes, MixOptions(order="short-first")).row.tolist()
    [2, 0, 0, 1]
    """
    times = np.maximum(copies, 1)
    row = np.repeat(np.arange(len(copies)), times)
    copy = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + 1
    if options.order == "sources":
        return Arranged(row, copy)
    by = sizes.tokens[row] if options.order == "short-first" else _shuffled(sizes.key[row], copy, options.seed)
    order = np.argsort(by, kind="stable")
    return Arranged(row[order], copy[order])


def _shuffled(key: npt.NDArray[np.uint64], copy: Ints, seed: int) -> npt.NDArray[np.uint64]:
    """A number for each copy of a row that has nothing to do with the one that chooses the rows."""
    return ranks(key ^ spread(copy.astype(np.uint64)), seed + 1)
