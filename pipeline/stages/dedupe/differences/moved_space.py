"""A space that stands before a syllable in one text and behind it in the other: 할 수있다, 할수 있다.

Most syllables may belong to either side with another meaning: 아버지가 방에, 아버지 가방에. It is a slip only where
grammar leaves one place for both spaces.
"""

import itertools
from collections.abc import Sequence

from pipeline.stages.dedupe.differences.hangul import coda, word_set
from pipeline.stages.dedupe.differences.particles import splits

#: Nouns that stand between two predicates, and how the second one begins: 할 수 있다, 올 것 같다.
_BETWEEN_PREDICATES = {
    **dict.fromkeys(("수", "수가", "수는", "수도", "수밖에", "적", "적이"), ("있", "없")),
    **dict.fromkeys(("것", "거"), ("같",)),
    **dict.fromkeys(("줄", "줄은", "줄도"), ("알", "아", "모르", "몰")),
}
#: How a predicate begins that asks somebody to do something, or to try it: 설명 해 주세요.
_AFTER_DOING = ("주", "줘", "줄", "드려", "드립", "달라")
#: Nouns before 해, a year: 다음 해.
_YEARS = ("다음", "이듬", "지난", "올", "새")
_COUNTRIES = (
    "한국",
    "일본",
    "중국",
    "영국",
    "독일",
    "태국",
    "외국",
    "스페인",
    "러시아",
    "프랑스",
    "베트남",
    "이탈리아",
    "아랍",
    "모국",
)
#: What a language has, and no word begins with 어 and one of these.
_OF_LANGUAGES = word_set(
    "문법 단어 발음 회화 공부 교육 시험 수업 번역 표현 어휘 문장 자막 교재 실력 말하기 듣기 쓰기 읽기 학습 "
    "교사 선생님 통역"
)


def is_a_slip(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether words with the same letters, but a space at another place, are the same words.

    >>> is_a_slip(["할", "수있는"], ["할수", "있는"]), is_a_slip(["설명", "해주세요"], ["설명해", "주세요"])
    (True, True)
    >>> is_a_slip(["아버지가", "방에"], ["아버지", "가방에"]), is_a_slip(["이", "해주세요"], ["이해", "주세요"])
    (False, False)
    >>> is_a_slip(["한국", "어문법을"], ["한국어", "문법을"]), is_a_slip(["한국", "어선을"], ["한국어", "선을"])
    (True, False)
    """
    mine, yours = (set(itertools.accumulate(map(len, words[:-1]))) for words in (one, other))
    letters = "".join(one)
    cuts = [0, *sorted(mine | yours), len(letters)]
    moved = sorted(mine ^ yours)
    if len(moved) != 2 or len(mine) != len(yours) or cuts.index(moved[1]) != cuts.index(moved[0]) + 1:
        return False
    at = cuts.index(moved[0])
    before, middle, after = (letters[start:end] for start, end in itertools.pairwise(cuts[at - 1 : at + 3]))
    return (
        _is_bound_noun(before, middle, after) or _is_doing(before, middle, after) or _is_language(before, middle, after)
    )


def _is_bound_noun(before: str, middle: str, after: str) -> bool:
    return coda(before) in ("ㄴ", "ㄹ") and after.startswith(_BETWEEN_PREDICATES.get(middle, ()))


def _is_doing(before: str, middle: str, after: str) -> bool:
    """해 after a noun of what is done: 요약 해, 설명 해."""
    return middle == "해" and len(before) > 1 and not before.endswith(_YEARS) and after.startswith(_AFTER_DOING)


def _is_language(before: str, middle: str, after: str) -> bool:
    return (
        middle == "어" and before.endswith(_COUNTRIES) and any(split.stem in _OF_LANGUAGES for split in splits(after))
    )
