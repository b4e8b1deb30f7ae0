"""Words of a text: Hangul words, numbers, other words, signs, and protected spans, which are not prose;
with the white space and the marks between them."""

import re
from functools import lru_cache
from typing import NamedTuple

from pipeline.table.protected_spans import MARK, hide

HANGUL, NUMBER, LATIN, LAUGHTER, PUNCTUATION, SIGN, SPAN = (
    *("Hangul", "number", "Latin", "laughter", "punctuation"),
    *("sign", "span"),
)
#: Full-width signs and signs of typography, and what they are else.
WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **dict.fromkeys(map(ord, "‘’‚‛′＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″「」『』"), '"'),
    **dict.fromkeys(map(ord, "〜∼～˜"), "~"),
    **dict.fromkeys(map(ord, "\u3000\xa0\u2002\u2003\u2009\u202f"), " "),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff\u2060\xad"), None),
    ord("…"): "...",
    ord("。"): ".",
    ord("、"): ",",
    ord("･"): "·",
}
_TOKEN = re.compile(
    rf"""
      (?P<Hangul>[가-힣]+)
    | (?P<number>\d+(?:[.,:/]\d+)*)
    | (?P<laughter>[ㅋㅎㅠㅜㅡ]+|ㄷㄷ+|\^+[_\-.]?\^+|[♡♥]+)
    | (?P<Latin>[^\W\d_가-힣]+)
    | (?P<punctuation>[.,!?~'"·;:])
    | (?P<span>{MARK})
    | (?P<sign>\S)
    """,
    re.VERBOSE,
)


class Word(NamedTuple):
    """A Hangul word, a number, another word, a sign or a protected span."""

    kind: str
    text: str
    space: str  # the white space before it
    marks: str  # the punctuation and laughter after it


#: Before the first word of a text: what marks a text begins with.
START = "start"


@lru_cache(1 << 14)
def words_of(text: str) -> tuple[Word, ...]:
    """The words of a text in order, after an empty one.

    Punctuation is a sign where it is not beside prose: in 3:2, a.b, 5!.

    >>> [(word.kind, word.text, word.marks) for word in words_of("AI는 3.5배? ㅋㅋ")[1:]]
    [('Latin', 'AI', ''), ('Hangul', '는', ''), ('number', '3.5', ''), ('Hangul', '배', '?ㅋㅋ')]
    >>> [(word.kind, word.text) for word in words_of("`a b` 5!")[1:]]
    [('span', '`a b`'), ('number', '5'), ('sign', '!')]
    """
    prose, spans = hidden(text)
    rest = iter(spans)
    kinds, contents, spaces, marks = [START], [""], [""], [""]
    matches = list(_TOKEN.finditer(prose))
    end = 0
    for at, match in enumerate(matches):
        kind = match.lastgroup or SIGN
        if kind == PUNCTUATION:
            following = matches[at + 1] if at + 1 < len(matches) else None
            kind = SIGN if _is_sign(kinds[-1], contents[-1], marks[-1], match, following) else LAUGHTER
        if kind == LAUGHTER:
            marks[-1] += match[0]
        else:
            kinds.append(kind)
            contents.append(next(rest) if kind == SPAN else match[0])
            spaces.append(prose[end : match.start()])
            marks.append("")
        end = match.end()
    return tuple(map(Word, kinds, contents, spaces, marks))


#: As `hide`: the prose of a text and its spans. Twice in a row for most texts.
hidden = lru_cache(1 << 10)(hide)


def _is_sign(kind: str, word: str, marks: str, mark: re.Match[str], following: re.Match[str] | None) -> bool:
    """Whether a mark of punctuation stands between numbers, single letters and signs, and not beside prose.

    `kind`, `word`, `marks`: of the word before it.
    """
    if kind in (HANGUL, START) or LAUGHTER_LETTERS.search(marks):
        return False
    after = following.lastgroup if following else None
    glued = following is not None and following.start() == mark.end() and after in (LATIN, NUMBER, SIGN)
    if following is None and kind in (SPAN, SIGN):
        return False
    if kind == LATIN and len(word) > 1:
        return glued and mark[0] not in "'\""
    if mark[0] in ".,?":
        return glued or after in (NUMBER, SIGN)
    if after == HANGUL:
        return mark[0] in "!:"
    return True


LAUGHTER_LETTERS = re.compile("[ㅋㅎㅠㅜㅡㄷ♡♥]")
