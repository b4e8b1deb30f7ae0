"""Values in a record: found by their paths, and named in messages."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import Number, dumps
from pipeline.stages.ingest.parse.printed import opened

Record = dict[str, Any]


#: Values of a field that answers yes or no, as they are spelled.
YES, NO = ("1", "1.0", "true"), ("0", "0.0", "false")


def yes_or_no(value: Any) -> bool | None:
    """Whether a value means yes (1, true) or no (0, false); None where it means neither.

    >>> yes_or_no(True), yes_or_no("0"), yes_or_no(0.5)
    (True, False, None)
    """
    word = value.text if isinstance(value, Number) else str(value).strip().casefold()
    return True if word in YES else False if word in NO else None


def number_of(value: Any) -> float | None:
    """A number, also where it is a text; None where it is none.

    >>> number_of("0.5"), number_of(True), number_of("nan")
    (0.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Number):
        return None
    try:
        number = float(value.text if isinstance(value, Number) else value)
    except ValueError:
        return None
    return number if number == number else None


def not_an_object(value: Any) -> Fault:
    return Fault("not-an-object", f"the record is {kind(value)}, not an object with named fields")


def kind(value: object) -> str:
    """A JSON value in words, for a message."""
    if isinstance(value, bool):
        return f"a truth value ({str(value).lower()})"
    if isinstance(value, int | float | Number):
        return f"a number ({value.text if isinstance(value, Number) else value})"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(list(value)[:5])}" if value else "an empty object"
    return "null" if value is None else "a text"


def at(record: Any, path: str | None) -> Any:
    """The value under a key or a dotted path, also into a printed list or object; None where there is none."""
    if not path:
        return None
    if isinstance(record, dict):
        if path in record:
            return record[path]
        head, _, rest = path.partition(".")
        return at(opened(record[head]), rest) if rest and head in record else None
    if isinstance(record, list):
        head, _, rest = path.partition(".")
        if head.isdecimal() and int(head) < len(record):
            return at(record[int(head)], rest) if rest else record[int(head)]
    return None


def as_objects(value: Record) -> list[Record] | None:
    """The objects that an object of lists of one length holds, as columns; None for another object.

    >>> as_objects({"text": ["서울", "부산"], "label": ["가", "나"]})
    [{'text': '서울', 'label': '가'}, {'text': '부산', 'label': '나'}]
    """
    lists = list(value.values())
    if not all(isinstance(items, list) for items in lists) or len(set(map(len, lists))) != 1:
        return None
    return [dict(zip(value, items, strict=True)) for items in zip(*lists, strict=True)]


def texts_at(record: Record, paths: Sequence[str]) -> list[str]:
    """All texts under some paths, in order: a list or an object gives the texts in it, a number its digits.

    >>> texts_at({"question": "수도는?", "choices": ["서울", {"text": "부산"}], "year": None}, ("question", "choices"))
    ['수도는?', '서울', '부산']
    """
    return [text for path in paths for text in _texts_in(at(record, path))]


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(inside)
    elif value is not None:
        yield dumps(value)


def text_at(record: Any, path: str | None) -> str | None:
    """The text under a path, None where it is missing or null. Raises Fault (not-text) for any other value."""
    value = at(record, path)
    if value is None or isinstance(value, str):
        return value
    is_number = isinstance(value, int | float | Number) and not isinstance(value, bool)
    remedy = 'write `numbers = "as-text"` in the source' if is_number else "write a text in the source file"
    raise Fault("not-text", f"`{path}` is {kind(value)}, not text: {remedy}, or map another field")


def list_at(record: Any, path: str) -> list[Any]:
    """The list under a path, empty where it is missing or null. Raises Fault (not-a-list)."""
    value = at(record, path)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise Fault("not-a-list", f"`{path}` is {kind(value)}, not a list: map another field")


def without(record: Record, paths: Sequence[str | None]) -> Record:
    """The record without the fields at these paths: what is left for `meta`. Lists of texts stay whole."""
    left = dict(record)
    for path in paths:
        if not path:
            continue
        if path in left:
            del left[path]
            continue
        head, _, rest = path.partition(".")
        if isinstance(left.get(head), list):
            left[head] = _without_inside(left[head], rest)
        if isinstance(left.get(head), dict):
            inner = without(left[head], [rest])
            if inner:
                left[head] = inner
            else:
                del left[head]
    return left


def _without_inside(items: list[Any], path: str) -> list[Any]:
    """The list, and in it an object without the field at the path."""
    place, _, rest = path.partition(".")
    inside = place.isdecimal() and int(place) < len(items) and isinstance(items[int(place)], dict) and bool(rest)
    return [without(item, [rest]) if inside and number == int(place) else item for number, item in enumerate(items)]
