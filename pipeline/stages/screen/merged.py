"""A second exchange inside a text that should hold one: in the answer, the instruction or the input."""

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, any_of, around, quoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: What opens a question and what opens its answer, at the start of a line: “### 지시:”, “[질문]”, “2. 입력:”, “질:”.
_BEFORE = r"(?:#{1,4} ?)?(?:[0-9]{1,2}[.)] ?)?(?:\*\*|\[|【|<)?"
_BEHIND = r"(?:\*\*|\]|】|>)?"
_ASK_WORDS = any_of(
    *(r"입력(?:문|값)?", "명령어?", "명령문", r"지시(?:문|사항)?", "사용자", "유저", "요청", "과제"),
    *("Instruction", "Input", "Human", "User", "Prompt", "Task", r"(?P<question>질문|물음|문제|질|문|Question|Q)"),
)
_ANSWER_WORDS = any_of(
    *(r"출력(?:문|값)?", "응답", "답변", "답", "정답", "대답", "결과", "챗봇", "어시스턴트", "모범 ?답안"),
    *("Output", "Response", "Assistant", "AI", "Bot", "Answer", "A"),
)
ASK = f"{_BEFORE}{_ASK_WORDS} ?[0-9]{{0,3}} ?{_BEHIND}"
_ANSWER = f"{_BEFORE}{_ANSWER_WORDS} ?[0-9]{{0,3}} ?{_BEHIND}"
#: A colon or a full stop behind the word, or the bracket that closes it.
_SIGN = r"(?: ?[:：.]|(?<=[\]】>]))"
_SIGN_SCAN = " ?[:：.]?"
_MERGED = pattern(
    rf"^[ \t]*{ASK}{_SIGN}[^\n]*\n(?:[^\n]*\n){{0,30}}?[ \t]*{_ANSWER}{_SIGN}",
    re.MULTILINE,
)
#: How a request ends.
_IMPERATIVE = any_of(
    *("하세요", "하시오", "하십시오", "해 ?주세요", "해 ?줘", "해라", "보세요", "보시오", "쓰시오", "쓰세요"),
    "적으시오",
    *("적으세요", "고르시오", "고르세요", "구하시오", "구하세요", "답하시오", "답하세요", "바꾸세요", "바꾸시오"),
    *("찾으시오", "찾으세요", "옮기시오", "옮기세요", "만드세요", "만드시오", "지으세요", "설명하라", "작성하라"),
    "주세요",
    *("알려 ?줘", "써 ?줘", r"[인은는]가요\?", r"나요\?", r"까요\?", r"무엇입니까\?"),
)
_NUMBERED = r"(?:\d{1,2}[.)] )?"
_POINTS_AT = r"(?:다음|아래|주어진|위의?|이) "
_ORDER = r"(?:명령어?|명령문|지시(?:문|사항)?|Instruction|새 ?(?:질문|지시)|다음 ?(?:질문|지시|과제|문제))"
#: One more instruction under a number or a header, with nothing that says it is an answer.
_NEXT = pattern(
    any_of(
        rf"\n[ \t]{{0,9}}\n[ \t]{{0,9}}{_NUMBERED}{_POINTS_AT}[^\n]{{2,60}}{_IMPERATIVE}[.?]?[ \t]*(?:\n|$)",
        rf"\n[ \t]*{_BEFORE}{_ORDER} ?\d{{0,2}} ?{_BEHIND} ?\d{{0,2}} ?[:：\n]",
        r"[.!?] [\[【<](?:질문|문제|지시|명령)[\]】>][^\n]{2,90}[\[【<](?:답변?|정답|응답)[\]】>]",
        # … 포유류입니다. 다음 지시: …
        r"[.!?] (?:다음|새로운|새|두 ?번째) ?(?:지시|질문|문제|명령|과제)(?:문|사항)? ?[:：]",
        r"\n[ \t]{0,9}\n[ \t]{0,9}\d{1,2}[.)] [^\n]{2,60}(?:해 ?줘|알려 ?줘|써 ?줘|하시오)[.]?[ \t]*\n\S",
        r"\n[ \t]{0,9}\n[ \t]{0,9}(?:[4-9]|[1-9]\d)[.)] [^\n]{2,60}"
        r"(?:나열|설명|작성|서술|번역|요약|분류|계산|비교)하세요\.?[ \t]*\n\S",
    )
)
#: A question on a line of its own, and the mark of its answer on the next: 2) 공기 청정기는 어떻게 닦나요?\n답:
_ASKED = pattern(rf"\n[^\n]{{4,90}}[?？][ \t]*\n[ \t]*\n?[ \t]*{_ANSWER}{_SIGN}")
_KOREAN_ORDER = r"지시(?:문|사항)?|명령어?|명령문"
_LINE = r"\n[ \t]*"
_ITEM = r"(?:\d{1,2}[.)] ?)?"
#: What joins two prompts in the instruction or the input, by what it looks like.
JOINTS = {
    "### 지시:": (
        rf"#{{2,4}} ?(?:{_KOREAN_ORDER}|질문|입력|출력|응답|Instruction|Input|Response|Output)\b ?\d{{0,2}}[:：]?"
    ),
    "###, and a number": r"^[ \t]*#{2,6}[ \t]*\n{1,3}\d{1,2}[.)]",
    "3. 지시:": rf"{_LINE}{_ITEM}(?:\[|【)?(?:{_KOREAN_ORDER}|Instruction)(?:\]|】)? ?\d{{0,2}} ?[:：]",
    "User: … Assistant:": (
        rf"{_LINE}(?:Human|User|사용자) ?[:：][^\n]*\n{{1,3}}[ \t]{{0,9}}(?:Assistant|AI|챗봇|어시스턴트) ?[:：]"
    ),
    "25. 주어진 문장을": r"[.?!] (?:[2-9]|[1-9]\d)[.)] (?:다음|주어진|아래)[^\n]{2,60}(?:세요|시오|십시오|라)[.]?",
    "2. 다음 문장을 …, on lines": (
        r"\n[ \t]*\n[ \t]*(?:[2-9]|[1-9]\d)[.)] (?:다음|주어진|아래)[^\n]{2,60}(?:세요|시오|십시오|줘|라)[.:：]"
    ),
    "one text, and one more to work on": (
        r"\n[ \t]*\n[ \t]*(?:다음|아래|주어진) [^\n]{2,40}(?:하세요|하시오|하십시오|해 ?줘|쓰세요|쓰시오) ?[:：]"
    ),
    "다음 작업: …": rf"{_LINE}(?:다음|새|두 ?번째) ?(?:작업|지시|과제|문제|질문) ?[:：]",
    "입력: … 출력: …, and one more": (
        rf"{_LINE}{_ITEM}(?:입력|Input) ?[:：][^\n]*\n(?:[^\n]*\n){{0,3}}?[ \t]*(?:출력|Output) ?[:：] ?\S"
        r"[^\n]*\n{1,3}[^\n]*(?:지시|명령|입력|Instruction|Input|#{2,})"
    ),
}
_JOINED = pattern(any_of(*JOINTS.values()), re.MULTILINE)
#: Requests of which exchanges are the answer.
_ABOUT_EXCHANGES = pattern(
    any_of(
        *("입력", "대화", "챗봇", "사용자", "입출력", "예제", "인터뷰", "input", "코드", "함수", "알고리즘"),
        "프로그램",
        *("프롬프트", "예시", "퓨샷", "few-?shot", "데이터 ?셋", "보기", "데이터의", "데이터를 (?:하나|만들|작성)"),
        "self-?instruct",
        *("(?:지시|문답|질의응답)[^\n.]{0,14}(?:예|쌍|짝)(?:를|을|가)? ", "학습 ?데이터"),
    )
)

# RE2 patterns: every text with a second exchange has a match.
MERGED = (
    rf"\?[ \t]*\n\s*{_ANSWER}{_SIGN_SCAN}"
    rf"|\n\s*{ASK.replace('?P<question>', '?:')}(?: ?[:：.]|\n| )|\n\s*\n[ \t]*(?:[0-9]{{1,2}}[.)] )?(?:다음|아래"
    rf"|주어진|위|이) "
    r"|[.!?] [\[【<](?:질문|문제|지시|명령)"
    r"|[.!?] (?:다음|새|두 ?번째)[가-힣]* ?(?:지시|질문|문제|명령|과제)[가-힣]{0,2} ?[:：]"
    r"|\n[ \t]*[0-9]{1,2}[.)] [^\n]*(?:줘|하시오|하세요)[.]?[ \t]*\n"
    r"|\n[^\n]?[^\n]?[^\n]?[^\n]?[^\n]?(?:명령|지시|Instruction|질문|과제|다음 ?[지문])"
)
JOINED = (
    r"##|[.?!] [0-9]{1,2}[.)] (?:다음|주어진|아래)|\n[ \t]*(?:다음|새|두 ?번째)"
    r"|\n[^\n]{0,8}(?:명령|지시|Instruction|Human|User|사용자|입력|Input)"
    r"|\n\s*(?:[1-9][0-9]?[.)] )?(?:다음|주어진|아래) "
)


def merged_instruction(texts: Texts, options: ScreenOptions) -> str | None:
    # Where the instruction itself speaks of input and output, or of questions, examples of them are the answer.
    if _ABOUT_EXCHANGES.search(texts.instruction):
        return None
    text = texts.output
    # Behind some answer: the first words of a text are its own.
    start = len(text) - len(text.lstrip()) + 1
    match = _MERGED.search(text, start)
    if match and not (match["question"] and asks(texts.instruction, "questions")):
        return f"a second exchange inside the answer: “{' '.join(match[0].split()[:9])}”"
    if (match := _ASKED.search(text, start)) and not asks(texts.instruction, "questions", "examples", "dialogue"):
        return f"a second exchange inside the answer: {around(match)}"
    if asked_again(texts):
        return f"the instruction is in the answer again: {quoted(texts.instruction)}"
    if (match := _NEXT.search(text, start)) and not asks(
        texts.instruction, "questions", "examples", "dialogue", "list", "template"
    ):
        return f"one more instruction inside the answer: {around(match)}"
    return None


def asked_again(texts: Texts) -> bool:
    """Whether the instruction comes again in the answer, on a line of its own behind some answer, with more behind it.

    >>> asked_again(Texts("높임말로 바꾸어라.", "", "식사하셨습니까?\\n\\n높임말로 바꾸어라.\\n어디 가니?"))
    True
    """
    asked = texts.instruction.strip()
    at = texts.output.find("\n" + asked) if len(asked) >= 8 and "\n" not in asked else -1
    if at <= 0 or asks(texts.instruction, "repeating", "copy", "verse"):
        return False
    behind = texts.output[at + 1 + len(asked) :]
    return behind[:1] == "\n" and bool(behind.strip())


def may_ask_again(texts: Mapping[str, pa.Array]) -> list[int]:
    """Rows whose answer has the first words of the instruction at the start of a line, behind some answer."""
    answers = texts["output"]
    longer = pc.greater(pc.binary_length(answers), pc.add(pc.binary_length(texts["instruction"]), 4))
    rows = pc.indices_nonzero(longer)
    pairs = zip(
        rows.to_pylist(), answers.take(rows).to_pylist(), texts["instruction"].take(rows).to_pylist(), strict=True
    )
    return [row for row, answer, asked in pairs if asked and "\n" + asked.strip()[:24] in answer]


def merged_prompt(texts: Texts, options: ScreenOptions) -> str | None:
    return joined("instruction", texts.instruction, texts)


def merged_input(texts: Texts, options: ScreenOptions) -> str | None:
    return joined("input", texts.input, texts)


def joined(field: str, text: str, texts: Texts) -> str | None:
    if re.search(r"예시|예제|보기|대화|프롬프트|형식|포맷|few-?shot|Below is an|아래는 작업", texts.instruction):
        return None
    match = _JOINED.search(text, 1)
    return f"a second instruction inside the {field}: {around(match)}" if match else None
