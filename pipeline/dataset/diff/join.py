"""Which record of the old dataset is which record of the new one."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.dataset.diff.records import FACTORS, META, TEXT, Records
from pipeline.dataset.verify.hashes import Hashes

Numbers = npt.NDArray[np.int64]


class Joined(NamedTuple):
    """Numbers of records: of pairs, and of those without a partner. `moved`: the origins of a pair differ."""

    old: Numbers
    new: Numbers
    moved: npt.NDArray[np.bool_]
    old_alone: Numbers
    new_alone: Numbers


def join(old: Records, new: Records) -> Joined:
    """Pair records off, each with at most one. The first of these that finds a partner decides:

    1. the same origin and the same text;
    2. the same text, and best the same other fields (meta): finds the records of a file that was renamed, and those
       behind one that was inserted or removed. Of copies of one text, a kept one is a kept one;
    3. the same other fields, where no other record has them: finds a text that changed, by its id;
    4. the same origin, unless the records around it moved: finds a text that changed, in its place.
    """
    texts = [side.parts[:, TEXT] for side in (old, new)]
    fields = [side.parts[:, TEXT] * FACTORS[0] ^ side.parts[:, META] for side in (old, new)]
    origins = [side.origin * FACTORS[0] ^ side.parts[:, TEXT] for side in (old, new)]
    joined = _nothing(old, new)
    for factor in (FACTORS[1], np.uint64(0)):  # of copies of one text, first kept ones with kept ones
        for keys in (origins, fields, texts):
            first, second = (key + side.kept * factor for key, side in zip(keys, (old, new), strict=True))
            joined = _with_pairs(joined, first, second)
    joined = _with_pairs(
        joined, _unique(old.parts[:, META], joined.old_alone), _unique(new.parts[:, META], joined.new_alone)
    )
    moved = old.origin[joined.old] != new.origin[joined.new]
    stayed = [_stayed(*numbers, moved) for numbers in ((joined.old_alone, joined.old), (joined.new_alone, joined.new))]
    joined = _with_pairs(joined, _only(old.origin, stayed[0]), _only(new.origin, stayed[1]))
    order = np.argsort(joined.old, kind="stable")
    left, right = joined.old[order], joined.new[order]
    return joined._replace(old=left, new=right, moved=old.origin[left] != new.origin[right])


def _nothing(old: Records, new: Records) -> Joined:
    none = np.empty(0, np.int64)
    return Joined(none, none, np.empty(0, bool), np.arange(len(old.group)), np.arange(len(new.group)))


def _with_pairs(joined: Joined, old: Hashes, new: Hashes) -> Joined:
    """With the pairs, among the records without a partner, that have the same key: a key for every record."""
    first, second = _pairs(old[joined.old_alone], new[joined.new_alone])
    return Joined(
        np.concatenate([joined.old, joined.old_alone[first]]),
        np.concatenate([joined.new, joined.new_alone[second]]),
        joined.moved,
        np.delete(joined.old_alone, first),
        np.delete(joined.new_alone, second),
    )


def _only(keys: Hashes, numbers: Numbers) -> Hashes:
    """The keys of these records, and 0 for all others."""
    found = np.zeros_like(keys)
    found[numbers] = keys[numbers]
    return found


def _unique(keys: Hashes, numbers: Numbers) -> Hashes:
    """The keys that one of these records has alone."""
    _, first, count = np.unique(keys[numbers], return_index=True, return_counts=True)
    return _only(keys, numbers[first[count == 1]])


def _stayed(alone: Numbers, paired: Numbers, moved: npt.NDArray[np.bool_]) -> Numbers:
    """The records without a partner before which the nearest one with a partner did not move."""
    order = np.argsort(paired)
    before = np.searchsorted(paired[order], alone) - 1
    did = np.concatenate([moved[order], [False]])  # before the first one, at -1, none moved
    stayed: Numbers = alone[~did[before]]
    return stayed


def _pairs(old: Hashes, new: Hashes) -> tuple[Numbers, Numbers]:
    """The places of equal keys, paired off in their order: the second of a key with the second. A key of 0 is none.

    >>> [side.tolist() for side in _pairs(np.array([5, 7, 5, 0]), np.array([0, 5, 5, 5]))]
    [[0, 2], [1, 2]]
    """
    order, other = np.argsort(old, kind="stable"), np.argsort(new, kind="stable")
    mine, theirs = old[order], new[other]
    rank = np.arange(len(mine)) - np.searchsorted(mine, mine)
    at = np.searchsorted(theirs, mine) + rank
    found = (at < len(theirs)) & (mine != 0)
    found[found] = theirs[at[found]] == mine[found]
    return order[found], other[at[found]]
