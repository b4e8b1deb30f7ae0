"""Answers in another language than the one asked for, and foreign text that a translation left."""

import functools
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.language import FUNCTION_WORDS, SCRIPT_OF_LANGUAGE, latin_language, letters, name_of, share
from pipeline.stages.screen.requests import asks, wanted_language
from pipeline.stages.screen.texts import Texts, prose_of, quoted, unquoted
from pipeline.table.map_texts import matches
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions


def not_korean(texts: Texts, options: ScreenOptions) -> str | None:
    counts = letters("\n".join(texts[:3]))
    if sum(counts.values()) < 20 or share(counts, "Hangul") >= options.min_hangul:
        return None
    if wanted_language(texts.instruction) not in (None, "Korean"):
        return None
    name = name_of("\n".join(texts[:3]), counts, options.identify)
    return f"{share(counts, 'Hangul'):.0%} of the letters of the row are Hangul: it reads as {name}"


def expected_language(texts: Texts) -> str | None:
    """The language that the answer is to have: the one asked for, else that of the instruction; None: any."""
    wanted = wanted_language(texts.instruction) or wanted_language(texts.context)
    if wanted is not None:
        return None if wanted == "Any" else wanted
    asked_of = letters(texts.input) or letters(texts.instruction)
    if asks(texts.instruction, "translation"):
        return "Korean" if asked_of and share(asked_of, "Hangul") < 0.3 else None
    foreign_text = share(letters(texts.input), "Hangul") < 0.7 and len(texts.input) > 20
    if foreign_text or asks(texts.instruction, "about-language"):
        return None
    if names_or_code(texts) and not wants_explanation(texts):
        return None
    return "Korean" if share(letters(texts.instruction), "Hangul") > 0.7 else None


_TITLE_OF_A_TEXT = pattern(r"제목[을를]? ?(?:하나 ?)?(?:붙|짓|지어|지으|달|정하|정해|만들|써|쓰|적|뽑)")


def names_or_code(texts: Texts) -> bool:
    """Whether the answer may hold nothing but names, or code, which is in Latin letters."""
    if asks(texts.instruction, "code"):
        answer = letters(texts.output)
        return not answer or main_script(answer) == "Latin"
    of_the_input = bool(_TITLE_OF_A_TEXT.search(texts.instruction)) and share(letters(texts.input), "Hangul") > 0.7
    return asks(texts.instruction, "about-names") and not of_the_input


_EXPLAIN = pattern(r"설명|알려|어떻게|방법|차이|무엇|뭐|뭔|왜|이유|까닭|원인|순서|장단점|줄거리|의미|언제|누구|소개")
#: Requests whose answer may hold nothing but names or code, or words as someone wrote them.
_AS_WRITTEN = pattern(
    r"코드|스크립트|쿼리|작성|만들|짜 ?줘|짜 ?주|구현|메시지|주석|출력|명령[어을은]|이름|변수|제목|가사|대사|명언"
    r"|구절|원문|목록|추천|나열|약자"
)


def wants_explanation(texts: Texts) -> bool:
    """Whether a question about programs or works wants sentences, and the answer has them."""
    if _AS_WRITTEN.search(texts.instruction) or not _EXPLAIN.search(texts.instruction):
        return False
    counts = letters(texts.output)
    return sum(counts.values()) >= (12 if counts.get("Han", 0) + counts.get("Kana", 0) else 40)


_CODE = pattern(r"[{};=]|\bdef |\bSELECT\b|^[ \t]*#", re.MULTILINE)
#: Only Chinese sentences have these; a list of Sino-Korean words (溫故知新) has none of them.
_CHINESE = pattern("[的是了在们們这這我你他她不个個吗嗎，。]")


#: A line of an answer that is not in another language as a whole.
_KOREAN_LINE = pattern(
    r"^[^A-Za-z\n(\"\u3041-\u9fff\u0400-\u06ff]{0,40}[가-힣][^A-Za-z\n(\"\u3041-\u9fff\u0400-\u06ff]{0,30}[가-힣]{2}",
    re.MULTILINE,
)


def language_of_answer(texts: Texts) -> str | None:
    """The language of an answer that is not Korean, by its sentences; None: Korean, or too little to say."""
    if _KOREAN_LINE.search(texts.output):
        return None
    counts = letters(texts.output)
    if not counts or share(letters(unquoted(texts.output)), "Hangul") > 0.04:
        return None
    if len(re.findall("[가-힣]", texts.output)) * 6 > len(texts.output):  # the rest may be a gloss
        return None
    script = max(counts, key=lambda name: counts[name])
    if counts.get("Kana", 0) >= 3 and share(counts, "Kana") > 0.1:
        return "Japanese"
    if script == "Latin":
        if _CODE.search(texts.output):
            return None
        return latin_language(prose_of(texts.output)) or ("English" if few_words(texts) else None)
    if script == "Han":
        sentence = counts["Han"] >= 4 and _CHINESE.search(texts.output)
        return "Chinese" if sentence or only_han(texts) else None
    if script in ("Hangul", "Greek") or counts[script] < 8:
        return None
    return script


#: Two words in small letters, one behind the other: fossil fuels.
_SMALL_WORDS = pattern(r"(?<![^\s(\"'“‘])[a-z]{3,} [a-z]{2,}(?![^\s,.;:!?)\"'”’])|[A-Z][a-z]+ [a-z]{3,} [a-z]{3,}")
#: What the answer to a question about these may be in every language.
_TERMS = pattern(
    r"이름|용어|곡|노래|가수|그룹|기호|명칭|학명|단위|팀|뭐라고|부르|확장자|동사|명사|형용사|부사|단어|웹|약자"
)


def few_words(texts: Texts) -> bool:
    """Whether the answer is a few common words of Latin letters, to a question that has none of these letters.

    Names and terms are written with capitals, or have a line for themselves.
    """
    asked = texts.instruction + texts.input
    if re.search("[A-Za-z]{2}", asked) or _TERMS.search(asked) or re.search(r"[<@]| dot ", texts.output):
        return False
    lines = [line for line in texts.output.splitlines() if line.strip()]
    return (
        not re.search("[가-힣]", texts.output)
        and bool(_SMALL_WORDS.search(texts.output))
        and len(re.findall("[A-Za-z]{2,}", texts.output)) >= (4 if len(lines) > 1 else 3)
    )


def only_han(texts: Texts) -> bool:
    """Whether the answer is in Han alone, to a question that neither has Han nor asks for it."""
    asked = texts.instruction + texts.input
    if re.search("[\u4e00-\u9fff]|한자|한문|중국|일본|대만|사자|고사|성어|서예|붓글씨|천자|부수|획", asked):
        return False
    return not re.search("[가-힣A-Za-z]", texts.output) and len(re.findall("[\u4e00-\u9fff]", texts.output)) >= 2


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def foreign_answer(texts: Texts) -> tuple[str, str] | None:
    """The language expected and the one that the whole answer has, where they are not the same."""
    got = language_of_answer(texts)
    expected = expected_language(texts) if got else None
    if expected is None or got is None or expected == got:
        return None
    same_script = SCRIPT_OF_LANGUAGE.get(expected) == SCRIPT_OF_LANGUAGE.get(got, got)
    # Short texts in Latin letters have few words by which to tell languages.
    return None if same_script and got != "English" else (expected, got)


def keeps_source(texts: Texts) -> bool:
    """Whether the answer is in the script of the text to translate."""
    source, answer = letters(texts.input), letters(texts.output)
    return bool(source) and bool(answer) and main_script(source) == main_script(answer)


def main_script(counts: dict[str, int]) -> str:
    return "Kana" if counts.get("Kana") else max(counts, key=counts.__getitem__)


def wrong_language(texts: Texts, options: ScreenOptions) -> str | None:
    found = foreign_answer(texts)
    if found is None or keeps_source(texts):
        return None
    expected, got = found
    return f"the instruction wants {expected}, the answer is {got}: {quoted(texts.output)}"


#: An answer to these may be in Korean letters: 애플이라고 합니다.
_HOW_TO_SAY = pattern(r"뭐|무엇|어떻게|발음|읽|차이|뜻|의미|이유|왜|특징|설명")
#: Every request for a language by its name has a match of this RE2 pattern.
NAMES_LANGUAGE = (
    r"(?:영어|영문|일본어|일어|중국어|프랑스어|불어|독일어|스페인어|러시아어|베트남어|태국어|아랍어"
    r"|한국어|우리말|한글)(?:으로|로| )"
    r"|영작|(?:[Ii]n|[Tt]o) (?:English|Korean)"
)


def names_language(texts: Mapping[str, pa.Array]) -> list[int]:
    """Exchanges whose instruction names a language."""
    return list(pc.indices_nonzero(matches(texts["instruction"], NAMES_LANGUAGE)).to_pylist())


QUOTE_MARKS = pattern("[\"'“”‘’「」『』`()]")


def other_script(texts: Texts, options: ScreenOptions) -> str | None:
    """A short translation without one letter of the language that was asked for.

    >>> other_script(Texts("중국어로 옮기세요.", "나는 너를 사랑해.", "I love you."), ScreenOptions())
    'the instruction wants Chinese, the answer has no letter of it: “I love you.”'
    """
    wanted = wanted_language(texts.instruction)
    script = SCRIPT_OF_LANGUAGE.get(wanted or "Any")
    counts = letters(QUOTE_MARKS.sub(" ", texts.output))
    if script is None or sum(counts.values()) < 4 or len(texts.output) > 200:
        return None
    if keeps_source(texts) and not still_korean(texts, counts):
        return None
    if asks(texts.instruction, "code") or _HOW_TO_SAY.search(re.split("[:：\n]", texts.instruction)[0]):
        return None
    if not asks(texts.instruction, "translation") and sum(counts.values()) < 10:
        return None
    of_it = counts.get(script, 0) + (counts.get("Kana", 0) + counts.get("Han", 0) if wanted == "Japanese" else 0)
    return None if of_it else f"the instruction wants {wanted}, the answer has no letter of it: {quoted(texts.output)}"


def still_korean(texts: Texts, counts: dict[str, int]) -> bool:
    """Whether the answer to a translation from Korean is all Korean."""
    source = share(letters(texts.input), "Hangul") if texts.input else 0
    return source > 0.7 and share(counts, "Hangul") > 0.9 and asks(texts.instruction, "translation")


def untranslated(texts: Texts, options: ScreenOptions) -> str | None:
    if (found := foreign_answer(texts)) and keeps_source(texts):
        return f"the instruction wants {found[0]}, the answer is still {found[1]}: {quoted(texts.output)}"
    if left := left_korean(texts) or left_source(texts):
        return f"the translation holds text of its source: {quoted(left)}"
    if not re.search("[가-힣]", texts.output):
        return None
    left = (
        left_words(texts)
        or mixed_words(texts)
        or han_words(texts)
        or other_letters(texts)
        or (left_sentence(texts) if _KOREAN_LINE.search(texts.output) else None)
    )
    # (The examples of a meaning are in the other language. What is asked for is looked at last: that takes longest.)
    if not left or asks(texts.instruction, "meaning") or expected_language(texts) != "Korean":
        return None
    return f"the answer is Korean and has foreign text in it: {quoted(left)}"


_LATIN_RUN = pattern(r"(?<![A-Za-z가-힣])[A-Z][A-Za-z'’,;\- ]{20,300}(?=[.!?\n]|$)")
_OTHER_RUN = pattern(r"[\u3041-\u30ff\u4e00-\u9fff，。、]{8,}|[\u0400-\u052f ]{16,}|[\u0600-\u06ff ]{16,}")


def left_sentence(texts: Texts) -> str | None:
    """A sentence in another language inside of a Korean answer; names, titles and quotations are none."""
    found = sentence_in_latin(texts) or sentence_in_other_letters(texts)
    if found and asks(texts.instruction, "code") and not asks(texts.instruction, "translation"):
        return None
    return found


def sentence_in_latin(texts: Texts) -> str | None:
    for match in _LATIN_RUN.finditer(unquoted(texts.output)):
        words = re.findall(r"[A-Za-z'’]+", match[0])
        small = [word for word in words if word.islower()]
        known = sum(word.lower() in FUNCTION_WORDS["English"] for word in words)
        if len(words) >= 5 and known >= 2 and len(small) * 2 > len(words):
            return match[0]
    return None


def sentence_in_other_letters(texts: Texts) -> str | None:
    other = _OTHER_RUN.search(unquoted(texts.output))
    if not other or not (re.search("[\u3041-\u30ff\u0400-\u06ff]", other[0]) or _CHINESE.search(other[0])):
        return None
    about = asks(texts.instruction, "about-language") and not asks(texts.instruction, "translation")
    return None if about else other[0]


def left_korean(texts: Texts) -> str | None:
    """Korean words of the text to translate that are still in a translation into another language."""
    wanted = wanted_language(texts.instruction) if texts.input else None
    if wanted in (None, "Any", "Korean") or not asks(texts.instruction, "translation"):
        return None
    left = [word for word in re.findall("[가-힣]+", unquoted(texts.output)) if word in texts.input]
    return (
        ", ".join(dict.fromkeys(left)) if len(left) >= 2 and re.search("[A-Za-z぀-ヿ一-鿿]{4}", texts.output) else None
    )


def left_source(texts: Texts) -> str | None:
    """A sentence of the text to translate that is in the translation, letter for letter."""
    if not texts.input or not asks(texts.instruction, "translation") or asks(texts.instruction, "copy", "meaning"):
        return None
    parts = re.split(r"(?<=[.!?。])\s+", texts.input.strip())
    answer = texts.output.strip()
    if len(parts) < 2:
        return None
    sentences = (part for part in parts if len(part) >= 12 and len(part.split()) >= 3)
    return next((part for part in sentences if part in answer and part != answer), None)


#: Chinese characters with a Korean particle, in place of Korean letters: 目標를.
_HAN_WORD = pattern("(?<![一-鿿(])([一-鿿]{2,4})(?:을|를|은|는|이|가|의|에|과|와|로|하|된|적)")


def han_words(texts: Texts) -> str | None:
    """Two words in Chinese characters in a Korean answer to a request without any."""
    found = list(dict.fromkeys(match[1] for match in _HAN_WORD.finditer(unquoted(texts.output))))
    if len(found) < 2 or re.search("[一-鿿]|한자|한문", texts.instruction + texts.input):
        return None
    return None if asks(texts.instruction, "about-language") else ", ".join(found)


_OTHER_LETTERS = pattern("[\u3041-\u30ff]{2,}|[\u0400-\u052f]{4,}|[\u0600-\u06ff]{4,}|[\u0e01-\u0e5b]{4,}")


def other_letters(texts: Texts) -> str | None:
    """A word in Japanese, Cyrillic, Arabic or Thai letters in a Korean answer that is not about such words."""
    match = _OTHER_LETTERS.search(unquoted(texts.output))
    if not match or re.search("나라 ?말|외국어|원어|문자|글자", texts.instruction):
        return None
    if wanted_language(texts.instruction) not in (None, "Korean"):
        return None
    if asks(texts.instruction, "about-language", "about-names", "copy") and not asks(texts.instruction, "translation"):
        return None
    asked = texts.instruction if asks(texts.instruction, "translation") else texts.instruction + texts.input
    return None if _OTHER_LETTERS.search(asked) else match[0]


#: An English word with a Korean ending: regulate하는, nutrient입니다.
_MIXED = pattern(r"(?<![A-Za-z.\-/_@#])([a-z]{5,})(하|한|할|해|되|된|적|입니다|이다|을|를|은|는|이|가|의|과|와)")


_OF_COMPUTERS = pattern(
    r"프로그램|컴퓨터|앱|웹|서버|데이터|개발|소프트웨어|인공지능|네트워크|클라우드|디지털|온라인|게임|기술"
    r"|브랜드|제품|음악|패션|마케팅"
)


def mixed_words(texts: Texts) -> str | None:
    """Three English words with Korean endings, one of them a verb, none of them in the prompt."""
    asked = (texts.instruction + texts.input).lower()
    found = [match for match in _MIXED.finditer(unquoted(texts.output)) if match[1] not in asked]
    plain = not re.search("[A-Za-z]", asked) and not _OF_COMPUTERS.search(texts.instruction)
    mixed = len({match[1] for match in found}) >= 3 and (
        plain or any(match[2] in ("하", "한", "할", "해") for match in found)
    )
    if not mixed or asks(texts.instruction, "code", "about-language", "about-links"):
        return None
    return ", ".join(dict.fromkeys(match[1] for match in found))


_WORD = pattern(r"(?<![A-Za-z.\-/_@#])[a-z]{4,}(?![A-Za-z\-/_(]|\.[A-Za-z])")


def left_words(texts: Texts) -> str | None:
    """Words of the text to translate that are still in the translation, with Korean particles."""
    source = set(_WORD.findall(texts.input or texts.instruction))
    left = [word for word in dict.fromkeys(_WORD.findall(unquoted(texts.output))) if word in source]
    if len(left) < 2 or not asks(texts.instruction, "translation") or asks(texts.instruction, "copy"):
        return None
    return ", ".join(left)
