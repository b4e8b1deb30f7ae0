"""JSON Lines from Arrow columns, without a Python object per row."""

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

#: What JSON must escape, in the order of replacement (the backslash first), and the characters that are rarer.
ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"))
ESCAPED = r'["\\\x00-\x1f]'
RARE = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"


def json_lines(table: pa.Table) -> bytes:
    """One JSON object a row, one row a line, keys in column order, nulls as null, UTF-8 unescaped.

    The same bytes as `orjson.dumps` of each row.
    """
    if len(table) == 0:
        return b""
    lines = json_objects(table, "\n")
    _, offsets, text = lines.buffers()
    size = int(np.frombuffer(offsets, np.int32)[len(lines)])
    return bytes(memoryview(text)[:size])


def json_objects(table: pa.Table, end: str = "") -> pa.StringArray:
    """Each row as one compact JSON object with `end` behind it: one string per row. The table has a column.

    A column of bytes holds values that are JSON already.
    """
    parts: list[Any] = []
    for name in table.column_names:
        parts += [("," if parts else "{") + orjson.dumps(name).decode() + ":", _json(table[name].combine_chunks())]
    return pc.binary_join_element_wise(*parts, "}" + end, "")


def _json(column: pa.Array) -> pa.Array:
    """Each value as JSON text."""
    if column.null_count == len(column):
        return pa.repeat(pa.scalar("null"), len(column))
    if pa.types.is_string(column.type):
        return pc.fill_null(_strings(column), "null")
    if pa.types.is_binary(column.type):
        return pc.fill_null(column.cast(pa.string()), "null")
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return pc.fill_null(column.cast(pa.string()), "null")
    if pa.types.is_list(column.type):
        return _mostly_empty(column)
    return _one_by_one(column)


def _strings(column: pa.StringArray) -> pa.Array:
    special = pc.fill_null(pc.match_substring_regex(column, ESCAPED), False)
    escaped = column.filter(special)
    if len(escaped):
        if pc.any(pc.match_substring_regex(escaped, RARE)).as_py():
            return _one_by_one(column)
        for plain, replacement in ESCAPES:
            escaped = pc.replace_substring(escaped, pattern=plain, replacement=replacement)
        column = pc.replace_with_mask(column, special, escaped)
    return pc.binary_join_element_wise('"', column, '"', "")


def _mostly_empty(column: pa.ListArray) -> pa.Array:
    """Lists of names and turns are empty in most rows: only the others become Python objects."""
    empty = pc.fill_null(pc.equal(pc.list_value_length(column), 0), False)
    full = pc.invert(empty)
    return pc.replace_with_mask(pa.repeat(pa.scalar("[]"), len(column)), full, _one_by_one(column.filter(full)))


def _one_by_one(column: pa.Array) -> pa.Array:
    return pa.array([orjson.dumps(value).decode() for value in column.to_pylist()], pa.string())
