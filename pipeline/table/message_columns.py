"""Columns of messages (`history`, `steps`) as training code gives them, in the form of this project."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.call_columns import as_calls
from schemas.columns import MESSAGE
from schemas.errors import KoInstructError

#: The two sides of an earlier exchange in the old form of `history`, each with the role of its message.
SIDES = ("user", "assistant")


class ColumnTypeError(KoInstructError, TypeError):
    """A column of a table has a type that its stage cannot read. The message says which type it needs."""


def as_messages(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """list<MESSAGE> from a list of structs with some of its fields, or from a list of {user, assistant}.

    A null content beside calls of tools becomes "". `name`: the column, for the message of an error. Raises
    ColumnTypeError for a column that holds something else.
    """
    lists = column.combine_chunks()
    if pa.types.is_null(lists.type):
        return pa.chunked_array([lists.cast(pa.list_(MESSAGE))])
    if pa.types.is_large_list(lists.type) or pa.types.is_fixed_size_list(lists.type):
        lists = lists.cast(pa.list_(lists.type.value_type))
    if not pa.types.is_list(lists.type):
        raise _unknown(name, column.type)
    lengths = lengths_of(lists)
    values = pc.list_flatten(lists)
    fields = {field.name for field in values.type} if pa.types.is_struct(values.type) else set()
    if pa.types.is_null(values.type):
        messages = values.cast(MESSAGE)
    elif fields == set(SIDES):
        messages, lengths = _from_exchanges(values, name), lengths * 2
    elif {"role", "content"} <= fields <= {field.name for field in MESSAGE}:
        messages = _from_parts(values, name)
    else:
        raise _unknown(name, column.type)
    return pa.chunked_array([listed(messages, lengths, lists)])


def listed(messages: pa.StructArray, lengths: npt.NDArray[np.int64], lists: pa.ListArray) -> pa.ListArray:
    """list<MESSAGE>: messages in lists of these lengths, null where `lists` are null."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    mask = pc.is_null(lists) if lists.null_count else None
    return pa.ListArray.from_arrays(offsets, messages, pa.list_(MESSAGE), mask=mask)


def lengths_of(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """The number of messages in each list, int64[rows]; 0 for null."""
    lengths: npt.NDArray[np.int64] = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    return lengths


def with_field(messages: pa.StructArray, name: str, values: pa.Array) -> pa.StructArray:
    """The messages with these values in the field."""
    fields = {field.name: pc.struct_field(messages, field.name) for field in MESSAGE}
    return _struct(fields | {name: values}, len(messages), pc.is_null(messages) if messages.null_count else None)


def _from_exchanges(exchanges: pa.StructArray, name: str) -> pa.StructArray:
    """Two messages for each exchange: struct[n] of {user, assistant} to MESSAGE[2 n]."""
    count = len(exchanges)
    sides = pa.concat_arrays([_text(exchanges, side, name) for side in SIDES])
    contents = sides.take(pa.array(np.arange(2 * count).reshape(2, count).T.ravel()))
    roles = pa.array(SIDES * count, pa.string())
    return _struct({"role": roles, "content": contents}, 2 * count, None)


def _from_parts(messages: pa.StructArray, name: str) -> pa.StructArray:
    """Messages with every field of MESSAGE."""
    given = {field.name: _text(messages, field.name, name) for field in messages.type if field.name != "learn"}
    if "learn" in [field.name for field in messages.type]:
        given["learn"] = as_truth(pc.struct_field(messages, "learn"), f"The field learn in the column {name}")
    if "tool_calls" in given:
        calling = pc.is_valid(given["tool_calls"])
        given["content"] = pc.if_else(calling, pc.fill_null(given["content"], ""), given["content"])
    return _struct(given, len(messages), pc.is_null(messages) if messages.null_count else None)


def as_truth(values: pa.Array | pa.ChunkedArray, where: str) -> pa.Array | pa.ChunkedArray:
    """Booleans from 1 and 0, or from their names. Raises ColumnTypeError for another value: a weight of 0.5 is neither.

    `where`: the column or the field, for the message of the error.
    """
    numbers = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    allowed = pc.is_in(values, pa.array([0, 1, None], values.type)) if numbers else None
    try:
        if allowed is None or pc.all(allowed).as_py() in (True, None):
            return values.cast(pa.bool_())
        found = f"holds {values.filter(pc.invert(allowed))[0].as_py()!r}"
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = f"has the type {values.type}"
    raise ColumnTypeError(f"{where} {found}. Its values are true (1), false (0) or null: choose one for each answer.")


def _text(structs: pa.StructArray, field: str, name: str) -> pa.StringArray:
    values = pc.struct_field(structs, field)
    try:
        calls = as_calls(values) if field == "tool_calls" else None
        return values.cast(pa.string()) if calls is None else calls
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        found = structs.type.field(field).type
        raise ColumnTypeError(
            f"The field {field} in the messages of the column {name} has the type {found}, not string. Write each "
            "value as text: json.dumps(value, ensure_ascii=False)."
        ) from error


def _struct(given: dict[str, pa.Array], count: int, mask: pa.BooleanArray | None) -> pa.StructArray:
    parts = [given.get(field.name, pa.nulls(count, field.type)) for field in MESSAGE]
    return pa.StructArray.from_arrays(parts, fields=list(MESSAGE), mask=mask)


def _unknown(name: str, found: pa.DataType) -> ColumnTypeError:
    return ColumnTypeError(
        f"The column {name} has the type {found}. It is a list of messages: dicts with role and content, and where "
        f"there are any, {', '.join(field.name for field in MESSAGE if field.name not in ('role', 'content'))}. The "
        "old form, a list of {user, assistant}, is read too."
    )
