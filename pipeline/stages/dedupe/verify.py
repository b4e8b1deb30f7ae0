"""Verify candidate pairs from their texts: how similar they are, by the Jaccard index of their bigrams."""

import itertools
from typing import NamedTuple

import numpy as np

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Codes, Floats, Hashes, Ints, ranges
from pipeline.stages.dedupe.bags import bags
from pipeline.stages.dedupe.essentials import may_say_the_same
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.pair_texts import is_empty, keys_of_pairs, parts_of, texts_of

#: A bigram is two code points of 21 bits.
BIGRAM_BITS = np.uint64(42)
#: Bigrams that are compared at once: they stay in the processor's cache.
_BIGRAMS = 1 << 17


class Similarity(NamedTuple):
    """How similar pairs are: the Jaccard index of the bigrams of their least similar field."""

    have_alike_stems: Bools  # bool[pairs]: in every field; of other pairs nobody asks more
    letters: Floats  # float64[pairs]: by `keys.letters`; of no use without alike stems
    may_be_same: Bools  # bool[pairs]: False without alike stems, and where a field surely differs in a word


def verify(
    job: Job, fields: tuple[str, ...], rows: Ints, first: Ints, second: Ints, numbers: bool = False
) -> Similarity:
    """How similar candidate pairs are.

    `rows`: int64[n] of the table; `first`, `second`: int64[pairs], places in `rows`. `numbers`: stems are not alike
    where the numbers of a field differ.
    """
    columns = [column for name in fields if not is_empty(column := job.table[name])]

    def verify_part(part: slice | Ints) -> Similarity:
        alike, may_be_same = np.ones((2, len(first[part])), bool)
        found = Similarity(alike, np.ones(len(first[part])), may_be_same)
        places, text_of = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        one, other = np.split(text_of, 2)
        for column in columns:
            texts = texts_of(column, rows[places])
            folded = keys.fold_texts(texts)
            letters = keys.letters(*folded)
            found.have_alike_stems[:] &= are_alike(letters, one, other, job.options.threshold)
            if numbers:
                number_key = keys.number_keys(texts, *folded)
                found.have_alike_stems[number_key[one] != number_key[other]] = False
            found.may_be_same[~found.have_alike_stems] = False
            asked = np.flatnonzero(found.have_alike_stems)
            if not len(asked):
                break
            pairs = _only(letters, one[asked], other[asked])
            found.letters[asked] = np.minimum(found.letters[asked], similar(*pairs))
            found.may_be_same[asked] &= may_say_the_same(*pairs[0], *pairs[1:])
        return found

    def known_part(part: slice) -> Similarity:
        if job.known is None or not columns:
            return verify_part(part)
        key = keys_of_pairs(
            columns, rows, first[part], second[part], ("similar", fields, job.options.threshold, numbers)
        )
        return Similarity(*job.known.pairs(key, (bool, float, bool), lambda some: verify_part(part.start + some)))

    parts = parts_of(columns, rows, first, second)
    nothing = Similarity(np.empty(0, bool), np.empty(0), np.empty(0, bool))
    return Similarity(*map(np.concatenate, zip(nothing, *ordered(known_part, parts, job.workers), strict=True)))


def are_alike(letters: tuple[Codes, Ints], one: Ints, other: Ints, threshold: float) -> Bools:
    """bool[pairs]: whether the stems of texts are similar, or their bags are equal."""
    bag = bags(*letters)
    found: Bools = bag[one] == bag[other]
    found |= similar(keys.stems(*letters), one, other) >= threshold
    return found


def _only(texts: tuple[Codes, Ints], one: Ints, other: Ints) -> tuple[tuple[Codes, Ints], Ints, Ints]:
    """The texts of these pairs, int64[pairs] each, without others; and the pairs by their new numbers.

    >>> (codes, bounds), one, other = _only((np.arange(4), np.array([0, 1, 3, 4])), *np.array([[2, 2], [0, 2]]))
    >>> codes.tolist(), bounds.tolist(), one.tolist(), other.tolist()
    ([0, 3], [0, 1, 2], [1, 1], [0, 1])
    """
    codes, bounds = texts
    places, text_of = np.unique(np.concatenate([one, other]), return_inverse=True)
    sizes = np.diff(bounds)[places]
    one, other = np.split(text_of, 2)
    return (codes[ranges(bounds[places], sizes)], np.concatenate([[0], np.cumsum(sizes)])), one, other


def bigrams(codes: Codes, bounds: Ints) -> tuple[Hashes, Ints]:
    """The bigrams of each text in order, uint64[bigrams] of 42 bits, and their bounds, int64[texts + 1].

    The only bigram of a text of one character is that character.

    >>> found, bounds = bigrams(np.array([1, 2, 3, 4], np.uint32), np.array([0, 3, 4]))
    >>> [(bigram >> 21, bigram & (1 << 21) - 1) for bigram in found.tolist()], bounds.tolist()
    ([(1, 2), (2, 3), (4, 0)], [0, 2, 3])
    """
    codes = codes & keys.CODE
    follower = np.zeros(len(codes), np.uint64)
    follower[:-1] = codes[1:]
    lengths = np.diff(bounds)
    last = bounds[1:][lengths > 0] - 1
    follower[last] = 0
    pairs = (codes.astype(np.uint64) << np.uint64(21)) | follower
    kept = np.ones(len(codes), bool)
    kept[bounds[1:][lengths > 1] - 1] = False
    in_bigrams = np.zeros(len(bounds), np.int64)
    np.cumsum(lengths - (lengths > 1), out=in_bigrams[1:])
    return pairs[kept], in_bigrams


def bigram_sets(found: Hashes, bounds: Ints) -> tuple[Hashes, Ints]:
    """The set of bigrams of each text, sorted: uint64[m], with bounds int64[texts + 1]. 4 million texts at most.

    >>> sets, bounds = bigram_sets(np.array([5, 3, 5, 4], np.uint64), np.array([0, 3, 4]))
    >>> sets.tolist(), bounds.tolist()
    ([3, 5, 4], [0, 2, 3])
    """
    text = np.repeat(np.arange(len(bounds) - 1, dtype=np.uint64), np.diff(bounds))
    packed = (text << BIGRAM_BITS) | found  # one sort of uint64 is much faster than one by two keys
    packed.sort(kind="stable")  # which merges: the texts are in order already
    packed = packed[np.append(True, packed[1:] != packed[:-1])[: len(packed)]]
    sizes = np.bincount((packed >> BIGRAM_BITS).astype(np.int64), minlength=len(bounds) - 1)
    return packed & ((np.uint64(1) << BIGRAM_BITS) - np.uint64(1)), np.concatenate([[0], np.cumsum(sizes)])


def similar(texts: tuple[Codes, Ints], one: Ints, other: Ints) -> Floats:
    """The Jaccard index of the bigrams of pairs of texts, float64[pairs].

    `texts`: their characters and bounds; `one`, `other`: int64[pairs], their numbers.
    """
    sets, bounds = bigram_sets(*bigrams(*texts))
    sizes = np.diff(bounds)
    part_of = np.cumsum(sizes[one] + sizes[other]) // _BIGRAMS
    cuts = [0, *(np.flatnonzero(np.diff(part_of)) + 1).tolist(), len(one)]
    parts = (slice(*cut) for cut in itertools.pairwise(cuts))
    return np.concatenate([jaccard(sets, bounds, one[part], other[part]) for part in parts])


def jaccard(sets: Hashes, bounds: Ints, first: Ints, second: Ints) -> Floats:
    """The Jaccard index of pairs of sets (as `bigram_sets` gives them): float64[pairs]. Two empty sets are equal.

    `first`, `second`: int64[pairs], the numbers of the sets; 4 million pairs at most.

    >>> sets, bounds = np.array([3, 5, 3, 4, 5], np.uint64), np.array([0, 2, 5, 5])
    >>> jaccard(sets, bounds, np.array([0, 0, 2]), np.array([1, 2, 2])).round(2).tolist()
    [0.67, 0.0, 1.0]
    """
    sizes = np.diff(bounds)
    one, other = sizes[first], sizes[second]
    pair = np.arange(len(first), dtype=np.uint64) << BIGRAM_BITS
    packed = np.concatenate([np.repeat(pair, one), np.repeat(pair, other)])
    packed |= sets[np.concatenate([ranges(bounds[first], one), ranges(bounds[second], other)])]
    packed.sort(kind="stable")  # which merges: both halves are in order already
    twice = packed[1:][packed[1:] == packed[:-1]]
    shared = np.bincount((twice >> BIGRAM_BITS).astype(np.int64), minlength=len(first))
    union = one + other - shared
    index: Floats = np.where(union == 0, 1.0, shared / np.maximum(union, 1))
    return index
