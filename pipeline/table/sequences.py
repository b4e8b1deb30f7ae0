"""Rows of several sequences: one record gives one or several training sequences, and `unroll` gives each a row.

A row with one sequence holds it in flat columns, as `tokenize` writes them for plain records, and null in `sequences`.
A row with several holds them all in `sequences`, a list of structs with the fields of the flat columns. Its flat lists
of ids are then null, and its flat counts (n_tokens, n_learned, truncated, n_unk) are the sums over its sequences.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import set_column

SEQUENCES = "sequences"
#: The number of a sequence in its record, from 0: the column that `unroll` adds.
SEQUENCE = "sequence"


def unroll(table: pa.Table) -> pa.Table:
    """A row for each sequence, with the columns of its record; the fields of the sequence become columns.

    The column `sequence` (int32) is the number of the sequence in its record, from 0. Rows keep their order. A table
    without `sequences` is given back as it is.
    """
    if SEQUENCES not in table.column_names:
        return table
    lists = table[SEQUENCES].combine_chunks()
    table = table.drop_columns([SEQUENCES])
    count = pc.fill_null(pc.list_value_length(lists), 1).to_numpy()
    row_of = np.repeat(np.arange(len(table)), count)
    number = np.arange(len(row_of)) - np.repeat(np.cumsum(count) - count, count)
    nested = lists.flatten()
    if len(nested):
        table = table.take(pa.array(row_of))
    listed = pc.is_valid(lists).to_numpy(zero_copy_only=False)[row_of]
    at = np.cumsum(listed) - 1
    values = nested.take(pa.array(at, mask=~listed))
    for field in nested.type:
        value = pc.struct_field(values, field.name)
        if field.name in table.column_names:
            value = pc.if_else(pa.array(listed), value, table[field.name]) if listed.any() else table[field.name]
        table = set_column(table, field.name, value)
    return set_column(table, SEQUENCE, pa.array(number, pa.int32()))
