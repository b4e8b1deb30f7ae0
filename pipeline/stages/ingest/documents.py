"""One JSON object that is not a record but holds records: its lists are streamed, its other fields reach every row.

Known are {"data": [{…}], "version": …}, {"train": [{…}], "test": [{…}]}, {column: [value, …]}, and what pandas writes
as orient table, split ({"columns", "data"}), columns ({column: {row: value}}) and index ({row: {column: value}}).
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.stages.ingest.fields import Record
from pipeline.stages.ingest.framing import Entry
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


class Part(NamedTuple):
    """A field of a document, or one object of a list in it."""

    #: None: a fault of the document itself.
    key: str | None
    entry: Entry
    is_element: bool


class Outline(NamedTuple):
    """The fields of a document; of a list of objects the first ones."""

    fields: Record
    #: Lists of objects, and those of them that are not held whole.
    lists: frozenset[str]
    cut: frozenset[str]
    #: Other fields that are longer than LONGEST_OUTER.
    long: frozenset[str]


class Document(NamedTuple):
    """What of a document are records, and what each of them gets from it."""

    lists: tuple[str, ...]
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
    document = outline and not is_record(outline.fields) and document_of(outline, is_record, task_name)
    if document:
        yield from _records(blocks, document, limit, line)
        return
    for entry in json_values(blocks, limit, line):
        across = _across(entry.value, is_record) if outline and isinstance(entry.value, dict) else None
        if across is None:
            yield entry
        else:
            yield from (entry._replace(place=place, value=value, raw=None) for place, value in across)


def is_document(value: Record, is_record: IsRecord) -> bool:
    """Whether an object holds records and is none itself."""
    if is_record(value):
        return False
    return any(map(_objects, value.values())) or _across(value, is_record) is not None


def outline_of(blocks: Iterable[bytes], limit: int) -> Outline | None:
    """The outline of the one object that a file is; None where it is something else."""
    fields: Record = {}
    sizes: dict[str, int] = {}
    lists: set[str] = set()
    cut: set[str] = set()
    try:
        for key, entry, is_element in parts_of(Text(blocks), limit):
            if key is None:
                continue
            if key in fields and not (is_element and key in lists):
                return None  # a key that comes twice
            sizes[key] = sizes.get(key, 0) + len(entry.raw or b"")
            if not is_element:
                if entry.fault:
                    return None
                fields[key] = entry.value
                continue
            lists.add(key)
            objects = fields.setdefault(key, [])
            if objects and sizes[key] > LOOKED_AT:
                cut.add(key)
            elif isinstance(entry.value, dict):
                objects.append(entry.value)
    except Fault:
        return None
    long = frozenset(key for key, size in sizes.items() if size > LONGEST_OUTER)
    return Outline(fields, frozenset(key for key in lists if fields[key]), frozenset(cut), long)


def parts_of(text: Text, limit: int) -> Iterator[Part]:
    """The fields of the object with which a text begins, lists of objects one by one. Raises Fault for another text."""
    text.sign()
    text.skip(text.at + 1)
    wanted = False
    while (sign := text.sign()) != BRACE + 2 or wanted:
        if sign != 0x22:
            raise _broken(text)
        name = value_at(text, limit, "", nested=False)
        if text.sign() != 0x3A or not isinstance(name.value, str):
            raise _broken(text)
        text.skip(text.at + 1)
        if text.sign() is None:
            raise _broken(text)
        entry = None
        if text.is_list_of_objects():
            text.skip(text.at + 1)
            numbers = itertools.count()
            for entry in elements(text, limit, lambda: f"[{next(numbers)}]"):  # noqa: B023
                yield Part(name.value, entry, True)
        else:
            entry = value_at(text, limit, "", nested=True)
            yield Part(name.value, entry, False)
        sign = text.sign()
        wanted = sign == COMMA
        if wanted:
            text.skip(text.at + 1)
        elif sign is None:
            if entry and entry.raw:  # else the end of the list is missing, which its last element says
                what = "the file ends before its object is closed: is it cut off?"
                yield Part(None, invalid(text, ":end", b"", what), False)
            return
        elif sign != BRACE + 2:
            raise _broken(text)
    text.skip(text.at + 1)
    if text.sign() is not None:
        raise _broken(text)


def _broken(text: Text) -> Fault:
    return Fault("invalid-json", f"the brackets and commas are not those of one object (line {text.line})")


def document_of(outline: Outline, is_record: IsRecord, task_name: TaskName) -> Document | None:
    """What a document holds; None where it has no list of objects."""
    fields = outline.fields
    first = {key: fields[key][0] for key in fields if key in outline.lists}
    if not first:
        return None
    if any(named(record, REJECTED) and named(record, INSTRUCTION) for record in first.values()):
        task_name = _no_instruction(task_name)  # pairs have one prompt, and it is their own
    task, _ = _split(fields, first, task_name)
    if not any(is_record({**record, **task}) for record in first.values()):
        task = {}
    lists = tuple(key for key, record in first.items() if meaning(key) or is_record({**record, **task}))
    asked = (key for key, record in first.items() if key in lists or named(record, INSTRUCTION))
    lists = tuple(asked) or tuple(first)
    task, outer = _split(fields, lists, task_name if task else lambda key: None)
    left_out = tuple(key for key in outer if key in outline.cut or key in outline.long)
    return Document(lists, task, {key: value for key, value in outer.items() if key not in left_out}, left_out)


def _no_instruction(task_name: TaskName) -> TaskName:
    return lambda key: None if key.strip().casefold() in TASK["instruction"] else task_name(key)


def _split(fields: Record, lists: Collection[str], task_name: TaskName) -> tuple[Record, Record]:
    """The texts of a document that are a part of each task, and its other fields."""
    task: Record = {}
    outer: Record = {}
    for key, value in fields.items():
        name, text = task_name(key), _joined(value)
        if key in lists or value in (None, "", [], {}):
            continue
        if name is None or text is None or name in task:
            outer[key] = value
        else:
            task[name] = text
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
    for key, entry, is_element in parts_of(text, limit):
        if key is None:
            yield entry
        if not is_element or key not in document.lists:
            continue
        value, others = entry.value, outer
        if isinstance(value, dict):
            others = {**outer, **{name: item for name, item in document.task.items() if name in value}}
            value = {**value, **{name: item for name, item in document.task.items() if name not in value}}
        yield entry._replace(
            place=f".{key}{entry.place}" if several else entry.place,
            value=value,
            split=key if meaning(key) else split,
            outer=others or None,
            left_out=document.left_out,
        )


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _across(document: Record, is_record: IsRecord) -> list[tuple[str, Record]] | None:
    """The records of a document that is a table in an orient of pandas, with their places; None for others."""
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return _numbered(dict(zip(map(str, names), row, strict=False)) for row in data)
    values = list(document.values())
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
