"""Answers that stand for an answer: N/A, “없음”, “TODO: 답변 입력”, “(추후 작성 예정)”."""

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.own_words import asks_for_content
from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import DISTINCT, Texts, any_of, quoted, rows_of
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

_ANSWER = r"(?:출력|답변|답안|응답|내용|대답|답|결과|본문|글)"
_LATER = r"(?:작성|입력|추가|기입|기재|업데이트|보완|채울|제공|준비|생성|공지|공개|수정|확인)"
_NOUN = (
    r"(?:해당(?: ?사항)?|입력|출력|답변|답안|응답|내용|대답|결과|답|데이터|정보|자료|기록|본문|텍스트|검색 ?결과"
    r"|항목)"
)
_SAMPLE = r"(?:예시|샘플|임시|테스트|가짜|더미)"
_WAITS = r"(?:예정|필요|요망|대기|대기 ?중|중|바람|하세요|해 ?주세요|하겠습니다|합니다|할게요)"
#: Words that are put in the place of an answer, by what they say.
_STANDS_FOR = {
    "none, of a program": r"(?i:n/?a|none|null|nil|nan|undefined|empty|blank|no ?output|no ?answer|no ?response"
    r"|not (?:available|applicable|provided|given)|no (?:data|result|content)s?|tbd|todo|tba|<?no ?input>?)",
    "the name of the field": r"(?i:output|response|answer|your answer|text|string|placeholder|dummy)|(?:답변"
    r"|응답|정답|본문|내용|출력)",
    "that there is none": rf"{_NOUN} ?(?:이 |은 |가 |는 )?(?:없음|비어 ?있음|미제공|미입력|누락)",
    "that there is none, in a sentence": rf"(?:{_ANSWER}|{_NOUN})(?:이|은|가|는)? ?"
    r"(?:없습니다|없어요|비어 있음|비어 있습니다|생략|찾을 수 없(?:습니다|음))",
    "later": rf"(?:{_ANSWER}[은는이가을를]? ?)?(?:추후|나중에|곧|차후) ?{_LATER}(?: ?{_WAITS})?(?:입니다)?",
    "what is to be written": rf"(?:[가-힣]{{1,4}} )?{_ANSWER}[은는이가을를]? ?{_LATER}(?: ?{_WAITS})?(?:입니다)?",
    "that it is needed": rf"(?:[가-힣]{{1,4}} )?{_ANSWER}[은는이가을를]? ?(?:필요|대기 ?중|준비 ?중)(?:합니다"
    rf"|해요|함|입니다)?",
    "that it waits": rf"{_ANSWER} ?{_WAITS}(?:입니다)?",
    "that it is written now": rf"{_LATER} ?(?:예정|중|필요|요망)(?:입니다)?",
    "a sample": rf"{_SAMPLE} ?(?:{_ANSWER}|텍스트|데이터|문장)?(?:입니다)?|(?i:tests?(?: ?\d+)?|sample"
    rf"|lorem ipsum[^가-힣]*|asdf+|qwer(?:ty)?)",
    "one word": r"미작성|무응답|공란|공백|빈 ?칸|생략|준비 ?중(?:입니다)?|미정|미입력|미제공",
}
_SIGNS_ALONE = any_of(r"[.\-_…~*/\\=]{1,12}", r"[?？]+", r"[ㄱ-ㅎㅏ-ㅣ]{3,12}")
_EMPTY = pattern(
    any_of(
        rf"\W*{any_of(*_STANDS_FOR.values())}\W*",
        r"\W*(?i:todo|tbd|fixme)\b\W{1,4}[^\n]{0,40}",  # with a note behind it: TODO: 나중에 쓰기
        rf"\s*{_SIGNS_ALONE}\s*",
    )
)
#: That there is none: right where something is looked for, and no text, list or summary.
_NONE = pattern(
    r"\W*(?:잘 )?(?:없음|없습니다|없어요|모름|모릅니다|모르겠습니다|모르겠어요|몰라요?|알 수 없(?:음|습니다)"
    r"|해당 ?없음)\W*"
)
#: That the one who answers does not know, to a question about a fact: 에펠탑의 높이는?
_UNKNOWN = pattern(
    r"\W*(?:(?:저는|저도|글쎄요|음|죄송하지만)\W*)?(?:잘 )?(?:모릅니다|모르겠습니다|모르겠어요|모르겠네요|몰라요)\W*"
)
_FACT = pattern(
    r"[가-힣](?:의|에서|에) [가-힣 ]{1,12}(?:[은는]\?|[은는] (?:무엇|누구|어디|언제|몇|얼마)|[이가] (?:무엇|누구"
    r"|몇|얼마))"
)
_CONTENT = pattern(
    r"(?:정리|설명|작성|나열|요약|비교|추천|소개|제안|계산|서술|묘사|번역|기술|논|분석)(?:하|해|을|를)"
    r"|(?:써|쓰|지어|지으|만들|적어|적으|알려|옮기|옮겨|바꾸|바꿔|고쳐|고치)"
)
_MAY_BE_NONE = pattern(
    r"있(?:나|는지|습니까|어|을까|는가|다면|으면|니)|유무|여부|없(?:으면|다면|을)|틀린|오류|잘못|찾|골라|고르"
    r"|추출|뽑|[몇]|아는"
)
#: A question with a word for what is asked: a lone question mark is no answer to it.
_ASKS = pattern(r"무엇|무슨|어떤|어떻게|왜|누구|언제|어디|얼마|설명|나열|소개|쓰[세시]|써 ?[주줘]")
_SIGNS = pattern(
    r"초성|자음|모음|자모|낱자|감탄|웃음|채팅|물음표|이모티콘|기호|부호|문자|점|모스|표시|줄표|하이픈|밑줄"
    r"|말줄임|연산|더하기|빼기|침묵|패턴|그려"
)
#: Words of a note that an answer will be, is, or would be here, and what may stand between them.
_NOTE = any_of(
    *("본문", "내용", "자리", "초안", "동일", "상동", "답변", "답안", "정답", "해답", "결과", "예시", "생략", "준비"),
    *("작성", "추후", "예정", "대기", "생성", "미정", "로딩", "로드", "완료", "문구", "제목", "텍스트", "공란", "빈칸"),
    *(
        "이하",
        "전술",
        "상기",
        "여기",
        "이곳",
        "같음",
        "같습니다",
        "마찬가지",
        "들어갈",
        "들어갑니다",
        "들어감",
        "검수",
        "작업자",
        "제외됨",
        "보류",
        "재작업",
        "스킵",
    ),
)
_NOTES = pattern(rf"{_NOTE}[가-힣]{{0,4}}\d?")
_BESIDE = pattern(
    r"\d|테스트|확인|필요|항목[은이]?|검수[가-힣]{0,2}|(?:위|아래|앞|뒤|이|그)(?:와|의|에|서|과)?|(?:답|글|시"
    r"|글쓴이|문장|설명|출력|입력|응답)[은는이가을를]?|중(?:입니다|이에요)?"
    r"|(?:적|쓸|넣|채울|넣을|적을)[가-힣]{0,4}|[을를은는이가]|곳|것|거|잠시만?|조금만|기다려|기다리|주세요"
    r"|주십시오|하세요|입니다"
)
#: 추천 여행지 1, 추천 여행지 2; 설명:; 가나다라
_EMPTY_FORM = pattern(
    r"\W*([가-힣]+(?: [가-힣]+){0,2}) ?1(?:\W+\1 ?[2-9]){1,8}\W*|\W*[가-힣]{1,6} ?[:：]\s*|\W*가나다라[가-힣]*\W*"
)
#: A mark of a program or of a chat that stands for nothing.
_MARK = pattern(r"\W*(?i:#?(?:VALUE|REF|N/A|NAME|DIV/0|NUM|ERROR)!?|error|null|ㅇㅇ|ㅇㅋ|ㄴㄴ|ㅋ{2,8}|ㅎ{2,8})\W*")
#: What may be around the words of a placeholder; how they end; and those that are one alone, in English and in Korean.
_FRAME = "[^0-9A-Za-z가-힣]*"
_CLOSES = any_of(
    *("없음", "습니다", "입니다", "합니다", "있음", "예정", "생략", "중", "미정", "작성", "입력", "추가", "기입"),
    *("기재", "업데이트"),
    *("보완", "제공", "준비", "생성", "채울", "필요", "필요함", "요망", "대기", "바람", "하세요", "주세요"),
    *("할게요", "[가해아어]요"),
    *("공지", "공개", "수정", "확인", "누락", "미제공", "미입력", "답변", "응답", "텍스트", "데이터", "문장", "몰라"),
)
_ENGLISH = any_of(
    *("n/?a", "none", "null", "nil", "nan", "undefined", "empty", "blank"),
    "no ?(?:output|answer|response|input|data|result|content)s?",
    *("not [a-z]+", "tbd", "tba", "output", "response", "answer", "your answer", "text", "string", "placeholder"),
    "dummy",
    *("tests? ?[0-9]*", "sample", "lorem ipsum[^가-힣]*", "asdf+", "qwer(?:ty)?"),
)
_WHOLE = any_of(
    *("생략", "공란", "공백", "빈 ?칸", "무응답", "미정", "미작성", "미입력", "미제공", "준비 ?중", "없음"),
    *("없습니다", "없어요"),
    *("모름", "모릅니다", "정답", "본문", "내용", "출력", "예시", "샘플", "임시", "테스트", "가짜", "더미"),
)
#: Every placeholder has a match of this RE2 pattern.
PLACEHOLDER = any_of(
    rf"^{_FRAME}(?:(?i:{_ENGLISH})|[가-힣 ]{{0,14}}{_CLOSES}|{_WHOLE}){_FRAME}$",
    rf"^{_FRAME}(?i:todo|tbd|fixme)",
    r"^[^0-9A-Za-z가-힣]+$",
)


def no_answer(texts: Texts, options: ScreenOptions) -> str | None:
    if re.search("(?i)더미|lorem|자리 ?채움", texts.instruction):
        return None
    found = _EMPTY.fullmatch(texts.output) or (_NONE.fullmatch(texts.output) and wants_content(texts.instruction))
    found = found or (_UNKNOWN.fullmatch(texts.output) and _FACT.search(texts.instruction))
    if not found:
        return None
    word = re.sub(r"\W", "", texts.output)
    if not word:
        right = bool(_SIGNS.search(texts.instruction)) or (
            texts.output.strip() in ("?", "？") and not _ASKS.search(texts.instruction)
        )
    elif re.fullmatch("[A-Za-z]+", word):  # None, null: a word of a language or of a program
        right = asks(texts.instruction, "code", "translation", "about-language", "as-it-may-be")
    else:
        right = asks(texts.instruction, "as-it-may-be") or (len(word) <= 4 and asks(texts.instruction, "title"))
    if right or (word and word.lower() in texts.instruction.lower()):
        return None
    return f"the whole answer is “{texts.output.strip()[:20]}”"


def note(texts: Texts, options: ScreenOptions) -> str | None:
    """An answer that is a note in the place of an answer: 위와 같음."""
    if not note_alone(texts):
        return None
    return f"the whole answer is a note in the place of an answer: {quoted(texts.output)}"


#: Every such note has a match of this RE2 pattern, and this many bytes at most.
MAY_BE_NOTE = any_of(
    _NOTE,
    "[가-힣] ?1(?:[^0-9]|$)",
    r"[:：]\s*$",
    "가나다라",
    "[ㄱ-ㅎ]{2}",
    r"(?i:VALUE|REF|NAME|DIV/0|NUM|ERROR|N/A|null)",
)
LONGEST_NOTE = 150


def may_be_note(texts: Mapping[str, pa.Array]) -> list[int]:
    """Answers of few words that may be such a note."""
    short = pc.less_equal(pc.binary_length(texts[DISTINCT].dictionary), LONGEST_NOTE)
    return rows_of(texts[DISTINCT], short, MAY_BE_NOTE, check=form_of_note)


def form_of_note(answer: str) -> bool:
    """Whether an answer may be such a note, whatever was asked: six words at most, and one of a note."""
    words = _WORDS.findall(answer)
    return bool(_EMPTY_FORM.fullmatch(_NUMBERS.sub("", answer)) or _MARK.fullmatch(answer)) or (
        len(words) <= 6
        and any(map(_NOTES.fullmatch, words))
        and sum(not (_NOTES.fullmatch(word) or _BESIDE.fullmatch(word)) for word in words) <= 1
    )


#: The numbers of a list: 1. 원인 1
_NUMBERS = pattern(r"^\d{1,2}[.)] ", re.MULTILINE)
_WORDS = pattern("[가-힣ㄱ-ㅎA-Za-z0-9]+")


def note_alone(texts: Texts) -> bool:
    """Whether the answer is a note of few words that stands for an answer.

    >>> note_alone(Texts("회의록을 정리해 줘.", "", "위와 같음")), note_alone(Texts("맛은 어때?", "", "위와 같음"))
    (True, False)
    """
    words = _WORDS.findall(texts.output)
    if not words or not form_of_note(texts.output) or not asks_for_content(texts):
        return False
    if _MARK.fullmatch(texts.output):
        return not asks(texts.instruction, "code", "labels", "selection")
    if asks(texts.instruction, "short", "title", "labels", "selection", "as-it-may-be", "translation", "rewriting"):
        return False
    if _EMPTY_FORM.fullmatch(_NUMBERS.sub("", texts.output)):
        return not asks(texts.instruction, "code")
    notes = [word for word in words if _NOTES.fullmatch(word)]
    beside = [word for word in words if word not in notes and _BESIDE.fullmatch(word)]
    # One word of the request may name what is not there: (인사말 본문).
    left = len(words) - len(notes) - len(beside)
    return bool(notes) and (left == 0 or (left == 1 and len(words) <= 4 and named(words[0], texts.instruction)))


def named(word: str, instruction: str) -> bool:
    return len(word) > 1 and word in instruction


def wants_content(instruction: str) -> bool:
    """Whether the instruction asks for a text or a list, so that “없음” is no answer.

    >>> wants_content("지출 내역을 정리하세요."), wants_content("틀린 곳을 찾아 설명하세요.")
    (True, False)
    """
    return bool(_CONTENT.search(instruction)) and not _MAY_BE_NONE.search(instruction)
