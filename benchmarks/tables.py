"""The committed tables of the benchmarks: what they say of themselves, their rows, and the numbers in them."""

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
#: The page that is made of them.
PAGE = FOLDER / "README.md"
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ +)*(?:\\\n *)?(?:\S+/bin/)?python -m benchmarks\.[^\n`;]+")
_DATE_OR_VERSION = re.compile(r"\d+\.\d+\.\d+|\b20\d\d\b")


class Table(NamedTuple):
    """A file of tables."""

    path: Path
    title: str
    about: str  # when and with which versions; "" where it does not say so
    command: str  # that makes it
    text: str


class Row(NamedTuple):
    """A row of a table: the headings above it, its first cell, and its other cells by the names of their columns."""

    heading: str
    name: str
    cells: dict[str, str]


def read_tables() -> list[Table]:
    return [read_table(path) for path in sorted(FOLDER.glob("*.md")) if path != PAGE]


def read_table(path: Path) -> Table:
    text = path.read_text(encoding="utf-8")
    title, _, rest = text.partition("\n")
    first = rest.partition("\n\n|")[0]
    said = [part for part in first.split("\n\n") if _DATE_OR_VERSION.search(part) and not part.startswith("    ")]
    command = _COMMAND.search(first)
    return Table(
        path,
        title.removeprefix("# "),
        " ".join(re.split(r" ?Repeat", said[0])[0].split()) if said else "",
        " ".join(command[0].replace("\\\n", " ").split()) if command else "",
        text,
    )


def rows_of(text: str) -> list[Row]:
    """The rows of all tables in a text, in order.

    >>> rows_of("## 가\\n\\n| | s |\\n|---|---|\\n| run | **1.5** |")
    [Row(heading='가', name='run', cells={'s': '**1.5**'})]
    """
    found: list[Row] = []
    heading, columns = "", list[str]()
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not columns:
            columns = cells
        elif not set(line) <= set("|-: "):
            found.append(Row(heading, cells[0], dict(zip(columns[1:], cells[1:], strict=False))))
    return found


def numbers_of(text: str) -> list[str]:
    """The numbers in a text, as they are written there.

    >>> numbers_of("2.0 × its time (14.4 s), 902 MiB; F1 0.83; 2배(14.4초), 1,000만 행")
    ['2.0', '14.4', '902', '0.83', '2', '14.4', '1,000']
    """
    return _NUMBER.findall(text)


def value_of(number: str) -> float:
    return float(number.replace(",", ""))
