"""JSON by its grammar: where a value ends, and whether a text is JSON Lines."""

import re

import numpy as np

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import parse
from pipeline.stages.ingest.parse.signs import places_of

QUOTE, BACKSLASH, OPEN, CLOSE, LOWER = b'"\\{} '
#: What decides where a JSON value ends: whole strings (skipped), brackets, commas, and a quote that nothing closes.
TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*+"|[\[\]{},"]', re.DOTALL)
#: Every token of JSON: strings (which hold no line end), signs, other words, and a quote that nothing closes.
WORDS = re.compile(rb'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*+"|[\[\]{},:]|[^\s\[\]{},:"]+|"')
BLANK = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*+")
#: Comments before the first value: lines that begin with // or #, and /* … */.
COMMENTS = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf|//[^\n]*(?:\n|\Z)|#[^\n]*(?:\n|\Z)|/\*(?s:.*?)\*/)*+")
#: What comments may stand before: an object, or a list of objects or lists.
RECORDS = re.compile(rb'\{\s*["}]|\[\s*[\[{]')
#: Lines behind a fault among which a whole record shows that lines are records.
LINES_BEHIND = 20


def before_first_value(head: bytes) -> int:
    """How many bytes of blanks, and of comments before JSON, a text begins with."""
    blank, comments = BLANK.match(head).end(), COMMENTS.match(head).end()  # type: ignore[union-attr]
    return comments if RECORDS.match(head, comments) else blank


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


def is_json_lines(head: bytes) -> bool:
    """Whether each line is a record, of a text that begins with an object: by the grammar, and not by the layout.

    `head`: the text, or its beginning with the whole first line. The object ends on its own line, and no other begins
    behind it there: these are lines. It goes on over the line end: this is one value, unless the grammar is broken and
    one of the next lines is a whole record.
    """
    line = head.partition(b"\n")[0].strip()
    end = len(line) if _is_object(line) else end_of_value(line, 0)
    if end is not None:
        return not line[end:].lstrip(b" \t,").startswith(b"{") and line[end:].strip() != b","
    broken = _broken_at(head)
    if broken is None:
        # Of two lines, the second may be a whole record where the first ends before a value.
        lines = head.strip().split(b"\n")
        return len(lines) == 2 and _is_object(lines[1])
    lines = head[head.rfind(b"\n", 0, broken) + 1 :].split(b"\n")
    return any(map(_is_object, lines[: LINES_BEHIND + 1]))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse(line.strip()).value, dict)
    except Fault as fault:
        return fault.reason in ("duplicate-key", "lone-surrogate")


#: What may come next in a value, and the words with which each may begin.
VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END = range(6)


def _broken_at(head: bytes) -> int | None:
    """Where the grammar of the first value is broken, None where it is not, as far as the text goes."""
    closers: list[int] = []
    awaited = VALUE
    for word in WORDS.finditer(head):
        sign = head[word.start()]
        if sign == 0x22 and word.end() - word.start() == 1:
            cut = head.find(b"\n", word.start()) < 0  # a text that the head ends in
            return None if cut else word.start()
        if sign in b"]}":
            if awaited not in (VALUE_OR_END, KEY_OR_END, COMMA_OR_END) or closers.pop() != sign:
                return word.start()
            awaited = COMMA_OR_END
        elif sign == 0x2C:
            if awaited != COMMA_OR_END:
                return word.start()
            awaited = KEY if closers[-1] == 0x7D else VALUE
        elif sign == 0x3A:
            if awaited != COLON:
                return word.start()
            awaited = VALUE
        elif awaited in (KEY, KEY_OR_END) and sign == 0x22:
            awaited = COLON
        elif awaited in (VALUE, VALUE_OR_END):
            if sign in b"[{":
                closers.append(sign + 2)
            awaited = {0x5B: VALUE_OR_END, 0x7B: KEY_OR_END}.get(sign, COMMA_OR_END)
        else:
            return word.start()
        if not closers:
            return None
    return None


def quotes_and_slashes(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where the quotes are that open or close a string, and where the backslashes are."""
    quotes = places_of(np.equal, QUOTE, data)
    if b"\\" not in data:
        return quotes, np.zeros(0, np.int64)
    slashes = places_of(np.equal, BACKSLASH, data)
    # In a run of backslashes the first, the third and so on escape what follows them.
    begins = np.concatenate([[True], np.diff(slashes) > 1])
    place = np.arange(len(slashes)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    escaped = slashes[place % 2 == 0] + 1
    at = np.searchsorted(quotes, escaped)
    at, escaped = at[at < len(quotes)], escaped[at < len(quotes)]
    return np.delete(quotes, at[quotes[at] == escaped]), slashes


def whole_values(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where the objects and lists begin and end that are whole in a text, up to a bracket that nothing opened.

    >>> [places.tolist() for places in whole_values(b', {"a": [1]}, {"b": "}"}, {"c')]
    [[2, 14], [12, 24]]
    """
    signs = np.frombuffer(data, np.uint8) | LOWER  # of [ and ] the same as of { and }
    places = np.flatnonzero((signs == OPEN) | (signs == CLOSE))
    places = places[np.searchsorted(quotes_and_slashes(data)[0], places) % 2 == 0]
    steps = np.where(signs[places] == OPEN, 1, -1)
    depth = np.cumsum(steps)
    last = np.flatnonzero(depth < 0)
    if len(last):
        places, steps, depth = places[: last[0]], steps[: last[0]], depth[: last[0]]
    ends = places[(steps < 0) & (depth == 0)] + 1
    return places[(steps > 0) & (depth == 1)][: len(ends)], ends
