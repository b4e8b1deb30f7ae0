"""CSV and TSV: the dialect of a file, and its records as objects of strings."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.framing import LINE, Entry, Lines
from pipeline.stages.ingest.names import INPUT, INSTRUCTION, OUTPUT, SYSTEM, TURNS
from pipeline.stages.ingest.parsing import BOM, Fault
from pipeline.stages.ingest.unpacking import escaped

DELIMITERS = (",", "\t", ";", "|")
#: A record of more than MAX_LINES lines is a quote that is never closed.
MAX_LINES = 5_000
SAMPLE_ROWS = 300
#: Rows among which a header below title lines is looked for.
TITLE_LINES = 30
#: Names that columns with a text of a record have.
KNOWN_NAMES = frozenset((*INSTRUCTION, *INPUT, *OUTPUT, *SYSTEM, *TURNS))
NUMBER = re.compile(r"[-+]?[\d.,]+%?")


class Dialect(NamedTuple):
    """How cells are separated, whether quotes have a meaning, and the names of the columns."""

    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    has_header: bool
    #: Whether blanks at the beginning of a cell are left out: in some files a quote comes behind them.
    spaced: bool = False

    def __str__(self) -> str:
        quotes = "quoted cells" if self.quoted else "quotes mean nothing"
        header = "with a header line" if self.has_header else "without a header line"
        return f"{self.delimiter!r}, {quotes}{', blanks before cells left out' if self.spaced else ''}, {header}"


def dialect_of(head: str, delimiter: str | None = None, names: tuple[str, ...] = ()) -> Dialect | None:
    """The dialect in which the first lines are most alike: as many cells, and more than one. None for no table."""
    best: tuple[float, int, bool] | None = None
    found: tuple[str, bool, bool, list[str]] | None = None
    for sign in (delimiter,) if delimiter else DELIMITERS:
        spaced = re.search(rf'{re.escape(sign)} +"[^"\n]*"\s*?(?:{re.escape(sign)}|$)', head, re.MULTILINE) is not None
        # Only in tab-separated text do quotes often mean nothing.
        for quoted in (True, False) if sign == "\t" else (True,):
            rows = _sample(head, sign, quoted, spaced)
            if not rows or len(rows[0]) < 2:
                continue
            alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            score = (round(alike, 2), len(rows[0]), quoted)
            if best is None or score > best:
                best, found = score, (sign, quoted, spaced, rows[0])
    if best is None or found is None or best[0] < 0.5:
        return None
    sign, quoted, spaced, first = found
    first = [escaped(cell.encode("utf-8", "surrogateescape")) for cell in first]
    if names:
        return Dialect(sign, quoted, names, first == list(names), spaced)
    if is_header(first):
        return Dialect(sign, quoted, column_names(first), True, spaced)
    return Dialect(sign, quoted, column_names([""] * len(first)), False, spaced)


def is_header(cells: Sequence[str]) -> bool:
    """Whether cells name columns: two of them are known names, or all differ from one another and are not numbers."""
    if are_known_names(cells):
        return True
    return len(set(cells)) == len(cells) and not any(NUMBER.fullmatch(cell) for cell in cells)


def are_known_names(cells: Sequence[str]) -> bool:
    """Whether two of the cells are known names of columns."""
    return sum(cell.strip().casefold() in KNOWN_NAMES for cell in cells) > 1


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


def rows_of_text(text: str) -> list[list[str]]:
    """The cells of the first lines of a text in the delimiter that gives most of them."""
    lines = LINE_TEXT.findall(text)[:TITLE_LINES]
    return max(
        ([line.strip("\r\n").split(sign) for line in lines] for sign in DELIMITERS),
        key=lambda rows: max(map(len, rows)),
    )


def _sample(head: str, delimiter: str, quoted: bool, spaced: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    for _, _, cells, fault in _records(iter(LINE_TEXT.findall(head)), delimiter, quoted, 0, spaced):
        if fault or cells:
            rows.append(cells)
        if len(rows) == SAMPLE_ROWS:
            break
    return rows


def separator_line(text: str) -> tuple[str, int] | None:
    """The delimiter that the first line names for Excel (`sep=;`), and the length of this line; None without one."""
    found = re.match(r'"?sep=([^\r\n"])"?[ \t,;]*(?:\r?\n|$)', text, re.IGNORECASE)
    return (found[1], found.end()) if found else None


def ends_lines_with_cr(text: bytes) -> bool:
    """Whether lines end with CR alone, as on old Macs: by the first line end outside of quotes."""
    found = re.match(rb'(?:[^"\r\n]|"[^"]*")*+(\r\n?|\n)', text)
    return found is not None and found[1] == b"\r"


def with_line_feeds(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text where each CR that has no LF behind it is a LF."""
    held = b""
    for block in blocks:
        block = held + block
        held = block[-1:] if block.endswith(b"\r") else b""
        yield re.sub(rb"\r(?!\n)", b"\n", block[: len(block) - len(held)])
    if held:
        yield b"\n"


LINE_TEXT = re.compile(r"[^\n]*\n|[^\n]+")


def delimited(blocks: Iterable[Lines], dialect: Dialect, first: int = 1) -> Iterator[Entry]:
    """The records of a CSV or TSV file, placed by the line on which each starts. `first`: the first line's number."""
    width = len(dialect.names)
    header = dialect.has_header
    for number, raw, cells, fault in _records(
        _lines(blocks), dialect.delimiter, dialect.quoted, width, dialect.spaced, first
    ):
        place = f":{number}"
        text = raw.rstrip("\r\n").encode("utf-8", "surrogateescape")
        if fault:
            yield Entry(place, None, text, (), fault)
        elif not cells:
            continue
        elif header:
            header = False
        elif len(cells) != width:
            remedy = f"put cells that contain {dialect.delimiter!r} in quotes"
            detail = f"{len(cells)} cells, but the header has {width}: {remedy}"
            yield Entry(place, None, text, (), Fault("wrong-cell-count", detail))
        elif not raw.isascii() and any(SURROGATE.search(cell) for cell in cells):
            detail = "the row holds bytes that are not text in this encoding: repair them, or correct `encoding`"
            yield Entry(place, None, text, (), Fault("undecodable", detail))
        else:
            yield Entry(place, dict(zip(dialect.names, cells, strict=True)), text)


SURROGATE = re.compile("[\ud800-\udfff]")


def _lines(blocks: Iterable[Lines]) -> Iterator[str]:
    for block in blocks:
        for line in LINE.findall(block.data):
            yield line.removeprefix(BOM).decode("utf-8", "surrogateescape")


class _Feed:
    """Lines for the csv module, which remembers those that the record at hand took, and can take some back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.taken: list[str] = []
        self.again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES:
            raise csv.Error("a quote that is never closed")
        line = self.again.popleft() if self.again else next(self.lines)
        self.taken.append(line)
        return line


def _records(
    lines: Iterator[str], delimiter: str, quoted: bool, width: int, spaced: bool, first: int = 1
) -> Iterator[tuple[int, str, list[str], Fault | None]]:
    """(line on which it starts, its text, its cells, fault) of each record.

    A quote that is never closed would swallow what follows. So a record of several lines that cannot be right is given
    up after its first line, and reading goes on at the second.
    """
    feed = _Feed(lines)
    csv.field_size_limit(1 << 30)
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(feed, delimiter=delimiter, strict=True, quoting=quoting, skipinitialspace=spaced)
    number = first
    while True:
        fault = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, fault = [], Fault("invalid-csv", f"{error} (line {number}): check the quotes of this row")
        taken = feed.taken
        if len(taken) > 1 and (fault or (width and len(cells) != width)):
            fault = fault or Fault(
                "invalid-csv", f"a quote opens in line {number} and its row ends wrongly: double it, or close it"
            )
            feed.again.extendleft(reversed(taken[1:]))
            del taken[1:]
        yield number, "".join(taken), cells, fault
        number += len(taken)
        feed.taken = []
