"""Hashes of texts, in place of the texts."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

#: A hash of each text.
Hashes = npt.NDArray[np.uint64]


def hashes_of(texts: pa.Array) -> Hashes:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts.cast(pa.binary()).to_pylist()), np.uint64, len(texts))
