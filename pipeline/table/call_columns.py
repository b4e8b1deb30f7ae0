"""Calls of tools as training code gives them, in the form of this project: JSON, with arguments as objects."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Finds every JSON text of calls with arguments that are text themselves, and others (RE2).
ARGUMENTS_AS_TEXT = r'"arguments"\s*:\s*"'
#: The fields of a call, and of its function.
OF_CALL, OF_FUNCTION = {"id", "type", "function"}, {"name", "arguments"}


def as_calls(column: pa.Array) -> pa.StringArray | None:
    """JSON arrays of calls, from JSON texts or from lists in OpenAI's form, with arguments as objects or as JSON texts.

    An empty list is null: no calls. None for a column that holds something else. Lists whose arguments are objects are
    among that: Arrow gives all objects of a column the same fields.
    """
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _from_texts(column.cast(pa.string()))
    if not _holds_calls(column.type):
        return None
    texts = [_dumped([_call(call) for call in calls]) if calls else None for calls in column.to_pylist()]
    return pa.array(texts, pa.string())


def are_as_text(column: pa.Array | pa.ChunkedArray) -> bool:
    """Whether one of these JSON texts may hold arguments that are text themselves."""
    return bool(column.null_count < len(column) and pc.any(pc.match_substring_regex(column, ARGUMENTS_AS_TEXT)).as_py())


def _from_texts(column: pa.StringArray) -> pa.StringArray:
    rows = pc.indices_nonzero(pc.match_substring_regex(column, ARGUMENTS_AS_TEXT)).to_pylist()
    if not rows:
        return column
    texts = column.to_pylist()
    for row in rows:
        texts[row] = _rewritten(texts[row])
    return pa.array(texts, pa.string())


def _rewritten(text: str) -> str:
    """Calls with their arguments as objects; a text that is anything else as it is."""
    try:
        calls = json.loads(text)
    except (ValueError, RecursionError):
        return text
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    changed = False
    for function in functions:
        if isinstance(function, dict) and isinstance(read := _arguments(function.get("arguments")), dict):
            changed |= function["arguments"] is not read
            function["arguments"] = read
    return _dumped(calls) if changed else text


def _holds_calls(column: pa.DataType) -> bool:
    """Whether it is a list of calls whose arguments are text."""
    if not (pa.types.is_list(column) or pa.types.is_large_list(column)):
        return False
    call = column.value_type
    if pa.types.is_null(call):
        return True
    if not pa.types.is_struct(call) or not {"function"} <= {field.name for field in call} <= OF_CALL:
        return False
    function = call.field("function").type
    return (
        pa.types.is_struct(function)
        and {field.name for field in function} == OF_FUNCTION
        and pa.types.is_string(function.field("arguments").type)
    )


def _call(call: dict[str, Any] | None) -> dict[str, Any] | None:
    """A call with its arguments as an object. A null in its place, or in that of its function, stays: `validate`
    rejects the row."""
    if call is None:
        return None
    function = call["function"]
    read = function and {"name": function["name"], "arguments": _arguments(function["arguments"])}
    written = {"type": call.get("type") or "function", "function": read}
    return written if call.get("id") is None else {"id": call["id"], **written}


def _arguments(given: Any) -> Any:
    """The object in a JSON text; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        read = json.loads(given) if given.strip() else {}
    except (ValueError, RecursionError):
        return given
    return read if isinstance(read, dict) else given


def _dumped(calls: Any) -> str:
    text = json.dumps(calls, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character: only an escape can hold it
        return json.dumps(calls, separators=(",", ":"))
    return text
