"""Instructions about the form of a text: where any difference counts."""

import re
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

#: Spacing, spelling, signs, capitals, letters, politeness, style, code as text: what such an instruction names.
_ABOUT_FORM = re.compile(
    r"""
      띄어\s?[쓰쓴썼쓸씀써]|띄워\s?[쓰쓴썼쓸씀써]|붙여\s?[쓰쓴썼쓸씀써]|공백|들여\s?쓰|맞춤법|철자|오타|오탈자|오자|탈자|표기|외래어|로마자|받아\s?쓰기
    | 문장\s?부호|구두점|쉼표|마침표|물음표|느낌표|따옴표|괄호|이모티콘|이모지
    | 대\s?[·,/]?\s?소문자|대문자|소문자|글자|글짜|음절|자모
    | 초성|중성|종성|(?<!뒷)받침|모음|자음|몇\s?자|문자\s?수|문자열|문자의|자릿수
    | 높임|존댓말|존대|반말|경어|공손|말투|어투|문체|격식|어미|어법|문법|비문|교정|교열|퇴고
    | 회문|애너그램|아나그램|정규\s?식|정규\s?표현식|인코딩|해시(?!\s?태그)|토큰|줄\s?바꿈|줄바꿈|개행
    | (?:바르|옳|올바르)게\s?[쓰쓴썼쓸적]|바른\s?(?:표현|말)|옳은\s?(?:표현|말)
    | 형태소|품사|어순|발음|사투리|방언|신조어|표준어|비표준|사전에|주격|목적격|보조사|격\s?조사|서술어
    | (?:의문|평서|감탄|명령|청유)문|(?:의문|명령)형|(?:맞는|틀린)\s?(?:말|표현|표기|철자)
    | \b(?:spell|punctuat|capital\s?letter|capitali|upper\s?-?case|lower\s?-?case|white\s?space|indent|typo|grammar
      |proofread|anagram|palindrome|letters?\b|characters?\b|regex|strings?\b|hyphen|comma\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: Also what a text is judged or changed by: the form of the instruction itself means nothing there.
_JUDGES_FORM = re.compile(
    r"정중|존중|예의|구어체|문어체|뉘앙스|어감|자연스러|다듬어|순화|윤문|첨삭|"
    r"어조|논조|톤[을은이의으,.?]|비꼬|비꼼|빈정|냉소|반어|풍자|장난인|장난스|진지한|진지하|친근|다정|무뚝뚝|"
    r"(?:감정|긍정|부정|분노|기쁨|슬픔).{0,4}(?:강도|세기|정도)|얼마나 (?:긍정|부정|강|화)|"
    r"(?:질문|의문|명령|부탁|요청|농담).{0,6}인지"
)
#: Instructions about single words, where a capital makes another word: polish, Polish.
_ABOUT_WORDS = re.compile(r"번역|낱말|단어|어휘|영단어|translat|\bwords?\b", re.IGNORECASE)


def is_about_form(instruction: str, of_material: bool = False) -> bool:
    """Whether the instruction is about spacing, spelling, signs, capitals or letters. `of_material`: or judges or
    changes the form of the text that it is given.

    >>> is_about_form("둘 중 바르게 쓴 것을 고르세요.")
    True
    >>> is_about_form("더 정중하게 바꿔 줘", of_material=True), is_about_form("정중하게 거절하는 메일을 써 줘")
    (True, False)
    >>> is_about_form("띄어 쓴 곳을 세세요."), is_about_form("다음 문장은 몇 글자인가요?"), is_about_form("번역하세요.")
    (True, True, False)
    """
    return any(map(_names_form, instruction.split("\n"))) or (of_material and bool(_JUDGES_FORM.search(instruction)))


@lru_cache(1 << 14)
def _names_form(line: str) -> bool:
    return _ABOUT_FORM.search(line) is not None


def about_form(instructions: pa.StringArray) -> list[bool]:
    """`is_about_form` of each instruction, of its material, too; most are settled together.

    >>> about_form(pa.array(["띄어쓰기를 고치세요.", "번역하세요.", "해시태그를 붙여 줘"]))
    [True, False, False]
    """
    may = pc.match_substring_regex(instructions, _MAY_NAME_FORM).to_pylist()
    return [
        found and is_about_form(text, of_material=True)
        for text, found in zip(instructions.to_pylist(), may, strict=True)
    ]


def may_be_about_words(instructions: pa.StringArray) -> list[bool]:
    """For each instruction False where `is_about_words` is False for sure.

    >>> may_be_about_words(pa.array(["설명하세요.", "번역하세요."]))
    [False, True]
    """
    found: list[bool] = pc.match_substring_regex(instructions, _MAY_BE_ABOUT_WORDS).to_pylist()
    return found


#: The same patterns as far as RE2 knows it: they find more, and never less.
_MAY_NAME_FORM = "(?is)" + re.sub(r"\s+|\(\?<?!.*?\)|\\b", "", f"{_ABOUT_FORM.pattern}|{_JUDGES_FORM.pattern}").replace(
    r"\s?", ".?"
)


_MAY_BE_ABOUT_WORDS = f"(?i){_ABOUT_WORDS.pattern}".replace(r"\b", "")


#: How an instruction ends that only says what to do, and holds no text to do it with.
_REQUEST = re.compile(r"[^.!?:\"'“‘\n]*(?:세요|십시오|시오|니다|니까|줘|요|까|라|기|다|오|지|가)[\s.!?~]*")


@lru_cache(1 << 14)
def request_after_task(instruction: str) -> tuple[str, str] | None:
    """An instruction about form, cut behind what names the form: material may stand before, a request stands after.

    None where the rest may hold material, too.

    >>> request_after_task("이 문장의 띄어쓰기를 고치세요.")
    ('이 문장의 띄어쓰', '기를 고치세요.')
    >>> request_after_task("띄어쓰기를 고치세요: 할수있다"), request_after_task("맞춤법 봐 줘 외않되")
    (None, None)
    """
    end = max((found.end() for found in _ABOUT_FORM.finditer(instruction)), default=0)
    one_sentence = not re.search("[.!?:\"'“‘\\n]", instruction[:end])
    return (instruction[:end], instruction[end:]) if one_sentence and _REQUEST.fullmatch(instruction, end) else None


#: How an instruction begins that speaks of a text elsewhere, and holds none itself.
_ELSEWHERE = re.compile(
    r"(?:다음|이|아래|아래의|주어진|제시된|입력된|입력)\s*(?:문장|단락|문단|글|텍스트|단어|구절|문자열|코드|입력|시|노래)"
)


def same_task(one: str, other: str) -> bool:
    """Whether the beginnings of two instructions name the same task: they are equal, or spaces alone differ where an
    instruction speaks of a text elsewhere.

    >>> same_task("다음 문장의 띄어쓰", "다음문장의 띄어쓰"), same_task("아버지 가방에 띄어쓰", "아버지가 방에 띄어쓰")
    (True, False)
    """
    elsewhere = _ELSEWHERE.match(one) and _ELSEWHERE.match(other)
    return one == other or bool(elsewhere and one.replace(" ", "") == other.replace(" ", ""))


@lru_cache(1 << 14)
def is_about_words(instruction: str) -> bool:
    """Whether the instruction is about words: to translate or explain them.

    >>> is_about_words("다음 낱말을 번역하세요."), is_about_words("AI의 뜻을 알려 줘")
    (True, False)
    """
    return _ABOUT_WORDS.search(instruction) is not None
