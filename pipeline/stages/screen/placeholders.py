"""Answers that stand for an answer: N/A, “없음”, “TODO: 답변 입력”, “(추후 작성 예정)”."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, any_of
from schemas.options import ScreenOptions

_ANSWER = r"(?:출력|답변|응답|내용|대답|답|결과|본문|글)"
_LATER = r"(?:작성|입력|추가|기입|기재|업데이트|보완|채울|제공|준비|생성)"
_EMPTY = re.compile(
    r"\W*"
    + any_of(
        r"(?i:n/?a|none|null|nil|nan|undefined|empty|blank|no ?output|no ?answer|no ?response"
        r"|not (?:available|applicable)|tbd|todo|tba|<?no ?input>?|output|response|answer)",
        r"(?:해당(?: ?사항)?|입력|출력|답변|응답|내용|대답|결과|답) ?(?:이 |은 )?없음",
        rf"{_ANSWER}(?:이|은)? ?(?:없습니다|비어 있음|비어 있습니다|생략)",
        rf"(?:{_ANSWER}[은는이가을를]? ?)?(?:추후|나중에|곧|차후) ?{_LATER}(?: ?(?:예정|바람|요망|필요|하겠습니다"
        rf"|합니다|할게요))?(?:입니다)?",
        rf"(?:[가-힣]{{1,4}} )?{_ANSWER}[은는이가을를]? ?{_LATER}(?: ?(?:예정|필요|요망|대기|대기 ?중|중|바람"
        rf"|하세요|해 ?주세요))?(?:입니다)?",
        rf"{_LATER} ?(?:예정|중|필요|요망)(?:입니다)?",
        r"미작성|무응답|공란|공백|빈 ?칸|생략|준비 ?중(?:입니다)?|미정",
    )
    + r"\W*"
    # A word with a note behind it: TODO: 나중에 쓰기.
    r"|\W*(?i:todo|tbd|fixme)\b\W{1,4}[^\n]{0,40}"
    # Signs alone.
    r"|\s*[.\-_…~*/\\=]{1,12}\s*|\s*[?？]{2,}\s*"
)
#: That there is none: right where something is looked for, and no text, list or summary.
_NONE = re.compile(r"\W*(?:없음|없습니다|없어요|모름|모릅니다|해당 ?없음)\W*")
_CONTENT = re.compile(
    r"(?:정리|설명|작성|나열|요약|비교|추천|소개|제안|계산|서술|묘사|번역|기술|논|분석)(?:하|해|을|를)"
    r"|(?:써|쓰|지어|지으|만들|적어|적으|알려|옮기|옮겨|바꾸|바꿔|고쳐|고치)"
)
_MAY_BE_NONE = re.compile(
    r"있(?:나|는지|습니까|어|을까|는가|다면|으면|니)|유무|여부|없(?:으면|다면|을)|틀린|오류|잘못|찾|골라|고르|추출|뽑|[몇]|아는"
)
_SIGNS = re.compile(r"기호|부호|문자|점|모스|표시|줄표|하이픈|밑줄|말줄임|연산|더하기|빼기|침묵|패턴|그려")
#: Every placeholder has a match of this RE2 pattern.
PLACEHOLDER = (
    r"^[^0-9A-Za-z가-힣]*(?i:n/?a|none|null|nil|nan|undefined|empty|blank|no ?(?:output|answer|response|input)"
    r"|not a[a-z]+|tbd|tba|output|response|answer"
    r"|[가-힣 ]{1,14}(?:없음|습니다|입니다|있음|예정|생략|중|미정|작성|입력|추가|기입|기재|업데이트|보완|제공"
    r"|준비|생성|채울|필요"
    r"|요망|대기|바람|하세요|주세요|할게요)|생략|공란|공백|빈 ?칸|무응답|미정|미작성|준비 ?중|없음|없습니다"
    r"|없어요|모름|모릅니다)"
    r"[^0-9A-Za-z가-힣]*$"
    r"|^[^0-9A-Za-z가-힣]*(?i:todo|tbd|fixme)|^[^0-9A-Za-z가-힣]+$"
)


def no_answer(texts: Texts, options: ScreenOptions) -> str | None:
    found = _EMPTY.fullmatch(texts.output) or (_NONE.fullmatch(texts.output) and wants_content(texts.instruction))
    if not found:
        return None
    word = re.sub(r"\W", "", texts.output)
    if not word:
        right = bool(_SIGNS.search(texts.instruction))
    elif re.fullmatch("[A-Za-z]+", word):  # None, null: a word of a language or of a program
        right = asks(texts.instruction, "code", "translation", "about-language", "as-it-may-be")
    else:
        right = asks(texts.instruction, "as-it-may-be") or (len(word) <= 4 and asks(texts.instruction, "title"))
    if right or (word and word.lower() in texts.instruction.lower()):
        return None
    return f"the whole answer is “{texts.output.strip()[:20]}”"


def wants_content(instruction: str) -> bool:
    """Whether the instruction asks for a text or a list, so that “없음” is no answer.

    >>> wants_content("지출 내역을 정리하세요."), wants_content("틀린 곳을 찾아 설명하세요.")
    (True, False)
    """
    return bool(_CONTENT.search(instruction)) and not _MAY_BE_NONE.search(instruction)
