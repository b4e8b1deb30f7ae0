"""Marking rows: how every stage rejects, flags and lists fixes without ever dropping a row."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.call_columns import are_as_text, as_calls
from pipeline.table.given_table import given_table
from pipeline.table.message_columns import ColumnTypeError, as_messages, as_truth
from schemas.columns import EMPTY_LISTS, INGESTED, MARKS, MESSAGES, TEXTS


def complete(table: pa.Table, schema: pa.Schema = INGESTED) -> pa.Table:
    """The table with every column of `schema`: a missing one is added as "nothing yet" (null, or [] for lists).

    So a stage takes a bare table of instruction, input and output, as in `datasets.map`. A null `input` becomes "",
    as does a null output or content beside calls of tools. History in the old form, a list of {user, assistant},
    becomes messages; calls of tools that are lists, or have arguments as text, become JSON with arguments as objects.
    Raises ColumnTypeError for a column that holds something else, and what `given_table` raises.
    """
    table = given_table(table)
    place = {name: at for at, name in enumerate(table.column_names)}
    for field in schema:
        at = place.get(field.name)
        if at is None:
            table = table.append_column(field, _nothing(field, len(table)))
        elif table.field(at).type != field.type or _has_other_calls(table.column(at), field.name):
            table = table.set_column(at, field, _cast(table.column(at), field))
        elif not table.field(at).nullable:  # else batches of which one is changed would have two schemas
            table = table.set_column(at, field, table.column(at))
    if table["input"].null_count:
        table = set_column(table, "input", pc.fill_null(table["input"], ""))
    if table["tool_calls"].null_count < len(table):
        beside = pc.and_(pc.is_valid(table["tool_calls"]), pc.is_null(table["output"]))
        table = set_column(table, "output", pc.if_else(beside, "", table["output"]))
    return table


def _has_other_calls(column: pa.ChunkedArray, name: str) -> bool:
    """Whether a column of the right type holds calls whose arguments are text."""
    if name in MESSAGES:
        return are_as_text(pc.struct_field(pc.list_flatten(column), "tool_calls"))
    return name == "tool_calls" and are_as_text(column)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if field.name in MESSAGES:
        return as_messages(column, field.name)
    if field.type == pa.bool_():
        return as_truth(column, f"The column {field.name}")
    if field.name == "tool_calls" and (calls := as_calls(column.combine_chunks())) is not None:
        return pa.chunked_array([calls])
    if field.name in TEXTS and not _may_be_text(column):
        columns = f'table.drop_columns("{field.name}").append_column("{field.name}", table["{field.name}"]'
        raise ColumnTypeError(
            f"The column {field.name} has the type {column.type}, not string. Where its values are meant as texts, "
            f'cast them: {columns}.cast("string")).'
        )
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        given, as_json = column.type, pa.types.is_nested(column.type) and pa.types.is_string(field.type)
        remedy = " Write each value as text: json.dumps(value, ensure_ascii=False)." if as_json else ""
        raise ColumnTypeError(f"The column {field.name} has the type {given}, not {field.type}.{remedy}") from error


def _may_be_text(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_nested)
    return column.null_count == len(column) or any(fits(kind) for fits in texts)


def _nothing(field: pa.Field, rows: int) -> pa.Array:
    """Null for every row, or the empty list. (Arrow's `repeat` would build the lists one by one.)"""
    if field.name not in EMPTY_LISTS:
        return pa.nulls(rows, field.type)
    offsets = pa.array(np.zeros(rows + 1, np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array([], field.type.value_type), field.type)


def alive(table: pa.Table) -> pa.ChunkedArray:
    """Boolean per row: not rejected so far."""
    return pc.is_null(table["reject_stage"])


def set_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with this column replaced, or added at the end."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), pa.field(name, values.type), values)
    return table.append_column(name, values)


def reject(
    table: pa.Table, rows: pa.Array | pa.ChunkedArray, stage: str, reason: str | pa.Array, detail: str | pa.Array
) -> pa.Table:
    """Mark living rows as rejected.

    `rows`: boolean per row. `reason`, `detail`: one string for all marked rows, or an array of one string per row
    of the table. Rows that are rejected already keep their first mark.
    """
    marked = pc.and_(pc.fill_null(rows, False), alive(table))
    if not pc.any(marked).as_py():
        return table
    for name, value in zip(MARKS.names, (stage, reason, detail), strict=True):
        table = set_column(table, name, pc.if_else(marked, value, table[name]))
    return table


def add_names(
    lists: pa.Array | pa.ChunkedArray, names: Sequence[tuple[str, pa.Array | pa.ChunkedArray]]
) -> pa.ChunkedArray:
    """A list<string> column with each name added to the rows (boolean per row) it is paired with.

    Names come out in the order given, after those the row had, and no name twice in a row.
    """
    column = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    masks = [(name, pc.fill_null(rows, False).to_numpy(zero_copy_only=False)) for name, rows in names]
    masks = [(name, mask) for name, mask in masks if mask.any()]
    return pa.chunked_array([_add_names(column, masks) if masks else column])


def _add_names(lists: pa.ListArray, masks: Sequence[tuple[str, npt.NDArray[np.bool_]]]) -> pa.ListArray:
    """Each name at the end of the lists of its rows that do not have it; null lists stay null."""
    values = pc.list_flatten(lists)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    row_of = np.repeat(np.arange(len(lists)), lengths)
    # A name in a row is one number: by row, and in a row in the order of the names.
    pairs = [np.flatnonzero(mask) * len(masks) + number for number, (_, mask) in enumerate(masks)]
    present = [
        row_of[pc.equal(values, name).to_numpy(zero_copy_only=False)] * len(masks) + number
        for number, (name, _) in enumerate(masks)
    ]
    new = np.sort(np.concatenate(pairs))
    rows, numbers = np.divmod(np.setdiff1d(new, np.concatenate(present), assume_unique=True), len(masks))
    living = lists.is_valid().to_numpy(zero_copy_only=False)[rows]
    rows, numbers = rows[living], numbers[living]
    index = np.insert(np.arange(len(values)), np.cumsum(lengths)[rows], len(values) + numbers)
    longer = pa.concat_arrays([values, pa.array([name for name, _ in masks], values.type)]).take(pa.array(index))
    offsets = np.concatenate([[0], np.cumsum(lengths + np.bincount(rows, minlength=len(lists)))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), longer, lists.type, mask=pc.is_null(lists))


def row_mask(rows: Sequence[int], length: int) -> pa.Array:
    """Boolean per row of a table of this length: it is one of these rows."""
    found = np.zeros(length, bool)
    found[list(rows)] = True
    return pa.array(found)


def replace_rows(column: pa.Array, rows: npt.NDArray[np.int64], values: Sequence[object]) -> pa.Array:
    """The column with these values in the place of these ascending rows. (`replace_with_mask` is slow on text.)"""
    new = pa.array(values, column.type)
    runs = np.flatnonzero(np.diff(rows, prepend=-2) != 1).tolist()
    parts, at = [], 0
    for first, end in itertools.pairwise([*runs, len(rows)]):
        parts += [column[at : rows[first]], new[first:end]]
        at = rows[end - 1] + 1
    return pa.concat_arrays([*parts, column[at:]])
