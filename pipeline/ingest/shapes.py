"""Records to rows: one small pure function per shape."""

from typing import Any

from .parsing import Fault, Number, dumps
from .readers import Entry
from .rows import Row, rejected

#: What people and machine translators write where a task has no input, without brackets, quotes, spaces and case.
NO_INPUT = frozenset(
    [
        "nan",
        "none",
        "null",
        "noinput",
        "n/a",
        "입력없음",
        "입력이없습니다",
        "입력이필요하지않습니다",
        "노인풋",
        "노인입력",
    ]
)
AROUND = " \t\r\n<>[](){}\"'`.。_-"
LONGEST_NO_INPUT = 32


def says_no_input(text: str) -> bool:
    """Whether a text only says that there is no input: `nan`, `<noinput>`, `입력 없음`."""
    if not text or len(text) > LONGEST_NO_INPUT:
        return False
    return text.strip(AROUND).replace(" ", "").casefold() in NO_INPUT


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


def text_of(record: dict[str, Any], key: str | None) -> str | None:
    """The text under a key, None where it is missing or null. Raises Fault (not-text) for any other value."""
    value = record.get(key) if key is not None else None
    if value is None or isinstance(value, str):
        return value
    raise Fault("not-text", f"`{key}` is {kind(value)}, not text: quote it in the file, or map another field")


def columns(entry: Entry) -> Row:
    """A record whose fields are the row's own."""
    if entry.fault:
        return rejected(entry, entry.fault)
    record = entry.value
    if not isinstance(record, dict):
        detail = f"the record is {kind(record)}, not an object with named fields"
        return rejected(entry, Fault("not-an-object", detail))
    texts: dict[str, str | None] = {}
    fault = None
    for name in ("instruction", "input", "output"):
        try:
            texts[name] = text_of(record, name)
        except Fault as found:
            fault = fault or found
    given = texts.get("input") or ""
    if fault:
        return rejected(entry, fault, instruction=texts.get("instruction"), input=given, output=texts.get("output"))
    fixes = entry.fixes
    if says_no_input(given):
        given, fixes = "", (*fixes, "no-input")
    others = {key: value for key, value in record.items() if key not in ("instruction", "input", "output")}
    meta = dumps(others) if others else None
    return Row(entry.place, texts["instruction"], given, texts["output"], meta=meta, fixes=fixes)
