"""Marking rows: how every stage rejects, flags and lists fixes without ever dropping a row."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import EMPTY_LISTS, INGESTED, MARKS


def complete(table: pa.Table, schema: pa.Schema = INGESTED) -> pa.Table:
    """The table with every column of `schema`: what it lacked is added as "nothing yet" (null, or [] for lists).

    A stage can so be called on a bare table of instruction, input and output, as in `datasets.map`. A null `input`
    is read as "none", which is written "".
    """
    for field in schema:
        if field.name not in table.column_names:
            nothing: object = [] if field.name in EMPTY_LISTS else None
            # Arrow's `repeat` fails on lists for no rows, hence one row too many.
            column = pa.repeat(pa.scalar(nothing, field.type), len(table) + 1)
            table = table.append_column(field, column[: len(table)])
        elif table.field(field.name).type != field.type:
            at = table.column_names.index(field.name)
            table = table.set_column(at, field, table[field.name].cast(field.type))
    if table["input"].null_count:
        table = set_column(table, "input", pc.fill_null(table["input"], ""))
    return table


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
    for name, rows in names:
        hit = pc.fill_null(rows, False).to_numpy(zero_copy_only=False)
        if hit.any():
            column = _add_name(column, name, hit)
    return pa.chunked_array([column])


def _add_name(lists: pa.ListArray, name: str, rows: npt.NDArray[np.bool_]) -> pa.ListArray:
    """One name at the end of the lists of these rows, where it does not stand already; null lists stay null."""
    values = pc.list_flatten(lists)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    row_of = np.repeat(np.arange(len(lists)), lengths)
    has = np.zeros(len(lists), bool)
    has[row_of[pc.equal(values, name).to_numpy(zero_copy_only=False)]] = True
    adds = rows & ~has & lists.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths + adds)])
    index = np.full(offsets[-1], len(values))  # the new name stands behind all old values
    index[np.arange(len(values)) + np.cumsum(np.concatenate([[0], adds]))[row_of]] = np.arange(len(values))
    longer = pa.concat_arrays([values, pa.array([name], values.type)]).take(pa.array(index))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), longer, lists.type, mask=pc.is_null(lists))
