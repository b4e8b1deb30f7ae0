"""Bytes to records: what an entry is, and JSON Lines. A broken record is an entry like any other."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pipeline.stages.ingest.parsing import BOM, Fault, parse
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


def split(lines: Lines, parts: int) -> list[Lines]:
    """The same lines in at most `parts` pieces of about the same size."""
    found: list[Lines] = []
    first, start, step = lines.first, 0, len(lines.data) // parts + 1
    while start < len(lines.data):
        end = lines.data.find(b"\n", start + step) + 1 or len(lines.data)
        piece = lines.data[start:end]
        found.append(Lines(first, piece, lines.fault))
        first, start = first + piece.count(b"\n"), end
    return found


def count_byte(data: bytes, byte: int) -> int:
    """How often a byte occurs (numpy counts five times as fast as bytes.count, and lets go of the GIL)."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == byte))


def _hold(held: bytes, dropped: int, limit: int) -> tuple[bytes, int]:
    if not dropped and len(held) <= limit:
        return held, 0
    return held[:KEPT], dropped + max(len(held) - KEPT, 0)


def _too_long(first: int, held: bytes, dropped: int) -> Lines:
    return Lines(first, held, too_long(len(held) + dropped))


def too_long(size: int) -> Fault:
    return Fault("too-long", f"{size} bytes without an end: `raw` holds the first {KEPT}; is this one record?")


def json_lines(lines: Lines) -> Iterator[Entry]:
    """One entry per line that is not blank."""
    if lines.fault:
        yield Entry(f":{lines.first}", None, lines.data, (), lines.fault)
        return
    for number, line in enumerate(lines.data.split(b"\n"), lines.first):
        text = line.strip(b" \t\r")
        if text and text != BOM:
            yield entry_of(f":{number}", text, number)
