"""Answers whose words are in no order."""

import re

from pipeline.stages.screen.analyser import likelihood
from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, prose_of, quoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: A text of sentences loses at least so much likelihood where its words change places. benchmarks/korean_text.md
MARGIN = 0.2
#: Every text that is looked at has a match of this RE2 pattern: eight words with Hangul on a line.
WORDS = r"(?:[^\s]*[가-힣][^\s]* ){7}"
#: An ending of a sentence, wherever its word is.
_PREDICATE = pattern(r"[다요죠까][.!?]?(?:\s|$)")
_NO_PROSE = pattern(r"[:<>{}|]|\d[.)] ")


def disfluent(texts: Texts, options: ScreenOptions) -> str | None:
    """A line of prose whose likelihood hardly falls when its neighbouring words are swapped: it had no order to lose.

    Swapping cancels what makes a text rare, such as names and terms. Lists, code and verse are left out.
    """
    if asks(texts.instruction, "verse", "list", "title", "code", "json", "sorting", "repeating", "copy"):
        return None
    for line in prose_of(texts.output).split("\n"):
        if is_prose(line) and (margin := likelihood(line) - likelihood(swapped(line))) < MARGIN:
            return f"its words are in no order ({margin:.1f} per morpheme): {quoted(line)}"
    return None


def is_prose(line: str) -> bool:
    """Whether a line is a sentence or more of Korean words, and no list.

    >>> is_prose("사과, 배, 감, 귤, 포도, 딸기, 수박, 참외가 있습니다."), is_prose("오늘은 " * 7 + "맑습니다.")
    (False, True)
    """
    words = line.split()
    return (
        8 <= len(words) <= 80
        and line.count(",") * 6 <= len(words)
        and len(re.findall("[가-힣]", line)) * 10 >= len(line) * 6
        and not _NO_PROSE.search(line)
        and _PREDICATE.search(line) is not None
    )


def swapped(line: str) -> str:
    """The line with each two neighbouring words in each other's place.

    >>> swapped("가 나 다 라 마")
    '나 가 라 다 마'
    """
    words = line.split()
    pairs = [(words[at + 1], words[at]) for at in range(0, len(words) - 1, 2)]
    return " ".join([word for pair in pairs for word in pair] + words[len(pairs) * 2 :])
