"""Contractions: two syllables drawn into one, as 것이 into 게, 너는 into 넌, 되었 into 됐, and 동안 that becomes 간.

The short form is often another word, too: 게 is a crab, 건 a case, 난 a disaster or the past of 나다, 간 a liver. So it
counts as a contraction only where the other text has the long form at the same place, and where the words beside it
leave no other reading. In doubt both rows stay.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from pipeline.stages.dedupe.differences.hangul import coda, word_set
from pipeline.stages.dedupe.differences.particles import splits


class Beside(NamedTuple):
    """What stands beside words: the word before them and the one after them, without particles or signs cut off."""

    before: str  # "" where they begin the text
    begins: bool  # they begin the text, or marks stand before them
    after: str  # "" where they end the text, or marks stand behind them


class Place(NamedTuple):
    """Where two syllables are one."""

    stem: str  # what stands before them in the same word
    rest: str  # what stands behind them
    beside: Beside


def _is_adnominal(word: str) -> bool:
    """Whether a word may be a predicate before a noun: 하는, 싶은, 먹을, 큰. Nouns that end so are, too."""
    return coda(word) in ("ㄴ", "ㄹ")


def _is_thing(place: Place) -> bool:
    """것 after a predicate or a pronoun, inside a sentence: at its end 게 promises, and 것 orders."""
    before = place.stem or place.beside.before
    return (_is_adnominal(before) or place.stem in ("이", "그", "저")) and bool(place.rest or place.beside.after)


def _is_whole_thing(place: Place) -> bool:
    return not place.rest and _is_thing(place)


#: Predicates before 건 that ask for no case. 접수된 건, 남은 건 and 이번 건 may be cases.
_NO_CASES = (
    *(
        "좋은",
        "싫은",
        "싶은",
        "쉬운",
        "어려운",
        "무서운",
        "힘든",
        "슬픈",
        "나쁜",
        "중요한",
        "필요한",
        "궁금한",
        "확실한",
        "분명한",
    ),
    *("신기한", "이상한", "아쉬운", "재미있는", "재밌는", "맛있는"),
)
#: How a word begins that asks what something is.
_WHAT = ("무엇", "뭐", "뭔", "왜", "누구", "어떻")


def _is_no_case(place: Place) -> bool:
    """건 is 것은, and not a case: after such a predicate, or after a present one, or before a question what it is."""
    before = place.stem or place.beside.before
    if place.stem in ("이", "그", "저"):
        return _is_whole_thing(place)
    is_present = before.endswith("는") and not before.endswith(("하는", "되는"))
    is_asked = before not in _OTHER and place.beside.after.startswith(_WHAT)
    return _is_whole_thing(place) and (before.endswith(_NO_CASES) or is_present or is_asked)


#: Words before 건 that are no predicates: another case, this case.
_OTHER = frozenset(("지난", "이번", "다른", "모든", "어떤", "어느"))


def _is_copula(place: Place) -> bool:
    """것 with the copula inside a sentence: 것이라고, 거라고."""
    return place.rest in ("라고", "라는", "라면", "라서", "고", "니까", "지만") and _is_thing(place)


def _is_asked_whether(place: Place) -> bool:
    return place.rest in ("지", "지도", "데", "가") and _is_thing(place)


def _is_with_way(place: Place) -> bool:
    return place.rest == "로" and _is_thing(place)


#: After these a sentence begins, too.
_CONJUNCTIONS = frozenset(("그런데", "근데", "그래서", "그리고", "하지만", "그러나", "그렇지만", "그래도", "사실"))
#: What flies, and what arises: 나는 새, 난 사고.
_FLIES_OR_ARISES = word_set(
    "새 용 양탄자 자동차 차 비행기 곤충 벌레 로봇 기계 물고기 원숭이 다람쥐 돼지 코끼리 동물 개구리 뱀 배 말 원반 "
    "풍선 드론 종이 꿈 법 방법 것 거 게 걸 건 사람 곳 데 자리 때 뒤 후 이유 땀 열 냄새 소리 맛 불 사고 상처 여드름 털 "
    "싹 구멍 빛 윤 화 길 문제 작물 풀 꽃 집 해 날 달 지역 나라 병 혹 점 뿔 이빨"
)


def _begins(place: Place) -> bool:
    """The word begins a sentence. Elsewhere it may be a verb: 불이 난, 이불을 넌, 차를 우린, 아껴 여긴."""
    beside = place.beside
    return not place.rest and (beside.begins or beside.before in _CONJUNCTIONS)


#: How goes on what is about an orchid, which 난 is, too, and no one who speaks.
_OF_ORCHIDS = ("키우", "키운", "키울", "기르", "기른", "기를", "심", "재배", "화분", "분갈이", "물주")


def _is_i(place: Place) -> bool:
    """난 is 나는, of whom speaks, and nothing that flies or arises, and no orchid."""
    if place.beside.after.startswith(_OF_ORCHIDS):
        return False
    stems = {split.stem for split in splits(place.beside.after)} if place.beside.after else set()
    return not place.stem and _begins(place) and not stems & _FLIES_OR_ARISES


def _is_you(place: Place) -> bool:
    return not place.stem and _begins(place)


def _is_whole(place: Place) -> bool:
    return not place.stem and not place.rest


def _after(*stems: str) -> Callable[[Place], bool]:
    """The word is one of these stems with what is contracted."""
    return lambda place: place.stem in stems and not place.rest


def _in_particle(start: str) -> Callable[[Place], bool]:
    """The word ends with a particle that begins so, and has a noun before it: 친구에게는."""
    return lambda place: place.stem.endswith(start) and len(place.stem) > len(start) and not place.rest


def _is_place_or_before_verb(place: Place) -> bool:
    """기는: 거기는; 여기는 at the beginning; 먹기는 before 하다."""
    if place.stem in ("거", "저", "여"):
        return not place.rest and (place.stem != "여" or _begins(place))
    return bool(place.stem) and not place.rest and place.beside.after.startswith(("하", "했", "한", "할", "합", "해"))


def _is_until_or_not(place: Place) -> bool:
    """지는: 내일까지는; 먹지는 before 않다."""
    return _in_particle("까")(place) or (
        bool(place.stem) and not place.rest and place.beside.after.startswith(("않", "못"))
    )


#: Predicates with 을 before 때; after other words 을 may be the object of 때다: 불을 땐.
_WITH_EUL = ("싶을", "좋을", "많을", "먹을", "읽을", "같을", "젊을")


def _is_time(place: Place) -> bool:
    """때는 is a time after a predicate, and not what is done with fire: 장작을 때는."""
    before = place.stem or place.beside.before
    if place.rest or coda(before) != "ㄹ":
        return place.stem in ("그", "이", "저") and not place.rest
    if not before.endswith("을"):
        return not before.endswith("를") and before != "불"
    return coda(before[:-1]) in ("ㅆ", "ㅄ") or before.endswith(_WITH_EUL)


def _is_little(*stems: str) -> Callable[[Place], bool]:
    """A stem with which 지 않은 and 잖은 say the same; with others they may not: 같잖은, 우습잖은, 점잖은."""
    return lambda place: place.stem.endswith(stems) and place.rest in ("은", "게", "아도")


def _is_past(place: Place) -> bool:
    """A past, whatever stands around it."""
    return True


def _is_past_of_verb(place: Place) -> bool:
    return bool(place.stem)


#: A number of times, without spaces: 3일, 두달, 며칠. 이 is "this", too.
_TIMES = re.compile(
    r"(?:\d[\d,.]*|한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|열두|스무|몇|수|수십|수백|(?!이[^십백천])[일이삼사오육칠팔구십백천]+)여?"
    r"(?:초|분|일|주|주일|달|개월|년|세기|학기)|며칠|사흘|나흘|닷새|보름"
)


def _is_duration(place: Place) -> bool:
    """동안 or 간 after a number of times."""
    if place.rest not in ("", "의", "은", "에", "만", "이나"):
        return False
    times = (place.stem, place.beside.before + place.stem)
    return any(map(_TIMES.fullmatch, times))


#: Two syllables, the one that they are drawn into, and where.
CONTRACTED: dict[tuple[str, str], Callable[[Place], bool]] = {
    ("것이", "게"): _is_whole_thing,
    ("것은", "게"): _is_whole_thing,
    ("것을", "걸"): _is_whole_thing,
    ("것은", "건"): _is_no_case,
    ("것이", "건"): _is_no_case,
    ("것이", "거"): _is_copula,
    ("것인", "건"): _is_asked_whether,
    ("것으", "걸"): _is_with_way,
    ("거는", "건"): _after("이", "그", "저"),
    ("거를", "걸"): _after("이", "그", "저"),
    ("나는", "난"): _is_i,
    ("너는", "넌"): _is_you,
    ("너를", "널"): _is_whole,
    ("리는", "린"): lambda place: place.stem == "우" and _begins(place),
    ("리를", "릴"): _after("우"),
    ("구를", "굴"): _after("누"),
    ("기는", "긴"): _is_place_or_before_verb,
    ("제는", "젠"): _after("이"),
    ("때는", "땐"): _is_time,
    ("게는", "겐"): _in_particle("에"),
    ("테는", "텐"): _in_particle("한"),
    ("지는", "진"): _is_until_or_not,
    ("터는", "턴"): _in_particle("부"),
    ("다는", "단"): _in_particle("보"),
    ("로는", "론"): _in_particle("으"),
    ("지않", "잖"): _is_little("적", "그렇", "달갑", "시답", "남부럽", "하"),
    ("치않", "찮"): _is_little("만만", "변변", "심상", "대단", "마땅", "시원", "녹록", "넉넉", "여의", "순탄"),
    ("되었", "됐"): _is_past,
    ("하였", "했"): _is_past,
    ("주었", "줬"): _is_past,
    ("두었", "뒀"): _is_past,
    ("보았", "봤"): _is_past,
    ("꾸었", "꿨"): _is_past,
    ("추었", "췄"): _is_past,
    ("누었", "눴"): _is_past,
    ("루었", "뤘"): _is_past_of_verb,
    ("우었", "웠"): _is_past_of_verb,
    ("동안", "간"): _is_duration,
}


def is_contracted(one: str, other: str, beside_one: Beside, beside_other: Beside) -> bool:
    """Whether one of two words, or units of words without spaces, is the other with two syllables drawn into one.

    >>> alone, before = Beside("", True, ""), Beside("두", False, "")
    >>> [is_contracted(*pair, alone, alone) for pair in (("너를", "널"), ("친구에게는", "친구에겐"), ("절", "저를"))]
    [True, True, False]
    >>> is_contracted("달동안", "달간", before, before), is_contracted("달동안", "달간", alone, alone)
    (True, False)
    >>> beside = [Beside(word, False, "알려") for word in ("먹는", "접수된")]
    >>> [is_contracted("것은", "건", each, each) for each in beside]
    [True, False]
    """
    if len(one) == len(other):
        changed = _changed(one, other)
        one, other = sorted((one, other))  # 거 comes before 것
        return changed is not None and set(changed) == {"것", "거"} and _is_spoken_thing(one, beside_one, beside_other)
    if len(one) == len(other) + 1:
        return _is_short(one, other, beside_other)
    return len(other) == len(one) + 1 and _is_short(other, one, beside_one)


def may_be_contracted(one: str, other: str) -> bool:
    """Whether what stands beside two words may decide that one is the other contracted.

    >>> may_be_contracted("나는", "난"), may_be_contracted("나는", "나")
    (True, False)
    """
    longer = len(one) - len(other)
    if longer == 0:
        return set(_changed(one, other) or ()) == {"것", "거"}
    if longer == 1:
        return _condition(one, other) is not None
    return longer == -1 and _condition(other, one) is not None


def _changed(one: str, other: str) -> tuple[str, str] | None:
    """The one syllable that two words of one length have differently."""
    found = [(mine, yours) for mine, yours in zip(one, other, strict=True) if mine != yours]
    return found[0] if len(found) == 1 else None


def _is_spoken_thing(short: str, *beside: Beside) -> bool:
    """거 is 것 inside a sentence: 갈 거 같아."""
    stem, _, rest = short.rpartition("거")
    return (not rest or rest.startswith(("같", "처럼", "보다", "만"))) and all(
        _is_thing(Place(stem, rest, each)) for each in beside
    )


@lru_cache(1 << 12)
def _is_short(long: str, short: str, beside: Beside) -> bool:
    condition = _condition(long, short)
    if condition is None:
        return False
    at = _common(long, short)
    return condition(Place(long[:at], long[at + 2 :], beside))


def _condition(long: str, short: str) -> Callable[[Place], bool] | None:
    """Where a word may be the other with two syllables drawn into one; None: nowhere."""
    at = _common(long, short)
    return CONTRACTED.get((long[at : at + 2], short[at : at + 1])) if long[at + 2 :] == short[at + 1 :] else None


def _common(long: str, short: str) -> int:
    """How many syllables two words begin with alike."""
    return next((at for at, (mine, yours) in enumerate(zip(long, short, strict=False)) if mine != yours), len(short))
