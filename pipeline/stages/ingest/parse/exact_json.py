"""One JSON text to one value, exactly: nothing in it is rounded, merged or lost in silence."""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from pipeline.stages.ingest.faults import Fault

BOM = b"\xef\xbb\xbf"
#: Levels of nesting of a record; and of its `meta`, which may put some around it. (orjson writes 254.)
DEPTH, META_DEPTH = 200, 240
#: How an object begins that Python printed.
PRINTED = re.compile(r"\s*[{\[]\s*(?:\{\s*)?'")
KEY_END = re.compile(rb'"[ \t\r\n]*:')


class Number(NamedTuple):
    """A number as it is spelled in the file, where Python's own would change it: 4.10, 1e400, 12345678901234567890."""

    text: str


class Parsed(NamedTuple):
    """A value, and the names of the repairs that reading it took."""

    value: Any
    fixes: tuple[str, ...] = ()


def dumps(value: Any) -> str:
    """Compact JSON of a parsed value, keys in their order, numbers as they were spelled."""
    return orjson.dumps(value, default=_spelling).decode()


def _spelling(value: object) -> Any:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def plain_keys(value: Any) -> int:
    """How many keys a value holds at all depths, or -1 where it holds a float (whose spelling may be lost)."""
    items: Iterable[Any]
    if type(value) is dict:
        keys, items = len(value), value.values()
    elif type(value) is list:
        keys, items = 0, value
    else:
        return -1 if type(value) is float else 0
    for item in items:
        if type(item) is not str:
            inner = plain_keys(item)
            if inner < 0:
                return -1
            keys += inner
    return keys


def is_deep(value: Any, text: bytes, levels: int) -> bool:
    """Whether the value of a JSON text is nested in more levels than these.

    >>> is_deep([[1]], b"[[1]]", 2), is_deep([[[]], []], b"[[[]], []]", 2)
    (False, True)
    """
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    held = [value]
    for _ in range(levels):
        inside = (each.values() if type(each) is dict else each for each in held)
        held = [item for items in inside for item in items if type(item) is dict or type(item) is list]
        if not held:
            return False
    return True


def too_deep() -> Fault:
    return Fault("too-deep", f"nested too deeply to be a record (more than {DEPTH} levels)")


def parse(text: bytes, line: int = 1, levels: int = DEPTH) -> Parsed:
    """The value of one JSON text; `line` is the line of the file on which it starts, for the message. `levels`: of
    nesting that it may have.

    orjson reads it. Where orjson would lose something (a float's spelling, a repeated key) or refuses what has a
    defined meaning (NaN), Python's own parser reads it again, slowly and exactly.
    Raises Fault: undecodable, invalid-json, duplicate-key, lone-surrogate, too-deep.
    """
    if text.startswith(BOM):
        text = text[len(BOM) :]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        found = _exact(text, line, error)
        if is_deep(found.value, text, levels):
            raise too_deep() from None
        return found
    if type(value) is dict or type(value) is list:
        if is_deep(value, text, levels):
            raise too_deep()
        keys = plain_keys(value)
        # A repeated key is in the text more often than in the value.
        if keys < 0 or len(KEY_END.findall(text)) != keys:
            return _exact(text, line, None)
    return Parsed(value)


def _exact(data: bytes, line: int, error: orjson.JSONDecodeError | None) -> Parsed:
    """The same by Python's own parser. `error`: what orjson found, for the message."""
    text = _decoded(data)
    fixes: list[str] = []

    def constant(name: str) -> None:
        if name != "NaN":
            raise Fault("invalid-json", f"{name} (line {line}) is not a JSON value: write a number, a text or null")
        fixes.append("nan-to-null")

    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=constant,
            parse_float=Number,
            parse_int=lambda digits: int(digits) if len(digits) <= 18 and digits != "-0" else Number(digits),
        )
        dumps(value)
    except json.JSONDecodeError as found:
        found = error or found
        if PRINTED.match(text):
            detail = "the record is written as Python prints a dict, and not as JSON"
            raise Fault("invalid-json", f"{detail} (line {line}): write the source file with json.dumps") from None
        place = f"line {line + found.lineno - 1}, column {found.colno}"
        raise Fault("invalid-json", f"{found.msg} ({place}): fix this record in the source file") from None
    except (RecursionError, TypeError) as wrong:
        if "surrogate" in str(wrong):
            detail = "half a character (a lone \\ud800-\\udfff): the text was cut inside it"
            raise Fault("lone-surrogate", detail) from None
        raise too_deep() from None
    if fixes and value is None:
        raise Fault("invalid-json", f"NaN (line {line}) is not a record: remove it")
    return Parsed(value, tuple(dict.fromkeys(fixes)))


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as wrong:
        byte = data[wrong.start]
        raise Fault(
            "undecodable",
            f"byte 0x{byte:02x} at offset {wrong.start} of the record is not UTF-8: repair it, "
            "or name the file's encoding in the source's `encoding`",
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once, or each time with the same value."""
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value and value[key] != item:
            raise Fault("duplicate-key", f"`{key}` appears twice with different values: remove or rename one")
        value[key] = item
    return value
