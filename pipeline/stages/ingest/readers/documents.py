"""One JSON object that is not a record but holds records: its lists are streamed, its other fields reach every row.

Known are {"data": [{…}], "version": …}, {"train": [{…}], "test": [{…}]}, the same inside of objects, as servers answer
({"status": …, "response": {"items": [{…}]}}), {column: [value, …]}, and what pandas writes as orient table, split
({"columns", "data"}), columns ({column: {row: value}}) and index ({row: {column: value}}). Where each record of a file
is such an object (pages of a server), the records in it are read as well.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.stages.ingest.fields.given import is_given
from pipeline.stages.ingest.fields.names import (
    INSTRUCTION,
    REJECTED,
    TAKEN_OUT,
    named,
)
from pipeline.stages.ingest.fields.of_documents import LIST, TASK, TaskName
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.published_splits import meaning, take_split
from pipeline.stages.ingest.offers.second_lists import lists_of_records, without_lists
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.json_values import Text, json_values
from pipeline.stages.ingest.readers.outline import DEPTH, Outline, Path, outline_of, parts_of, value_at_path
from pipeline.stages.ingest.readers.sideways import IsRecord, across_in, is_index


class Document(NamedTuple):
    """What of a document are records, and what each of them gets from it."""

    lists: tuple[Path, ...]
    #: Texts that are a part of each task, by the name that a record has for them.
    task: Record
    outer: Record
    left_out: tuple[str, ...]
    #: Other lists of objects, by their paths: the first objects of each.
    others: dict[str, list[Any]]


def documents(
    look: Iterable[bytes], blocks: Iterable[bytes], is_record: IsRecord, task_name: TaskName, limit: int, line: int
) -> Iterator[Entry]:
    """The values of a JSON file that begins with an object; where that is all and it holds records, those.

    `look`, `blocks`: the bytes from the object on, twice: records are streamed, and what comes after them reaches them.
    `line`: the line on which it begins.
    """
    outline = outline_of(look, limit)
    is_own = outline and (is_index(outline.fields, is_record) or is_record(outline.fields))
    document = document_of(outline, is_record, task_name) if outline and not is_own else None
    if document:
        yield from _records(blocks, document, limit, line)
        return
    for entry in json_values(blocks, limit, line):
        across = across_in(entry.value, is_record) if outline and isinstance(entry.value, dict) else None
        if across is None:
            yield entry
            continue
        records, outer = across
        for place, value in records:
            yield entry._replace(place=place, value=value, raw=None, outer=outer or None)


def is_document(value: Record, is_record: IsRecord) -> bool:
    """Whether an object holds records and is none itself."""
    if is_index(value, is_record):
        return True
    if is_record(value):
        return False
    return any(True for _ in _lists_in(value)) or across_in(value, is_record) is not None


def holds_records(value: Record, is_record: IsRecord) -> bool:
    """Whether an object is no record, and a list in it begins with one."""
    lists = [] if is_record(value) else list(_lists_in(value))
    return any(is_record(value_at_path(value, path)[0]) for path in lists)


def document_of(outline: Outline, is_record: IsRecord, task_name: TaskName) -> Document | None:
    """What a document holds; None where it has no list of objects."""
    fields = outline.fields
    first = {path: value_at_path(fields, path)[0] for path in sorted(outline.lists, key=len)}
    inside = (value_at_path(fields, path[:depth]) for path in first for depth in range(1, len(path)))
    if not first or any(map(is_record, inside)):
        return None
    if any(named(record, REJECTED) and named(record, INSTRUCTION) for record in first.values()):
        task_name = _no_instruction(task_name)  # pairs have one prompt, and it is their own
    given = [path for path, record in first.items() if _is_given(outline, path, task_name) and not is_record(record)]
    if len(given) < len(first):
        first = {path: record for path, record in first.items() if path not in given}
    task, _ = _split(outline, tuple(first), task_name)
    if not any(is_record({**record, **task}) for record in first.values()):
        task = {}
    lists = tuple(path for path, record in first.items() if _published(path) or is_record({**record, **task}))
    nearest = [path for path in first if len(path) == len(next(iter(first)))]
    asked = (path for path in lists or nearest if path in lists or named(first[path], INSTRUCTION))
    lists = tuple(asked) or tuple(nearest)
    task, outer = _split(outline, lists, task_name if task else lambda key: None)
    left_out = tuple(".".join(path) for path in outline.long | outline.cut if path not in lists)
    others = {".".join(path): value_at_path(fields, path) for path in sorted(outline.lists) if path not in lists}
    return Document(lists, task, outer, tuple(sorted(left_out)), others)


def _published(path: Path) -> str | None:
    """The key on the way to a list that names a split."""
    return next((key for key in reversed(path) if meaning(key)), None)


def _split_of(path: Path) -> str | None:
    """The key on the way to a list that names a split, or records which its source took out."""
    return _published(path) or next((key for key in reversed(path) if key.strip().casefold() in TAKEN_OUT), None)


def _no_instruction(task_name: TaskName) -> TaskName:
    return lambda key: None if key.strip().casefold() in TASK["instruction"] else task_name(key)


def _split(outline: Outline, lists: Collection[Path], task_name: TaskName, above: Path = ()) -> tuple[Record, Record]:
    """The texts of a document that are a part of each task, of all the objects on the way to the lists; and its other
    fields, without those that are too long.
    """
    task: Record = {}
    outer: Record = {}
    for key, value in value_at_path(outline.fields, above).items():
        path = (*above, key)
        name, given = task_name(key), _given(value)
        if path in lists or value in (None, "", [], {}):
            continue
        if any(some[: len(path)] == path for some in lists):
            inside, others = _split(outline, lists, task_name, path)
            others |= {name: text for name, text in inside.items() if name in task}
            task = {**inside, **task}
            outer |= {key: others} if others else {}
        elif name is not None and given is not None and name not in task:
            task[name] = given
        elif path not in outline.cut and path not in outline.long:
            outer[key] = value
    return task, outer


def _given(value: Any) -> Any:
    """What can be a part of a task: a text, a list of texts as one, or what can be written as one; None for others."""
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return "\n".join(value)
    if isinstance(value, dict) and not any(isinstance(text, str) for text in value.values()):
        return None
    return value if is_given(value) else None


def _is_given(outline: Outline, path: Path, task_name: TaskName) -> bool:
    """Whether a list of objects is what its document is about: by its name, and as far as it can be written."""
    value = value_at_path(outline.fields, path)
    return task_name(path[-1]) is not None and path not in outline.cut and is_given(value)


def _records(blocks: Iterable[bytes], document: Document, limit: int, line: int) -> Iterator[Entry]:
    """The records in the lists of a document, with its other fields."""
    # (Records of their own, in another list, are not repeated in each row.)
    second = lists_of_records(document.others)
    split, outer = take_split(without_lists(document.outer, second))
    document = document._replace(left_out=tuple(sorted({*document.left_out, *second})))
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
    if len(document.lists) > 1 and _split_of(path) is None:
        outer = {**outer, LIST: ".".join(path)}
    return entry._replace(
        value=value,
        split=_split_of(path) or split,
        outer=outer or None,
        left_out=document.left_out,
        others=document.others,
    )


def unfolded(entry: Entry, is_record: IsRecord, task_name: TaskName) -> Iterator[Entry]:
    """The records in the lists of an entry that is a document; another entry as it is."""
    lists = frozenset(_lists_in(entry.value)) if isinstance(entry.value, dict) else frozenset()
    none = frozenset[Path]()
    document = document_of(Outline(entry.value, lists, none, none), is_record, task_name) if lists else None
    if document is None:
        yield entry
        return
    split, outer = take_split(document.outer)
    records = [(path, record) for path in document.lists for record in value_at_path(entry.value, path)]
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
