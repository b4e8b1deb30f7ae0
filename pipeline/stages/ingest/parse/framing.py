"""Bytes to records: what an entry is, and JSON Lines. A broken record is an entry like any other."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import BOM, parse
from pipeline.stages.ingest.parse.signs import pieces_of
from schemas.options import IngestOptions

LINE = re.compile(rb"[^\n]*\n|[^\n]+")
#: Longest record. A longer one is rejected with its beginning: it is a file without line ends, not a record.
MAX_RECORD = IngestOptions().max_record_bytes
#: How much of such a record is kept in `raw`.
KEPT = 1 << 16


class Entry(NamedTuple):
    """What a reader found at one place of a file: a value, or the fault that it has instead."""

    place: str  # how `origin` goes on after the file's name: ":17", "[3]"
    value: Any
    raw: bytes | None  # the record as it is in the file (UTF-8); None in a table, where it has no text
    fixes: tuple[str, ...] = ()
    fault: Fault | None = None
    split: str | None = None  # the split in which the file publishes it, by its name there
    outer: dict[str, Any] | None = None  # of a record in a document: the document's other fields
    left_out: tuple[str, ...] = ()  # names of fields that the value does not hold
    others: dict[str, list[Any]] | None = None  # of a record in a document: the first objects of its other lists


def entry_of(place: str, raw: bytes, line: int) -> Entry:
    try:
        value, fixes = parse(raw, line)
    except Fault as fault:
        return Entry(place, None, raw, (), fault)
    return Entry(place, value, raw, fixes)


class Lines(NamedTuple):
    """Whole lines of a file. `first` is the number of the first, counted from 1."""

    first: int
    data: bytes
    fault: Fault | None = None


def lines_of(blocks: Iterable[bytes], limit: int = MAX_RECORD, first: int = 1) -> Iterator[Lines]:
    """Blocks of bytes cut behind line ends. A line longer than `limit` comes alone, as its beginning with a fault.

    `first`: the number of the first line.
    """
    held, dropped = b"", 0
    for block in blocks:
        at = block.rfind(b"\n") + 1
        if not at:
            held, dropped = _hold(held + block, dropped, limit)
            continue
        if dropped:
            # The end of an overlong line: report it, and go on behind it.
            end = block.find(b"\n") + 1
            yield _too_long(first, held, dropped + end)
            first, held, dropped, block, at = first + 1, b"", 0, block[end:], at - end
        if at or held:
            whole = b"".join((held, memoryview(block)[:at]))
            if whole:
                yield Lines(first, whole)
                first += count_byte(whole, 0x0A)
        held, dropped = _hold(block[at:], 0, limit)
    if dropped:
        yield _too_long(first, held, dropped)
    elif held:
        yield Lines(first, held)


def count_byte(data: bytes, byte: int) -> int:
    """How often a byte occurs (numpy counts five times as fast as bytes.count, and lets go of the GIL)."""
    return sum(int(np.count_nonzero(piece == byte)) for _, piece in pieces_of(data))


def _hold(held: bytes, dropped: int, limit: int) -> tuple[bytes, int]:
    if not dropped and len(held) <= limit:
        return held, 0
    return held[:KEPT], dropped + max(len(held) - KEPT, 0)


def _too_long(first: int, held: bytes, dropped: int) -> Lines:
    return Lines(first, held, too_long(len(held) + dropped))


def too_long(size: int) -> Fault:
    return Fault("too-long", f"{size} bytes without an end: `raw` holds the first {KEPT}; is this one record?")


class Elements(NamedTuple):
    """Elements of an array, each whole: `starts` and `ends` in `data`. `line`: the one on which the data begins."""

    first: int
    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    line: int


class Singles(NamedTuple):
    """Records that were read one by one."""

    entries: tuple[Entry, ...]


#: A block of records; one whose records are not read yet.
Unread = Lines | Elements
Records = Unread | Singles


def spans(block: Unread, line_ends: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the records of a block begin and end. `line_ends`: where its line feeds are, if that is known."""
    if isinstance(block, Elements):
        return block.starts, block.ends
    ends = np.flatnonzero(np.frombuffer(block.data, np.uint8) == 0x0A) if line_ends is None else line_ends
    if not block.data.endswith(b"\n"):
        ends = np.append(ends, len(block.data))
    return np.concatenate([[0], ends[:-1] + 1]), ends


def place_of(block: Unread, number: int) -> str:
    """How `origin` goes on after the file's name, of record `number` of a block."""
    number += block.first
    return f"[{number}]" if isinstance(block, Elements) else f":{number}"


def entries_in(block: Records) -> Iterator[Entry]:
    """One entry for each record of a block that is not blank."""
    if isinstance(block, Singles):
        yield from block.entries
        return
    if isinstance(block, Lines) and block.fault:
        yield Entry(place_of(block, 0), None, block.data, (), block.fault)
        return
    yield from (entry for _, entry in numbered_entries(block))


def numbered_entries(block: Unread, numbers: np.ndarray | None = None) -> Iterator[tuple[int, Entry]]:
    """The records with these numbers that are not blank, None for all: the number in the block, and the entry."""
    if numbers is not None and not len(numbers):
        return
    starts, ends = (places.tolist() for places in spans(block))
    line, counted = block.line if isinstance(block, Elements) else block.first, 0
    for number in range(len(starts)) if numbers is None else numbers.tolist():
        line, counted = line + block.data.count(b"\n", counted, starts[number]), starts[number]
        text = block.data[starts[number] : ends[number]].strip(b" \t\r")
        if text and text != BOM:
            yield number, entry_of(place_of(block, number), text, line)


def split(block: Unread, parts: int) -> list[Unread]:
    """The same records in at most `parts` blocks of about the same size."""
    starts, ends = spans(block)
    found: list[Unread] = []
    for some in np.array_split(np.arange(len(starts)), parts):
        if not len(some):
            continue
        first, last = int(some[0]), int(some[-1])
        begin, end = int(starts[first]), int(ends[last])
        data = block.data[begin:end]
        if isinstance(block, Lines):
            found.append(Lines(block.first + first, data))
        else:
            line = block.line + block.data.count(b"\n", 0, begin)
            found.append(Elements(block.first + first, data, starts[some] - begin, ends[some] - begin, line))
    return found
