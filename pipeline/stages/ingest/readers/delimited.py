"""CSV and TSV: the dialect of a file, and its records as objects of strings."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import BOM
from pipeline.stages.ingest.parse.framing import LINE, Entry, Lines
from pipeline.stages.ingest.parse.unpacking import escaped
from pipeline.stages.ingest.readers.escapes import ESCAPE, are_escapes, is_escape, marked, unmarked
from pipeline.stages.ingest.readers.headers import (
    REPEATED,
    TITLE_LINES,
    are_known_names,
    column_names,
    header_again,
    is_header,
)

DELIMITERS = (",", "\t", ";", "|")
#: A record of more than MAX_LINES lines is a quote that is never closed.
MAX_LINES = 5_000
SAMPLE_ROWS = 300


class Dialect(NamedTuple):
    """How cells are separated, whether quotes have a meaning, and the names of the columns."""

    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    has_header: bool
    #: Whether blanks at the beginning of a cell are left out: in some files a quote comes behind them.
    spaced: bool = False
    #: Whether a backslash begins an escape, as databases write them.
    escapes: bool = False

    def __str__(self) -> str:
        quotes = "quoted cells" if self.quoted else "quotes mean nothing"
        spaced = ", blanks before cells left out" if self.spaced else ""
        escapes = ", backslashes begin escapes" if self.escapes else ""
        header = "with a header line" if self.has_header else "without a header line"
        return f"{self.delimiter!r}, {quotes}{spaced}{escapes}, {header}"


def dialect_of(
    head: str, delimiter: str | None = None, names: tuple[str, ...] = (), escapes: bool | None = None
) -> Dialect | None:
    """The dialect in which the first lines are most alike: as many cells, and more than one. None for no table.

    `escapes`: whether a backslash begins an escape. None: the lines show it.
    """
    best: tuple[float, int, bool] | None = None
    found: tuple[Dialect, list[list[str]]] | None = None
    for sign in (delimiter,) if delimiter else DELIMITERS:
        spaced = re.search(rf'{re.escape(sign)} +"[^"\n]*"\s*?(?:{re.escape(sign)}|$)', head, re.MULTILINE) is not None
        # Only in tab-separated text do quotes often mean nothing.
        is_escaped = are_escapes(head, sign) if escapes is None else escapes
        for quoted in (True, False) if sign == "\t" else (True,):
            dialect = Dialect(sign, quoted, (), False, spaced, is_escaped)
            rows = _sample(head, dialect)
            if not rows or len(rows[0]) < 2:
                continue
            alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            score = (round(alike, 2), len(rows[0]), quoted)
            if best is None or score > best:
                best, found = score, (dialect, rows)
    if best is None or found is None or best[0] < 0.5:
        return None
    dialect, rows = found
    first = [escaped(cell.encode("utf-8", "surrogateescape")) for cell in rows[0]]
    if names:
        return dialect._replace(names=names, has_header=first == list(names))
    if is_header([first, *rows[1:]]):
        return dialect._replace(names=column_names(first), has_header=True)
    return dialect._replace(names=column_names([""] * len(first)))


def rows_of_text(text: str) -> list[list[str]]:
    """The cells of the first lines of a text in the delimiter that gives most of them."""
    lines = LINE_TEXT.findall(text)[:TITLE_LINES]
    return max(
        ([line.strip("\r\n").split(sign) for line in lines] for sign in DELIMITERS),
        key=lambda rows: max(map(len, rows)),
    )


def _sample(head: str, dialect: Dialect) -> list[list[str]]:
    rows: list[list[str]] = []
    for _, _, cells, fault in _records(iter(LINE_TEXT.findall(head)), dialect, 0):
        if fault or cells:
            rows.append([unmarked(cell, dialect.escapes) or "" for cell in cells])
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


#: A cell in quotes, with those in it doubled.
QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
LINE_TEXT = re.compile(r"[^\n]*\n|[^\n]+")


def delimited(blocks: Iterable[Lines], dialect: Dialect, first: int = 1) -> Iterator[Entry]:
    """The records of a CSV or TSV file, placed by the line on which each starts. `first`: the first line's number.

    A header that comes once more is a faulty entry, and the rows below it have their cells in its order.
    """
    names = dialect.names
    width, other = len(names), 0
    header = dialect.has_header
    for number, raw, cells, fault in _records(_lines(blocks), dialect, width, first):
        place = f":{number}"
        text = raw.rstrip("\r\n").encode("utf-8", "surrogateescape")
        if fault:
            yield Entry(place, None, text, (), fault)
        elif not cells:
            continue
        elif header:
            header = False
        elif len(cells) != width:
            other = len(cells) if are_known_names(cells) else other
            yield Entry(place, None, text, (), _wrong_count(cells, width, dialect.delimiter, other))
        elif found := header_again(cells, names):
            names = found
            yield Entry(place, None, text, (), Fault("repeated-header", REPEATED))
        elif not raw.isascii() and any(SURROGATE.search(cell) for cell in cells):
            detail = "the row holds bytes that are not text in this encoding: repair them, or correct `encoding`"
            yield Entry(place, None, text, (), Fault("undecodable", detail))
        elif "\\" in raw:
            yield _unescaped(place, dict(zip(names, cells, strict=True)), text, dialect)
        else:
            yield Entry(place, dict(zip(names, cells, strict=True)), text)


def _wrong_count(cells: Sequence[str], width: int, delimiter: str, other: int) -> Fault:
    """The fault of a row that has not as many cells as the header. `other`: how many another header above it has."""
    if are_known_names(cells):
        detail = f"a header of {len(cells)} columns among rows of {width}: put the table below it in a file of its own"
        return Fault("repeated-header", detail)
    if len(cells) == other:
        detail = f"a row of the table of {other} columns that begins among rows of {width}"
        return Fault("wrong-cell-count", f"{detail}: put that table in a file of its own")
    remedy = f"put cells that contain {delimiter!r} in quotes"
    return Fault("wrong-cell-count", f"{len(cells)} cells, but the header has {width}: {remedy}")


def _unescaped(place: str, record: dict[str, str], text: bytes, dialect: Dialect) -> Entry:
    """The entry of a row in which null is null and, where databases wrote them, escapes are what they stand for."""
    value = {name: unmarked(cell, dialect.escapes) for name, cell in record.items()}
    return Entry(place, value, text, ("database-escapes",) if dialect.escapes or value != record else ())


#: A byte that is no text (the marks of escapes are halves of another kind).
SURROGATE = re.compile("[\udc80-\udcff]")


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
    lines: Iterator[str], dialect: Dialect, width: int, first: int = 1
) -> Iterator[tuple[int, str, list[str], Fault | None]]:
    """(line on which it starts, its text, its cells, fault) of each record. `width`: how many cells it has, 0: unknown.

    A quote that is never closed would swallow what follows. So a record of several lines that cannot be right is given
    up after its first line, and reading goes on at the second.
    """
    feed = _Feed(lines)
    csv.field_size_limit(1 << 30)
    quoting: Any = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    reader = csv.reader(
        map(marked, feed) if dialect.escapes else feed,
        delimiter=dialect.delimiter,
        strict=True,
        quoting=quoting,
        skipinitialspace=dialect.spaced,
        escapechar="\\" if dialect.escapes else None,
    )
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
        if len(taken) > 1 and (fault or (width and (len(cells) != width or _are_rows(taken, dialect, width)))):
            fault = fault or Fault(
                "invalid-csv", f"a quote opens in line {number} and its row ends wrongly: double it, or close it"
            )
            feed.again.extendleft(reversed(taken[1:]))
            del taken[1:]
        elif dialect.escapes and not fault and (sign := _no_escape(taken, dialect.delimiter)):
            detail = f"`\\{sign}` is no escape of a database: where backslashes mean nothing, write"
            fault = Fault("invalid-csv", f'{detail} `escapes = "none"` in the source')
        yield number, "".join(taken), cells, fault
        number += len(taken)
        feed.taken = []


def is_quoted_cell(cell: str | None) -> bool:
    """Whether a cell is written in quotes, by those that are doubled in it.

    >>> is_quoted_cell('"그는 ""네"" 했다"'), is_quoted_cell('"달"은 ""위성""이다')
    (True, False)
    """
    return cell is not None and QUOTED.fullmatch(cell) is not None and '""' in cell


def _are_rows(lines: Sequence[str], dialect: Dialect, width: int) -> bool:
    """Whether each line of a record is a row of its own, where a cell between quotes can hardly hold a tab."""
    return dialect.delimiter == "\t" and all(line.count("\t") == width - 1 for line in lines)


def _no_escape(lines: Sequence[str], delimiter: str) -> str | None:
    """The first sign behind a backslash that begins no escape; None where there is none."""
    behind = (sign for line in lines if "\\" in line for sign in ESCAPE.findall(line))
    return next((sign for sign in behind if not is_escape(sign, delimiter)), None)
