"""What the kinds of personal data are made of: patterns, and checks of a match by the words around it."""

import re
from collections.abc import Callable
from typing import NamedTuple

from pipeline.table.patterns import pattern

Match = re.Match[str]


class Form(NamedTuple):
    """One way in which a kind is written."""

    #: Its group `value`, where it has one, is the personal part of the match; else all of the match is.
    pattern: re.Pattern[str]
    #: Whether a match of the pattern is what it looks like.
    holds: Callable[[Match], bool]
    #: An RE2 pattern that matches every text with this form.
    scan: str
    #: Fewest digits that a match has: a text with fewer is not searched.
    digits: int = 0
    #: A text without one of these, if there are any, is not searched.
    signs: tuple[str, ...] = ()
    #: A form, and the words that `holds` looks at, are within so many characters of a match of `scan`. 0: `holds` looks
    #: at its line, which may be of any length.
    reach: int = 1200


class Kind(NamedTuple):
    name: str
    mask: str
    forms: tuple[Form, ...]


def spaced(text: str) -> re.Pattern[str]:
    """A pattern in which spaces and line breaks mean nothing."""
    return pattern(text, re.VERBOSE | re.ASCII)


#: Every text in which two groups of digits may be one number, as RE2 reads it before `folded`. Here and in all scans
#: there are few counts and no rare signs: Arrow compiles the pattern for every batch. No kind is a bare number of
#: fewer than nine digits; the ids in `meta` often are.
NUMBER_SCAN = r"[0-9]{9}|[0-9](?:[-./_·) ‐-―－] ?){1,2}[0-9]{3}|[0-9][-‐-―－][0-9]{2}|[０-９]{2}"

#: Dashes, dots and spaces of every kind, and full-width signs, each with the plain sign that it stands for.
_PLAIN = {
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣"), "-"),
    **dict.fromkeys(map(ord, "‧・ㆍ"), "·"),
    **dict.fromkeys(map(ord, "\u00a0\u3000\u202f\u205f"), " "),
    **dict.fromkeys(range(0x2000, 0x200B), " "),
    **{0xFF00 + code: chr(0x20 + code) for code in range(1, 0x5F)},
}
_FOLDED = pattern(f"[{''.join(map(chr, _PLAIN))}]")


def folded(text: str) -> str:
    """The text with plain signs, as long as before.

    >>> folded("０１０－９１８２—７３６４")
    '010-9182-7364'
    """
    return text.translate(_PLAIN) if _FOLDED.search(text) else text


#: No digit or Latin letter at either end, nor one behind a hyphen or dot: a part of a longer number does not count.
BEGIN = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-.])(?<![0-9][_=])(?<![A-Za-z]/(?=[0-9]{8}))"
END = r"(?![0-9A-Za-z])(?![-.][0-9A-Za-z])"


def digits_of(match: Match) -> list[int]:
    return [int(char) for char in match[0] if "0" <= char <= "9"]


def before(match: Match, width: int = 20) -> str:
    """What is before the match on its line, at most `width` characters."""
    return match.string[max(0, match.start() - width) : match.start()].rpartition("\n")[2]


def after(match: Match, width: int = 12) -> str:
    """What is after the match on its line, at most `width` characters."""
    return match.string[match.end() : match.end() + width].partition("\n")[0]


def heading(match: Match) -> str:
    r"""The words above the match that name it: the header of its column, or a short line right above its line.

    >>> heading(re.search("[0-9]+", "| 상호 | 번호 |\n|---|---|\n| 다온 | 617 |"))
    ' 번호 '
    >>> heading(re.search("[0-9]+", "등록번호\n617")), heading(re.search("[0-9]+", "번호 617"))
    ('등록번호', '')
    """
    above, _, line = match.string[max(0, match.start() - 1000) : match.start()].rpartition("\n")
    lines = above.rstrip("\n").split("\n")
    for sign in "|\t,":
        column = line.count(sign)
        if column and sign in lines[-1]:
            top = next((place for place in range(len(lines) - 1, -1, -1) if sign not in lines[place]), -1) + 1
            cells = lines[top].split(sign)
            return cells[column] if column < len(cells) else ""
    return lines[-1] if len(lines[-1]) <= 20 and len(line) <= 8 else ""


def checksum(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


#: Words after which a number is the number of something else.
OTHER_NUMBER = pattern(
    r"(?i:송장|등기|품번|시리얼|일련|모델|바코드|추적|isbn|issn|doi|version|버전|order|serial|tracking"
    r"|(?:주문|예약|접수|상품|제품|배송|택배) ?(?:번호|코드|no|id))[^\n]{0,12}$"
)

#: What follows a value that shows how to write one: 010-1234-5678 형식, 000-00-00000과 같은 형태로, …처럼 입력.
_SHOWS_FORM = pattern(
    r"[\"'’”)\]]{0,2}\s?(?:(?:와|과|처럼|같이|같은|이런|의|로 된|으로 된)\s?){0,3}(?:형식|형태|양식|포맷|서식|format)"
    r"|[\"'’”)\]]{0,2}(?:처럼|(?:와|과) ?같이)[^\n]{0,12}(?:적|쓰|써|쓴|입력|표기|작성|기입)"
)


def shows_form(match: Match) -> bool:
    """Whether the match is no data, but an example of how such data is written.

    >>> shows_form(re.search("[0-9-]+", "010-1234-5678 형식")), shows_form(re.search("[0-9-]+", "010-1234-5678로"))
    (True, False)
    """
    return _SHOWS_FORM.match(after(match, 24)) is not None
