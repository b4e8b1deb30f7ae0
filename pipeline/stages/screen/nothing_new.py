"""Answers without a word that says anything: they talk about answering, announce what never comes, send the reader
elsewhere, or say the request again in other forms of its words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.own_words import (
    LONGEST,
    WORD,
    asks_for_content,
    letters_of,
    stem_of_talk,
    talk_of,
)
from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import DISTINCT, Texts, quoted, rows_of
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: An answer that only hesitates, or says that it has understood.
_HESITATES = (
    r"[^가-힣A-Za-z0-9]*(?:(?:네|예|응|그래|좋아|아|어|그게)(?:요|습니다)?[^가-힣A-Za-z0-9]+)?"
    r"(?:(?:글쎄|음|흠|알겠|확인했|이해했|물론이)(?:요|습니다|습니다만|죠|지요|어요|어)?[^가-힣A-Za-z0-9]*){1,2}"
)
_HESITATION = pattern(_HESITATES)
#: The last words of an answer whose content should follow.
_ANNOUNCES = (
    r"(?:다음|아래|이하)(?:[과와] ?같(?:습니다|다|아요|음)|[을를의 ][^\n.!?]{0,14}참[고조][가-힣 ]{1,8})[ .:：]*$"
)
_ANNOUNCEMENT = pattern(_ANNOUNCES)
#: Where the reader is sent: 인터넷에서 검색해 보세요.
_ELSEWHERE = (
    r"(?:인터넷|포털|구글|네이버|위키백과|위키|누리집|홈페이지|웹사이트|사이트|검색|도서관|유튜브|책|기관"
    r"|전문가)[가-힣]{0,4} "
    r"[^\n.!?]{0,20}(?:검색|찾아|확인|참고|참조|문의|방문|이용|상담|알아)[가-힣 ]{0,5}"
    r"(?:보세요|보시|하세요|바랍니다|주세요|보십시오|하십시오|있습니다|됩니다|봐|하시[가-힣 ]{1,9})[ .!]*$"
)
_SENDS = pattern(_ELSEWHERE)
#: Words with which one who answers offers to: 무엇이든 도와드릴 준비가 되어 있습니다.
_OFFERS = (
    r"(?:도움|도와|질문|궁금|답변|요청)[^.!?\n]{0,20}"
    r"(?:준비|드릴 수 있|드리겠|드릴게|말씀해 ?주|물어봐|물어보|남겨|환영|최선|언제든|기다리)"
)
_OFFER = pattern(_OFFERS)
#: A link, and nothing else.
LINK_ALONE = r"^\s*[<(\[]?(?:https?://|www\.)[^\s<>()\[\]]+[>)\]]?\s*$"
#: Words of requests for a place in the web.
_WEB = pattern(
    r"(?i:사이트|페이지|누리집|웹|주소|링크|어디서|문서|자료|영상|출처|사진|이미지|유튜브|url|http|영화|노래"
    r"|뉴스|기사)"
)
#: Requests to which an answer of the words of the request can be right.
_OF_ITS_WORDS = (
    *("labels", "selection", "copy", "short", "dialogue", "persona", "as-it-may-be", "continuation", "rewriting"),
    *("proofreading", "translation", "sorting", "title", "verse", "repeating", "examples", "questions", "code"),
)


def may_be_nothing(texts: Mapping[str, pa.Array]) -> list[int]:
    """Short answers that end in words of talking about answers, hesitate, announce, send away or are a link."""
    sizes = pc.binary_length(texts[DISTINCT].dictionary)
    short = pc.less_equal(sizes, 3 * LONGEST)
    last = rf"(?:{stem_of_talk()})[가-힣]*[^0-9A-Za-z가-힣]*$"
    return rows_of(texts[DISTINCT], short, rf"^{_HESITATES}$", _ANNOUNCES, _ELSEWHERE, _OFFERS, LINK_ALONE, last)


def says_nothing(texts: Texts, options: ScreenOptions) -> str | None:
    """An answer in which nothing is said about what was asked.

    >>> says_nothing(Texts("훈민정음을 설명해 줘.", "", "아래 내용을 참고하세요:"), ScreenOptions())
    'the answer announces what does not follow, or sends away: “아래 내용을 참고하세요:”'
    >>> says_nothing(Texts("훈민정음을 설명해 줘.", "", "세종이 만든 글자입니다."), ScreenOptions())
    """
    answer = texts.output.strip()
    if re.fullmatch(LINK_ALONE, answer) and asks_for_content(texts):
        elsewhere = asks(texts.instruction, "about-links", "about-names", "code") or _WEB.search(texts.instruction)
        return None if elsewhere or "http" in texts.input else f"the whole answer is a link: {quoted(answer, 60)}"
    if offers_help(texts):
        return f"the answer offers to answer, and does not: {quoted(answer, 60)}"
    found = how_nothing_is_said(texts, answer)
    if not found or not asks_for_content(texts) or asks(texts.instruction, "questions", "title"):
        return None
    return None if not _HESITATION.fullmatch(answer) and asks(texts.instruction, *_OF_ITS_WORDS) else found


def how_nothing_is_said(texts: Texts, answer: str) -> str | None:
    if _HESITATION.fullmatch(answer):
        one_word = _YES_OR_NO.search(texts.instruction) and not _WH.search(texts.instruction)
        return None if one_word else f"the answer only hesitates or agrees: {quoted(answer)}"
    if answer[:1] in "\"'“‘「『":
        return None
    one_sentence = len(re.findall(r"[.!?:](?=\s|$)", answer)) <= 1 and "\n" not in answer
    if one_sentence and (_ANNOUNCEMENT.search(answer) or _SENDS.search(answer)):
        return f"the answer announces what does not follow, or sends away: {quoted(answer, 60)}"
    talk = None if _HAVE_YOU.search(texts.instruction) or "라고 " in answer else talk_of(texts)
    if talk is None or len(talk) < 2 or len(WORD.findall(answer)) < 3 or not talks_of_service(talk):
        return None
    return f"the answer says nothing about what was asked: {quoted(answer, 60)}"


#: A question that a single word answers, or an order to say one.
_YES_OR_NO = pattern(r"(?:나요|까요?|니|는가|은가|을까|지|어|아|해|돼|요)\?|(?:라고|만) (?:답|대답|말)")
_WH = pattern(r"무엇|무슨|뭐|뭔|어떤|어떻게|왜|누구|언제|어디|얼마|몇|알려|설명|추천|이유")
#: A question about what someone did, which talk can answer.
_HAVE_YOU = pattern(r"[셨했었았봤](?:나|니|어|지)요?\?")
_SERVED = pattern(
    r"(?:도와|도움|답변|질문|요청|말씀|궁금|알려|설명|안내|작성|제공|준비|정리|살펴|참고|검색|문의|내용)[가-힣]*"
)


def offers_help(texts: Texts) -> bool:
    """Whether the answer has no word but those of an offer to answer, to a request that is none for such an offer.

    >>> offers_help(Texts("첫 문장을 추천해 줘.", "", "네! 어떤 질문이든 언제든지 말씀해 주세요."))
    True
    """
    if not _OFFER.search(texts.output) or not _ASKED_FOR.search(texts.instruction):
        return False
    kinds = ("dialogue", "persona", "letter", "examples", "title", "translation", "rewriting", "copy")
    return talk_of(Texts("", "", texts.output)) is not None and not asks(texts.instruction, *kinds)


_ASKED_FOR = pattern(r"알려|설명|추천|써|작성|만들|소개|나열|정리|요약|제안|비교|무엇|어떻게|얼마|이유|방법")


def talks_of_service(talk: Sequence[str]) -> bool:
    return any(map(_SERVED.fullmatch, talk))


def may_restate(texts: Mapping[str, pa.Array]) -> list[int]:
    """Answers of at most twice the length of the instruction that have its first letters in their first twelve."""
    answers, asked = texts[DISTINCT], texts["instruction"].dictionary_encode()
    size, of_asked = (np.asarray(pc.fill_null(pc.binary_length(part.dictionary), 0)) for part in (answers, asked))
    if not len(size) or not len(of_asked):
        return []
    # int64[rows]: the number of the answer and of the instruction, -1 for null.
    answer, question = (np.asarray(pc.fill_null(part.indices, -1)).astype(np.int64) for part in (answers, asked))
    given = (answer >= 0) & (question >= 0)
    length = np.where(given, size[answer], 0)
    rows = np.flatnonzero((length > 24) & (length <= of_asked[question] * 2) & (length <= 3 * LONGEST))
    # Both repeat: each pair is looked at once.
    pairs, which = np.unique(answer[rows] * len(of_asked) + question[rows], return_inverse=True)
    said = answers.dictionary.take(pa.array(pairs // len(of_asked))).to_pylist()
    wanted = asked.dictionary.take(pa.array(pairs % len(of_asked))).to_pylist()
    may = np.array([one.lstrip()[:2] in other[:12] for one, other in zip(wanted, said, strict=True)], bool)
    picked: list[int] = rows[may[which]].tolist()
    return picked


def restated(texts: Texts, options: ScreenOptions) -> str | None:
    """An answer that has the words of the instruction, nearly all of them, and no other that says something.

    >>> restated(Texts("눈이 하얀 이유가 뭐야?", "", "눈이 하얀 이유는 눈이 하얗기 때문입니다."), ScreenOptions())
    'the answer only says the instruction again: “눈이 하얀 이유는 눈이 하얗기 때문입니다.”'
    >>> restated(Texts("눈이 하얀 이유가 뭐야?", "", "눈이 하얀 이유는 빛이 흩어지기 때문입니다."), ScreenOptions())
    """
    if all_but_its_end(texts):
        return f"the answer is the instruction, but for its last letters: {quoted(texts.output, 60)}"
    if texts.input or re.search(r"[0-9]", texts.output):
        return None
    asked, words = heads_of(texts.instruction), WORD.findall(texts.output)
    if len(asked) < 2 or len(words) < (3 if len(asked) > 2 else 5):
        return None
    said: list[str] = []
    for word in words:
        if not _EMPTY.fullmatch(word):
            said.append(letters_of(word)[:4])
            if not is_among(said[-1], asked):
                return None  # a word of its own
    kept = sum(is_among(head, said) for head in asked)
    if kept * 4 < len(asked) * 3 or not asks_for(texts.instruction):
        return None
    if asks(texts.instruction, *_OF_ITS_WORDS) or re.search("중에|또는|아니면|vs", texts.instruction):
        return None
    return f"the answer only says the instruction again: {quoted(texts.output, 60)}"


def all_but_its_end(texts: Texts) -> bool:
    """Whether the answer is the instruction with another ending.

    >>> all_but_its_end(Texts("고양이 이름을 지어 줘.", "", "고양이 이름을 지어 줘요."))
    True
    """
    asked, said = (re.sub(r"[\s.?!~]+", "", text) for text in (texts.instruction, texts.output))
    if texts.input or "?" in texts.instruction or len(asked) < 8 or abs(len(said) - len(asked)) > 4:
        return False
    same = next((at for at, (a, b) in enumerate(zip(asked, said, strict=False)) if a != b), min(len(asked), len(said)))
    kinds = ("copy", "rewriting", "translation", "proofreading", "continuation", "examples", "about-speech")
    return same >= 7 and len(asked) - same <= 4 and bool(asks_for(texts.instruction)) and not asks(asked, *kinds)


def asks_for(instruction: str) -> bool:
    return asks_for_content(Texts(instruction, "", "")) or asks(instruction, "letter", "apology")


#: Words that carry no content: those of asking, of reasons, and of doing what is asked.
_EMPTY = pattern(
    r"(?:무엇|무슨|뭔|어떻|어떤|누구|언제|어디|얼마|때문|이유|까닭|주세|주십|주시|알려|알리|설명|말해|말하|말씀"
    r"|대해|대한|대하"
    r"|관해|관한|합니|입니|이에|인가|일까|질문|요청|물론|한번|그리고|그것|있[는을으어습]|없[는을으어습]|드리"
    r"|드릴|달라|보겠|하겠|각각"
    r"|아래|다음|이네|이군|군요|하는|하기|되는|된다|됩니)[가-힣]{0,7}|(?:뭐|왜|몇|줘|해|하|했|된|되|예|네|좀|것"
    r"|수|할|세|두|위)"
    r"(?:[은는이가을를도의요야죠]|예요|지|까요|니)?|가지(?:[를만]|씩)?"
)


def is_among(head: str, heads: Iterable[str]) -> bool:
    """Whether one of the beginnings is the same, as far as the shorter one goes."""
    return any(head.startswith(other) or other.startswith(head) for other in heads)


def heads_of(text: str) -> dict[str, None]:
    """The beginnings of the words with content, in single letters: 하얀 and 하얗기 begin alike."""
    words = [word for word in WORD.findall(text) if not _EMPTY.fullmatch(word)]
    return dict.fromkeys(letters_of(word)[:4] for word in words)
