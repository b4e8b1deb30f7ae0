"""Which texts of a column hold a text: a search through the bytes of the whole column, as Python searches bytes.

For Korean it is several times faster than Arrow's `match_substring` and than RE2, which know no rare byte in it.
"""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Hits in a column from which on RE2 is faster: each hit takes a moment in Python.
MANY = 32


def holds_text(texts: pa.Array, part: str, any_case: bool = False) -> pa.Array:
    """Boolean per text: it holds this part; null where the text is null. `any_case`: capital letters do not count.

    >>> holds_text(pa.array(["Avatar 2 연기", "바타", None, "AVATAR 2 연기"]), "avatar 2 연기", True).to_pylist()
    [True, False, None, True]
    """
    if part.isascii() or (any_case and _has_capitals(part)) or not len(texts):
        return _by_pattern(texts, part, any_case)
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    searched, needle = (memoryview(data)[ends[0] : ends[-1]].tobytes() if data else b""), part.encode()
    if any_case:
        searched, needle = searched.lower(), needle.lower()
    rows = _rows_with(searched, needle, ends - ends[0])
    if rows is None:
        return _by_pattern(texts, part, any_case)
    found = np.zeros(len(texts), bool)
    found[rows] = True
    return pc.if_else(texts.is_valid(), pa.array(found), None)


def _has_capitals(part: str) -> bool:
    """Whether a letter that is not ASCII may be a capital: those of bytes are ASCII alone."""
    return any(not letter.isascii() and letter.lower() != letter.upper() for letter in part)


def _rows_with(searched: bytes, needle: bytes, ends: npt.NDArray[np.int32]) -> list[int] | None:
    """The texts that hold the needle, of texts that end at these places; None where there are too many."""
    rows: list[int] = []
    at = searched.find(needle)
    for _ in range(MANY):
        if at < 0:
            return rows
        row = int(np.searchsorted(ends, at, "right")) - 1
        inside = at + len(needle) <= ends[row + 1]
        rows += [row] if inside else []
        at = searched.find(needle, int(ends[row + 1]) if inside else at + 1)
    return None


def _by_pattern(texts: pa.Array, part: str, any_case: bool) -> pa.Array:
    pattern = re.sub(r"([!-/:-@\[-^`{-~])", r"\\\1", part)
    return pc.match_substring_regex(texts, f"(?i){pattern}" if any_case else pattern)
