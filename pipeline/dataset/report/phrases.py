"""How instructions begin and end: first words, forms of the request, and what is asked to be done to what.

By rules alone, so that a report is the same on every machine. A Korean sentence ends in its predicate. Its last words
are taken apart into the form of the request ("-아/어 주세요"), the verb ("설명하다") and its object ("이유").
"""

import re
from typing import NamedTuple

from pipeline.dataset.report.verbs import verb_of_formal, verb_of_infinitive, verb_of_stem
from pipeline.table.patterns import pattern

#: Characters at each end of an instruction that are looked at.
LOOKED_AT = 400
#: What closes a sentence, and what may follow or wrap it.
_SENTENCE = pattern(r"[^.!?。？！\n]+[.!?。？！]*")
_CLOSING = " \t.!?。？！,:;~…\"'”’」』)]》>*`_^ㅋㅎㅠㅜ"

#: Forms of requests. `stem`: the verb before the ending; INFINITIVES end in -아/어.
_POLITE = (
    r"주세요|주셔요|주십시오|주시겠어요|주시겠습니까|주실래요|주실 수 ?있(?:나요|을까요|습니까|어요)|주시기 ?바랍니다"
    r"|주시면 (?:돼|되|좋|감사)\S*|주길 ?바랍니다"
)
_PLAIN = (
    r"줘|줘요|줘라|주라|주렴|줄래|줄래요|다오|달라|달라고|줄 수 ?있(?:어|니|을까|나)|주겠니|주겠어"
    r"|줬으면 좋겠\S*|주면 (?:돼|좋\S*)"
)
_TRY = r"보세요|보십시오|보시오|보아라|봐라|봐요|봐|보자|볼래|볼까요?"
_ENDINGS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (form, kind, pattern(rf"(?:^| )(?P<stem>\S*?) ?(?:{ending})$"))
    for form, kind, ending in (
        ("-아/어 주세요", "infinitive", _POLITE),
        ("-아/어 줘", "infinitive", _PLAIN),
        ("-아/어 보세요", "infinitive", _TRY),
        ("-(으)세요", "stem", r"으?세요|으?셔요|으?시기 ?바랍니다"),
        ("-(으)십시오", "stem", r"으?십시오|으?십시요|으?시오|으?시요"),
        ("-아/어라", "infinitive", r"(?<=[해아어여려켜봐춰꿔워줘내와])라"),
        ("-(으)라", "stem", r"(?<=[하쓰보]|으)라"),
        ("-기", "stem", r"기"),
        ("-(으)ㄹ 것", "will", r"것"),
        ("-ㅂ니다", "formal", r"니다"),
    )
)
_QUESTION = pattern(
    r"(?:까|까요|나요|가요|나|니|냐|은가|는가|인가|한가|던가|어때|어때요|뭐야|뭐지|뭐예요|뭐에요|뭔데|있어|알아|죠|지요)$"
)
_STATEMENT = pattern(r"(?:다|요|네|야|어|아|해|지|자|음|함|됨|임|래|데|돼|줌|군|구나|까지|니다)$")
_ASKS = (
    ("무엇", r"무엇|뭐|뭘|뭔|무슨"),
    ("어떻게", r"어떻게|어떡"),
    ("왜", r"왜"),
    ("어디", r"어디|어딘"),
    ("누구", r"누구|누가"),
    ("언제", r"언제"),
    ("얼마", r"얼마|몇"),
    ("어떤", r"어떤|어느|어때"),
)
_WORD_THAT_ASKS = tuple((name, pattern(rf"(?:^|.* )(?P<before>\S+) (?:{words})|^(?:{words})")) for name, words in _ASKS)


class Request(NamedTuple):
    """A request: its form, its verb or the word that asks, and the object of that; "" where there is none."""

    form: str
    verb: str
    object: str


QUESTION, STATEMENT, NOUN = "?", "-다", "noun"


def opening(instruction: str) -> str:
    """The first two words.

    >>> opening("다음 문장을 요약하세요. 비가 온다.")
    '다음 문장을'
    """
    return " ".join(instruction[:LOOKED_AT].split()[:2])[:60]


def ending(instruction: str) -> str:
    """The last two words without what closes the sentence.

    >>> ending("세 문장으로 요약해 주세요.")
    '요약해 주세요'
    """
    return " ".join(instruction[-LOOKED_AT:].rstrip(_CLOSING).split()[-2:])[-60:]


def request_of(instruction: str) -> Request:
    """What an instruction asks for: its last sentence that is a request or a question, else its last sentence.

    >>> request_of("다음 글의 주제를 한 문장으로 설명해 주세요.")
    Request(form='-아/어 주세요', verb='설명하다', object='주제')
    >>> request_of("두 나라의 차이점은 무엇인가요?")
    Request(form='?', verb='무엇?', object='차이점')
    """
    text = (
        instruction if len(instruction) <= 2 * LOOKED_AT else f"{instruction[:LOOKED_AT]}\n{instruction[-LOOKED_AT:]}"
    )
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.rstrip(_CLOSING).strip()]
    found = None
    for sentence in reversed(sentences):
        request = _request(sentence)
        if request.form not in (STATEMENT, NOUN):
            return request
        found = found or request
    return found or Request(NOUN, "", "")


def _request(sentence: str) -> Request:
    words = " ".join(sentence.rstrip(_CLOSING).split())
    for form, kind, closing in _ENDINGS:
        if (match := closing.search(words)) and (verb := _verb(kind, match["stem"], match[0])):
            return Request(form, *_with_object(verb, words[: match.start()].split()))
    if sentence.rstrip("\"'”’)").endswith(("?", "？")) or _QUESTION.search(words):
        return Request(QUESTION, *_asked(words))
    if _STATEMENT.search(words):
        return Request(STATEMENT, "", "")
    return Request(NOUN, words.split()[-1][:20], "")


def _verb(kind: str, stem: str, ending: str) -> str | None:
    """The dictionary form of the verb that this stem is of; None where it is none."""
    stem = stem.strip(_CLOSING)
    if not stem:
        return "보다" if ending.strip().startswith(("보", "봐")) else "주다"
    if not re.search(r"[가-힣]$", stem):
        return None
    if kind == "will":
        return verb_of_stem(stem[:-1] + "하") if stem.endswith("할") else None
    if kind == "formal":
        return verb_of_formal(stem)
    return verb_of_infinitive(stem) if kind == "infinitive" else verb_of_stem(stem)


def _with_object(verb: str, before: list[str]) -> tuple[str, str]:
    """The verb and its object, which is before it. "설명을 해" is 설명하다."""
    if verb == "하다" and before and (noun := _object(before[-1])):
        verb, before = f"{noun}하다", before[:-1]
    near = before[-5:][::-1]
    for word in near:
        if noun := _object(word):
            return verb, noun
    for at, word in enumerate(near[:-1]):
        if re.match(r"(?:대해|대하여|관해|관하여)", word) and near[at + 1].endswith("에"):
            return verb, near[at + 1][:-1][:20]
    return verb, near[0][:20] if near and re.search(r"[가-힣A-Za-z]로$", near[0]) else ""


def _object(word: str) -> str:
    """The noun of a word with an object particle; "" of another word."""
    word = word.strip(_CLOSING)
    return (
        word[:-1].strip("‘“\"'「『《<([")[:20] if re.fullmatch(r".*[가-힣A-Za-z0-9)’”\"'」』》>][을를]", word) else ""
    )


def _asked(words: str) -> tuple[str, str]:
    """The word that asks, and the word before it: what is asked about."""
    for name, asking in _WORD_THAT_ASKS:
        if match := asking.search(words):
            about = re.sub(r"(?<=.)(?:은|는|이|가|을|를|에|의)$", "", match["before"] or "")
            return f"{name}?", about[:20]
    return QUESTION, ""
