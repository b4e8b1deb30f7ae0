"""The texts of one exchange, which every finder reads, and how evidence quotes them."""

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.map_texts import distinct_matches
from pipeline.table.patterns import pattern
from pipeline.table.protected_spans import without_spans

#: The answers, dictionary-encoded, beside the columns of the texts of exchanges.
DISTINCT = "distinct answers"


class Texts(NamedTuple):
    """What is asked and what is answered; "" for null."""

    instruction: str
    input: str
    output: str
    #: The system prompt, and the first message of the conversation.
    context: str = ""
    #: JSON.
    meta: str = ""


def rows_of(
    answers: pa.DictionaryArray, may: pa.BooleanArray, *patterns: str, check: Callable[[str], bool] | None = None
) -> list[int]:
    """Rows whose answer, one of these distinct ones, matches one of the RE2 patterns and passes the check.

    RE2 is ten times as slow on several patterns in one whose states do not fit into its memory.
    """
    places = pc.indices_nonzero(pc.fill_null(may, False))
    texts = answers.dictionary.take(places)
    found = np.zeros(len(texts), bool)
    for each in patterns:
        found |= np.asarray(distinct_matches(texts, each)).astype(bool)
    if check:
        found[found] = [check(text) for text in texts.filter(pa.array(found)).to_pylist()]
    if not found.any():
        return []
    picked = np.zeros(len(answers.dictionary) + 1, bool)  # the last one is for null
    picked[np.asarray(places)[found]] = True
    indices = np.asarray(pc.fill_null(answers.indices, len(answers.dictionary)))
    rows: list[int] = np.flatnonzero(picked[indices]).tolist()
    return rows


def any_of(*patterns: str) -> str:
    """One pattern for a table of patterns.

    >>> any_of("가", "나 ?다")
    '(?:가|나 ?다)'
    """
    return f"(?:{'|'.join(patterns)})"


def around(match: re.Match[str], width: int = 40) -> str:
    return quoted(match[0], width)


def quoted(text: str, width: int = 40) -> str:
    return f"“{' '.join(text[:width].split())}”"


QUOTED = pattern(
    r"\"[^\"]*\"|“[^“”]*”|(?<![A-Za-z])'[^'\n]*'|‘[^‘’\n]*’|「[^「」\n]*」|『[^『』\n]*』|《[^《》\n]*》"
    r"|\([^()\n]*\)|^[ \t]*>[^\n]*",
    re.MULTILINE,
)


def prose_of(text: str) -> str:
    """The text without code, links, formulae and tables."""
    return without_spans(text)


@functools.lru_cache(maxsize=8)  # the finders of a row ask about the same texts
def unquoted(text: str) -> str:
    """The prose of the text without what it quotes, and without what stands in parentheses.

    >>> unquoted("그는 “간다.”라고 말했습니다.")
    '그는 라고 말했습니다.'
    """
    return QUOTED.sub("", prose_of(text))
