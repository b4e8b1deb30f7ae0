"""What changed between two texts, for the terminal: in colour, or in brackets as `[-old-]{+new+}`."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

import click

from pipeline.io.terminal_text import visible

#: Words, spaces and signs, which are compared as wholes.
WORDS = re.compile(r"\w+|\s+|[^\w\s]")
#: Words of one text above which only the first and the last change are looked for: the comparison is quadratic.
MOST_WORDS = 4000
#: Characters that are shown on each side of a change.
AROUND = 40


class Span(NamedTuple):
    """A part of both texts, or of one of them."""

    kind: Literal["same", "old", "new"]
    text: str


def changes(old: str, new: str) -> list[Span]:
    """The parts of two texts: those that are the same, those of the old one alone, and those of the new one alone.

    >>> [tuple(span) for span in changes("값은 3입니다.", "값은 4입니다.")]
    [('same', '값은 '), ('old', '3'), ('new', '4'), ('same', '입니다.')]
    """
    spans = [span for span in _of_words(WORDS.findall(old), WORDS.findall(new)) if span.text]
    joined = (
        Span(kind, "".join(span.text for span in run)) for kind, run in groupby(spans, key=lambda span: span.kind)
    )
    return list(joined)


def _parted(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many words, or characters, both texts begin with, and how many others they end with."""
    shorter = min(len(old), len(new))
    head = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    rest = shorter - head
    tail = next((place for place in range(rest) if old[-1 - place] != new[-1 - place]), rest)
    return head, tail


def _of_words(old: Sequence[str], new: Sequence[str]) -> Iterator[Span]:
    head, tail = _parted(old, new)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    yield Span("same", "".join(old[:head]))
    if max(len(before), len(after)) > MOST_WORDS:
        yield from _inside("".join(before), "".join(after))
    else:
        for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                yield Span("same", "".join(before[a:b]))
            else:
                yield from _inside("".join(before[a:b]), "".join(after[c:d]))
    yield Span("same", "".join(old[len(old) - tail :]))


def _inside(old: str, new: str) -> Iterator[Span]:
    """Two words that differ: what they begin and end with is the same."""
    head, tail = _parted(old, new)
    yield Span("same", old[:head])
    yield Span("old", old[head : len(old) - tail])
    yield Span("new", new[head : len(new) - tail])
    yield Span("same", old[len(old) - tail :])


def highlighted(old: str, new: str, colour: bool) -> str:
    """The new text with what changed in it, on one line. Long parts that are the same are shortened to …. Of equal
    texts, as when what differs is masked in both, the beginning.

    >>> print(highlighted("값은\u200b 3입니다.", "값은 4입니다.", colour=False))
    값은[-\\u200b-] [-3-]{+4+}입니다.
    """
    if old == new:
        return visible(clipped(new.replace("\n", "⏎"), 4 * AROUND))
    spans = changes(old, new)
    last = len(spans) - 1
    parts = [
        _shortened(visible(span.text.replace("\n", "⏎")), first=number == 0, last=number == last)
        if span.kind == "same"
        else _marked(span, colour)
        for number, span in enumerate(spans)
    ]
    return "".join(parts)


def _shortened(text: str, first: bool, last: bool) -> str:
    before = "" if first else text[:AROUND]
    after = "" if last else text[-AROUND:]
    return text if len(text) <= len(before) + len(after) + 1 else f"{before}…{after}"


def _marked(span: Span, colour: bool) -> str:
    text = clipped("".join(map(_seen, span.text)), 10 * AROUND)
    if not colour:
        return f"[-{text}-]" if span.kind == "old" else f"{{+{text}+}}"
    if span.kind == "old":
        return click.style(text, fg="red", strikethrough=True)
    return click.style(text, fg="green", bold=True)


def _seen(character: str) -> str:
    """A character that changed: what cannot be seen, or looks like another one, by its number."""
    if character == "\n":
        return "⏎"
    hidden = unicodedata.category(character) in ("Cf", "Cc", "Co", "Cs", "Zl", "Zp", "Mn")
    odd = (character.isspace() and character != " ") or "\u1100" <= character <= "\u11ff"
    return ascii(character)[1:-1] if hidden or odd else character


def clipped(text: str, length: int) -> str:
    """The text, shortened to so many characters.

    >>> clipped("가나다라마", 3)
    '가나다…'
    """
    return text if len(text) <= length else f"{text[:length]}…"
