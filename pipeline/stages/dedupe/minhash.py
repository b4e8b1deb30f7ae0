"""MinHash (Broder 1997): signatures that estimate the Jaccard index of the character bigrams of texts, and the bands of
signatures by which locality-sensitive hashing finds candidate pairs.

Bigrams, because Korean instructions are short: half of them have fewer than twenty syllables, and one changed syllable
costs two bigrams, three trigrams or a whole word (benchmarks/dedupe.md has the comparison with human judgement).
"""

from typing import NamedTuple

import numpy as np

from pipeline.stages.dedupe.arrays import Codes, Hashes, Ints, Signatures
from pipeline.stages.dedupe.keys import mix

#: Hash functions of a signature. Two bytes are kept of each: two texts agree by chance in one of 65,536.
HASHES = 45

_RANDOM = np.random.Generator(np.random.PCG64(20261101))
#: Each hash function multiplies what the one before it gave: the products are random odd numbers, too. uint32[HASHES]
_FACTORS = _RANDOM.integers(0, 1 << 32, HASHES, dtype=np.uint32) | np.uint32(1)
#: Bigrams (or signatures) hashed at once: they stay in the processor's cache, and are enough for the calls to cost
#: little.
_BLOCK = 1 << 16


def bigram_hashes(codes: Codes, bounds: Ints, salt: int) -> Codes:
    """A hash of the bigram that begins at each character: uint32[characters], by the finaliser of MurmurHash3 (Appleby
    2011).

    The value at the last character of a text has no meaning, unless the text has one character: that is its bigram.
    """
    found = codes * np.uint32(0x9E3779B1)
    found[:-1] += codes[1:] * np.uint32(0x85EBCA77)
    alone = bounds[:-1][np.diff(bounds) == 1]
    found[alone] = codes[alone] * np.uint32(0x9E3779B1)
    found += np.uint32(salt * 0x27D4EB2F & 0xFFFFFFFF)
    shifted = np.empty_like(found)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        found ^= np.right_shift(found, np.uint32(shift), out=shifted)
        found *= np.uint32(factor)
    return found


def least_hashes(codes: Codes, bounds: Ints, salt: int) -> Codes:
    """For each text the least hash of its bigrams under each hash function: uint32[texts, HASHES].

    `salt`: the number of the field, so that equal texts of two fields differ. The signature of several fields is the
    minimum over them. The empty text has the greatest number everywhere.

    >>> from pipeline.stages.dedupe.keys import fold_texts
    >>> import pyarrow as pa
    >>> longer, shorter, empty = least_hashes(*fold_texts(pa.array(["서울 날씨는?", "서울 날씨", ""])), salt=0)
    >>> bool((longer <= shorter).all()), set(empty.tolist()) == {2**32 - 1}
    (True, True)
    """
    least = np.full((len(bounds) - 1, HASHES), np.iinfo(np.uint32).max, np.uint32)
    of_bigrams = bigram_hashes(codes, bounds, salt)
    lengths = np.diff(bounds)
    lengths -= lengths > 1  # now bigrams
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    while len(order):
        # Texts of like length side by side, so that one instruction takes the minimum over many texts at once. The
        # shorter of them are filled up with their own last bigram, which changes no minimum.
        count = max(1, min(len(order), _BLOCK // int(lengths[order[0]])))
        count = max(1, min(count, _BLOCK // int(lengths[order[count - 1]])))
        texts, order = order[:count], order[count:]
        longest = int(lengths[texts[-1]])
        few = count < 8
        if few:
            index = bounds[texts, None] + np.minimum(np.arange(longest), lengths[texts, None] - 1)
        else:
            index = bounds[texts] + np.minimum(np.arange(longest)[:, None], lengths[texts] - 1)
        block = of_bigrams[index]
        found = np.empty((HASHES, count), np.uint32)
        for factor, of_factor in zip(_FACTORS, found, strict=True):
            np.multiply(block, factor, out=block)
            np.minimum.reduce(block, axis=1 if few else 0, out=of_factor)
        least[texts] = found.T
    return least


class Bands(NamedTuple):
    """How signatures are cut into bands. Texts that agree in all hashes of a band are a candidate pair."""

    bands: int
    hashes: int  # of each band

    def chance(self, similarity: float) -> float:
        """The chance that two texts of this similarity are a candidate pair: 1 - (1 - s^hashes)^bands, an S-curve.

        >>> round(Bands(bands=9, hashes=5).chance(0.85), 3)
        0.995
        """
        return 1.0 - (1.0 - similarity**self.hashes) ** self.bands


def choose_bands(threshold: float, recall: float) -> Bands:
    """The longest bands that find a pair at the threshold with the chance `recall`: the fewest candidate pairs.

    >>> choose_bands(threshold=0.85, recall=0.99)
    Bands(bands=9, hashes=5)
    """
    choices = [Bands(HASHES // hashes, hashes) for hashes in range(HASHES, 0, -1)]
    return next((bands for bands in choices if bands.chance(threshold) >= recall), choices[-1])


def band_keys(signatures: Signatures, band: int, bands: Bands) -> Hashes:
    """A key of one band of each signature, uint64[n]: equal where the band is equal.

    `signatures`: uint16[n, HASHES].

    >>> signatures = np.array([[7] * HASHES, [7] * 5 + [8] * 40], np.uint16)
    >>> [len(set(band_keys(signatures, band, Bands(9, 5)).tolist())) for band in (0, 1)]
    [1, 2]
    """
    found = np.empty(len(signatures), np.uint64)
    for at in range(0, len(signatures), _BLOCK):
        hashes = signatures[at : at + _BLOCK, band * bands.hashes : (band + 1) * bands.hashes]
        padded = np.zeros((len(hashes), -(-bands.hashes // 4) * 4), np.uint16)
        padded[:, : bands.hashes] = hashes
        key = np.zeros(len(hashes), np.uint64)
        for four_hashes in padded.view(np.uint64).T:
            key = mix(key + np.uint64(0x9E3779B97F4A7C15)) ^ four_hashes
        found[at : at + _BLOCK] = key
    return found
