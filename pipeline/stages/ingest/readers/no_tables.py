"""Texts of lines that are no table of records, each with what to do: statements of SQL, tokens with their tags."""

import re

#: How a statement of a dump begins.
STATEMENT = re.compile(r"(?:CREATE|DROP|ALTER|INSERT|REPLACE|LOCK|SET|BEGIN|COPY|USE|PRAGMA|START)\b", re.IGNORECASE)
COMMENT = ("--", "/*", "#")
#: The last cell of a token: what it is the beginning, the inside or the outside of.
TAG = re.compile(r"(?:[BIESLUM]-\S+|O)")
#: Lines that are looked at.
LINES = 200


def no_table(text: str) -> str | None:
    """What a text is that looks like a table and is none, and the remedy; None for others."""
    lines = [line.strip() for line in text.splitlines()[:LINES]]
    told = [line for line in lines if line and not line.startswith(COMMENT)]
    if told and _is_sql(told[0], text):
        return (
            "the file is a dump of a database, in SQL: load it into a database, write the table from there as CSV or "
            "JSON, and take this file out of `files`"
        )
    if "" in lines and len(told) > 1 and _are_tokens(told):
        return (
            "each line is a token with its tag (CoNLL), and no record: write a file with a record for each sentence, "
            "which has fields for what is asked and for the answer, and take this file out of `files`"
        )
    return None


def _is_sql(first: str, text: str) -> bool:
    """Whether a text begins with a statement, and a line ends as one."""
    return STATEMENT.match(first) is not None and any(line.rstrip().endswith(";") for line in text.splitlines())


def _are_tokens(lines: list[str]) -> bool:
    """Whether nearly each line ends in the tag of a token, or has the ten columns of CoNLL-U."""
    tagged = sum(len(cells) > 1 and TAG.fullmatch(cells[-1]) is not None for cells in map(str.split, lines))
    tens = sum(line.count("\t") == 9 and line.partition("\t")[0].isdecimal() for line in lines)
    return max(tagged, tens) > 0.9 * len(lines)
