"""Bytes to records: JSON of every framing, streamed. A broken record is an entry like any other."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pipeline.stages.ingest.parsing import BOM, Fault, parse
from schemas.options import IngestOptions

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


def _entry(place: str, raw: bytes, line: int) -> Entry:
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


def lines_of(blocks: Iterable[bytes], limit: int = MAX_RECORD) -> Iterator[Lines]:
    """Blocks of bytes cut behind line ends. A line longer than `limit` comes alone, as its beginning with a fault."""
    first, held, dropped = 1, b"", 0
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
            yield _entry(f":{number}", text, number)


#: What decides where a JSON value ends: whole strings (skipped), brackets, commas, and a quote that nothing closes.
TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
BLANK = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*")
LINE = re.compile(rb"[^\n]*\n|[^\n]+")
WORD = re.compile(rb"[^ \t\r\n]+")
FIRST_KEY = re.compile(rb'\{[ \t\r\n]*"(?:[^"\\]|\\.)*"')


def end_of_value(data: bytes, start: int, nested: bool = False) -> int | None:
    """Where the value that starts at `start` ends, by brackets alone; None where the data stops inside it."""
    depth = 0
    for token in TOKEN.finditer(data, start):
        sign = data[token.start()]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
            if depth < 0:
                return token.start()
            if depth == 0:
                return token.end()
        elif sign == 0x22:
            if token.end() - token.start() == 1:
                return None
            if depth == 0 and not nested:
                return token.end()
        elif depth == 0:
            return token.start()
    return None


def json_values(blocks: Iterable[bytes], limit: int = MAX_RECORD) -> Iterator[Entry]:
    """The elements of a JSON array, or values one after another, however they are laid out over lines.

    A record's end is found by its brackets, so that a fault inside it stays its own. Where brackets or quotes
    themselves are broken, reading goes on at the next object that begins as this one did.
    """
    source = iter(blocks)
    data, at, line, index, more = b"", 0, 1, 0, True
    opened = False  # inside the array's brackets
    wanted = False  # a comma came before: a value must follow
    parted = False  # a value came before: a comma may follow

    def fault(raw: bytes, text: str) -> Entry:
        return Entry(f"[{index}]", None, raw, (), Fault("invalid-json", f"{text} (line {line})"))

    while True:
        # Enough data for one value, or all there is.
        start = BLANK.match(data, at).end()  # type: ignore[union-attr]
        line += data.count(b"\n", at, start)
        at = start
        if more and (start >= len(data) - 3):
            data, at, more = _more(data, at, source)
            continue
        if start >= len(data):
            break
        sign = data[start]
        if sign == 0x5B and not opened:
            opened, wanted, parted, at = True, False, False, start + 1
            continue
        if sign == 0x5D:
            if wanted:
                yield fault(b",", "a comma before the end of the array, without a value behind it")
                index += 1
            if not opened:
                yield fault(b"]", "a closing bracket that nothing opened")
                index += 1
            opened, wanted, parted, at = False, False, False, start + 1
            continue
        if sign == 0x2C:
            if not parted:
                yield fault(b",", "a comma without a value before it")
                index += 1
            wanted, parted, at = opened, False, start + 1
            continue
        bare = not opened and sign not in b'{["'
        end = WORD.match(data, start).end() if bare else end_of_value(data, start, opened)  # type: ignore[union-attr]
        if more and (end is None or end == len(data)) and len(data) - start <= limit:
            data, at, more = _more(data, at, source)
            continue
        known = end if end is not None else len(data)
        end = max(known, start + 1)
        entry = _entry(f"[{index}]", data[start:end].rstrip(b" \t\r\n"), line)
        if entry.fault:
            key = FIRST_KEY.match(data, start)
            if key:
                again = re.compile(rb"\}[ \t\r\n]*,?[ \t\r\n]*(?=" + re.escape(key.group()) + rb")").search(data, start)
                if again and again.start() + 1 < end:
                    end = again.start() + 1
                    entry = _entry(f"[{index}]", data[start:end], line)
            if end - start > limit:
                entry = Entry(entry.place, None, data[start : start + KEPT], (), too_long(end - start))
        yield entry
        index += 1
        line += data.count(b"\n", start, end)
        wanted, parted, at = False, opened, end
        if at > 1 << 20:
            data, at = data[at:], 0
    if opened:
        yield fault(b"", "the file ends before the array is closed: is it cut off?")


def _more(data: bytes, at: int, source: Iterator[bytes]) -> tuple[bytes, int, bool]:
    """The data from `at` on with at least as much again behind it, and whether there may be more."""
    held = [data[at:]]
    wanted = len(held[0])
    got = 0
    for block in source:
        held.append(block)
        got += len(block)
        if got >= wanted:
            return b"".join(held), 0, True
    return b"".join(held), 0, False
