"""Word order: two parts of a sentence that change places, each with the particle that says what it does."""

import re
from collections.abc import Sequence

from pipeline.stages.dedupe.differences.particles import splits
from pipeline.stages.dedupe.differences.words_of_text import HANGUL, Word

#: What a word with such a particle does in a sentence does not depend on its place.
ROLES = frozenset(("topic", "subject", "object", "dative", "at", "in", "by", "from"))
#: Who speaks, and to whom: the subject where no particle follows.
PRONOUNS = frozenset(("나", "저", "너", "우리"))
ADVERBS = frozenset(
    [
        "오늘",
        "어제",
        "내일",
        "지금",
        "요즘",
        "요새",
        "방금",
        "아까",
        "그저께",
        "모레",
        "이제",
        "가끔",
        "자주",
        "매일",
        "짧게",
        "길게",
        "빠르게",
        "이번에",
        "다음에",
        "자세히",
        "간단히",
        "간략히",
        "쉽게",
        "빨리",
        "천천히",
        "먼저",
        "꼭",
        "잘",
        "다시",
        "함께",
        "같이",
        *(
            "왜",
            "언제",
            "어디서",
            "어떻게",
            "정말",
            "진짜",
            "벌써",
            "항상",
            "늘",
            "보통",
            "갑자기",
            "얼른",
            "미리",
            "당장",
            "드디어",
        ),
    ]
)
#: What two things have together, in whatever order they are named.
MUTUAL = re.compile(r"(?:공통점|차이|차이점|관계|비교|유사점|장단점|특징)(?:[은는이가을를과와]|에|의)?$|비교")
#: For how long: what stands before it says nothing else.
_DURATION = re.compile(
    r"(?:하루|이틀|사흘|나흘|닷새|며칠|(?:[한두세네몇일이삼사오육칠팔구십백]|다섯|여섯|일곱|여덟|아홉|열)+\s?"
    r"(?:시간|분|일|주|주일|달|개월|년|해|학기)|일주일|한나절|반나절|온종일|평생) (?:내내|동안)"
)
_AND = re.compile(r"([가-힣]+)(?:와|과|랑|이랑|하고)")
#: How a sentence ends.
_FINITE = re.compile(r"(?:다|요|줘|까|네|니|냐|세|시오|구나|군)$")


def moved(one: Sequence[Word], other: Sequence[Word]) -> tuple[str, str] | None:
    """The words that have another order, as they stand in each text; None if not just the order differs.

    >>> from pipeline.stages.dedupe.differences.words_of_text import words_of
    >>> moved(words_of("친구에게 한국어를 가르쳐 줘"), words_of("한국어를 친구에게 가르쳐 줘"))
    ('친구에게 한국어를', '한국어를 친구에게')
    >>> moved(words_of("나 요즘 바빠"), words_of("요즘 나 바빠"))
    ('나 요즘', '요즘 나')
    >>> moved(words_of("부산에서 하루 동안 쉬기"), words_of("하루 동안 부산에서 쉬기"))
    ('부산에서 하루 동안', '하루 동안 부산에서')
    >>> moved(words_of("부산에서 자는 동안 쉬기"), words_of("자는 동안 부산에서 쉬기")) is None
    True
    >>> moved(words_of("여름이 너무 덥다"), words_of("너무 덥다 여름이"))
    ('여름이 너무 덥다', '너무 덥다 여름이')
    >>> moved(words_of("시와 소설의 차이는?"), words_of("소설과 시의 차이는?"))
    ('시와 소설의', '소설과 시의')
    >>> moved(words_of("서울 부산 거리"), words_of("부산 서울 거리")) is None
    True
    """
    first, second = [word.text for word in one], [word.text for word in other]
    if len(first) != len(second) or first == second:
        return None
    start = next(at for at, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    end = len(first) - next(at for at, (a, b) in enumerate(zip(first[::-1], second[::-1], strict=True)) if a != b)
    part, changed = first[start:end], second[start:end]
    if not 2 <= len(part) <= 4 or any(word.kind != HANGUL for word in (*one[start:end], *other[start:end])):
        return None
    if _are_mutual(part, changed, first[end : end + 1]):
        return " ".join(part), " ".join(changed)
    if any(word.marks for word in (*one[start : end - 1], *other[start : end - 1])):
        return None
    is_whole = start == 1 and end == len(first)
    for cut in range(1, len(part)):
        if part[cut:] + part[:cut] == changed and (
            _are_apart(part[:cut], part[cut:], first[1:start])
            or (is_whole and (_is_inverted(part[:cut], part[cut:]) or _is_inverted(part[cut:], part[:cut])))
        ):
            return " ".join(part), " ".join(changed)
    return None


def _are_mutual(part: list[str], changed: list[str], following: list[str]) -> bool:
    """Whether two things that are named in another order are spoken of together: "시와 소설의 차이"."""
    if len(part) != 2 or not following or not MUTUAL.match(following[0]):
        return False
    names = []
    for first, second in (part, changed):
        joined = _AND.fullmatch(first)
        if not joined:
            return False
        names.append((joined[1], second.removesuffix("의")))
    return names[0] == names[1][::-1]


def _is_inverted(subject: list[str], predicate: list[str]) -> bool:
    """Whether a sentence may be inverted so that this word stands at its end: "너무 덥다 여름이"."""
    return len(subject) == 1 and bool(_roles(subject[0]) & {"topic", "subject"}) and bool(_FINITE.search(predicate[-1]))


def _are_apart(one: list[str], other: list[str], before: list[str]) -> bool:
    """Whether both parts say by their ends what they do, differently, and no word before belongs to the first."""
    roles = [{"for"} if _DURATION.fullmatch(" ".join(part)) else _roles(part[-1]) for part in (one, other)]
    return all(roles) and not roles[0] & roles[1] and (not before or bool(_roles(before[-1])))


def _roles(word: str) -> set[str]:
    if word in ADVERBS or (len(word) > 2 and word.endswith(("하게", "스럽게", "히"))):
        return {word}
    if word in PRONOUNS:
        return {"topic", "subject"}
    return {split.role for split in splits(word)} & ROLES
