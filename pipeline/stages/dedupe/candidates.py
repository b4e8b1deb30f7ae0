"""Candidate pairs: the few pairs whose texts are compared. Their number grows with the rows, not with their square."""

import math
from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Bytes, Codes, Hashes, Ints, Signatures, ranges, sorted_unique
from pipeline.stages.dedupe.groups import repeated_keys
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.minhash import HASHES, Bands, band_keys, choose_bands
from schemas.options import DedupeOptions

#: Each member of a group is paired with as many of the members that follow it.
WIDTH = 64
#: As many where bags are equal: many other texts of few stems have the same bag.
BAG_WIDTH = 4
#: Pairs whose signatures are held at once.
_PAIRS = 1 << 13


class Candidates(NamedTuple):
    """Pairs of places in some rows, and the places of which not all pairs are candidates: a group was too large."""

    first: Ints  # int64[pairs], the lesser place
    second: Ints  # int64[pairs]
    crowded: Ints  # int64[n]


class Buckets(NamedTuple):
    """In which buckets rows are: rows of one bucket are candidate pairs. A bucket for each band of a signature, and
    one for the bag, which is the last."""

    bands: Bands
    enough: int  # hashes of two signatures that have to agree; those of equal bags need not

    @classmethod
    def of(cls, options: DedupeOptions) -> "Buckets":
        threshold = options.threshold
        # Of the pairs at the threshold that may be missed, a quarter is missed by this estimate.
        deviations = NormalDist().inv_cdf(1 - (1 - options.recall) / 4)
        deviation = (threshold * (1 - threshold) / HASHES) ** 0.5
        enough = math.ceil((threshold - deviations * deviation) * HASHES)
        return cls(choose_bands(threshold, options.recall), enough)

    @property
    def bag(self) -> int:
        """The number of the bucket of the bag."""
        return self.bands.bands

    def keys(self, number: int, signatures: Signatures, bag: Codes, salt: Hashes) -> Hashes:
        """The key of each row's bucket of this number, uint64[rows]: equal where two rows are in one."""
        key = keys.mix(bag.astype(np.uint64)) if number == self.bag else band_keys(signatures, number, self.bands)
        return key ^ keys.mix(salt)

    def pairs(self, number: int, key: Hashes, agreeing: Callable[[Ints, Ints], Bytes]) -> tuple[Candidates, int]:
        """The candidate pairs of rows in the buckets of this number, and how many pairs are skipped.

        `key`: as of `keys`; `agreeing`: in how many hashes the signatures of two rows agree.
        """
        width = BAG_WIDTH if number == self.bag else WIDTH
        place, group = repeated_keys(keys.mix(key))
        first, second, skipped = pairs_in_groups(group, width)
        first, second = place[first], place[second]
        if number != self.bag:
            likely = agreeing(first, second) >= self.enough
            first, second = first[likely], second[likely]
        return Candidates(first, second, place[is_crowded(group, width)] if skipped else place[:0]), skipped


def candidate_pairs(job: Job, part: str, rows: Ints, salt: Hashes) -> Candidates:
    """Pairs of rows that agree in the salt, and in a band of similar signatures or in their bags.

    `part`: of the prompt, as the columns of a fingerprint name it; `rows`: int64[n] of the table; `salt`: uint64[n].
    """
    buckets = Buckets.of(job.options)
    signatures = job.column(f"{part}_signature", rows, np.uint16)
    bag = job.column(f"{part}_bag", rows, np.uint32)[:, 0]

    def pairs_of(number: int) -> tuple[Ints, Ints, int]:
        key = buckets.keys(number, signatures, bag, salt)
        (first, second, crowded), skipped = buckets.pairs(number, key, partial(agreeing_hashes, signatures))
        return first * len(rows) + second, crowded, skipped

    found, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for pairs, crowded, skipped in ordered(pairs_of, range(buckets.bag + 1 if len(rows) else 0), job.workers):
        found.append(pairs)
        places.append(crowded)
        job.counts["skipped"] += skipped
    first, second = np.divmod(sorted_unique(np.concatenate(found)), max(len(rows), 1))
    return Candidates(first, second, sorted_unique(np.concatenate(places)))


def is_crowded(group: npt.NDArray[np.generic], width: int) -> Bools:
    """bool[n]: `pairs_in_groups` skips a pair of places of this value.

    >>> is_crowded(np.array([3, 3, 3, 3, 8, 9, 9, 9]), width=1).tolist()
    [True, True, True, True, False, False, False, False]
    """
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
    sizes = np.diff(np.append(starts, len(group)))
    return np.repeat(sizes > most_in_group(width), sizes)


def most_in_group(width: int) -> int:
    """How many places may hold one value, so that `pairs_in_groups` skips none of their pairs."""
    return width + 2


def agreeing_hashes(signatures: Signatures, first: Ints, second: Ints) -> Bytes:
    """In how many hashes the signatures of each pair agree: uint8[pairs]."""
    agreeing = np.empty(len(first), np.uint8)
    for at in range(0, len(first), _PAIRS):
        part = slice(at, at + _PAIRS)
        ones, others = (signatures.take(places[part], axis=0) for places in (first, second))
        np.sum(ones == others, axis=1, dtype=np.uint8, out=agreeing[part])
    return agreeing


def pairs_in_groups(group: npt.NDArray[np.generic], width: int = WIDTH) -> tuple[Ints, Ints, int]:
    """Pairs of places that hold the same value of a sorted array, int64[pairs] twice, and how many pairs are skipped.

    A place is paired with the `width` places that follow it and with the first of its value. So the work for a value
    that occurs n times grows with n, and not with its square.

    >>> first, second, skipped = pairs_in_groups(np.array([3, 3, 3, 3, 8, 9, 9]), width=1)
    >>> list(zip(first.tolist(), second.tolist())), skipped
    ([(0, 1), (1, 2), (2, 3), (5, 6), (0, 2), (0, 3)], 1)
    """
    change = np.flatnonzero(group[1:] != group[:-1]) + 1
    starts = np.concatenate([[0], change]) if len(group) else change
    sizes = np.diff(np.append(starts, len(group)))
    beyond = np.maximum(sizes - width - 1, 0)
    skipped = int((beyond * (beyond - 1) // 2).sum())  # beyond * (beyond + 1) / 2 are farther apart
    following = np.repeat(starts + sizes, sizes) - np.arange(len(group)) - 1  # how many places of the same value
    first: list[Ints] = []
    second: list[Ints] = []
    at = np.arange(len(group))
    for distance in range(1, min(width, int(sizes.max(initial=1)) - 1) + 1):
        at = at[following[at] >= distance]
        first.append(at)
        second.append(at + distance)
    first.append(np.repeat(starts, beyond))
    second.append(ranges(starts + width + 1, beyond))
    return np.concatenate(first), np.concatenate(second), skipped


def pairs_across_groups(
    group_of: Ints, count: int, one_group: Ints, other_group: Ints, width: int = WIDTH
) -> tuple[Ints, Ints, int]:
    """Pairs of members that are in one group, or in two groups that are joined; and how many pairs are skipped.

    `group_of`: int64[members], the group (of `count`) of each member; `one_group`, `other_group`: int64[joins], the
    groups that are joined. Returns members: int64[pairs] twice, the lesser first. Bounded as in `pairs_in_groups`.

    >>> first, second, skipped = pairs_across_groups(np.array([0, 0, 1, 2]), 3, np.array([0]), np.array([2]))
    >>> list(zip(first.tolist(), second.tolist())), skipped
    ([(0, 1), (0, 3), (1, 3)], 0)
    """
    in_pairs = np.bincount(group_of, minlength=count) > 1
    in_pairs[one_group] = in_pairs[other_group] = True
    by_group = np.flatnonzero(in_pairs[group_of])
    by_group = by_group[np.argsort(group_of[by_group], kind="stable")]
    sizes = np.bincount(group_of[by_group], minlength=count)
    starts = np.cumsum(sizes) - sizes
    # Each join is one more group: the members of its two groups.
    members = [by_group]
    groups = [group_of[by_group]]
    for end in (one_group, other_group):
        members.append(by_group[ranges(starts[end], sizes[end])])
        groups.append(np.repeat(count + np.arange(len(end)), sizes[end]))
    member, group = np.concatenate(members), np.concatenate(groups)
    order = np.lexsort((member, group))
    first, second, skipped = pairs_in_groups(group[order], width)
    pairs = sorted_unique(member[order[first]] * len(group_of) + member[order[second]])
    one, other = np.divmod(pairs, max(len(group_of), 1))
    return one, other, skipped
