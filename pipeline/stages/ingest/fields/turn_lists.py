"""A list of turns, in the forms in which containers hold it."""

from typing import Any

from pipeline.stages.ingest.fields.paths import Record, as_objects, at, list_at
from pipeline.stages.ingest.parse.printed import opened


def each_record(record: Record, path: str) -> list[tuple[Record, str]]:
    """A record for each item of the list before a `.*` in a path, and the path in it.

    >>> each_record({"id": 1, "document": [{"a": []}, {"a": []}]}, "document.*.a")
    [({'id': 1, 'document': {'a': []}}, 'document.a'), ({'id': 1, 'document': {'a': []}}, 'document.a')]
    """
    head, star, tail = path.partition(".*.")
    if not star:
        return [(record, path)]
    return [({**record, head: item}, f"{head}.{tail}") for item in list_at(record, head)]


def turns_at(record: Record, path: str) -> list[Any]:
    """The turns under a path: a list, a JSON text or a Python literal of one, or an object of lists of one length.

    Raises Fault: not-a-list.
    """
    value = turns_in(at(record, path))
    return list_at({path: value}, path) if value is not None else []


def turns_in(value: Any) -> Any:
    """A list of turns from the forms in which containers hold it; any other value as it is.

    >>> turns_in("[['q', 'a']]"), turns_in({"role": ["user"], "content": ["안녕?"]})
    ([['q', 'a']], [{'role': 'user', 'content': '안녕?'}])
    """
    value = opened(value)
    objects = as_objects(value) if isinstance(value, dict) and len(value) > 1 else None
    return value if objects is None else objects
