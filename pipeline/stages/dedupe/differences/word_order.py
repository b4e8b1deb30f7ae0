"""Word order: two parts of a sentence that change places, each with the particle that says what it does."""

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
    ]
)


def moved(one: Sequence[Word], other: Sequence[Word]) -> tuple[str, str] | None:
    """The words that have another order, as they stand in each text; None if not just the order differs.

    >>> from pipeline.stages.dedupe.differences.words_of_text import words_of
    >>> moved(words_of("친구에게 한국어를 가르쳐 줘"), words_of("한국어를 친구에게 가르쳐 줘"))
    ('친구에게 한국어를', '한국어를 친구에게')
    >>> moved(words_of("나 요즘 바빠"), words_of("요즘 나 바빠"))
    ('나 요즘', '요즘 나')
    >>> moved(words_of("서울 부산 거리"), words_of("부산 서울 거리")) is None
    True
    """
    first, second = [word.text for word in one], [word.text for word in other]
    if len(first) != len(second) or first == second or sorted(first) != sorted(second):
        return None
    start = next(at for at, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    end = len(first) - next(at for at, (a, b) in enumerate(zip(first[::-1], second[::-1], strict=True)) if a != b)
    part, changed = first[start:end], second[start:end]
    if not 2 <= len(part) <= 4 or any(word.kind != HANGUL for word in one[start:end]):
        return None
    for cut in range(1, len(part)):
        if part[cut:] + part[:cut] == changed and _are_apart(part[:cut], part[cut:], first[1:start]):
            return " ".join(part), " ".join(changed)
    return None


def _are_apart(one: list[str], other: list[str], before: list[str]) -> bool:
    """Whether both parts say by their ends what they do, differently, and no word before belongs to the first."""
    roles = [_roles(part[-1]) for part in (one, other)]
    return all(roles) and not roles[0] & roles[1] and (not before or bool(_roles(before[-1])))


def _roles(word: str) -> set[str]:
    if word in ADVERBS or (len(word) > 2 and word.endswith(("하게", "스럽게", "히"))):
        return {word}
    if word in PRONOUNS:
        return {"topic", "subject"}
    return {split.role for split in splits(word)} & ROLES
