"""Hashes of 64 bits in numpy arrays."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

Hashes = npt.NDArray[np.uint64]


def mix(hashes: Hashes) -> Hashes:
    """Spread the bits of each hash: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection. uint64[...]."""
    hashes = hashes ^ (hashes >> np.uint64(30))
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def hashes_of(texts: pa.Array) -> Hashes:
    """A hash of each text."""
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts.cast(pa.binary()).to_pylist()), np.uint64, len(texts))
