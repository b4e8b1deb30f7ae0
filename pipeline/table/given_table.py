"""What a stage was given: a table, or something else, with the line that makes a table of it."""

from difflib import get_close_matches

import pyarrow as pa

from schemas.columns import INGESTED
from schemas.errors import KoInstructError, TableError

#: The columns of a plain record, whose names are often written in another way.
PLAIN = ("instruction", "input", "output")
OURS = frozenset(INGESTED.names)
#: How a value of a class (by its name) becomes a table.
REMEDIES = {
    "DataFrame": "pa.Table.from_pandas(frame, preserve_index=False)",
    "Dataset": 'dataset.with_format("arrow")[:], or dataset.with_format("arrow").map(stage, batched=True)',
    "DatasetDict": 'dataset.with_format("arrow").map(stage, batched=True)',
    "LazyBatch": 'dataset.with_format("arrow").map(stage, batched=True): without with_format, map gives no table',
    "LazyRow": 'dataset.with_format("arrow").map(stage, batched=True)',
    "dict": 'pa.table(columns); in datasets.map, dataset.with_format("arrow")',
    "list": "pa.Table.from_pylist(rows)",
}


class NotATableError(KoInstructError, TypeError):
    """A stage was given something else than an Arrow table. The message holds the line that makes a table of it."""


def given_table(rows: object) -> pa.Table:
    """The table itself, or the one of a record batch.

    Raises NotATableError for anything else, and TableError for two columns of one name, for a plain column under a
    name that is nearly right, and without `instruction`.

    >>> given_table(pa.table({"ouput": ["나"]}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    schemas.errors.TableError: There is no column output, but ouput. Rename it: table.rename_columns(...).
    """
    if isinstance(rows, pa.RecordBatch):
        rows = pa.Table.from_batches([rows])
    if not isinstance(rows, pa.Table):
        name = type(rows).__name__
        remedy = f" Make one: {REMEDIES[name]}." if name in REMEDIES else ""
        raise NotATableError(f"A stage takes a pyarrow.Table, and this is a {name}.{remedy}")
    names = rows.column_names  # Arrow makes this list anew each time
    if len({*names}) < len(names) and (twice := sorted({name for name in names if names.count(name) > 1} & {*OURS})):
        raise TableError(f"There are two columns {twice[0]}. Keep one, by its number: table.select([0, 1, ...]).")
    unknown = {name.casefold(): name for name in names if name not in OURS and "_" not in name}
    for column in PLAIN if unknown else ():
        near = get_close_matches(column, unknown, 1, 0.8) if column not in names else []
        if near:
            name = unknown[near[0]]
            rename = f'table.rename_columns({{"{name}": "{column}"}})'
            raise TableError(f"There is no column {column}, but {name}. Rename it: {rename}.")
    if "instruction" not in names:
        columns = ", ".join(names) or "none"
        rename = 'table.rename_columns({"…": "instruction", "…": "output"})'
        raise TableError(f"There is no column instruction; the columns are: {columns}. Rename yours: {rename}.")
    return rows
