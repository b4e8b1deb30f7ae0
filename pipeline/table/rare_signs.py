"""Signs that Korean prose seldom has, found in all texts of a column at once: one look at each byte of its buffer.

What is written with them (numbers, links, code, marks of templates) is in few texts; a pattern that needs one of them
is tried on these alone.
"""

import numpy as np
import pyarrow as pa

#: Letters and digits, the marks of code and templates, line breaks.
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@#%$+/<[{\n"
#: The first byte of full-width letters and digits (U+F000 to U+FFFF).
_WIDE = 0xEF
_IS_SIGN = bytes(chr(byte) in SIGNS or byte == _WIDE for byte in range(256))


def hold_sign(texts: pa.Array) -> pa.BooleanArray:
    """Boolean per text: it holds one of SIGNS, or a full-width sign. No text may be null.

    >>> hold_sign(pa.array(["재미있다.", "", "10점", "０점", "별로\\n"]))[:].to_pylist()
    [False, False, True, True, True]
    """
    _, offsets, data = texts.buffers()
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    ends = np.frombuffer(offsets, kind, len(texts) + 1, texts.offset * np.dtype(kind).itemsize)
    if data is None or ends[0] == ends[-1]:
        return pa.array(np.zeros(len(texts), bool))
    signs = np.frombuffer(memoryview(data)[ends[0] : ends[-1]].tobytes().translate(_IS_SIGN), bool)
    before = np.searchsorted(np.flatnonzero(signs), ends - ends[0])
    return pa.array(before[1:] > before[:-1])
