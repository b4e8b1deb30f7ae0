"""Tokens with the characters they stand for, whatever tokenizer they come from."""

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

#: A token, the first character that it stands for, and the one behind the last.
Token = tuple[int, int, int]


def as_columns(
    texts: pa.Array | pa.ChunkedArray, tokens_of: Callable[[list[str]], Iterable[Iterable[Token]]]
) -> tuple[pa.ListArray, pa.ListArray, pa.ListArray]:
    """Ids, first characters and characters behind the last of each text's tokens, as list<int32>; null for null.

    White space at the ends of what a token stands for is not counted. Equal texts are encoded once.
    """
    column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    coded = column.cast(pa.string()).dictionary_encode().combine_chunks()
    distinct = coded.dictionary.to_pylist()
    ids: list[list[int]] = []
    starts: list[list[int]] = []
    ends: list[list[int]] = []
    for text, tokens in zip(distinct, tokens_of(distinct), strict=True):
        for lists in (ids, starts, ends):
            lists.append([])
        for token, start, end in tokens:
            start, end = bared(text, start, end)
            ids[-1].append(token)
            starts[-1].append(start)
            ends[-1].append(end)
    kind = pa.list_(pa.int32())
    first, second, third = (pa.array(lists, kind).take(coded.indices) for lists in (ids, starts, ends))
    return first, second, third


def bared(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its ends; all of it white space: nothing, at its end.

    >>> bared("가 나 ", 1, 4), bared("가 나", 1, 2)
    ((2, 3), (2, 2))
    """
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def places(spans: Sequence[tuple[int, int]], first: Sequence[int], behind: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Spans of a changed text as spans of the text it came from.

    `first`, `behind`: for each character of the changed text where in the other its origin begins, and where it ends;
    `first` has one more, the length of the other text.
    """
    for start, end in spans:
        yield (first[start], behind[end - 1]) if start < end else (first[start], first[start])
