"""Tables that lie on their side in one object: columns of values, what pandas writes, records by their ids."""

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.stages.ingest.fields.paths import Record, as_objects

#: Whether an object can be read as a record.
IsRecord = Callable[[Record], bool]


def is_index(document: Record, is_record: IsRecord) -> bool:
    """Whether each field is a record: {"id1": {…}, "id2": {…}}."""
    values = list(document.values())
    return len(values) > 1 and all(isinstance(value, dict) for value in values) and all(map(is_record, values[:2]))


def across_in(document: Record, is_record: IsRecord) -> tuple[list[tuple[str, Record]], Record] | None:
    """The records of a table in an orient of pandas, which a document is or holds, and the document's other fields."""
    if found := _across(document, is_record):
        return found
    for key, value in document.items():
        if isinstance(value, dict) and (found := _across(value, is_record)):
            records, rest = found
            others = {name: item for name, item in document.items() if name != key}
            return records, {**others, **({key: rest} if rest else {})}
    return None


def _across(document: Record, is_record: IsRecord) -> tuple[list[tuple[str, Record]], Record] | None:
    """The records of a document that is a table in an orient of pandas, with their places, and its other fields; None
    for other documents.
    """
    if split := _split(document):
        return split
    values = list(document.values())
    if is_index(document, is_record):
        return _numbered(_with_keys(document)), {}
    if values and all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        across = {key: {name: column.get(key) for name, column in document.items()} for key in keys}
        if across and is_record(next(iter(across.values()))):
            return _numbered(_with_keys(across)), {}
        if is_record(values[0]):
            return _numbered(_with_keys(document)), {}
    rows = as_objects(document)
    return (_numbered(rows), {}) if rows and is_record(rows[0]) else None


def _split(document: Record) -> tuple[list[tuple[str, Record]], Record] | None:
    """The same of orient split: the names of the columns, rows with a cell for each of them, the labels of rows."""
    names, data = document.get("columns"), document.get("data")
    if not isinstance(names, list) or not isinstance(data, list) or not data:
        return None
    if len(set(map(str, names))) < len(names) or not all(isinstance(row, list) for row in data):
        return None
    if any(len(row) != len(names) for row in data):
        return None
    rows = [dict(zip(map(str, names), row, strict=True)) for row in data]
    rest = {name: item for name, item in document.items() if name not in ("columns", "data")}
    labels = rest.get("index")
    if isinstance(labels, list) and len(labels) == len(data):
        del rest["index"]
        if labels != [*range(len(data))]:
            rows = [_with_key(label, row) for label, row in zip(labels, rows, strict=True)]
    return _numbered(rows), rest


def _with_keys(records: Record) -> list[Record]:
    """The records of a map, each with its key as its `id`, where the keys say more than their order."""
    if [*records] == [str(number) for number in range(len(records))]:
        return [*records.values()]
    return [_with_key(key, record) for key, record in records.items()]


def _with_key(key: Any, record: Record) -> Record:
    """The record with this `id`; where it has another one, it is `id_`."""
    name = "id"
    while name in record and record[name] != key:
        name += "_"
    return {name: key, **record}


def _numbered(rows: Iterable[Record]) -> list[tuple[str, Record]]:
    return [(f"[{number}]", row) for number, row in enumerate(rows)]
