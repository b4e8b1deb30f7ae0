"""The header of a table: which row names the columns, and what their names are."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.fields.names import INPUT, INSTRUCTION, NOTES, ORIGIN, OUTPUT, SYSTEM, TURNS
from pipeline.stages.ingest.fields.unmapped import SENTENCE_END

#: Rows among which a header below title lines is looked for.
TITLE_LINES = 30
#: Names that columns with a text of a record have.
KNOWN_NAMES = frozenset((*INSTRUCTION, *INPUT, *OUTPUT, *SYSTEM, *TURNS))
#: Those names by what they hold, and with them the names of notes: the names that a header can be made of.
ROLES = {"instruction": INSTRUCTION, "input": INPUT, "output": OUTPUT, "system": SYSTEM}
NAMES = KNOWN_NAMES | {*ORIGIN, *NOTES, ""}
LONGEST = max(map(len, NAMES))
NUMBER = re.compile(r"[-+]?[\d.,]+%?")
#: What is wrong with a header among the records.
REPEATED = "the header of the table comes once more here"
#: The sign at the end of a sentence.
END = re.compile(r"""[.?!。…]["'”’)\]]*\s*$""")


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a table names its columns: two cells are known names, or all differ from one another,
    are not numbers, and are no sentences such as the cells below them are.

    >>> is_header([["달은?", "위성"], ["해는?", "항성"]]), is_header([["만족합니까?", "나이"], ["네", "20"]])
    (False, True)
    """
    first = rows[0]
    if are_known_names(first):
        return True
    is_new = len(set(first)) == len(first) and not any(NUMBER.fullmatch(cell) for cell in first)
    return is_new and not is_one_of(rows)


def is_one_of(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is like those below it: it names no known column, and a cell is a sentence, as most of the
    cells below it are.
    """
    first, below = rows[0], rows[1:]
    return not is_known_name(first) and any(
        _ends(cell) and 2 * sum(_ends(row[at]) for row in below if at < len(row)) >= len(below) > 0
        for at, cell in enumerate(first)
    )


def _ends(cell: str) -> bool:
    """Whether a cell ends as a sentence does: with its sign, or after some words with an ending."""
    return END.search(cell) is not None or (len(cell.split()) > 2 and SENTENCE_END.search(cell) is not None)


def is_known_name(cells: Sequence[Any]) -> bool:
    """Whether one of the cells is a known name of a column."""
    return _known_names(cells) > 0


def are_known_names(cells: Sequence[Any]) -> bool:
    """Whether two of the cells are known names of columns."""
    return _known_names(cells) > 1


def _known_names(cells: Sequence[Any]) -> int:
    return sum(isinstance(cell, str) and cell.strip().casefold() in KNOWN_NAMES for cell in cells)


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """A name for each column: of a cell without one its number, of a second one of a name that name with a number.

    >>> column_names(["질문", "", "답변", "답변"])
    ('질문', 'column2', '답변', '답변_2')
    """
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        name, times = cell.strip() or f"column{number}", 1
        while name in names:
            times += 1
            name = f"{cell.strip()}_{times}"
        names.append(name)
    return tuple(names)


def lines_before_header(rows: Sequence[Sequence[str]]) -> int:
    """How many rows come before the first one that names columns by known names, 0 where the first one may do so.

    What is above has another number of cells, or empty ones.

    >>> lines_before_header([["상담 자료"], [], ["질문", "답변"], ["달은?", "위성"]])
    2
    """
    number = next((number for number, row in enumerate(rows) if are_known_names(row)), 0)
    is_title = number and (len(rows[0]) != len(rows[number]) or not all(cell.strip() for cell in rows[0]))
    return number if is_title else 0


def header_again(cells: Sequence[str], names: Sequence[str]) -> tuple[str, ...] | None:
    """The names of the columns below a row that is the header of a table once more; None where it is no header.

    It may name the columns in another order, or by other known names: these are read as the names of the same columns.

    >>> header_again(["답변", "질문"], ["질문", "답변"]), header_again(["output", "prompt"], ["질문", "답변"])
    (('답변', '질문'), ('답변', '질문'))
    >>> header_again(["question", "질문"], ["질문", "답변"])
    """
    if not may_name(cells[0], names):
        return None
    found = column_names(cells)
    if found == tuple(names) or (are_known_names(cells) and sorted(found) == sorted(names)):
        return found
    if (
        len(cells) != len(names)
        or not are_known_names(cells)
        or not all(cell.strip().casefold() in NAMES for cell in cells)
    ):
        return None
    roles = [role for role in map(_role, cells) if role]
    if len(set(roles)) < len(roles):
        return None  # two words for one thing: a row of a dictionary
    by_role = {_role(name): name for name in reversed(names)}
    if not by_role.keys() >= set(roles):
        return found
    rest = iter([name for name in names if name not in {by_role[role] for role in roles}])
    return tuple(by_role[role] if (role := _role(cell)) else next(rest) for cell in cells)


def may_name(cell: str, names: Sequence[str]) -> bool:
    """Whether a cell may be the name of a column."""
    word = cell.strip()
    return word in names or (len(word) <= LONGEST and word.casefold() in NAMES)


def _role(name: str) -> str | None:
    """Which text of a record a column of this name holds."""
    return next((role for role, names in ROLES.items() if name.strip().casefold() in names), None)


def hides(skip: int, place: str, names: Sequence[str], above: int) -> str:
    """The message about a `skip` that passes over the header of a table. `above`: how many lines come before it."""
    shown = ", ".join(filter(None, map(str.strip, names)))
    return (
        f"`skip` = {skip} passes over the header in {place}, which names {shown}: write `skip = {above}` in the source"
    )
