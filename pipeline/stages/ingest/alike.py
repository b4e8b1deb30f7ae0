"""Records of a block that are alike, read at once: of the same grammar, sign for sign, but for the values that vary.

A template is one of the records, read by the exact parser. Another record is like it where all its signs between the
varying values are the same; so it is valid JSON with the same keys, and its values are the texts between these signs.
Everything else in which it could differ (escapes, control characters, the spelling of numbers) is looked for.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.parse.exact_json import Number, parse
from pipeline.stages.ingest.parse.framing import Lines, Unread, spans
from pipeline.stages.ingest.parse.json_text import quotes_and_slashes
from pipeline.stages.ingest.parse.signs import is_utf8, places_of

#: The keys and places that lead to a value in a record.
Path = tuple[str | int, ...]

SPACE, LINE_FEED = b" \n"
#: A truth value, null or a number (but -0, which the parser reads as 0).
ONLY_SCALAR = (
    r"^(?:true|false|null|0|-?[1-9][0-9]*"
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))$"
)


class Signs(NamedTuple):
    """Where the records of a block begin and end, and the quotes and control characters of each."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    #: Quotes that open or close a string, in all of the block, and for each record the number of the first one.
    quotes: np.ndarray
    first_quote: np.ndarray
    #: For each record how many quotes and how many control characters it holds.
    n_quotes: np.ndarray
    n_controls: np.ndarray
    slashes: np.ndarray

    @classmethod
    def of(cls, block: Unread) -> "Signs | None":
        """The signs of a block; None where it is not UTF-8."""
        data = block.data
        if not is_utf8(data):
            return None
        signs = np.frombuffer(data, np.uint8)
        quotes, slashes = quotes_and_slashes(data)
        controls = places_of(np.less, SPACE, data)
        line_feeds = controls[signs[controls] == LINE_FEED]
        starts, ends = spans(block, line_feeds)
        first, n_quotes = _of_each(quotes, starts, ends)
        if isinstance(block, Lines) and len(line_feeds) == len(controls):
            n_controls = np.zeros(len(starts), np.int64)
        else:
            n_controls = np.searchsorted(controls, ends) - np.searchsorted(controls, starts)
        return cls(data, starts, ends, quotes, first, n_quotes, n_controls, slashes)

    def text(self, number: int) -> bytes:
        return self.data[self.starts[number] : self.ends[number]]


def _of_each(quotes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each record the number of its first quote, and how many it holds. No string is between two records."""
    count = len(quotes) // max(len(starts), 1)
    if count and count * len(starts) == len(quotes):
        first = np.arange(len(starts)) * count
        if (quotes[::count] >= starts).all() and (quotes[count - 1 :: count] < ends).all():
            return first, np.full(len(starts), count)
    first = np.searchsorted(quotes, starts)
    return first, np.diff(first, append=len(quotes))


class Template(NamedTuple):
    """A record, and the path of each of its strings in the order of the text, with whether it is a key."""

    record: Record
    strings: list[tuple[Path, bool]]


def template(signs: Signs, number: int) -> Template | None:
    """A record exactly as the parser reads it; None where it cannot be a template."""
    try:
        value, fixes = parse(signs.text(number))
    except Fault:
        return None
    if not isinstance(value, dict) or fixes:
        return None
    strings = list(_strings(value))
    return Template(value, strings) if 2 * len(strings) == signs.n_quotes[number] else None


def _strings(value: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    if isinstance(value, str):
        yield path, False
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), True
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _strings(item, (*path, place))


class Alike(NamedTuple):
    """Records that are like a template. `numbers`: which of the block; `places`: which of those that were compared."""

    record: Record
    numbers: np.ndarray
    places: np.ndarray
    #: The columns of the values that vary, in a table of pieces: the block cut before and behind each such value.
    columns: dict[Path, int]
    width: int
    pieces: pa.StringArray
    #: Whether a piece holds a backslash; None where none does.
    escaped: np.ndarray | None

    def has_escapes(self, paths: Sequence[Path]) -> bool:
        return self.escaped is not None and bool(self.escaped[self._at(paths)].any())

    def texts(self, paths: Sequence[Path]) -> pa.StringArray:
        """The texts at these paths, all of the first record, then all of the second. Raises ValueError."""
        at = self._at(paths)
        found = self.pieces.take(pa.array(at))
        escaped = None if self.escaped is None else pa.array(self.escaped[at])
        return _unescaped(found, escaped) if escaped and escaped.true_count else found

    def _at(self, paths: Sequence[Path]) -> np.ndarray:
        columns = np.array([self.columns[path] for path in paths], np.int32)
        at: np.ndarray = (self.places[:, None] * self.width + columns).ravel()
        return at


def _unescaped(texts: pa.StringArray, escaped: pa.BooleanArray) -> pa.StringArray:
    """JSON strings as the texts that they spell. Raises ValueError for a wrong escape."""
    read = orjson.loads('["' + '","'.join(texts.filter(escaped).to_pylist()) + '"]')
    return pc.replace_with_mask(texts, escaped, pa.array(read, pa.string()))


def alike(signs: Signs, numbers: np.ndarray, template: Template, vary: Collection[Path]) -> Alike:
    """The records among `numbers` (all with the same number of quotes) that are like the first of them, which is the
    template, but for the texts at the paths in `vary`, and for the numbers and truth values that are fields of its own.
    """
    count = int(signs.n_quotes[numbers[0]])
    if count * len(numbers) == len(signs.quotes):
        quotes = signs.quotes.reshape(-1, count)
    else:
        quotes = signs.quotes[signs.first_quote[numbers][:, None] + np.arange(count)]
    starts, ends = signs.starts[numbers], signs.ends[numbers]
    cuts, columns, scalars = [starts], dict[Path, int](), list[int]()
    for place, (path, is_key) in enumerate(template.strings):
        if not is_key and path in vary:
            columns[path] = len(cuts)
            cuts += [quotes[:, 2 * place] + 1, quotes[:, 2 * place + 1]]
        elif is_key and len(path) == 1 and _is_scalar(template.record[str(path[0])]):
            before = quotes[:, 2 * place + 1]
            behind = quotes[:, 2 * place + 2] if 2 * place + 2 < count else ends
            begin, end = _scalar_in(signs.data[before[0] : behind[0]])
            columns[path] = len(cuts)
            scalars.append(len(cuts))
            cuts += [before + begin, np.maximum(before + begin, behind + end)]
    cuts.append(ends)
    same = signs.n_controls[numbers] == signs.n_controls[numbers[0]]
    for begin_of, end_of in zip(cuts[::2], cuts[1::2], strict=True):
        same &= _same_text(signs.data, begin_of, end_of)
    width = len(cuts)
    offsets = np.append(np.stack(cuts, axis=1).ravel(), len(signs.data)).astype(np.int32)
    pieces = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(signs.data))
    for column in scalars:
        rows = np.arange(len(numbers), dtype=np.int32) * width + column
        same &= pc.match_substring_regex(pieces.take(pa.array(rows)), ONLY_SCALAR).to_numpy(zero_copy_only=False)
    escaped = None
    if len(signs.slashes):
        escaped = np.zeros(len(pieces) + 1, bool)
        escaped[np.searchsorted(offsets, signs.slashes, "right") - 1] = True
    return Alike(template.record, numbers[same], np.flatnonzero(same), columns, width, pieces, escaped)


def _same_text(data: bytes, starts: np.ndarray, ends: np.ndarray) -> Any:
    """For each of these parts of the data whether it is the same text as the first one."""
    text = data[starts[0] : ends[0]]
    same = ends - starts == len(text)
    starts = np.minimum(starts, len(data) - len(text))
    step = 8 if len(text) >= 8 else 1  # eight bytes at once, at every place of the data
    signs = np.ndarray(len(data) - step + 1, np.dtype(f"u{step}"), data, strides=(1,))
    for at in {*range(0, len(text) - step + 1, step), max(len(text) - step, 0)} if text else ():
        same &= signs[starts + at] == signs[starts[0] + at]
    return same


def _is_scalar(value: Any) -> bool:
    return value is not None and isinstance(value, bool | int | float | Number)


def _scalar_in(text: bytes) -> tuple[int, int]:
    """Where the scalar of a text such as `": 12, ` begins, and where it ends, counted from the end of the text."""
    begin = len(text) - len(text[1:].lstrip(b" \t\r\n:"))
    end = len(text[begin:].split(b",")[0].split(b"}")[0].rstrip(b" \t\r\n"))
    return begin, begin + end - len(text)
