"""One JSON object that is not a record but holds records: its lists are streamed, its other fields reach every row.

Known are {"data": [{…}], "version": …}, {"train": [{…}], "test": [{…}]}, the same inside of objects, as servers answer
({"status": …, "response": {"items": [{…}]}}), {column: [value, …]}, and what pandas writes as orient table, split
({"columns", "data"}), columns ({column: {row: value}}) and index ({row: {column: value}}). Where each record of a file
is such an object (pages of a server), the records in it are read as well.
"""

import itertools
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.stages.ingest.fields import Record
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.json_text import end_of_value
from pipeline.stages.ingest.json_values import BRACE, COMMA, Text, elements, invalid, json_values, value_at
from pipeline.stages.ingest.names import CHOICES, CONTEXT, DEFINITIONS, INSTRUCTION, REJECTED, SYSTEM, named
from pipeline.stages.ingest.parsing import Fault
from pipeline.stages.ingest.published_splits import meaning, take_split

#: Whether an object can be read as a record.
IsRecord = Callable[[Record], bool]
#: The name that a record has for a text of its document; None where records have none.
TaskName = Callable[[str], str | None]

#: Bytes of a list of objects that are looked at to decide whether they are records.
LOOKED_AT = 1 << 16
#: A field of the document that is longer is left out: it would be repeated in each row.
LONGEST_OUTER = 1 << 14
#: Fields of a document that are a part of each task, and the names that records have for them.
TASK = {
    "instruction": (*INSTRUCTION, *DEFINITIONS),
    "system": (*SYSTEM, "system_message", "시스템", "시스템_프롬프트"),
    "input": (*CONTEXT, *CHOICES),
}
KNOWN = {"instruction": INSTRUCTION, "system": SYSTEM, "input": (*CONTEXT, *CHOICES)}


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


class Document(NamedTuple):
    """What of a document are records, and what each of them gets from it."""

    lists: tuple[Path, ...]
    #: Texts that are a part of each task, by the name that a record has for them.
    task: Record
    outer: Record
    left_out: tuple[str, ...]


def documents(
    look: Iterable[bytes], blocks: Iterable[bytes], is_record: IsRecord, task_name: TaskName, limit: int, line: int
) -> Iterator[Entry]:
    """The values of a JSON file that begins with an object; where that is all and it holds records, those.

    `look`, `blocks`: the bytes from the object on, twice: records are streamed, and what comes after them reaches them.
    `line`: the line on which it begins.
    """
    outline = outline_of(look, limit)
    is_own = outline and (_is_index(outline.fields, is_record) or is_record(outline.fields))
    document = document_of(outline, is_record, task_name) if outline and not is_own else None
    if document:
        yield from _records(blocks, document, limit, line)
        return
    for entry in json_values(blocks, limit, line):
        across = _across_in(entry.value, is_record) if outline and isinstance(entry.value, dict) else None
        if across is None:
            yield entry
            continue
        records, outer = across
        for place, value in records:
            yield entry._replace(place=place, value=value, raw=None, outer=outer or None)


def is_document(value: Record, is_record: IsRecord) -> bool:
    """Whether an object holds records and is none itself."""
    if _is_index(value, is_record):
        return True
    if is_record(value):
        return False
    return any(True for _ in _lists_in(value)) or _across_in(value, is_record) is not None


def holds_records(value: Record, is_record: IsRecord) -> bool:
    """Whether an object is no record, and a list in it begins with one."""
    lists = [] if is_record(value) else list(_lists_in(value))
    return any(is_record(_at(value, path)[0]) for path in lists)


def _is_index(document: Record, is_record: IsRecord) -> bool:
    """Whether each field is a record: {"id1": {…}, "id2": {…}}."""
    values = list(document.values())
    return len(values) > 1 and all(isinstance(value, dict) for value in values) and all(map(is_record, values[:2]))


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
            elif isinstance(entry.value, dict):
                objects.append(entry.value)
    except Fault:
        return None
    long = frozenset(path for path, size in sizes.items() if size > LONGEST_OUTER)
    return Outline(fields, frozenset(path for path in lists if _at(fields, path)), frozenset(cut), long)


def _at(fields: Record, path: Path) -> Any:
    for key in path:
        fields = fields[key]
    return fields


def parts_of(text: Text, limit: int) -> Iterator[Part]:
    """The fields of the object with which a text begins, lists of objects one by one; of an object that seems to hold
    such a list, its own fields. Raises Fault for another text.
    """
    text.sign()
    yield from _fields(text, limit, ())
    if text.sign() is not None:
        raise _broken(text)


def _fields(text: Text, limit: int, above: Path) -> Generator[Part, None, bool]:
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
            is_whole = yield from _fields(text, limit, path)
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


def document_of(outline: Outline, is_record: IsRecord, task_name: TaskName) -> Document | None:
    """What a document holds; None where it has no list of objects."""
    fields = outline.fields
    first = {path: _at(fields, path)[0] for path in sorted(outline.lists, key=len)}
    inside = (_at(fields, path[:depth]) for path in first for depth in range(1, len(path)))
    if not first or any(map(is_record, inside)):
        return None
    if any(named(record, REJECTED) and named(record, INSTRUCTION) for record in first.values()):
        task_name = _no_instruction(task_name)  # pairs have one prompt, and it is their own
    task, _ = _split(outline, tuple(first), task_name)
    if not any(is_record({**record, **task}) for record in first.values()):
        task = {}
    lists = tuple(path for path, record in first.items() if _published(path) or is_record({**record, **task}))
    nearest = [path for path in first if len(path) == len(next(iter(first)))]
    asked = (path for path in lists or nearest if path in lists or named(first[path], INSTRUCTION))
    lists = tuple(asked) or tuple(nearest)
    task, outer = _split(outline, lists, task_name if task else lambda key: None)
    left_out = tuple(".".join(path) for path in outline.long | outline.cut if path not in lists)
    return Document(lists, task, outer, tuple(sorted(left_out)))


def _published(path: Path) -> str | None:
    """The key on the way to a list that names a split."""
    return next((key for key in reversed(path) if meaning(key)), None)


def _no_instruction(task_name: TaskName) -> TaskName:
    return lambda key: None if key.strip().casefold() in TASK["instruction"] else task_name(key)


def _split(outline: Outline, lists: Collection[Path], task_name: TaskName, above: Path = ()) -> tuple[Record, Record]:
    """The texts of a document that are a part of each task, of all the objects on the way to the lists; and its other
    fields, without those that are too long.
    """
    task: Record = {}
    outer: Record = {}
    for key, value in _at(outline.fields, above).items():
        path = (*above, key)
        name, text = task_name(key), _joined(value)
        if path in lists or value in (None, "", [], {}):
            continue
        if any(some[: len(path)] == path for some in lists):
            inside, others = _split(outline, lists, task_name, path)
            task = {**inside, **task}
            outer |= {key: others} if others else {}
        elif name is not None and text is not None and name not in task:
            task[name] = text
        elif path not in outline.cut and path not in outline.long:
            outer[key] = value
    return task, outer


def known_task_name(key: str) -> str | None:
    """The name by which detection knows a part of the task, by the name that a document gives it."""
    plain = key.strip().casefold()
    role = next((role for role, names in TASK.items() if plain in names), None)
    return key if role and plain in KNOWN[role] else role


def _joined(value: Any) -> str | None:
    """A text, or a list of texts as one; None for anything else."""
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return "\n".join(value)
    return value if isinstance(value, str) else None


def _records(blocks: Iterable[bytes], document: Document, limit: int, line: int) -> Iterator[Entry]:
    """The records in the lists of a document, with its other fields."""
    split, outer = take_split(document.outer)
    several = len(document.lists) > 1
    text = Text(blocks, line)
    for path, entry, is_element in parts_of(text, limit):
        if path is None:
            yield entry
        if path is None or not is_element or path not in document.lists:
            continue
        place = f".{'.'.join(path)}{entry.place}" if several else entry.place
        yield _with_document(entry._replace(place=place), path, entry.value, document, split, outer)


def _with_document(entry: Entry, path: Path, value: Any, document: Document, split: str | None, outer: Record) -> Entry:
    """The entry of a record in a document, with what the document says of it."""
    if isinstance(value, dict):
        outer = {**outer, **{name: item for name, item in document.task.items() if name in value}}
        value = {**value, **{name: item for name, item in document.task.items() if name not in value}}
    return entry._replace(value=value, split=_published(path) or split, outer=outer or None, left_out=document.left_out)


def unfolded(entry: Entry, is_record: IsRecord, task_name: TaskName) -> Iterator[Entry]:
    """The records in the lists of an entry that is a document; another entry as it is."""
    lists = frozenset(_lists_in(entry.value)) if isinstance(entry.value, dict) else frozenset()
    none = frozenset[Path]()
    document = document_of(Outline(entry.value, lists, none, none), is_record, task_name) if lists else None
    if document is None:
        yield entry
        return
    split, outer = take_split(document.outer)
    records = [(path, record) for path in document.lists for record in _at(entry.value, path)]
    for number, (path, record) in enumerate(records, 1):
        yield _with_document(
            entry._replace(place=f"{entry.place}/{number}", raw=None), path, record, document, split, outer
        )


def _lists_in(value: Record, above: Path = ()) -> Iterator[Path]:
    """The paths of the lists of objects in an object."""
    for key, item in value.items():
        if _objects(item):
            yield (*above, key)
        elif isinstance(item, dict) and len(above) + 1 < DEPTH:
            yield from _lists_in(item, (*above, key))


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _across_in(document: Record, is_record: IsRecord) -> tuple[list[tuple[str, Record]], Record] | None:
    """The records of a table in an orient of pandas, which a document is or holds, and the document's other fields."""
    if records := _across(document, is_record):
        return records, {}
    for key, value in document.items():
        if isinstance(value, dict) and (records := _across(value, is_record)):
            return records, {name: item for name, item in document.items() if name != key}
    return None


def _across(document: Record, is_record: IsRecord) -> list[tuple[str, Record]] | None:
    """The records of a document that is a table in an orient of pandas, with their places; None for others."""
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return _numbered(dict(zip(map(str, names), row, strict=False)) for row in data)
    values = list(document.values())
    if _is_index(document, is_record):
        return _numbered(values)
    if values and all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        across = [{name: column.get(key) for name, column in document.items()} for key in keys]
        if across and is_record(across[0]):
            return _numbered(across)
        if is_record(values[0]):
            return _numbered(values)
    if values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        rows = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
        if rows and is_record(rows[0]):
            return _numbered(rows)
    return None


def _numbered(rows: Iterable[Record]) -> list[tuple[str, Record]]:
    return [(f"[{number}]", row) for number, row in enumerate(rows)]
