"""Hashes of 64 bits in numpy arrays."""

import numpy as np
import numpy.typing as npt


def mix(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits of each hash: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection. uint64[...]."""
    hashes = hashes ^ (hashes >> np.uint64(30))
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes
