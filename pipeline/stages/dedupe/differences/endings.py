"""Endings of sentences: the same request, statement or question, said more or less politely.

A predicate is read as a stem with an ending of one mood. Two predicates differ in politeness alone if they share a stem
and a mood: 설명해 주세요, 설명해줘, 설명하십시오 and 설명하시오 are requests to 설명하다. All words
come without spaces.
"""

from functools import lru_cache

from pipeline.stages.dedupe.differences.hangul import coda, compose, decompose, is_syllable, with_coda

REQUEST, STATEMENT, QUESTION = "request", "statement", "question"
Reading = tuple[str, str]  # (stem, mood)

#: After an infinitive (설명해, 알려, 써): requests.
AFTER_INFINITIVE = (
    "주세요",
    "주십시오",
    "주시오",
    "주셔요",
    "줘",
    "줘요",
    "주라",
    "주렴",
    "줄래",
    "줄래요",
    "주실래요",
    "주실래",
    "주겠어",
    "주겠니",
    "주겠어요",
    "주시겠어요",
    "주시겠습니까",
    "주실수있나요",
    "주실수있을까요",
    "주실수있어요",
    "주실수있으신가요",
    "주실수있습니까",
    "주실수있는지요",
    "주실수있으세요",
    "주실수있을지요",
    "주실수있겠어요",
    "주실수있겠습니까",
    "줄수있으세요",
    "줄수있으신가요",
    "줄수있는지요",
    "줄수있겠어요",
    "줄수있겠습니까",
    "주시겠나요",
    "주시겠어",
    "주겠습니까",
    "주겠나",
    "줄수있나요",
    "줄수있어요",
    "줄수있을까요",
    "줄수있어",
    "줄수있니",
    "줄수있나",
    "줄수있을까",
    "줄수있습니까",
    "줄수있겠니",
    "주시기바랍니다",
    "주기바랍니다",
    "주길바랍니다",
    "주시길바랍니다",
    "주시길부탁드립니다",
    "주시기부탁드립니다",
    "주시면감사하겠습니다",
    "주시면감사하겠어요",
    "주시면정말감사하겠습니다",
    "주시면감사드리겠습니다",
    "주시면고맙겠어요",
    "주시면좋겠어요",
    "주시면됩니다",
    "주면돼",
    "주면돼요",
    "주면고맙겠습니다",
    "주시면고맙겠습니다",
    "주면좋겠어",
    "주면좋겠어요",
    "주시면좋겠습니다",
    "주시면돼요",
    "주시죠",
    "주지",
    "보세요",
    "보십시오",
    "보시오",
    "봐",
    "봐요",
    "봐라",
    "보라",
    "보시기바랍니다",
    "보아라",
    "볼래",
    "볼래요",
    "주십쇼",
    "주셈",
    "주삼",
    "달라",
    "주었으면합니다",
    "줬으면좋겠어",
    "줬으면해",
    "주었으면좋겠습니다",
    "주었으면해요",
    "줬으면합니다",
    "줬으면좋겠어요",
    "줬으면좋겠습니다",
)
#: After a noun: requests to do it ("요약 부탁드립니다").
AFTER_TASK = (
    "부탁해",
    "부탁해요",
    "부탁합니다",
    "부탁할게",
    "부탁할게요",
    "부탁드려요",
    "부탁드립니다",
    "부탁드릴게요",
    "부탁드리겠습니다",
    "바랍니다",
    "바람",
)
#: After a stem; the forms with 으 follow a coda.
AFTER_STEM = {
    REQUEST: (
        "세요",
        "십시오",
        "시오",
        "라",
        "셔요",
        "십쇼",
        "시기바랍니다",
        "기바랍니다",
        "시길바랍니다",
        "길바랍니다",
        "시면됩니다",
        "셈",
        "기",
        "도록하세요",
        "도록하십시오",
        "도록해",
        "도록해라",
        "시지요",
        "시죠",
        "거라",
        "자",
        "렴",
        "실수있나요",
        "실수있을까요",
        "실래요",
    ),
    STATEMENT: ("다", "는다", "네", "네요", "군요", "군", "구나", "지요", "죠", "지"),
    QUESTION: (
        "나요",
        "나",
        "니",
        "냐",
        "느냐",
        "는가",
        "는가요",
        "는지",
        "는지요",
        "은가",
        "은가요",
        "은지",
        "은지요",
        "시나요",
        "십니까",
        "시는지요",
        "으신가요",
        "신가요",
        "세요",
        "지요",
        "죠",
        "지",
        "던가요",
        "던가",
        "는건가요",
        "는거야",
        "는거예요",
        "는겁니까",
        "는걸까요",
    ),
}
#: After a noun: the copula.
AFTER_NOUN = {
    STATEMENT: (
        *("입니다", "이다", "예요", "이에요", "에요", "이야", "야", "이네요", "네요", "임", ""),
        *("이지", "지", "이죠", "이지요", "죠"),
    ),
    QUESTION: (
        "인가요",
        "입니까",
        "인가",
        "일까요",
        "일까",
        "인지요",
        "인지",
        "예요",
        "이에요",
        "에요",
        "이야",
        "야",
        "이니",
        "니",
        "이지",
        "이죠",
        "이지요",
        "죠",
        "지",
        "이냐",
        "냐",
        "인데",
        "인데요",
        "일까나",
        "인걸까요",
        "인걸까",
        "인거야",
        "인거예요",
        "인건가요",
        "",
    ),
}
#: Endings after a noun that ask a question with a question word alone, and else ask to agree: "나쁜 놈이지".
AGREED = ("이지", "지", "이죠", "이지요", "죠")
#: A coda and what follows it: 합니다 is 하 + ㅂ + 니다.
WITH_CODA: dict[str, dict[str, tuple[str, ...]]] = {
    "ㅂ": {"니다": (STATEMENT, REQUEST), "니까": (QUESTION,), "시다": (REQUEST,)},
    "ㄴ": {
        **dict.fromkeys(("가", "가요", "지", "지요", "건가요", "거야", "걸까요", "걸까", "데", "데요"), (QUESTION,)),
        "다": (STATEMENT, REQUEST),
    },
    "ㄹ": dict.fromkeys(("까", "까요"), (QUESTION,)),
}
#: Stems whose ㄹ까 asks for a fact; of others it asks for advice: "갈까요" is not "가나요".
FACTS = (
    "있",
    "없",
    "좋",
    "되",
    "이",
    "같",
    "많",
    "높",
    "크",
    "어렵",
    "쉽",
    "맞",
    *(
        "괜찮",
        "나쁘",
        "필요하",
        "가능하",
        "안전하",
        "위험하",
        "중요하",
        "적당하",
        "충분하",
        "유명하",
        "심하",
        "다르",
        "비싸",
        "힘들",
    ),
    "뭐",
    "무엇",
    "어디",
    "누구",
    "언제",
    "얼마",
)
#: Endings that take 요 to be polite.
TAKES_YO = (
    "네",
    "군",
    "지",
    "거든",
    "는데",
    "은데",
    "인데",
    "게",
    "래",
    "까",
    "나",
    "고",
    "서",
    "니까",
    "걸",
    "던데",
    "가",
    "든",
)


def _moods_of(tables: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The moods of each ending, from the endings of each mood.

    >>> _moods_of({"request": ("라", "자"), "question": ("자",)})
    {'라': ('request',), '자': ('request', 'question')}
    """
    endings = dict.fromkeys(ending for some in tables.values() for ending in some)
    return {ending: tuple(mood for mood, some in tables.items() if ending in some) for ending in endings}


_OF_INFINITIVE, _OF_TASK = frozenset(AFTER_INFINITIVE), frozenset(AFTER_TASK)
_OF_STEM, _OF_NOUN = _moods_of(AFTER_STEM), _moods_of(AFTER_NOUN)
_LONGEST = max(map(len, (*_OF_INFINITIVE, *_OF_TASK, *_OF_STEM, *_OF_NOUN)))
#: Verbs that only say the same more politely.
HONORIFIC = {"말씀하": "말하", "부탁드리": "부탁하", "감사드리": "감사하", "축하드리": "축하하", "추천드리": "추천하"}
#: One word, written in two ways.
SAME_STEM = {"뭐": "무엇", "뭣": "무엇", "무어": "무엇", "거": "것", "누구": "누구", "누": "누구", "건": "것은"}
#: The signs of politeness or of a request: without one of them, a word that is the stem itself may be another word.
_EXPLICIT = (
    "세요",
    "십시오",
    "시오",
    "니다",
    "니까",
    "줘",
    "요",
    "까",
    "주라",
    "주렴",
    "셈",
    "십쇼",
    "죠",
    "해라",
    "줄래",
    "바랍니다",
    "인가",
    "는가",
    "이야",
    "야",
    "이다",
)


#: Endings inside a sentence that say the same after one stem, without spaces.
PURPOSES = (("려면", "기위해서는", "기위해선", "기위하여서는"), ("려고", "기위해", "기위해서", "기위하여"))
_OF_PURPOSE = tuple(ending for alike in PURPOSES for ending in alike)


def differ_in_purpose(one: str, other: str) -> bool:
    """Whether two predicates say for what something is done, in other words.

    >>> differ_in_purpose("성공하려면", "성공하기위해서는"), differ_in_purpose("먹기위해", "먹으려고")
    (True, True)
    >>> differ_in_purpose("성공하려면", "성공하려고"), differ_in_purpose("성공하려면", "실패하기위해서는")
    (False, False)
    """
    if not (one.endswith(_OF_PURPOSE) and other.endswith(_OF_PURPOSE)):
        return False
    return any(_purposes(one, alike) & _purposes(other, alike) for alike in PURPOSES)


def _purposes(word: str, alike: tuple[str, ...]) -> set[str]:
    stems = {word.removesuffix(ending) for ending in alike if word.endswith(ending) and len(word) > len(ending)}
    return stems | {stem[:-1] for stem in stems if stem.endswith("으") and len(stem) > 1}


def stems_of_infinitive(word: str) -> list[str]:
    """The stems that an infinitive (stem with 아 or 어) can come from.

    >>> pairs = {"설명해": "설명하", "알려": "알리", "써": "쓰", "찾아": "찾", "골라": "고르", "도와": "돕"}
    >>> all(stem in stems_of_infinitive(infinitive) for infinitive, stem in pairs.items())
    True
    """
    if not word or not is_syllable(word[-1]):
        return []
    before, (onset, vowel, last) = word[:-1], decompose(word[-1])
    if last:
        return []
    stems = [word] if vowel in "ㅏㅓㅐㅕㅔ" or word.endswith("와") else []
    simple = {"ㅓ": "ㅡ", "ㅏ": "ㅡ", "ㅕ": "ㅣ", "ㅝ": "ㅜ", "ㅘ": "ㅗ", "ㅙ": "ㅚ", "ㅐ": "ㅏ", "ㅖ": "ㅣ"}
    if vowel in simple:
        stem = before + compose(onset, simple[vowel])
        stems = [stem, word] if word.endswith("해") else [*stems, stem]
    if before and is_syllable(before[-1]):
        stems += _contracted(before, word[-1])
    if word.endswith("하여"):
        stems.append(word[:-1])
    return stems


def _contracted(before: str, last: str) -> list[str]:
    """Stems of infinitives whose last syllable is all ending, or changes the stem."""
    found = []
    end = coda(before)
    if last in ("아", "어"):
        found.append(before)
        found += [with_coda(before, "ㄷ")] if end == "ㄹ" else []
        found += [with_coda(before, "ㅅ")] if not end else []
    if last in ("워", "와") and not end:
        found.append(with_coda(before, "ㅂ"))
    if last in ("라", "러") and end == "ㄹ":
        found.append(with_coda(before, "") + "르")
    return found


def _of_stem(base: str, ending: str) -> list[str]:
    """The stems that can stand before this ending: 으 after a coda, and ㄹ that is lost before ㄴ, ㅅ, ㅂ."""
    if not base or not is_syllable(base[-1]):
        return [base] if base else []
    stems = [base]
    if base.endswith("으") and len(base) > 1 and ending[0] in "세십시라셔셈실":
        stems.append(base[:-1])
    if not coda(base) and ending[0] in "세십시셔는나니네셈신냐실":
        stems.append(with_coda(base, "ㄹ"))
    return stems


def _asks_to_agree(noun: str, ending: str, mood: str) -> bool:
    """Whether a noun with this ending only asks to agree: "나쁜 놈이지" is not "나쁜 놈인가".

    >>> differ_in_politeness("무엇이지", "무엇인가"), differ_in_politeness("놈이지", "놈인가")
    (True, False)
    """
    asks = noun.endswith(("무엇", "뭐", "누구", "어디", "언제", "얼마", "왜"))
    return mood == QUESTION and ending in AGREED and not asks


@lru_cache(1 << 14)
def readings(word: str) -> frozenset[Reading]:
    """Every (stem, mood) as which a predicate can be read.

    >>> ("설명하", REQUEST) in readings("설명해주세요") & readings("설명하시오") & readings("설명합니다")
    True
    >>> ("어디", QUESTION) in readings("어디인가요") & readings("어딘가요") & readings("어디야")
    True
    """
    found: set[Reading] = set()
    for at in range(max(0, len(word) - _LONGEST), len(word) + 1):
        base, ending = word[:at], word[at:]
        if ending in _OF_INFINITIVE:
            found |= {(stem, REQUEST) for stem in (stems_of_infinitive(base) if base else [""])}
        if ending in _OF_TASK and len(base) > 1:
            found.add((base + "하", REQUEST))
        for mood in _OF_STEM.get(ending, ()):
            if not (base.endswith("이") and _asks_to_agree(base[:-1], ending, mood)):
                found |= {(stem, mood) for stem in _of_stem(base, ending)}
        found |= {(base, mood) for mood in _OF_NOUN.get(ending, ()) if not _asks_to_agree(base, ending, mood)}
    found |= _with_coda(word) | _infinitives(word)
    return frozenset((_plain(SAME_STEM.get(stem, stem)), mood) for stem, mood in found)


def _plain(stem: str) -> str:
    """The stem with a plain verb for an honorific one.

    >>> _plain("말씀하"), _plain("제게말씀하"), _plain("설명하")
    ('말하', '제게말하', '설명하')
    """
    polite = next((polite for polite in HONORIFIC if stem.endswith(polite)), "")
    return stem.removesuffix(polite) + HONORIFIC.get(polite, "")


def _with_coda(word: str) -> set[Reading]:
    """Readings by an ending that begins with a coda, or with 습 or 을 after a coda."""
    found: set[Reading] = set()
    for jamo, endings in WITH_CODA.items():
        for ending, moods in endings.items():
            base = word.removesuffix(ending)
            if base == word or coda(base) != jamo:
                continue
            stem = with_coda(base, "")
            stems = [stem, with_coda(stem, "ㄹ")]
            full = {"ㅂ": "습", "ㄹ": "을", "ㄴ": "은"}[jamo]
            if base.endswith(full) and len(base) > 1:
                stems = [base[:-1]]
            if jamo == "ㄹ" and not any(each.endswith(FACTS) for each in stems):
                moods = ("advice",)
            found |= {(each, mood) for each in stems for mood in moods}
    return found


def _infinitives(word: str) -> set[Reading]:
    """Readings of an infinitive alone, with 요 or with 라; and of an ending that takes 요."""
    found: set[Reading] = set()
    for ending, moods in (
        ("", (REQUEST, STATEMENT, QUESTION)),
        ("요", (REQUEST, STATEMENT, QUESTION)),
        ("라", (REQUEST,)),
    ):
        if word.endswith(ending):
            base = word.removesuffix(ending) if ending else word
            found |= {(stem, mood) for stem in stems_of_infinitive(base) for mood in moods}
    bare = word.removesuffix("요")
    if bare.endswith(TAKES_YO):
        found.add((bare, "with 요"))
    return found


def differ_in_politeness(one: str, other: str) -> bool:
    """Whether two predicates say the same, more or less politely.

    >>> [differ_in_politeness("설명해주세요", other) for other in ("설명해줘", "설명하시오", "설명해줄수있나요")]
    [True, True, True]
    >>> [differ_in_politeness("설명해주세요", other) for other in ("설명하지마세요", "설명했어요", "증명해주세요")]
    [False, False, False]
    >>> differ_in_politeness("싶다", "싶어"), differ_in_politeness("바다", "바")
    (True, False)
    >>> differ_in_politeness("무엇인가요", "뭐야"), differ_in_politeness("있나요", "없나요")
    (True, False)
    """
    return bool(shared_moods(one, other))


@lru_cache(1 << 14)
def shared_moods(one: str, other: str) -> frozenset[str]:
    """The moods in which two predicates say the same.

    >>> shared_moods("분류하세요", "분류해줄래"), shared_moods("꼼꼼해", "꼼꼼하니"), shared_moods("바다", "바")
    (frozenset({'request'}), frozenset({'question'}), frozenset())
    """
    explicit = one.endswith(_EXPLICIT) or other.endswith(_EXPLICIT)
    shared = readings(one) & readings(other)
    return frozenset(mood for stem, mood in shared if explicit or stem not in (one, other))
