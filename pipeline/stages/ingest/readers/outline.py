"""The outline of a JSON file that is one object: its fields, and of lists of objects the first ones."""

import itertools
import re
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.json_text import end_of_value
from pipeline.stages.ingest.parse.json_values import BRACE, COMMA, Text, elements, invalid, value_at

#: Bytes of a list of objects that are looked at to decide whether they are records.
LOOKED_AT = 1 << 16
#: A field of the document that is longer is left out: it would be repeated in each row.
LONGEST_OUTER = 1 << 14
#: The keys that lead to a field of a document, or of an object in it.
Path = tuple[str, ...]
#: A list of objects in an object is looked for as deep as this.
DEPTH = 6
LIST_OF_OBJECTS = re.compile(rb"\[[ \t\r\n]*\{")


class Part(NamedTuple):
    """A field of a document, or one object of a list in it."""

    #: None: a fault of the document itself.
    path: Path | None
    entry: Entry
    is_element: bool


class Outline(NamedTuple):
    """The fields of a document; of a list of objects the first ones."""

    fields: Record
    #: Lists of objects, and those of them that are not held whole.
    lists: frozenset[Path]
    cut: frozenset[Path]
    #: Other fields that are longer than LONGEST_OUTER.
    long: frozenset[Path]


def outline_of(blocks: Iterable[bytes], limit: int) -> Outline | None:
    """The outline of the one object that a file is; None where it is something else."""
    fields: Record = {}
    sizes: dict[Path, int] = {}
    lists: set[Path] = set()
    cut: set[Path] = set()
    try:
        for path, entry, is_element in parts_of(Text(blocks), limit):
            if path is None:
                continue
            if path in sizes and not (is_element and path in lists):
                return None  # a key that comes twice
            sizes[path] = sizes.get(path, 0) + len(entry.raw or b"")
            *above, key = path
            holder = fields
            for name in above:
                holder = holder.setdefault(name, {})
            if not is_element:
                if entry.fault:
                    return None
                holder[key] = entry.value
                continue
            lists.add(path)
            objects = holder.setdefault(key, [])
            if objects and sizes[path] > LOOKED_AT:
                cut.add(path)
            elif isinstance(entry.value, dict) or (objects and not entry.fault):
                objects.append(entry.value)
    except Fault:
        return None
    long = frozenset(path for path, size in sizes.items() if size > LONGEST_OUTER)
    return Outline(fields, frozenset(path for path in lists if value_at_path(fields, path)), frozenset(cut), long)


def value_at_path(fields: Record, path: Path) -> Any:
    for key in path:
        fields = fields[key]
    return fields


def parts_of(text: Text, limit: int) -> Iterator[Part]:
    """The fields of the object with which a text begins, lists of objects one by one; of an object that seems to hold
    such a list, its own fields. Raises Fault for another text.
    """
    text.sign()
    yield from fields_of(text, limit, ())
    if text.sign() is not None:
        raise _broken(text)


def fields_of(text: Text, limit: int, above: Path) -> Generator[Part, None, bool]:
    """The fields of the object that begins at `text.at`, up to its end. Returns whether the text goes on to there."""
    text.skip(text.at + 1)
    wanted = False
    while (sign := text.sign()) != BRACE + 2 or wanted:
        if sign != 0x22:
            raise _broken(text)
        name = value_at(text, limit, "", nested=False)
        if text.sign() != 0x3A or not isinstance(name.value, str):
            raise _broken(text)
        text.skip(text.at + 1)
        path = (*above, name.value)
        sign, is_whole = text.sign(), True
        if sign is None:
            raise _broken(text)
        if text.is_list_of_objects():
            text.skip(text.at + 1)
            numbers = itertools.count()
            for entry in elements(text, limit, lambda: f"[{next(numbers)}]"):  # noqa: B023
                is_whole = bool(entry.raw)  # else the end of the list is missing, and this says it
                yield Part(path, entry, True)
        elif sign == BRACE and len(path) < DEPTH and _seems_to_hold_objects(text):
            is_whole = yield from fields_of(text, limit, path)
        else:
            yield Part(path, value_at(text, limit, "", nested=True), False)
        sign = text.sign()
        wanted = sign == COMMA
        if wanted:
            text.skip(text.at + 1)
        elif sign is None:
            if is_whole:
                what = "the file ends before its object is closed: is it cut off?"
                yield Part(None, invalid(text, ":end", b"", what), False)
            return False
        elif sign != BRACE + 2:
            raise _broken(text)
    text.skip(text.at + 1)
    return True


def _seems_to_hold_objects(text: Text) -> bool:
    """Whether a list of objects begins near in the object that begins at `text.at`, or behind it."""
    while text.more and len(text.data) - text.at < LOOKED_AT:
        text.grow()
    end = end_of_value(text.data, text.at) or text.at + LOOKED_AT
    return LIST_OF_OBJECTS.search(text.data, text.at, min(end, text.at + LOOKED_AT)) is not None


def _broken(text: Text) -> Fault:
    return Fault("invalid-json", f"the brackets and commas are not those of one object (line {text.line})")
