"""Tables that lie on their side in one object: columns of values, what pandas writes, records by their ids."""

from collections.abc import Callable, Iterable

from pipeline.stages.ingest.fields.paths import Record

#: Whether an object can be read as a record.
IsRecord = Callable[[Record], bool]


def is_index(document: Record, is_record: IsRecord) -> bool:
    """Whether each field is a record: {"id1": {…}, "id2": {…}}."""
    values = list(document.values())
    return len(values) > 1 and all(isinstance(value, dict) for value in values) and all(map(is_record, values[:2]))


def across_in(document: Record, is_record: IsRecord) -> tuple[list[tuple[str, Record]], Record] | None:
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
    if is_index(document, is_record):
        return _numbered(_with_keys(document))
    if values and all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        across = [{name: column.get(key) for name, column in document.items()} for key in keys]
        if across and is_record(across[0]):
            return _numbered(across)
        if is_record(values[0]):
            return _numbered(_with_keys(document))
    if values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        rows = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
        if rows and is_record(rows[0]):
            return _numbered(rows)
    return None


def _with_keys(document: Record) -> list[Record]:
    """The records of a map, each with its key as its `id`, where the keys say more than their order."""
    if [*document] == [str(number) for number in range(len(document))]:
        return [*document.values()]
    return [{"id": key, **record} for key, record in document.items()]


def _numbered(rows: Iterable[Record]) -> list[tuple[str, Record]]:
    return [(f"[{number}]", row) for number, row in enumerate(rows)]
