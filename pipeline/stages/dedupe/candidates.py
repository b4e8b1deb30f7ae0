"""Candidate pairs: the few pairs whose texts are compared. Their number grows with the rows, not with their square."""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bytes, Codes, Hashes, Ints, Signatures, ranges, sorted_unique
from pipeline.stages.dedupe.groups import repeated_keys
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.minhash import HASHES, Bands, band_keys, choose_bands
from schemas.options import DedupeOptions

#: Each member of a group is paired with as many of the members that follow it.
WIDTH = 64
#: As many where bags are equal: many other texts of few stems have the same bag.
BAG_WIDTH = 4
#: Numbers of 64 bits that hold a byte for each hash, and one that holds 1 in each byte.
_WORDS, _EACH_BYTE = -(-HASHES // 8), np.uint64(0x0101010101010101)
#: Pairs whose signatures are held at once, and rows: they stay in the processor's cache.
_PAIRS, _ROWS = 1 << 13, 1 << 16


class Candidates(NamedTuple):
    """Pairs of places in some rows, and the places of which not all pairs are candidates: a group was too large."""

    first: Ints  # int64[pairs], the lesser place
    second: Ints  # int64[pairs]
    crowded: Ints  # int64[n]


NO_CANDIDATES = Candidates(*np.empty((3, 0), np.int64))


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

    def pairs(self, number: int, key: Hashes, signatures_of: Callable[[Ints], Signatures]) -> tuple[Candidates, int]:
        """The candidate pairs of rows in the buckets of this number, and how many pairs are skipped.

        `key`: as of `keys`; `signatures_of`: reads the signatures of some rows.
        """
        width = BAG_WIDTH if number == self.bag else WIDTH
        place, group = repeated_keys(keys.mix(key))
        if not len(place):
            return NO_CANDIDATES, 0
        starts, sizes = runs(group)
        found = [np.empty((2, 0), np.int64)]
        for part in _parts(starts, sizes):
            rows = place[part]
            signatures = None if number == self.bag else signatures_of(rows)
            for first, second in pair_parts(group[part], width):
                if signatures is not None:
                    likely = agreeing_hashes(signatures, first, second) >= self.enough
                    first, second = first[likely], second[likely]
                found.append(rows[[first, second]])
        first, second = np.concatenate(found, axis=1)
        crowded = place[np.repeat(sizes > most_in_group(width), sizes)]
        return Candidates(first, second, crowded), skipped_pairs(sizes, width)


def _parts(starts: Ints, sizes: Ints) -> Iterator[slice]:
    """Whole groups of about as many places as are held at once; a larger group is alone."""
    begins = starts[np.flatnonzero(np.diff(starts // _ROWS, prepend=-1))].tolist()
    return map(slice, begins, [*begins[1:], int(sizes.sum())])


def candidate_pairs(job: Job, part: str, rows: Ints, salt: Hashes) -> Candidates:
    """Pairs of rows that agree in the salt, and in a band of similar signatures or in their bags.

    `part`: of the prompt, as the columns of a fingerprint name it; `rows`: int64[n] of the table; `salt`: uint64[n].
    """
    buckets = Buckets.of(job.options)
    signatures = job.column(f"{part}_signature", rows, np.uint16)
    bag = job.column(f"{part}_bag", rows, np.uint32)[:, 0]
    if len(rows) < 2:
        return NO_CANDIDATES

    def signatures_of(places: Ints) -> Signatures:
        return signatures.take(places, axis=0)

    def pairs_of(number: int) -> tuple[Ints, Ints, int]:
        key = buckets.keys(number, signatures, bag, salt)
        (first, second, crowded), skipped = buckets.pairs(number, key, signatures_of)
        return first * len(rows) + second, crowded, skipped

    found, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for pairs, crowded, skipped in ordered(pairs_of, range(buckets.bag + 1), job.workers):
        found.append(pairs)
        places.append(crowded)
        job.counts["skipped"] += skipped
    first, second = np.divmod(sorted_unique(np.concatenate(found)), len(rows))
    return Candidates(first, second, sorted_unique(np.concatenate(places)))


def runs(group: npt.NDArray[np.generic]) -> tuple[Ints, Ints]:
    """Where each value of a sorted array begins, and how many places hold it: int64[values] each.

    >>> [found.tolist() for found in runs(np.array([3, 3, 3, 8]))]
    [[0, 3], [3, 1]]
    """
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
    return starts, np.diff(np.append(starts, len(group)))


def most_in_group(width: int) -> int:
    """How many places may hold one value, so that `pairs_in_groups` skips none of their pairs."""
    return width + 2


def skipped_pairs(sizes: Ints, width: int) -> int:
    """How many pairs `pairs_in_groups` skips in groups of these sizes.

    >>> skipped_pairs(np.array([2, 3, 4]), width=1)
    1
    """
    beyond = np.maximum(sizes - width - 1, 0)
    return int((beyond * (beyond - 1) // 2).sum())  # beyond * (beyond + 1) / 2 are farther apart


def agreeing_hashes(signatures: Signatures, first: Ints, second: Ints) -> Bytes:
    """In how many hashes the signatures of each pair agree: uint8[pairs]."""
    found = np.empty(len(first), np.uint8)
    agree = np.zeros((_PAIRS, _WORDS * 8), bool)
    for at in range(0, len(first), _PAIRS):
        part = slice(at, at + _PAIRS)
        ones, others = (signatures.take(places[part], axis=0) for places in (first, second))
        np.equal(ones, others, out=agree[: len(ones), :HASHES])
        # Eight truth values are one number: these are added byte by byte, then the bytes of the sum.
        eights = agree[: len(ones)].view(np.uint64)
        total = eights[:, 0].copy()
        for number in range(1, _WORDS):
            total += eights[:, number]
        found[part] = total * _EACH_BYTE >> np.uint64(56)
    return found


def pair_parts(group: npt.NDArray[np.generic], width: int) -> Iterator[tuple[Ints, Ints]]:
    """The pairs of `pairs_in_groups`, some at a time."""
    starts, sizes = runs(group)
    following = np.repeat(starts + sizes, sizes) - np.arange(len(group)) - 1  # how many places of the same value
    at = np.arange(len(group))
    for distance in range(1, min(width, int(sizes.max(initial=1)) - 1) + 1):
        at = at[following[at] >= distance]
        yield at, at + distance
    beyond = np.maximum(sizes - width - 1, 0)
    yield np.repeat(starts, beyond), ranges(starts + width + 1, beyond)


def pairs_in_groups(group: npt.NDArray[np.generic], width: int = WIDTH) -> tuple[Ints, Ints, int]:
    """Pairs of places that hold the same value of a sorted array, int64[pairs] twice, and how many pairs are skipped.

    A place is paired with the `width` places that follow it and with the first of its value. So the work for a value
    that occurs n times grows with n, and not with its square.

    >>> first, second, skipped = pairs_in_groups(np.array([3, 3, 3, 3, 8, 9, 9]), width=1)
    >>> list(zip(first.tolist(), second.tolist())), skipped
    ([(0, 1), (1, 2), (2, 3), (5, 6), (0, 2), (0, 3)], 1)
    """
    first, second = map(np.concatenate, zip(*pair_parts(group, width), strict=True))
    return first, second, skipped_pairs(runs(group)[1], width)


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
    if not len(by_group):
        return by_group, by_group, 0
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
