"""The escapes of a database in a table of text, as mysqldump --tab and COPY of PostgreSQL write them: `\\n`, `\\N`."""

import re

#: A backslash, and the character behind it.
ESCAPE = re.compile(r"\\([\s\S])")
#: What a letter behind a backslash stands for. Any other character stands for itself.
CHARACTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}
#: A letter behind a backslash while the cells of a line are told apart: half of a surrogate pair, which no text holds.
MARKS = {letter: chr(0xD800 + ord(letter)) for letter in (*CHARACTERS, "N")}
NULL = MARKS["N"]
UNMARKED = str.maketrans({**{MARKS[letter]: text for letter, text in CHARACTERS.items()}, NULL: "N"})
#: A cell that is null.
NULL_CELL = r"\N"


def are_escapes(text: str, delimiter: str) -> bool:
    r"""Whether the backslashes of a table are those of a database: a cell is null, and each one begins an escape.

    >>> are_escapes("달은?\t\\N\n해는?\t스스로\\n빛난다\n", "\t"), are_escapes("달은?\t\\N\n\\alpha는?\t수\n", "\t")
    (True, False)
    """
    sign = re.escape(delimiter)
    if NULL_CELL not in text or not re.search(rf"(?:^|{sign})\\N(?:{sign}|$)", text, re.MULTILINE):
        return False
    return all(is_escape(behind, delimiter) for behind in ESCAPE.findall(text))


def is_escape(behind: str, delimiter: str) -> bool:
    """Whether a database writes a backslash before a character."""
    return behind in MARKS or behind in ("\\", '"', "'", "\n", "\r", delimiter)


def marked(line: str) -> str:
    """A line in which the csv module may take away the backslashes: the letters behind them are marks."""
    return ESCAPE.sub(lambda found: "\\" + MARKS.get(found[1], found[1]), line) if "\\" in line else line


def unmarked(cell: str, escapes: bool) -> str | None:
    """What a cell says. `escapes`: whether its line was marked; a cell of null alone is known without that."""
    if not escapes:
        return None if cell == NULL_CELL else cell
    return None if cell == NULL else cell.translate(UNMARKED)
