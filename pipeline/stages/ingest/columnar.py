"""Plain JSON Lines by the block, in Arrow: the same rows as record by record, or none at all.

A block is plain when each of its lines is one flat object, all with the same keys, and the values of a key all texts,
all integers or all truth values. Arrow's parser reads it. Everything in which that parser and ours could differ is
looked for first, and sends the block back.
"""

import re

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.json_lines import json_objects
from pipeline.stages.ingest import calls
from pipeline.stages.ingest.framing import Lines, count_byte
from pipeline.stages.ingest.published_splits import FIELD as SPLIT
from pipeline.stages.ingest.rows import NO_INPUT
from pipeline.table import thoughts
from schemas.columns import INGESTED
from schemas.shapes import Columns

#: What may be a null behind an object on the same line: at the top level it would crash Arrow's parser (26.0).
NULL_BEHIND = re.compile(rb"\}[ \t\r]*n")
#: What a key's values may be. (Arrow would not keep the spelling of a float.)
TYPES = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}


def plain_table(lines: Lines) -> pa.Table | None:
    """The fields of a plain block as columns in the order of the keys, None for another block."""
    data = lines.data if lines.data.endswith(b"\n") else lines.data + b"\n"
    if lines.fault or not data.startswith(b"{"):
        return None
    starts = line_starts(data)
    count = len(starts) - 1
    if not _objects_only(data, starts) or (count_byte(data, 0x7D) > count and NULL_BEHIND.search(data)):
        return None
    try:
        record = orjson.loads(data[: starts[1]])
    except orjson.JSONDecodeError:
        return None
    if not record or not all(type(value) in TYPES for value in record.values()):
        return None
    schema = pa.schema([pa.field(key, TYPES[type(value)]) for key, value in record.items()])
    table = _parse(data, schema)
    if table is None or len(table) != count or any(column.null_count for column in table.columns):
        return None
    return table.combine_chunks()


def line_starts(data: bytes) -> np.ndarray:
    """Where each line starts, and behind the last one where the data ends (behind a line end)."""
    return np.concatenate([[0], np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A) + 1])


def _objects_only(data: bytes, starts: np.ndarray) -> bool:
    """Whether each line begins and ends as an object. (A line end inside one would need a value that is not a text.)"""
    signs = np.frombuffer(data, np.uint8)
    ends = starts[1:]
    last = signs[ends - 2]
    last = np.where(last == 0x0D, signs[ends - 3], last)
    return bool((signs[starts[:-1]] == 0x7B).all() and (last == 0x7D).all())


def _parse(data: bytes, schema: pa.Schema) -> pa.Table | None:
    from pyarrow import json

    try:
        table = json.read_json(
            pa.BufferReader(data),
            read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
        table.validate(full=True)  # Arrow's parser takes what is not UTF-8
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table


def same_order(lines: Lines, keys: list[str], count: int) -> bool:
    """Whether every line names these keys in this order. (Arrow's parser loses the order; `meta` keeps the order.)"""
    if len(keys) < 2:
        return True
    data = lines.data if lines.data.endswith(b"\n") else lines.data + b"\n"
    offsets = line_starts(data).astype(np.int64)
    text = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data))
    before = None
    for key in keys:
        sign = orjson.dumps(key).decode()
        # Once in each line: then it is the key itself and not a text that looks like it.
        if not pc.all(pc.equal(pc.count_substring(text, sign), 1)).as_py():
            return False
        place = pc.find_substring(text, sign)
        if before is not None and not pc.all(pc.less(before, place)).as_py():
            return False
        before = place
    return True


def plain_rows(lines: Lines, table: pa.Table, shape: Columns, origin: str, source: str) -> pa.Table | None:
    """The rows of a plain block; None where a text is not a string, `meta` could get another order of keys, or a record
    holds more than texts and meta (a thought, a label, a split and so on).
    """
    if isinstance(shape.input, tuple):
        return None
    count = len(table)
    columns = {name: table[name].chunk(0) for name in table.column_names}
    taken = {path for path in (shape.instruction, shape.input, shape.output, shape.system) if path}
    others = [name for name in columns if name not in taken]
    beside = {shape.history, shape.tools, shape.tool_calls, shape.label, *shape.reasoning, *shape.learn}
    if beside & columns.keys() or any(columns[name].type != pa.string() for name in taken & columns.keys()):
        return None
    if any(name.strip().casefold() == SPLIT for name in others):
        return None
    if not same_order(lines, others, count):
        return None
    nothing = pa.nulls(count, pa.string())
    output = columns.get(shape.output or "", nothing)
    if any(pc.any(pc.match_substring_regex(output, pattern)).as_py() for pattern in THOUGHT_OR_CALL):
        return None
    given = columns.get(shape.input or "", pa.repeat("", count))
    none = pc.match_substring_regex(given, NO_INPUT)
    has_none = pc.any(none).as_py()
    system = columns.get(shape.system or "", nothing)
    numbers = pa.array(np.arange(lines.first, lines.first + count)).cast(pa.string())
    found = {
        "origin": pc.binary_join_element_wise(f"{origin}:", numbers, ""),
        "source": pa.repeat(source, count),
        "system": pc.if_else(pc.equal(system, ""), None, system),
        "instruction": columns.get(shape.instruction, nothing),
        "input": pc.if_else(none, "", given) if has_none else given,
        "output": output,
        "meta": json_objects(table.select(others)) if others else nothing,
        "history": _lists(INGESTED.field("history").type, np.zeros(count, bool)),
        "fixes": _lists(pa.list_(pa.string()), none.to_numpy(zero_copy_only=False), "no-input"),
        "flags": _lists(pa.list_(pa.string()), np.zeros(count, bool)),
    }
    found["steps"] = found["history"]
    return pa.table([found.get(field.name, pa.nulls(count, field.type)) for field in INGESTED], schema=INGESTED)


#: Finds every answer that may hold a thought or calls.
THOUGHT_OR_CALL = (*thoughts.finds((*thoughts.MARKS, *calls.MARKS)), r"\)\]\s*$")


def _lists(kind: pa.ListType, rows: np.ndarray, name: str | None = None) -> pa.ListArray:
    """A list column that holds `name` in the given rows and nothing in the others."""
    offsets = np.concatenate([[0], np.cumsum(rows)]).astype(np.int32)
    values = pa.repeat(pa.scalar(name, kind.value_type), int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind)
