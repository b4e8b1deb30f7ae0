"""keep: which rows are wanted, by a condition (`schemas.conditions`), evaluated on whole columns.

Only fields of meta are read row by row, where a condition names them: their JSON is parsed once for each row.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any as Anything
from typing import NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import alive, complete, reject
from pipeline.table.substrings import holds_text
from schemas import conditions
from schemas.columns import STAGES, TEXTS
from schemas.conditions import (
    COLUMNS,
    IN_DATASET,
    All,
    Any,
    Column,
    Compare,
    Condition,
    Constant,
    Contains,
    Holds,
    Length,
    Matches,
    Meta,
    Not,
    Value,
    values_of,
)
from schemas.errors import TableError
from schemas.parse_condition import parse
from schemas.reasons import FLAGS

#: The reason of a row that a condition does not want.
REASON = "not-wanted"
#: A text that is written as a number.
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)

#: The kinds of values, and the type of an array of each.
KINDS = {"number": pa.float64(), "text": pa.string(), "truth": pa.bool_(), "items": pa.list_(pa.string())}
COMPARE: dict[str, Callable[..., Anything]] = {
    "==": pc.equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


class Values(NamedTuple):
    """A value for each row. `present`: it is not missing. `of`: kind → an array of the values of this kind, null in
    the rows with another; a kind without a value is left out. `length`: of texts and lists, if it was asked for.
    """

    present: pa.Array
    of: Mapping[str, pa.Array]
    length: pa.Array | None = None


def keep(table: pa.Table, condition: str) -> pa.Table:
    """The table with its living rows rejected (`not-wanted`) where the condition does not hold.

    The stage of the rejection is the one whose columns the condition needs: ingest, normalize for texts, screen and
    tokenize for their flags and counts (`stage_of`). Raises ConditionError, and TableError where a column of a later
    stage is not there yet.

    >>> table = pa.table({"instruction": ["번역해 줘.", "안녕?"], "output": ["Yes", "네"]})
    >>> keep(table, '"번역" in instruction')["reject_reason"].to_pylist()
    [None, 'not-wanted']
    """
    tree, table = parse(condition), complete(table)
    if not pc.any(alive(table)).as_py():
        return table
    wanted = holds(table, tree)
    return reject(table, pc.invert(wanted), stage_of(tree), REASON, f"does not fit the condition: {condition}")


def stage_of(condition: Condition) -> str:
    """The stage after which all that a condition reads is known: the texts of a row after `normalize`.

    >>> stage_of(parse('meta.score > 3')), stage_of(parse('len(output) < 9 and flags has "refusal"'))
    ('ingest', 'screen')
    """
    needed = {_stage_of_column(value.name) for value in values_of(condition) if isinstance(value, Column)}
    for test in conditions.tests_of(condition):
        if isinstance(test, Contains) and test.of == Column("flags"):
            needed |= {next((stage for stage in ("ingest", "tokenize") if test.text in FLAGS[stage]), "screen")}
    return max(needed | {"ingest"}, key=STAGES.index)


def _stage_of_column(name: str) -> str:
    if name in TEXTS:
        return "normalize"
    return "tokenize" if COLUMNS[name] == "number" and name != "n_turns" else "ingest"


def as_nfc(texts: pa.Array) -> pa.Array:
    """Texts in the Unicode form in which they are compared."""
    return pc.utf8_normalize(texts, "NFC")


def holds(table: pa.Table, condition: Condition, comparable: Callable[[pa.Array], pa.Array] = as_nfc) -> pa.Array:
    """Boolean per row: the condition holds. `table`: complete (`pipeline.table.reject_and_flag.complete`).

    `comparable`: gives the texts of a column in the form NFC, in which they may be already.
    """
    read = set(values_of(condition))
    values: dict[Column | Meta, Values] = {v: _column(table, v.name, comparable) for v in read if isinstance(v, Column)}
    return _holds(condition, values | _metas(table, [value for value in read if isinstance(value, Meta)]))


def _holds(condition: Condition, values: Mapping[Column | Meta, Values]) -> pa.Array:
    match condition:
        case Not(of=inner):
            return pc.invert(_holds(inner, values))
        case All(of=parts):
            return reduce(pc.and_, [_holds(part, values) for part in parts])
        case Any(of=parts):
            return reduce(pc.or_, [_holds(part, values) for part in parts])
        case Compare(sign=sign, left=left, right=right):
            return _compare(sign, left, right, values)
        case Holds(of=of):
            return _in_any(values[of], {"truth": lambda truth: truth})
        case Contains(of=of, text=text, part=part):
            found = {"items": lambda items: _has(items, text)}
            return _in_any(values[of], found | ({"text": lambda t: holds_text(t, text)} if part else {}))
        case Matches(of=of, pattern=pattern):
            return _in_any(values[of], {"text": lambda text: pc.match_substring_regex(text, pattern)})


def _in_any(values: Values, tests: Mapping[str, Callable[[pa.Array], pa.Array]]) -> pa.Array:
    """Boolean per row: the test of its kind holds. A row with a value of another kind, or none, fails."""
    found = [pc.fill_null(test(values.of[kind]), False) for kind, test in tests.items() if kind in values.of]
    return reduce(pc.or_, found, pc.and_(values.present, False))


def _compare(sign: str, left: Value, right: Value, values: Mapping[Column | Meta, Values]) -> pa.Array:
    """Boolean per row: both sides have a value of one kind, and the comparison of these is true."""
    for one, other in ((left, right), (right, left)):
        if one == Constant(None):
            return pc.invert(_value(other, values).present)
    if isinstance(left, Constant):
        mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        return _compare(mirrored.get(sign, sign), right, left, values)
    first = _value(left, values)
    second = {_kind(right.value): pa.scalar(right.value)} if isinstance(right, Constant) else _value(right, values).of
    ordered = ("number", "text") if sign != "==" else ("number", "text", "truth")
    both = {kind: second[kind] for kind in ordered if kind in second}
    return _in_any(first, {kind: partial(_swapped, COMPARE[sign], other) for kind, other in both.items()})


def _swapped(compare: Callable[..., Anything], second: pa.Array | pa.Scalar, first: pa.Array) -> pa.Array:
    return compare(first, second)


def _kind(constant: str | float | bool | None) -> str:
    return "truth" if isinstance(constant, bool) else "text" if isinstance(constant, str) else "number"


def _value(value: Value, values: Mapping[Column | Meta, Values]) -> Values:
    if isinstance(value, Column | Meta):
        return values[value]
    assert isinstance(value, Length)
    of = values[value.of].of
    lengths = [pc.utf8_length(of["text"])] if "text" in of else []
    lengths += [pc.list_value_length(of["items"])] if "items" in of else []
    number = pc.coalesce(*lengths) if lengths else pa.nulls(len(values[value.of].present), pa.int32())
    return Values(pc.is_valid(number), {"number": number})


def _has(items: pa.ListArray, text: str) -> pa.Array:
    """Boolean per row: the text is an item of its list."""
    rows = pc.list_parent_indices(items).filter(pc.fill_null(pc.equal(pc.list_flatten(items), text), False))
    return pc.is_in(pa.array(range(len(items)), rows.type), rows)


def _column(table: pa.Table, name: str, comparable: Callable[[pa.Array], pa.Array]) -> Values:
    """The values of a column; texts in the form NFC."""
    if name == "n_turns":
        last = pc.is_valid(table["instruction"]).cast("int32")
        return _of_kind("number", pc.add(_users(table["history"].combine_chunks()), last))
    if name not in table.column_names:
        raise TableError(f"a condition reads the column {name}, which {_stage_of_column(name)} writes: run it before")
    kind, column = IN_DATASET.columns[name], table[name].combine_chunks()
    if pa.types.is_null(column.type):  # of JSON Lines in which no row has a value
        column = column.cast(KINDS[kind])
    if kind == "messages":
        lists = pa.ListArray.from_arrays(column.offsets, pa.nulls(len(column.values), pa.string()))
        return _of_kind("items", pc.if_else(pc.is_valid(column), lists, None) if column.null_count else lists)
    return _of_kind(kind, comparable(column) if kind == "text" else column)


def _of_kind(kind: str, values: pa.Array) -> Values:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return Values(pc.is_valid(values), {kind: values})


def _users(history: pa.ListArray) -> pa.Array:
    """The number of the user's messages in each list."""
    roles = pc.struct_field(pc.list_flatten(history), "role")
    rows = pc.list_parent_indices(history).filter(pc.fill_null(pc.equal(roles, "user"), False))
    return pa.array(np.bincount(rows.to_numpy(), minlength=len(history)).astype(np.int32))


def _metas(table: pa.Table, fields: Sequence[Meta]) -> dict[Column | Meta, Values]:
    """The values of these fields of meta."""
    if not fields:
        return {}
    records = [_parsed(text) for text in table["meta"].to_pylist()]
    return {field: _of_meta([_at(record, field.path) for record in records]) for field in fields}


def _parsed(text: str | None) -> object:
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _at(value: Anything, path: Sequence[str]) -> Anything:
    """What is at this path in a record; None where there is nothing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        found = value.get(name)
        if found is None and not name.isascii():
            found = next((value[key] for key in value if _nfc(key) == name), None)
        value = found
    return value


def _of_meta(found: Sequence[Anything]) -> Values:
    """Values of JSON, a row each, by their kinds."""
    columns: dict[str, list[Anything]] = {kind: [None] * len(found) for kind in KINDS}
    for row, value in enumerate(found):
        match value:
            case bool():
                columns["truth"][row] = value
            case int() | float():
                columns["number"][row] = float(value)
            case str():
                columns["text"][row] = _nfc(value)
                columns["number"][row] = float(value) if NUMBER.fullmatch(value) else None
            case list():
                columns["items"][row] = [_nfc(item) if isinstance(item, str) else None for item in value]
    present = pa.array([value is not None for value in found], pa.bool_())
    return Values(present, {kind: pa.array(values, KINDS[kind]) for kind, values in columns.items()})


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
