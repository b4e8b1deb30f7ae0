"""Why an instruction or an instance is not taken: ordered tables of named rules, the first that holds gives the reason.

The rules of Self-Instruct (Wang et al. 2022; self_instruct/bootstrap_instructions.py and prepare_for_finetuning.py of
the authors' code) in terms of Korean, and those by which Evol-Instruct eliminates (Xu et al. 2023, section 3.2).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from pipeline.self_instruct.parsing import Example
from pipeline.self_instruct.prompts import CREATED, EVOLVED, GIVEN
from pipeline.stages.screen import language
from schemas.self_instruct import Instance

# --- instructions ----------------------------------------------------------------------------------------------------

#: Shortest and longest instruction in characters, spaces aside. The paper has 4 to 150 English words; an English word
#: is about two and a half syllables in Korean translation, and the spaces of Korean are too free to count words by.
SHORTEST, LONGEST = 8, 400
#: Least share of Hangul among the letters; code and quotes aside.
LEAST_HANGUL = 0.3

#: What a model that reads and writes text alone cannot see, draw, open or visit. Each has its look-alikes: 그림자,
#: 지도자 and 지도 학습, 사진작가, 영상 통화 요금.
BEYOND_TEXT = re.compile(
    r"(?<![가-힣])그림(?!자|책|일기|동화|씨|형제|을 볼 수 없는)|이미지|(?<![가-힣])사진(?!작가|사|관|가(?!\s))|스크린샷"
    r"|그래프(?!\s*(이론|알고리즘|탐색|데이터베이스|QL))|도표|(?<![가-힣])차트를\s*(그|만들|보)"
    r"|(?<![가-힣])지도(?!자|력|교수|사|안|하|해|합|받|\s*(학습|머신|교사|편달))"
    r"|동영상|(?<![가-힣])영상을\s*(보|만들|편집|시청)|(음악|노래|음성|오디오)(을|를)?\s*(듣|들으|들려|재생|녹음)"
    r"|(?<!말로 )(그려|그리시오|그리세요|그려라|그리기)(?=\s*(주|줘|보|봐|넣|라|$|[.!?]))"
    r"|(웹\s?사이트|홈페이지|링크|주소)(에|로|를|을)\s*(접속|방문|들어가|클릭|열)"
)
#: A file is beyond a model's reach as well, unless code is to be written that reads it.
FILE = re.compile(r"(?<!컴)(?<!프로)파일(?!럿|의?\s*(시스템|확장자|형식|이름|명|입출력))")
CODE = re.compile(r"함수|스크립트|코드|명령|파이썬|자바|리눅스|설정 파일|(?i:python|java|bash|linux|yaml|json|csv|sql)")
#: "평균을 구하는 프로그램을 작성하세요": it is not clear whether the program or its result is wanted, and models write
#: it behind anything. A 운동 프로그램 is not such a program.
PROGRAM = re.compile(r"(^|[는을할될]\s*|컴퓨터\s*)프로그램(을|\s)\s*(하나\s*)?(작성|짜|만들|만드|구현|개발)")


def bare(text: str) -> str:
    """A text without its spaces."""
    return "".join(text.split())


def starts_with_punctuation(text: str) -> bool:
    """Whether it begins so, other than with what opens a quote, a bracket, code or a formula."""
    return unicodedata.category(text[0])[0] in "PSZC" and text[0] not in "\"'“‘「『《〈([<`$"


def is_beyond_text(text: str) -> bool:
    return bool(BEYOND_TEXT.search(text) or (FILE.search(text) and not CODE.search(text)))


def is_korean(text: str) -> bool:
    return language.share(language.letters(text), "Hangul") >= LEAST_HANGUL


#: For new instructions of Self-Instruct and of the short form.
INSTRUCTION_RULES: Mapping[str, Callable[[str], bool]] = {
    "punctuation-first": starts_with_punctuation,
    "not-korean": lambda text: not is_korean(text),
    "too-short": lambda text: len(bare(text)) < SHORTEST,
    "too-long": lambda text: len(bare(text)) > LONGEST,
    "beyond-text": is_beyond_text,
    "write-a-program": lambda text: PROGRAM.search(text) is not None,
}

#: For evolved instructions: they carry their input with them and may be long, and asking for more is their point.
EVOLVED_RULES: Mapping[str, Callable[[str], bool]] = {
    "prompt-leak": lambda text: any(words in text for words in (GIVEN, EVOLVED, CREATED)),
    **{name: INSTRUCTION_RULES[name] for name in ("not-korean", "too-short", "beyond-text")},
}


def broken(text: str, rules: Mapping[str, Callable[[str], bool]]) -> str | None:
    """The name of the first rule that an instruction breaks."""
    return next((name for name, breaks in rules.items() if breaks(text)), None)


# --- instances -------------------------------------------------------------------------------------------------------


def judge_instances(examples: Sequence[Example], most: int) -> list[str | None]:
    """For each instance of one task the reason why it is not taken; None for those that are, at most `most`.

    Where one input has two outputs, it is unknown which of them is right, and how good the others are: none of the
    task is taken. Without an input there is nothing to compare, and the first output is taken.
    """
    reasons = [_flaw(example) for example in examples]
    taken: dict[str, str] = {}
    for number, example in enumerate(examples):
        if reasons[number] is not None or example.instance is None:
            continue
        given, output = example.instance.input, example.instance.output
        if given in taken:
            reasons[number] = "duplicate" if taken[given] == output else "conflict" if given else "second-answer"
        elif len(taken) == most:
            reasons[number] = "enough"
        else:
            taken[given] = output
    if "conflict" in reasons:
        return [reason or "conflict" for reason in reasons]
    return reasons


def _flaw(example: Example) -> str | None:
    """What is wrong with an instance by itself."""
    if not example.finished:
        return "unfinished"
    if example.instance is None:
        return "unreadable"
    return flaw(example.instance)


def flaw(instance: Instance) -> str | None:
    if not instance.output:
        return "empty"
    if instance.output == instance.input:
        return "echo"
    if instance.output.endswith((":", "：")) or instance.input.endswith((":", "：")):
        return "unfinished"
    return None


# --- answers to one instruction (Evol-Instruct, short form) ----------------------------------------------------------

#: An apology that goes over into what cannot be done. A letter of apology does not.
REFUSAL = re.compile(
    r"(죄송|미안|유감)[^.!?\n]{0,20}[,.]?[^.!?\n]{0,60}(수\s*없|못\s*합|못합|어렵습니다|않습니다|불가능)"
)
#: A long answer may apologise on its way. Evol-Instruct's 80 English words, in characters without spaces.
SHORT_ANSWER = 200
#: Words without a content of their own.
HOLLOW = frozenset(
    (
        *("그리고", "그러나", "하지만", "그래서", "또는", "및", "등", "등등", "그", "이", "저", "것"),
        *("수", "음", "어", "아", "저기", "그런데", "또한", "물론", "물론입니다", "물론이죠", "알겠습니다"),
    )
)


def judge_answer(instruction: str, text: str, finished: bool) -> str | None:
    """The reason why an answer is not taken."""
    reason = flaw(Instance(input=instruction, output=text))
    if reason is not None or not finished:
        return reason or "unfinished"
    if all(word in HOLLOW for word in re.findall(r"[^\W_]+", text)):
        return "hollow"
    if len(bare(text)) < SHORT_ANSWER and REFUSAL.search(text):
        return "refusal"
    return None
