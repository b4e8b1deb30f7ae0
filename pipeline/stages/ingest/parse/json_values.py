"""JSON values from a stream, one by one: the elements of an array, or values one after another."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import orjson

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.framing import KEPT, MAX_RECORD, Elements, Entry, Records, Singles, entry_of, too_long
from pipeline.stages.ingest.parse.json_text import BLANK, end_of_value, whole_values

WORD = re.compile(rb"[^ \t\r\n]+")
FIRST_KEY = re.compile(rb'\{[ \t\r\n]*"(?:[^"\\]|\\.)*+"')
LIST_OF_OBJECTS = re.compile(rb"\[[ \t\r\n]*(.)?", re.DOTALL)
NEXT_OBJECT = re.compile(rb",[ \t\r\n]*\{")
#: Bytes behind a comma in which the next object must begin.
AHEAD = 1 << 10
#: Bytes in which objects are looked for that come at once; fewer objects than FEW are not worth it.
RUN, FEW = 1 << 22, 8
#: Records that were read one by one, in a block.
SINGLES = 1000
OPEN, CLOSE, COMMA, BRACE = b"[],{"


class Text:
    """The bytes of a stream from a place on, as many as are asked for."""

    def __init__(self, blocks: Iterable[bytes], line: int = 1) -> None:
        self.source = iter(blocks)
        self.data = b""
        self.at = 0
        #: Bytes that are not held any more.
        self.before = 0
        self.line = line
        self.more = True

    def grow(self) -> None:
        """Take at least as much again as is there, if there may be more."""
        held = [self.data[self.at :]]
        self.before += self.at
        wanted, got = len(held[0]), 0
        self.more = False
        for block in self.source:
            held.append(block)
            got += len(block)
            if got >= wanted:
                self.more = True
                break
        self.data, self.at = b"".join(held), 0

    def skip(self, end: int) -> None:
        """Go on at `end`."""
        self.line += self.data.count(b"\n", self.at, end)
        self.at = end
        if end > 1 << 20:
            self.before += end
            self.data, self.at = self.data[end:], 0

    def sign(self) -> int | None:
        """The first byte that is not blank, which is then at `at`; None at the end."""
        while True:
            self.skip(BLANK.match(self.data, self.at).end())  # type: ignore[union-attr]
            if not self.more or self.at < len(self.data) - 3:
                return self.data[self.at] if self.at < len(self.data) else None
            self.grow()

    def end_of_value(self, limit: int, nested: bool) -> int:
        """Where the value at `at` ends, the end of the data where it has none within `limit`. `nested`: in an array."""
        while True:
            start = self.at
            if not nested and self.data[start] not in b'{["':
                end: int | None = WORD.match(self.data, start).end()  # type: ignore[union-attr]
            else:
                end = end_of_value(self.data, start, nested)
            if self.more and (end is None or end == len(self.data)) and len(self.data) - start <= limit:
                self.grow()
                continue
            return max(len(self.data) if end is None else end, start + 1)

    def is_list_of_objects(self) -> bool:
        """Whether the value at `at` is an array that begins with an object."""
        while True:
            found = LIST_OF_OBJECTS.match(self.data, self.at)
            if found is None or found[1] or not self.more:
                return found is not None and found[1] == b"{"
            self.grow()


def json_values(blocks: Iterable[bytes], limit: int = MAX_RECORD, line: int = 1) -> Iterator[Entry]:
    """The elements of a JSON array, or values one after another, one by one (see `json_blocks`)."""
    numbers = itertools.count()
    return _values(Text(blocks, line), limit, lambda: f"[{next(numbers)}]")


def json_blocks(blocks: Iterable[bytes], limit: int = MAX_RECORD, line: int = 1) -> Iterator[Records]:
    """The elements of a JSON array, or values one after another, however they are laid out over lines.

    A record's end is found by its brackets, so that a fault inside it stays its own. Where brackets or quotes
    themselves are broken, reading goes on at the next object that begins as this one did. `line`: the first line.
    Objects that are right as they are come many at once.
    """
    text = Text(blocks, line)
    count = tried = 0
    held: list[Entry] = []
    for entry in _values(text, limit, lambda: f"[{count}]"):  # noqa: B023
        held.append(entry)
        count += 1
        if isinstance(entry.value, dict) and text.before + text.at >= tried:
            run = _objects_behind(text, limit, count)
            tried = text.before + text.at + (0 if run else RUN)
            if run:
                yield Singles(tuple(held))
                yield run
                held, count = [], count + len(run.starts)
        if len(held) == SINGLES:
            yield Singles(tuple(held))
            held = []
    if held:
        yield Singles(tuple(held))


def _objects_behind(text: Text, limit: int, number: int) -> Elements | None:
    """The objects behind the comma at `text.at`, as many as are held, if JSON's own parser reads them as they are cut.

    `number`: of the first of them.
    """
    while text.more and len(text.data) - text.at < RUN:
        text.grow()
    data = text.data[text.at : text.at + RUN]
    starts, ends = whole_values(data) if NEXT_OBJECT.match(data) else (np.zeros(0), np.zeros(0))
    if len(starts) < FEW or (ends - starts).max() > limit:
        return None
    whole = data[starts[0] : ends[-1]]
    try:
        is_right = len(orjson.loads(b"[" + whole + b"]")) == len(starts)
    except orjson.JSONDecodeError:
        return None
    line = text.line + data.count(b"\n", 0, starts[0])
    text.skip(text.at + int(ends[-1]) if is_right else text.at)
    return Elements(number, whole, starts - starts[0], ends - starts[0], line) if is_right else None


def _values(text: Text, limit: int, place: Callable[[], str]) -> Iterator[Entry]:
    """The values in a text. `place`: of the next one."""
    after_object = False
    while (sign := text.sign()) is not None:
        if sign == COMMA and after_object and _goes_on(text):
            continue  # objects with commas between them, as in an array
        if sign == OPEN:
            text.skip(text.at + 1)
            yield from elements(text, limit, place)
        elif sign in (CLOSE, COMMA):
            what = "a closing bracket that nothing opened" if sign == CLOSE else "a comma without a value before it"
            yield invalid(text, place(), bytes([sign]), what)
            text.skip(text.at + 1)
        else:
            yield value_at(text, limit, place(), nested=False)
        after_object = sign == BRACE


def _goes_on(text: Text) -> bool:
    """Whether another object follows the comma at `text.at`, which is then behind it."""
    while text.more and len(text.data) - text.at < AHEAD:
        text.grow()
    found = NEXT_OBJECT.match(text.data, text.at)
    if found:
        text.skip(text.at + 1)
    return found is not None


def elements(text: Text, limit: int, place: Callable[[], str]) -> Iterator[Entry]:
    """The elements of the array whose opening bracket comes before, up to its closing bracket.

    `place`: the place of the next element.
    """
    wanted = False  # a comma came before: a value must follow
    parted = False  # a value came before: a comma may follow
    while (sign := text.sign()) is not None:
        if sign == CLOSE:
            if wanted:
                yield invalid(text, place(), b",", "a comma before the end of the array, without a value behind it")
            text.skip(text.at + 1)
            return
        if sign == COMMA:
            if not parted:
                yield invalid(text, place(), b",", "a comma without a value before it")
            wanted, parted = True, False
            text.skip(text.at + 1)
            continue
        yield value_at(text, limit, place(), nested=True)
        wanted, parted = False, True
    yield invalid(text, place(), b"", "the file ends before the array is closed: is it cut off?")


def invalid(text: Text, place: str, raw: bytes, what: str) -> Entry:
    return Entry(place, None, raw, (), Fault("invalid-json", f"{what} (line {text.line})"))


def value_at(text: Text, limit: int, place: str, nested: bool) -> Entry:
    """The value that begins at `text.at`. Of a broken one, what comes before the next object that begins alike."""
    end = text.end_of_value(limit, nested)
    data, start = text.data, text.at
    entry = entry_of(place, data[start:end].rstrip(b" \t\r\n"), text.line)
    if entry.fault:
        key = FIRST_KEY.match(data, start)
        if key:
            again = re.compile(rb"\}[ \t\r\n]*+,?[ \t\r\n]*+(?=" + re.escape(key.group()) + rb")").search(data, start)
            if again and again.start() + 1 < end:
                end = again.start() + 1
                entry = entry_of(place, data[start:end], text.line)
        if end - start > limit:
            entry = Entry(place, None, data[start : start + KEPT], (), too_long(end - start))
    text.skip(end)
    return entry
