"""The language of a text by its scripts, and by lingua where scripts do not decide and the options ask for it."""

import functools
import re
from typing import Any

import numpy as np

from pipeline.table.protected_spans import MARK, hide
from schemas.errors import MissingLibraryError

#: Scripts that decide, in the order of the report, with the blocks of their letters.
SCRIPTS = {
    "Hangul": "가-힣ㄱ-ㅣ\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb",
    "Latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Kana": "\u3041-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Cyrillic": "\u0400-\u052f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Thai": "\u0e00-\u0e7f",
    "Devanagari": "\u0900-\u097f",
    "Hebrew": "\u0590-\u05ff",
    "Greek": "\u0370-\u03ff",
}

#: Code point → number of its script, from 1; 0 for every other character, and for all above U+FFFF.
_SCRIPT_OF = np.zeros(0x10001, np.uint8)
for _number, _blocks in enumerate(SCRIPTS.values(), 1):
    for _first, _last in re.findall("(.)-(.)", _blocks):
        _SCRIPT_OF[ord(_first) : ord(_last) + 1] = _number

#: A text in another language has a stretch of its letters: four words of Latin, four letters of others.
FOREIGN = (
    r"(?:[A-Za-z]+[ ,.'-]+){3}[A-Za-z]"
    r"|[\x{0370}-\x{06FF}\x{0900}-\x{0E7F}\x{3041}-\x{30FF}\x{3400}-\x{9FFF}]{4}"
)

_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^“”\n]*”|‘[^‘’\n]*’|「[^「」\n]*」|『[^『』\n]*』|《[^《》\n]*》")

#: Words of an instruction that wants another language, or an answer that is made of Latin letters.
WANTS_FOREIGN = re.compile(
    r"번역|통역|옮기|옮겨|영어|영문|영작|일본어|일어|중국어|한문|한자|러시아|스페인|프랑스어|불어|독일어|독어|아랍|라틴|외국어|베트남|태국"
    r"|이탈리아|포르투갈|힌디|언어|원문|발음|로마자|알파벳|철자|단어|어휘|문법|문장|구문|동사|명사|형용사|시제|가사|제목|책|도서|논문|문헌|인용|이름|약어|약자|아나그램|애너그램|운율"
    r"|코드|코딩|프로그램|프로그래밍|함수|스크립트|쿼리|명령어|알고리즘|정규|파싱|클래스|변수|배열|태그|마크업|도메인|주소|공식|수식|방정식|화학식"
    r"|(?i:english|translat|japanese|chinese|python|java|html|css|sql|json|xml|yaml|c\+\+|c#|bash|linux|regex|url|code|api|tweet|latex)"
)


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def letters(text: str) -> dict[str, int]:
    """Letters of the prose by script: code, links, formulae and quotes aside.

    >>> letters("한글 abc 漢字 `code`")
    {'Hangul': 2, 'Latin': 3, 'Han': 2}
    """
    prose = _QUOTED.sub("", hide(text)[0].replace(MARK, " "))
    codes = np.frombuffer(prose.encode("utf-32-le"), np.uint32)
    counts = np.bincount(_SCRIPT_OF[np.minimum(codes, 0x10000)], minlength=len(SCRIPTS) + 1)[1:].tolist()
    return {name: count for name, count in zip(SCRIPTS, counts, strict=True) if count}


def share(counts: dict[str, int], script: str) -> float:
    total = sum(counts.values())
    return counts.get(script, 0) / total if total else 0.0


def name_of(text: str, counts: dict[str, int], identify: bool) -> str:
    """What the text is written in: the language where its script or lingua decides it, else the script."""
    if counts.get("Kana"):
        return "Japanese"
    script = max(counts, key=lambda name: counts[name])
    if identify and script in ("Latin", "Cyrillic", "Arabic", "Han"):
        language = _detector().detect_language_of(text)
        if language is not None:
            return str(language.name.title())
    return f"{script} script"


@functools.cache
def _detector() -> Any:
    try:
        from lingua import LanguageDetectorBuilder
    except ImportError as error:
        raise MissingLibraryError(
            "screen.identify needs lingua, which works offline: pip install 'ko-instruct[language]', "
            "or leave identify off and let the scripts decide."
        ) from error
    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
