"""Texts that a prompt mentions, and does not use: quotations, and the text that an instruction works on.

Of such a text every letter may count. "친구가 '괜찮아?'라고 답했는데 무슨 뜻일까?" asks about a question, and
"더 정중하게 바꿔 줘: 먼저 갈게" about an ending. What is mentioned is equal in both texts, or they say something else.
"""

import re
from functools import lru_cache
from typing import NamedTuple

#: A quotation, in narrow signs (`words_of_text.WIDTH`). An apostrophe behind a letter of the alphabet opens none.
_QUOTED = re.compile(
    r"""
      "([^"]+)" | (?<![A-Za-z0-9])'([^'\n]+)' | 《([^》]+)》 | 〈([^〉]+)〉 | «([^»]+)»
    | <(?=[^<>\n]*>)([^<>\n]*[가-힣][^<>\n]*)>
    """,
    re.VERBOSE,
)
_TEXT = (
    "(?:문장|문단|단락|구절|문구|글|말|표현|대사|대화|발화|댓글|리뷰|후기|메시지|메세지|문자|카톡|톡|단어|낱말|텍스트|지문|본문|"
    "기사|제목|가사|질문|대답|답변|답장|속담|메일|편지|멘트|인사|농담|코드|내용|상황)"
)
#: How an instruction points at the text that it works on; the same in Python and in RE2.
POINTS = rf"(?:다음|아래|주어진|제시된|이|위|윗|앞)(?:의|에)?\s*{_TEXT}"
_POINTS = re.compile(rf"(?<![가-힣])(?!이메일){POINTS}")
_POINTS_BACK = re.compile(rf"(?<![가-힣])(?!이메일)(?:이|위|윗|앞)(?:의|에)?\s*{_TEXT}")
#: Where a text may begin that an instruction works on: behind a colon, or on the next line; and behind a sentence.
_BREAK = re.compile(r"\n|:(?!//)(?<!\d:)(?!\d)")
_SENTENCE = re.compile(rf"{_BREAK.pattern}|(?<![.?!])[.?!]++(?=\s)")
#: Before a colon, these only say that an instruction follows.
_LABEL = re.compile(r"\s*(?:질문|문제|요청|지시|지시문|지시\s?사항|명령|과제|Q|instruction|question)\s*", re.IGNORECASE)
_MARKS = ".,!?~ "
#: Two spaces between words of a quotation part them as one does.
_SPACES = re.compile("[ \t]{2,}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Mentions(NamedTuple):
    """What a text mentions, in narrow signs."""

    quoted: tuple[str, ...]
    material: tuple[str, ...]  # none, or the text that an instruction works on

    def without_numbers(self) -> "Mentions":
        return Mentions(*(tuple(_NUMBER.sub("0", each) for each in some) for some in self))


@lru_cache(1 << 14)
def mentions(text: str) -> Mentions:
    """What an instruction mentions. `text`: in narrow signs.

    >>> mentions("친구가 '괜찮아?'라고 했어").quoted, mentions("반말로 바꿔 줘: 밥 먹었어요.").material
    (('괜찮아?',), ('밥 먹었어요',))
    >>> mentions("이 말은 질문이야? 이리 와").material, mentions("이리 와. 이 말은 질문이야?").material
    (('이리 와',), ('이리 와',))
    >>> mentions("질문: 하늘은 왜 파래?"), mentions("오늘 날씨 어때? 비 와?"), mentions("10:30에 만나")
    (Mentions(quoted=(), material=()), Mentions(quoted=(), material=()), Mentions(quoted=(), material=()))
    """
    quoted = tuple(_SPACES.sub(" ", "".join(filter(None, found.groups()))).strip() for found in _QUOTED.finditer(text))
    material = _material(text.strip()).strip().removesuffix(".")
    is_quoted = _QUOTED.fullmatch(material.rstrip(_MARKS))  # the marks behind it are none of it
    return Mentions(quoted, (material,) if not is_quoted and re.search(r"\w", material) else ())


def _material(text: str) -> str:
    stop = _BREAK.search(text)
    while stop and stop[0] == ":" and _LABEL.fullmatch(text, 0, stop.start()):
        text = text[stop.end() :].strip()
        stop = _BREAK.search(text)
    last = len(text.rstrip())
    ends = [found.end() for found in _SENTENCE.finditer(text) if found.end() < last]
    if not ends:
        return ""
    points = _POINTS.search(text)
    if points and _POINTS_BACK.search(text, ends[-1]):
        # Where the request may stand at both ends, every letter counts.
        return text[: ends[-1]] if points.start() >= ends[-1] and text[ends[-1] - 1] != ":" else text
    if points and points.start() < ends[0]:
        return text[ends[0] :]
    return text[stop.end() :] if stop else ""


def differ_in_mentions(one: str, other: str, is_instruction: bool, numbers: bool = True) -> tuple[str, str] | None:
    """What two texts mention differently, None where they do not. `numbers`: whether a difference of a number counts.

    >>> differ_in_mentions("'역할'이 맞아?", "'역활'이 맞아?", True)
    ('역할', '역활')
    >>> differ_in_mentions("소설 '토지'의 줄거리", "소설 토지의 줄거리", True) is None
    True
    """
    mine, yours = mentions(one), mentions(other)
    if not numbers:
        mine, yours = mine.without_numbers(), yours.without_numbers()
        one, other = (_NUMBER.sub("0", text) for text in (one, other))
    for some, others in zip(mine[: 1 + is_instruction], yours[: 1 + is_instruction], strict=True):
        if some != others and not (_stand_in(some, others, other) and _stand_in(others, some, one)):
            return ", ".join(some), ", ".join(others)
    return None


def _stand_in(mentioned: tuple[str, ...], others: tuple[str, ...], text: str) -> bool:
    """Whether a text without such mentions holds these: there the signs of a quotation are left out."""
    if others:
        return not mentioned
    return all(re.search(rf"(?<!\w){re.escape(each)}(?!\s*[,!?~^ㅋㅎㅠㅜㄷ])", text) for each in mentioned)
