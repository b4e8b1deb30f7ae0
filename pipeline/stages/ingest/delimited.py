"""CSV and TSV: the dialect of a file, and its records as objects of strings."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.stages.ingest.framing import LINE, Entry, Lines
from pipeline.stages.ingest.parsing import BOM, Fault
from pipeline.stages.ingest.unpacking import escaped

DELIMITERS = (",", "\t", ";", "|")
#: A record of more than MAX_LINES lines is a quote that is never closed.
MAX_LINES = 5_000
SAMPLE_ROWS = 300
NUMBER = re.compile(r"[-+]?[\d.,]+%?")


class Dialect(NamedTuple):
    """How cells are separated, whether quotes have a meaning, and the names of the columns."""

    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    has_header: bool

    def __str__(self) -> str:
        quotes = "quoted cells" if self.quoted else "quotes mean nothing"
        header = "with a header line" if self.has_header else "without a header line"
        return f"{self.delimiter!r}, {quotes}, {header}"


def dialect_of(head: str, delimiter: str | None = None, names: tuple[str, ...] = ()) -> Dialect | None:
    """The dialect in which the first lines are most alike: as many cells, and more than one. None for no table."""
    best: tuple[float, int, bool] | None = None
    found: tuple[str, bool, list[str]] | None = None
    for sign in (delimiter,) if delimiter else DELIMITERS:
        # Only in tab-separated text do quotes often mean nothing.
        for quoted in (True, False) if sign == "\t" else (True,):
            rows = _sample(head, sign, quoted)
            if not rows or len(rows[0]) < 2:
                continue
            alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            score = (round(alike, 2), len(rows[0]), quoted)
            if best is None or score > best:
                best, found = score, (sign, quoted, rows[0])
    if best is None or found is None or best[0] < 0.5:
        return None
    sign, quoted, first = found
    first = [escaped(cell.encode("utf-8", "surrogateescape")) for cell in first]
    if names:
        return Dialect(sign, quoted, names, first == list(names))
    # Names differ from one another and are not numbers.
    if len(set(first)) == len(first) and not any(NUMBER.fullmatch(cell) for cell in first):
        return Dialect(sign, quoted, tuple(first), True)
    return Dialect(sign, quoted, tuple(f"column{number}" for number in range(1, len(first) + 1)), False)


def _sample(head: str, delimiter: str, quoted: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    for _, _, cells, fault in _records(iter(LINE_TEXT.findall(head)), delimiter, quoted, 0):
        if fault or cells:
            rows.append(cells)
        if len(rows) == SAMPLE_ROWS:
            break
    return rows


LINE_TEXT = re.compile(r"[^\n]*\n|[^\n]+")


def delimited(blocks: Iterable[Lines], dialect: Dialect) -> Iterator[Entry]:
    """The records of a CSV or TSV file, placed by the line on which each starts."""
    width = len(dialect.names)
    header = dialect.has_header
    for number, raw, cells, fault in _records(_lines(blocks), dialect.delimiter, dialect.quoted, width):
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
            yield Entry(
                place, None, text, (), Fault("undecodable", "the row holds bytes that are not text: repair them")
            )
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
    lines: Iterator[str], delimiter: str, quoted: bool, width: int
) -> Iterator[tuple[int, str, list[str], Fault | None]]:
    """(line on which it starts, its text, its cells, fault) of each record.

    A quote that is never closed would swallow what follows. So a record of several lines that cannot be right is given
    up after its first line, and reading goes on at the second.
    """
    feed = _Feed(lines)
    csv.field_size_limit(1 << 30)
    reader = csv.reader(feed, delimiter=delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    number = 1
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
