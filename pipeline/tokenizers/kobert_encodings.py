"""KoBERT's tokens with their places in the text, as the `Encoding` of the library tokenizers.

transformers asks such an object for `word_ids`, `char_to_token` and `sequence_ids`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import orjson
from tokenizers import Encoding

from pipeline.tokenizers.offsets import Token, bared


class Piece(NamedTuple):
    """A token, the first character that it stands for, the one behind the last, and the number of its word."""

    token: int
    start: int
    end: int
    word: int


def pieces_of_text(text: str, tokens: Iterable[Token]) -> list[Piece]:
    """The tokens of a text with the numbers of their words, which are what white space parts."""
    word_at = []
    word, inside = -1, False
    for character in text:
        begins = not inside and not character.isspace()
        word, inside = word + begins, not character.isspace()
        word_at.append(max(word, 0))
    word_at.append(max(word, 0))
    bare = ((token, *bared(text, start, end)) for token, start, end in tokens)
    return [Piece(token, start, end, word_at[start]) for token, start, end in bare]


def pieces_of_words(words: Sequence[str], tokens_of: Callable[[str], Iterable[Token]]) -> list[Piece]:
    """The tokens of words that are encoded each for itself. Their places are those in the word."""
    return [
        Piece(token, *bared(word, start, end), number)
        for number, word in enumerate(words)
        for token, start, end in tokens_of(word)
    ]


def windows(pieces: list[Piece], room: int, stride: int, from_left: bool = True) -> list[list[Piece]]:
    """Windows of `room` tokens that share `stride` tokens with the one before. The first one is at the end if not
    `from_left`.

    >>> [[piece.token for piece in window] for window in windows([Piece(n, 0, 0, 0) for n in range(5)], 3, 1)]
    [[0, 1, 2], [2, 3, 4]]
    """
    last = max(len(pieces) - stride, 1)
    starts = range(0, last, room - stride)
    if from_left:
        return [pieces[start : start + room] for start in starts]
    return [pieces[max(len(pieces) - start - room, 0) : len(pieces) - start] for start in starts]


def encoding(
    ids: Sequence[int],
    type_ids: Sequence[int],
    special: Sequence[int],
    names: Sequence[str],
    pieces: Sequence[Sequence[Piece]],
) -> Encoding:
    """The tokens of one row. `special`: 1 where a token was added. All others are those of `pieces`: of the text, then
    of the second text."""
    places: list[Piece | None] = [None] * len(ids)
    at = iter([place for place, added in enumerate(special) if not added])
    ranges = {}
    for number, of_one in enumerate(pieces):
        own = [next(at) for _ in of_one]
        for place, piece in zip(own, of_one, strict=True):
            places[place] = piece
        ranges[str(number)] = {"start": own[0], "end": own[-1] + 1} if own else {"start": 0, "end": 0}
    state = {
        "ids": ids,
        "type_ids": type_ids,
        "tokens": names,
        "words": [piece and piece.word for piece in places],
        "offsets": [(piece.start, piece.end) if piece else (0, 0) for piece in places],
        "special_tokens_mask": special,
        "attention_mask": [1] * len(ids),
        "overflowing": [],
        "sequence_ranges": ranges,
    }
    found = Encoding()
    found.__setstate__(orjson.dumps(state))
    return found
