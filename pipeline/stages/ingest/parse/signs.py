"""Passes of numpy over the bytes of a text, piece by piece: what a pass needs stays in the cache of a processor."""

from collections.abc import Iterator

import numpy as np

#: Bytes of a piece.
PIECE = 1 << 18
#: Bytes behind which not every continuation is UTF-8, or none: of overlong forms.
RARE = (b"\xc0", b"\xc1", b"\xe0")
#: The first byte of a character of four bytes; the first of those that begin none, or one beyond U+10FFFF.
FOUR, BEYOND = 0xF0, 0xF4


def pieces_of(data: bytes) -> Iterator[tuple[int, np.ndarray]]:
    """The pieces of a text, each with the place where it begins."""
    signs = np.frombuffer(data, np.uint8)
    return ((at, signs[at : at + PIECE]) for at in range(0, len(signs), PIECE))


def places_of(compare: np.ufunc, sign: int, data: bytes) -> np.ndarray:
    """Where the bytes are that compare with a sign as asked.

    >>> places_of(np.equal, 0x22, b'{"a"}'), places_of(np.less, 0x20, b"a\\n")
    (array([1, 3]), array([1]))
    """
    found = [np.flatnonzero(compare(piece, sign)) + at for at, piece in pieces_of(data)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def is_utf8(data: bytes) -> bool:
    """Whether all bytes are UTF-8, as Python decodes it.

    >>> is_utf8("하늘 🌌".encode()), is_utf8("하늘".encode()[:-1]), is_utf8(b"\\xed\\xa0\\x80")
    (True, False, False)
    """
    if data.isascii():
        return True
    signs = np.frombuffer(data, np.uint8)
    most = int(signs.max())
    if most >= BEYOND or any(byte in data for byte in RARE):
        return _decodes(data)
    if (signs[-1:] >= 0xC0).any() or (signs[-2:] >= 0xE0).any() or (signs[-3:] >= FOUR).any():
        return False  # the last character is cut
    first = np.concatenate([np.zeros(3, np.uint8), signs[:PIECE]])
    return _is_valid(first, most) and all(
        _is_valid(signs[at - 3 : at + PIECE], most) for at in range(PIECE, len(signs), PIECE)
    )


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_valid(signs: np.ndarray, most: int) -> bool:
    """Whether continuations are, from the fourth byte on, where a first byte asks for them, and nowhere else."""
    before, behind = signs[2:-1], signs[3:]
    needed = (before >= 0xC0) | (signs[1:-2] >= 0xE0)
    if most >= FOUR:
        needed |= signs[:-3] >= FOUR
        if ((before == FOUR) & (behind < 0x90)).any():
            return False
    if (needed != (behind.view(np.int8) < -0x40)).any():
        return False
    return not ((before == 0xED) & (behind >= 0xA0)).any()  # half of a surrogate pair
