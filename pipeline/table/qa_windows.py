"""Rows that hold several examples, one a row: what `export` makes of the windows of layout `qa`."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import set_column

WINDOWS = "windows"


def one_a_row(table: pa.Table) -> pa.Table:
    """A row for each window, with the columns of its record; the fields of the window become columns.

    A table without windows is given back as it is. No window may be null: the rows are kept ones.
    """
    if WINDOWS not in table.column_names:
        return table
    windows = table[WINDOWS].combine_chunks()
    examples = table.drop_columns([WINDOWS]).take(pc.list_parent_indices(windows))
    values = pc.list_flatten(windows)
    for field in values.type:
        examples = set_column(examples, field.name, pc.struct_field(values, field.name))
    return examples
