"""Particles: forms of one particle, and particles that a writer may leave out or exchange without another meaning."""

from functools import lru_cache
from typing import NamedTuple

from pipeline.stages.dedupe.differences.hangul import coda

#: Particles by role. Those of one role may be exchanged; of the roles in OPTIONAL, they may also be left out.
ROLES = {
    "topic": ("은", "는", "이란", "란", "이라는것은"),
    "subject": ("이", "가", "께서"),
    "object": ("을", "를", "에대해", "에대하여", "에대해서", "에관해", "에관하여", "에관해서"),
    "genitive": ("의",),
    "dative": ("에게", "한테", "께", "에게는", "한테는"),
    "and": ("와", "과", "랑", "이랑", "하고"),
    "at": ("에", "에는", "엔"),
    "in": ("에서", "에서는", "서", "에선"),
    "by": ("으로", "로", "으로는", "로는"),
    "as": ("으로서", "로서", "으로써", "로써"),
    "from": ("부터", "에서부터", "로부터", "으로부터"),
    "or": ("이나", "나"),
    "than": ("보다", "보다는"),
    "about": ("에대한", "에관한", "에대해", "에관해", "에대하여", "에관하여", "에대해서", "에관해서"),
    "and so on": ("등", "등의"),
}
#: For each particle its roles, as (number, role, particle): the numbers are in the order of ROLES.
_ROLES_OF: dict[str, list[tuple[int, str, str]]] = {}
for _role, _particles in ROLES.items():
    for _particle in _particles:
        _ROLES_OF.setdefault(_particle, []).append((sum(map(len, _ROLES_OF.values())), _role, _particle))
_LONGEST = max(map(len, _ROLES_OF))
#: Roles that a writer may exchange: "원인은 무엇인가요", "원인이 무엇인가요".
ALIKE = ({"topic", "subject"}, {"genitive", "about"})
OPTIONAL = {"topic", "subject", "object", "genitive"}
#: Words in two forms.
ALIKE_WORDS = [
    {one, other}
    for forms in (
        "대해 대하여 대해서",
        "관해 관하여 관해서",
        "위해 위하여 위해서",
        "통해 통하여 통해서",
        "의해 의하여 의해서",
    )
    for one in forms.split()
    for other in forms.split()
    if one != other
]
#: Words of one syllable that are something else without a particle: this, one, not, more.
NO_NOUNS = frozenset("이그저한두세네안못잘다더또왜새첫맨온각매총전현본양몇꼭좀막곧늘참푹딱일오육칠팔구십백천만너내제")
#: What each particle needs before it: a syllable with a coda (True) or without (False).
_AFTER_CODA = {
    **dict.fromkeys(("은", "이", "을", "과", "이랑", "이란", "이나", "으로", "으로서", "으로써", "으로는"), True),
    **dict.fromkeys(("는", "가", "를", "와", "랑", "란", "나", "로", "로서", "로써", "로는"), False),
}
#: Nouns that end like a noun with a particle.
NOUNS = frozenset(
    [
        "가을",
        "마을",
        "노을",
        "고을",
        "나이",
        "사이",
        "아이",
        "종이",
        "오이",
        "놀이",
        "차이",
        "높이",
        "길이",
        "깊이",
        "넓이",
        "먹이",
        "회의",
        "강의",
        "주의",
        "정의",
        "토의",
        "합의",
        "논의",
        "결의",
        "동의",
        "거의",
        "평가",
        "휴가",
        "국가",
        "물가",
        "작가",
        "증가",
        "추가",
        "참가",
        "대가",
        "화가",
        *(
            "주가",
            "시가",
            "고가",
            "저가",
            "유가",
            "초가",
            "수가",
            "부가",
            "배가",
            "호가",
            "여가",
            "처가",
            "외가",
            "자가",
            "서가",
        ),
        "효과",
        "결과",
        "사과",
        "성과",
        "교과",
        "학과",
        "내과",
        "외과",
        "도로",
        "피로",
        "진로",
        "통로",
        "하나",
        "정치가",
        "역사가",
        "투자가",
        "만화가",
        "연주가",
        "비평가",
        "안무가",
        "조리사",
        "고양이",
        "호랑이",
        "원숭이",
        "어린이",
        "젊은이",
        "늙은이",
        "민주주의",
        "자본주의",
        "사회주의",
        "공산주의",
        "개인주의",
        "여자가",
        "남자가",
    ]
) - {"여자가", "남자가"}


class Split(NamedTuple):
    """A word taken apart. `particle`: "" where it has none."""

    stem: str
    role: str
    particle: str


@lru_cache(1 << 14)
def splits(word: str) -> list[Split]:
    """Every way to read a word as a stem with a particle, or without.

    >>> [tuple(split) for split in splits("원인은")]
    [('원인은', '', ''), ('원인', 'topic', '은')]
    """
    ends = [word[at:] for at in range(max(1, len(word) - _LONGEST), len(word))]
    read = sorted(number_and_role for end in ends for number_and_role in _ROLES_OF.get(end, ()))
    found = ((word[: len(word) - len(particle)], role, particle) for _, role, particle in read)
    return [Split(word, "", ""), *(Split(*split) for split in found if _fits(split[0], split[2]))]


def _fits(stem: str, particle: str) -> bool:
    """Whether the sound of the stem allows this form of the particle; Latin words and numbers allow each."""
    needed = _AFTER_CODA.get(particle)
    if needed is None or not "가" <= stem[-1] <= "힣":
        return True
    last = coda(stem)
    if last == "ㄹ" and particle.startswith(("로", "으로")):
        return particle.startswith("로")
    return bool(last) == needed


def exchanged_particle(one: str, other: str) -> tuple[Split, Split] | None:
    """The two readings by which two words differ in a particle alone, and not in their meaning.

    >>> [split.particle for split in exchanged_particle("원인은", "원인이")]
    ['은', '이']
    >>> [split.particle for split in exchanged_particle("온난화의", "온난화")]
    ['의', '']
    >>> exchanged_particle("철수가", "철수를"), exchanged_particle("서울에서", "서울로")
    (None, None)
    >>> exchanged_particle("먹은", "먹는") is None
    True
    >>> exchanged_particle("역사가", "역사") is None, exchanged_particle("역사가", "역사는") is None
    (True, False)
    >>> exchanged_particle("비가", "비") is None, exchanged_particle("이가", "이") is None
    (False, True)
    >>> exchanged_particle("대해", "대해서") is None
    False
    """
    if one[:1] != other[:1]:
        return None
    if {one, other} in ALIKE_WORDS:
        return Split(one, "", ""), Split(other, "", "")
    for mine in splits(one):
        for yours in splits(other):
            if mine.stem == yours.stem and _means_the_same(mine, yours) and not _is_noun(one, mine, other, yours):
                return mine, yours
    return None


def _is_noun(one: str, mine: Split, other: str, yours: Split) -> bool:
    """Whether one word is a noun that only ends like the other with a particle: "역사가", "역사"."""
    return (one in NOUNS and not yours.particle) or (other in NOUNS and not mine.particle)


def _means_the_same(mine: Split, yours: Split) -> bool:
    if mine.role == yours.role:
        return True
    if mine.role and yours.role:
        return any({mine.role, yours.role} <= roles for roles in ALIKE)
    role = mine.role or yours.role
    if len(mine.stem) == 1 and role == "subject":
        return mine.stem not in NO_NOUNS
    return role in OPTIONAL and (len(mine.stem) > 1 or role == "object")


def exchange_roles(pairs: list[tuple[Split, Split]]) -> bool:
    """Whether two words exchange their particles: "철수는 영희가 좋다", "철수가 영희는 좋다".

    A genitive that is left out at one place and not at another says nothing of roles: "소설의 주인공 이름".

    >>> first, second = exchanged_particle("철수는", "철수가"), exchanged_particle("영희가", "영희는")
    >>> exchange_roles([first, second]), exchange_roles([first, first])
    (True, False)
    """
    roles = {(mine.role, yours.role) for mine, yours in pairs if mine.role != yours.role}
    roles -= {("genitive", ""), ("", "genitive")}
    return any((yours, mine) in roles for mine, yours in roles)
