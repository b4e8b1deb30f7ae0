"""Likeness of texts: the Jaccard index of their character bigrams, estimated by MinHash (Broder 1997) for all texts
and computed for the few pairs that locality-sensitive hashing brings together.

Bigrams, because Korean instructions are short: half of them have fewer than twenty syllables, and one changed syllable
costs two bigrams, three trigrams or a whole word (benchmarks/dedupe.md has the comparison against human judgement).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.stages.dedupe.keys import CODE, Codes, Ints, Words, mix

Signatures = npt.NDArray[np.uint16]

#: Hash functions of a signature. Two bytes are kept of each: two texts agree by chance in one of 65,536.
HASHES = 45

#: A bigram is two code points of 21 bits.
GRAM_BITS = np.uint64(42)

_RANDOM = np.random.Generator(np.random.PCG64(20261101))
#: Each hash function multiplies what the one before it gave: the products are random odd numbers, too.
_FACTORS = _RANDOM.integers(0, 1 << 32, HASHES, dtype=np.uint32) | np.uint32(1)
#: Shingles (or sketches) hashed at once: they stay in the processor's cache, and are enough for the calls to cost
#: little.
_BLOCK = 1 << 16


def shingles(codes: Codes, offsets: Ints) -> tuple[Words, Ints]:
    """The bigrams of each text as numbers of 42 bits, in order: flat, with the bounds of each text.

    A text of one character has that character for its only shingle.
    """
    codes = codes & CODE
    follower = np.zeros(len(codes), np.uint64)
    follower[:-1] = codes[1:]
    lengths = np.diff(offsets)
    last = offsets[1:][lengths > 0] - 1
    follower[last] = 0
    pairs = (codes.astype(np.uint64) << np.uint64(21)) | follower
    kept = np.ones(len(codes), bool)
    kept[offsets[1:][lengths > 1] - 1] = False
    bounds = np.zeros(len(offsets), np.int64)
    np.cumsum(lengths - (lengths > 1), out=bounds[1:])
    return pairs[kept], bounds


def hashes(codes: Codes, offsets: Ints, salt: int) -> Codes:
    """A hash of the bigram that begins at each character: 32 bits, by the finaliser of MurmurHash3 (Appleby 2011).

    It means nothing at the last character of a text, unless that is the only one.
    """
    words = codes * np.uint32(0x9E3779B1)
    words[:-1] += codes[1:] * np.uint32(0x85EBCA77)
    alone = offsets[:-1][np.diff(offsets) == 1]
    words[alone] = codes[alone] * np.uint32(0x9E3779B1)
    words += np.uint32(salt * 0x27D4EB2F & 0xFFFFFFFF)
    room = np.empty_like(words)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        words ^= np.right_shift(words, np.uint32(shift), out=room)
        words *= np.uint32(factor)
    return words


def minima(codes: Codes, offsets: Ints, salt: int) -> Codes:
    """For each text the least of its bigrams' hashes under each hash function: len(texts) by HASHES.

    `salt` tells the fields of a record apart; the signature of several fields is the least of theirs. The empty text
    has the greatest number everywhere.
    """
    least = np.full((len(offsets) - 1, HASHES), np.iinfo(np.uint32).max, np.uint32)
    grams = hashes(codes, offsets, salt)
    lengths = np.diff(offsets)
    lengths -= lengths > 1  # now bigrams
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    while len(order):
        # Texts of like length side by side, so that one instruction takes the least over many texts at once. The
        # shorter of them are filled up with their own last bigram, which changes no minimum.
        count = max(1, min(len(order), _BLOCK // int(lengths[order[0]])))
        count = max(1, min(count, _BLOCK // int(lengths[order[count - 1]])))
        rows, order = order[:count], order[count:]
        longest = int(lengths[rows[-1]])
        few = count < 8
        if few:
            index = offsets[rows, None] + np.minimum(np.arange(longest), lengths[rows, None] - 1)
        else:
            index = offsets[rows] + np.minimum(np.arange(longest)[:, None], lengths[rows] - 1)
        block = grams[index]
        found = np.empty((HASHES, count), np.uint32)
        for factor, of_factor in zip(_FACTORS, found, strict=True):
            np.multiply(block, factor, out=block)
            np.minimum.reduce(block, axis=1 if few else 0, out=of_factor)
        least[rows] = found.T
    return least


class Bands(NamedTuple):
    """Signatures are cut into bands; texts that agree in a whole band are compared."""

    bands: int
    rows: int

    def chance(self, similarity: float) -> float:
        """The chance that two texts of this similarity are compared: the S-curve 1 - (1 - s^rows)^bands."""
        return 1.0 - (1.0 - similarity**self.rows) ** self.bands


def choose_bands(threshold: float, recall: float) -> Bands:
    """The longest bands that still compare texts at the threshold with this chance: the fewest comparisons in vain."""
    choices = [Bands(HASHES // rows, rows) for rows in range(HASHES, 0, -1)]
    return next((bands for bands in choices if bands.chance(threshold) >= recall), choices[-1])


def band_keys(sketches: Signatures, band: int, bands: Bands) -> Words:
    """One word for each sketch, equal where a band of them is equal."""
    found = np.empty(len(sketches), np.uint64)
    for at in range(0, len(sketches), _BLOCK):
        hashes = sketches[at : at + _BLOCK, band * bands.rows : (band + 1) * bands.rows]
        padded = np.zeros((len(hashes), -(-bands.rows // 4) * 4), np.uint16)
        padded[:, : bands.rows] = hashes
        key = np.zeros(len(hashes), np.uint64)
        for words in padded.view(np.uint64).T:  # four hashes at once
            key = mix(key + np.uint64(0x9E3779B97F4A7C15)) ^ words
        found[at : at + _BLOCK] = key
    return found


def window_pairs(group: npt.NDArray[np.generic], width: int) -> tuple[Ints, Ints, int]:
    """Pairs of places of a sorted array that hold the same value, and how many such pairs are left out.

    A place is paired with the `width` places that follow it and with the first of its value, so that the work for a
    value that occurs n times grows with n, and not with its square.
    """
    change = np.flatnonzero(group[1:] != group[:-1]) + 1
    starts = np.concatenate([[0], change]) if len(group) else change
    sizes = np.diff(np.append(starts, len(group)))
    beyond = np.maximum(sizes - width - 1, 0)
    skipped = int((beyond * (beyond - 1) // 2).sum())  # beyond * (beyond + 1) / 2 are farther apart
    room = np.repeat(starts + sizes, sizes) - np.arange(len(group)) - 1  # how many of the same value follow
    first: list[Ints] = []
    second: list[Ints] = []
    at = np.arange(len(group))
    for distance in range(1, min(width, int(sizes.max(initial=1)) - 1) + 1):
        at = at[room[at] >= distance]
        first.append(at)
        second.append(at + distance)
    first.append(np.repeat(starts, beyond))
    second.append(spread(starts + width + 1, beyond))
    return np.concatenate(first), np.concatenate(second), skipped


def components(count: int, first: Ints, second: Ints) -> Ints:
    """For each of `count` nodes the least node that it is connected with by these edges."""
    least: Ints = np.arange(count)
    while True:
        one, other = least[first], least[second]
        apart = one != other
        if not apart.any():
            break
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(least, np.maximum(one, other), np.minimum(one, other))
        while ((nearer := least[least]) != least).any():
            least = nearer
    return least


def sets(grams: Words, bounds: Ints) -> tuple[Words, Ints]:
    """The sets of shingles of texts, 4 million of them at most: sorted, with the bounds of each."""
    text = np.repeat(np.arange(len(bounds) - 1, dtype=np.uint64), np.diff(bounds))
    packed = (text << GRAM_BITS) | grams  # one sort of words is much faster than one by two keys
    packed.sort(kind="stable")  # which merges: the texts are in order already
    packed = packed[np.append(True, packed[1:] != packed[:-1])[: len(packed)]]
    sizes = np.bincount((packed >> GRAM_BITS).astype(np.int64), minlength=len(bounds) - 1)
    return packed & ((np.uint64(1) << GRAM_BITS) - np.uint64(1)), np.concatenate([[0], np.cumsum(sizes)])


def spread(starts: Ints, sizes: Ints) -> Ints:
    """The places starts[0], starts[0] + 1, … (sizes[0] of them), then those of starts[1], and so on."""
    ends = np.cumsum(sizes)
    places: Ints = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return places


def jaccard(grams: Words, bounds: Ints, first: Ints, second: Ints) -> npt.NDArray[np.float64]:
    """The Jaccard index of pairs of sets (as `sets` gives them), 4 million at most. Two empty sets are equal."""
    sizes = np.diff(bounds)
    one, other = sizes[first], sizes[second]
    pair = np.arange(len(first), dtype=np.uint64) << GRAM_BITS
    packed = np.concatenate([np.repeat(pair, one), np.repeat(pair, other)])
    packed |= grams[np.concatenate([spread(bounds[first], one), spread(bounds[second], other)])]
    packed.sort(kind="stable")  # which merges: both halves are in order already
    twice = packed[1:][packed[1:] == packed[:-1]]
    shared = np.bincount((twice >> GRAM_BITS).astype(np.int64), minlength=len(first))
    union = one + other - shared
    index: npt.NDArray[np.float64] = np.where(union == 0, 1.0, shared / np.maximum(union, 1))
    return index
