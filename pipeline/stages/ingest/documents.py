"""One JSON object that is not a record but holds records: envelopes and the orients of pandas."""

from collections.abc import Callable, Iterator
from typing import Any

#: The place of a record, the record, and the key of the list in which the document holds it ("": no list).
Placed = tuple[str, dict[str, Any], str]


def _records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def records_in(
    document: dict[str, Any], is_record: Callable[[dict[str, Any]], bool]
) -> tuple[str, list[Placed]] | None:
    """(what the document is, its records with their places), None where it is a record itself or nothing known.

    `is_record`: whether an object can be read as a record. Known are {"data": [{…}]}, {"train": [{…}], "test": [{…}]},
    {column: [value, …]}, and what pandas writes as orient table, split ({"columns", "data"}), columns
    ({column: {row: value}}) and index ({row: {column: value}}).
    """
    if is_record(document):
        return None
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        rows = (dict(zip(map(str, names), row, strict=False)) for row in data)
        return "pandas split", list(_numbered(rows))
    lists = [key for key, value in document.items() if _records(value)]
    if lists:
        several = len(lists) > 1
        found = [
            (f".{key}{place}" if several else place, row, key)
            for key in lists
            for place, row, _ in _numbered(document[key])
        ]
        return f"object with the records in {', '.join(lists)}", found
    values = list(document.values())
    if values and all(isinstance(value, dict) for value in values):
        keys = list(dict.fromkeys(key for value in values for key in value))
        across = [{name: column.get(key) for name, column in document.items()} for key in keys]
        if across and is_record(across[0]):
            return "pandas columns", list(_numbered(across))
        if is_record(values[0]):
            return "pandas index", list(_numbered(values))
    if values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        rows_across = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
        if rows_across and is_record(rows_across[0]):
            return "object of columns", list(_numbered(rows_across))
    return None


def _numbered(rows: Any) -> Iterator[Placed]:
    for number, row in enumerate(rows):
        yield f"[{number}]", row, ""
