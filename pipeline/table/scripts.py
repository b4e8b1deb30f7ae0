"""The scripts that a text is written in, by its letters."""

import functools
import re

import numpy as np

from pipeline.table.patterns import pattern
from pipeline.table.protected_spans import without_spans

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

_QUOTED = pattern(r"\"[^\"\n]*\"|“[^“”\n]*”|‘[^‘’\n]*’|「[^「」\n]*」|『[^『』\n]*』|《[^《》\n]*》")


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def letters(text: str) -> dict[str, int]:
    """Letters of the prose by script: code, links, formulae and quotes aside.

    >>> letters("한글 abc 漢字 `code`")
    {'Hangul': 2, 'Latin': 3, 'Han': 2}
    """
    prose = _QUOTED.sub("", without_spans(text))
    codes = np.frombuffer(prose.encode("utf-32-le"), np.uint32)
    counts = np.bincount(_SCRIPT_OF[np.minimum(codes, 0x10000)], minlength=len(SCRIPTS) + 1)[1:].tolist()
    return {name: count for name, count in zip(SCRIPTS, counts, strict=True) if count}
