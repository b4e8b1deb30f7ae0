"""Word order: two parts of a sentence that change places, each with the particle that says what it does."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.stages.dedupe.differences.hangul import coda, word_set
from pipeline.stages.dedupe.differences.particles import splits
from pipeline.stages.dedupe.differences.words_of_text import HANGUL, LATIN, NUMBER, Word

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
            "혼자",
            "혼자서",
            "직접",
            "계속",
            "올해",
            "어젯밤",
        ),
    ]
)
#: Those that say when.
_WHEN = word_set(
    "오늘 어제 내일 지금 요즘 요새 방금 아까 그저께 모레 이제 가끔 자주 매일 이번에 다음에 항상 늘 보통 올해 어젯밤"
)
#: What two things have together, in whatever order they are named.
MUTUAL = re.compile(r"(?:공통점|차이|차이점|관계|비교|유사점|장단점|특징)(?:[은는이가을를과와]|에|의)?$|비교")
#: For how long: what stands before it says nothing else.
_DURATION = re.compile(
    r"(?:하루|이틀|사흘|나흘|닷새|며칠|(?:[한두세네몇일이삼사오육칠팔구십백]|다섯|여섯|일곱|여덟|아홉|열)+\s?"
    r"(?:시간|분|일|주|주일|달|개월|년|해|학기)|일주일|한나절|반나절|온종일|평생) (?:내내|동안)"
)
#: Who does something together with somebody: 친구와. Before another person, 와 joins the two: 친구와 동생에게.
_COMPANY = re.compile(
    r"(?:친구|아이|아이들|가족|가족들|부모님|엄마|아빠|동생|동료|남편|아내|강아지|선생님)(?:들)?(?:와|과|랑|이랑|하고)"
)
#: What may be done together there: company says nothing of these.
_BESIDE_COMPANY = frozenset(("at", "in", "for"))
#: After an object: for what, by what.
_BY_OBJECT = {"위해": "for what", "위해서": "for what", "통해": "through", "통해서": "through"}
#: Words before a noun that belong to it.
_DETERMINERS = word_set(
    "이 그 저 새 내 제 네 우리 모든 다른 여러 어떤 무슨 다음 이번 지난 한 두 세 네 다섯 여섯 일곱 여덟 아홉 열"
)
#: Adjectives and the copula before a noun: no object or dative belongs to them.
_ADJECTIVE = re.compile(r"(?:스러운|로운|다운|[가-힣]{2}인)$")
_NOT_OF_ADJECTIVES = frozenset(("object", "dative"))
#: Who or what 는 and 은 follow for sure: other words with 는 may be predicates before a noun, 일하는.
_TOPICS = word_set(
    "나 저 너 우리 그 그녀 여기 거기 이것 그것 오늘 내일 어제 엄마 아빠 친구 동생 아이 언니 누나 오빠 형"
)
#: How a predicate ends before no noun.
_CONNECTIVE = re.compile(
    r"(?:[가-힣]고|면|니까|는데|지만|려고|기로|러|[가-힣]야|[어아와해여려]서|[가-힣]{2}다|[가-힣]요|줘)$"
)
#: Who, when and where: what is asked to be told has these, and telling it has not.
_NOT_OF_TELLING = frozenset(("topic", "subject", "at", "in", "for", "with", "혼자", "혼자서", *_WHEN))
_TELLS = re.compile(r"알려|추천|설명|소개|정리|찾아|골라|짜$|써$|적어|만들어|말해|뭐|무엇|무슨|어디|어떤|왜")
#: Words behind that say whether a noun follows the predicate.
WINDOW = 6
#: Words of which one text may have two parts in another order.
MOST = 6
_ENDS_OF_AND = "와과랑고"
_AND = re.compile(r"([가-힣]+)(?:와|과|랑|이랑|하고)")
#: How a sentence ends.
_FINITE = re.compile(r"(?:다|요|줘|까|네|니|냐|세|시오|구나|군)$")


class Moved(NamedTuple):
    """Words that have another order."""

    one: str
    other: str
    put_back: Sequence[Word]  # the other text with these words in the order of the one


class _Phrase(NamedTuple):
    """Words that are written together, or do one thing in a sentence."""

    text: str
    roles: frozenset[str]
    has_adjective: bool  # before its noun


def moved(one: Sequence[Word], other: Sequence[Word]) -> Moved | None:
    """The first words that have another order, as they stand in each text; None where no two parts change places.

    >>> from pipeline.stages.dedupe.differences.words_of_text import words_of
    >>> def words(one: str, other: str):
    ...     found = moved(words_of(one), words_of(other))
    ...     return found and (found.one, found.other)
    >>> words("친구에게 한국어를 가르쳐 줘", "한국어를 친구에게 가르쳐 줘")
    ('친구에게 한국어를', '한국어를 친구에게')
    >>> words("나 요즘 바빠", "요즘 나 바빠"), words("서울에서 내일 만나요", "내일 서울에서 만나")
    (('나 요즘', '요즘 나'), ('서울에서 내일', '내일 서울에서'))
    >>> words("부산에서 하루 동안 쉬기", "하루 동안 부산에서 쉬기")
    ('부산에서 하루 동안', '하루 동안 부산에서')
    >>> words("여름이 너무 덥다", "너무 덥다 여름이")
    ('여름이 너무 덥다', '너무 덥다 여름이')
    >>> words("시와 소설의 차이는?", "소설과 시의 차이는?")
    ('시와 소설의', '소설과 시의')

    What may belong to a predicate before a noun has its place: 오늘 온 책을 읽었다, 온 책을 오늘 읽었다.

    >>> words("부산에서 자는 동안 쉬기", "자는 동안 부산에서 쉬기"), words("서울 부산 거리", "부산 서울 거리")
    (None, None)
    >>> words("오늘 온 책을 읽어", "온 책을 오늘 읽어"), words("오늘 내가 산 책을 읽어", "내가 오늘 산 책을 읽어")
    (None, None)
    """
    at = _differ_at(one, other)
    if not at:
        return None
    if one[at].text[-1] in _ENDS_OF_AND and _are_mutual(one[at : at + 3], other[at : at + 3]):
        return _moved(one, other, at, 2)
    for size in range(1, MOST + 1):
        for behind in range(1, MOST + 1):
            end = at + size + behind
            if end > min(len(one), len(other)):
                break
            if _change_places(one, other, at, size, end) and (
                _are_apart(one, other, at, at + size, end) or _is_inversion(one, other, at, size, end)
            ):
                return _moved(one, other, at, size + behind)
    return None


def _differ_at(one: Sequence[Word], other: Sequence[Word]) -> int:
    """Where two texts begin to differ; 0 where neither has the word of the other soon after."""
    at = 0
    for mine, yours in zip(one, other, strict=False):
        if mine.text != yours.text:
            break
        at += 1
    if not (one[at + 1 : at + 2] and other[at + 1 : at + 2]):
        return 0
    if one[at].text[-1] in _ENDS_OF_AND and _are_mutual(one[at : at + 3], other[at : at + 3]):
        return at
    return at if _follows(one[at].text, other, at + 1) and _follows(other[at].text, one, at + 1) else 0


def _follows(text: str, words: Sequence[Word], at: int) -> bool:
    """Whether a word is one of the next ones."""
    return text in [word.text for word in words[at : at + MOST]]


def _change_places(one: Sequence[Word], other: Sequence[Word], at: int, size: int, end: int) -> bool:
    mine, yours = [word.text for word in one[at:end]], [word.text for word in other[at:end]]
    return mine[size:] + mine[:size] == yours


def _moved(one: Sequence[Word], other: Sequence[Word], at: int, size: int) -> Moved:
    words = list(one[at : at + size])
    words[-1] = words[-1]._replace(marks=other[at + size - 1].marks)
    words[0] = words[0]._replace(space=other[at].space)
    return Moved(
        _joined(one[at : at + size]), _joined(other[at : at + size]), (*other[:at], *words, *other[at + size :])
    )


def _joined(words: Sequence[Word]) -> str:
    return "".join((" " if word.space and at else "") + word.text for at, word in enumerate(words))


def _are_mutual(part: Sequence[Word], changed: Sequence[Word]) -> bool:
    """Whether two things that are named in another order are spoken of together: "시와 소설의 차이"."""
    if len(part) < 3 or part[2].text != changed[-1].text or len(changed) < 3 or not MUTUAL.match(part[2].text):
        return False
    if any(word.kind != HANGUL for word in (*part, *changed)):
        return False
    names = []
    for first, second in (part[:2], changed[:2]):
        joined = _AND.fullmatch(first.text)
        if not joined:
            return False
        names.append((joined[1], second.text.removesuffix("의")))
    return names[0] == names[1][::-1] and names[0][0] != names[0][1]


def _is_inversion(one: Sequence[Word], other: Sequence[Word], at: int, size: int, end: int) -> bool:
    """Whether all of a sentence is inverted so that its subject stands at the end: "너무 덥다 여름이"."""
    if at != 1 or end != len(one) or end != len(other) or end - at > 4:
        return False
    if any(word.kind != HANGUL or word.marks for word in (*one[at : end - 1], *other[at : end - 1])):
        return False
    parts = [word.text for word in one[at : at + size]], [word.text for word in one[at + size : end]]
    return _is_inverted(*parts) or _is_inverted(*parts[::-1])


def _is_inverted(subject: list[str], predicate: list[str]) -> bool:
    """Whether a sentence may be inverted so that this word stands at its end."""
    return len(subject) == 1 and bool(_roles(subject[0]) & {"topic", "subject"}) and bool(_FINITE.search(predicate[-1]))


def _are_apart(one: Sequence[Word], other: Sequence[Word], at: int, cut: int, end: int) -> bool:
    """Whether both parts say by their ends what they do, differently, and belong to the predicate behind them."""
    if any(word.marks for word in (*one[at - 1 : end - 1], *other[at : end - 1]) if word.text):
        return False
    parts = _phrases(one[at:cut]), _phrases(one[cut:end])
    mine, yours = (frozenset[str]().union(*(phrase.roles for phrase in part)) for part in parts)
    if not all(parts) or not _are_free(parts[0], yours) or not _are_free(parts[1], mine):
        return False
    with_company = "with" in mine | yours
    others = (mine | yours) - {"with"}
    if mine & yours or (with_company and not others <= _BESIDE_COMPANY | ADVERBS):
        return False
    are_told = others <= _NOT_OF_TELLING
    return _may_stand_before(one, at, mine | yours) and all(
        _predicate_follows(words, end, are_told) for words in (one, other)
    )


def _may_stand_before(words: Sequence[Word], at: int, roles: frozenset[str]) -> bool:
    """Whether the word before does something itself, and belongs to no noun behind it: "일하는", "친구의"."""
    if at == 1:
        return True
    before = _written_together(words[:at])[-1]
    read = splits(before) if before not in ADVERBS else []
    if any(split.role == "topic" and split.stem not in _TOPICS for split in read):
        return False
    found = _roles(before)
    return bool(found) and not found & roles


def _predicate_follows(words: Sequence[Word], at: int, are_told: bool) -> bool:
    """Whether the next words are a predicate that no noun follows, or the sentence ends: in "오늘 내가 산 책을 읽었다"
    the first word may belong to 읽었다 or to 산, and another order says which. `are_told`: the words that change places
    belong to what is told, where that is asked for: "오늘 내가 산 책을 알려 줘"."""
    asks_for_noun = False
    for place in range(at, min(at + WINDOW, len(words))):
        word = words[place]
        ends = bool(word.marks) or place + 1 == len(words)
        if asks_for_noun and _TELLS.match(word.text):
            return True
        can = not ends and words[place + 1].text.startswith("수")  # 할 수 있다 is a predicate
        asks_for_noun |= word.kind == HANGUL and _may_be_adnominal(word.text) and not ends and not can
        if ends or (_CONNECTIVE.search(word.text) and not asks_for_noun):
            return not asks_for_noun
        if asks_for_noun and not are_told:
            return False
    return at == len(words)


#: Adverbs that end like a predicate before a noun.
_NO_PREDICATES = frozenset(("안", "잘", "얼른", "조금", "제일", "가장"))


def _may_be_adnominal(word: str) -> bool:
    """Whether a word may be a predicate before a noun: 산, 먹을, 하는."""
    if word in ADVERBS or word in _NO_PREDICATES or _CONNECTIVE.search(word) or _is_object(word):
        return False
    return coda(word) in ("ㄴ", "ㄹ")


#: Stems with 을 before a noun, by their last syllable: 먹을, 다듬을. Those of a past are others: 갔을.
_WITH_EUL = frozenset("먹읽받잡찾씻않싶같좋많적앉섞볶찍믿남웃얻닫쏟뜯벗뽑접입업집넣놓쌓낳듬달깎닦묶앓잃싫짓긋있없")


def _is_object(word: str) -> bool:
    """Whether a word is a noun with 을 or 를, and no predicate.

    >>> [_is_object(word) for word in ("산책을", "커피를", "먹을", "갔을")]
    [True, True, False, False]
    """
    if word.endswith("를"):
        return True
    return len(word) > 1 and word.endswith("을") and word[-2] not in _WITH_EUL and coda(word[:-1]) not in ("ㅆ", "ㅄ")


def _phrases(words: Sequence[Word]) -> list[_Phrase]:
    """A part of a sentence as phrases that each do something; none where that is not sure."""
    if any(word.kind not in (HANGUL, NUMBER, LATIN) for word in words) or words[-1].kind != HANGUL:
        return []
    found: list[_Phrase] = []
    together = _written_together(words)
    if _DURATION.fullmatch(" ".join(together)):
        return [_Phrase(" ".join(together), frozenset(("for",)), False)]
    has_adjective = False
    for number, word in enumerate(together):
        is_last = number + 1 == len(together)
        roles = _roles(word)
        if word in _BY_OBJECT and found and "object" in found[-1].roles:
            found[-1] = _Phrase(word, frozenset((_BY_OBJECT[word],)), has_adjective)
        elif not is_last and word in _DETERMINERS:
            continue
        elif not is_last and _ADJECTIVE.search(word):
            has_adjective = True
        elif roles and (is_last or "topic" not in roles or word in ADVERBS):
            found.append(_Phrase(word, frozenset(roles), has_adjective))
            has_adjective = False
        elif is_last or not _is_before_noun(word):
            return []
    return found


def _is_before_noun(word: str) -> bool:
    """Whether a word belongs to the noun behind it, and is no predicate: 기후 in 기후 변화, 나라의, 이번."""
    return word.endswith("의") or not (
        coda(word) in ("ㄴ", "ㄹ") or _CONNECTIVE.search(word) or word.endswith(_LIKE_PREDICATES)
    )


#: How predicates end that stand before others, and some nouns.
_LIKE_PREDICATES = ("고", "서", "게", "지", "어", "아", "해", "며", "면", "니", "도록", "려", "러", "와", "과", "랑")


def _are_free(phrases: list[_Phrase], roles: frozenset[str]) -> bool:
    """Whether nothing with these roles may belong to an adjective in the phrases: 오늘 may in "한가로운 거리에서"."""
    return roles <= _NOT_OF_ADJECTIVES or not any(phrase.has_adjective for phrase in phrases)


def _written_together(words: Sequence[Word]) -> list[str]:
    """The words between spaces."""
    found: list[str] = []
    for at, word in enumerate(words):
        if at and not word.space and not words[at - 1].marks:
            found[-1] += word.text
        else:
            found.append(word.text)
    return found


def _roles(word: str) -> set[str]:
    if word in ADVERBS or (len(word) > 2 and word.endswith(("하게", "스럽게", "히"))):
        return {word}
    if word in PRONOUNS:
        return {"topic", "subject"}
    if _COMPANY.fullmatch(word):
        return {"with"}
    return {split.role for split in splits(word)} & ROLES
