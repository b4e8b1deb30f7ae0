"""Read a reference dataset: one that exists already, with which new rows are compared."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.layout import kind_of
from pipeline.io.arrow_files import validated
from pipeline.io.row_files import RowsError, naming, read_rows
from pipeline.stages.dedupe import texts
from pipeline.table.reject_and_flag import alive, complete, set_column
from pipeline.table.sequences import SEQUENCE
from schemas.columns import MESSAGES, TEXTS
from schemas.errors import KoInstructError

#: A folder may hold the same rows in several formats: the first format found is read.
SUFFIXES = (".arrow", ".parquet", ".jsonl")
COLUMNS = ("origin", *MESSAGES, *TEXTS, "tools", "tool_calls", "label", "learn")


class ExistingError(KoInstructError, ValueError):
    """An existing dataset cannot be read. The message says what was found and what is needed."""


def read_existing(path: Path, name: str) -> pa.Table:
    """The rows of an existing dataset, as tables of COLUMNS.

    `path`: a folder under processed/ or one that `datasets` saved or the Hub gave, or a file of rows (.arrow,
    .parquet, .jsonl) with at least instruction and output. Arrow stays in a memory map. `name`: the beginning of each
    `origin`, so that it differs from the origin of a new row: `processed/old#sample/a.jsonl:17`.

    Raises ExistingError, naming the file.
    """
    tables = [table for file in _files(path) for table in _tables(file)]
    none = complete(pa.table({"instruction": pa.array([], pa.string())})).select(COLUMNS)
    alike = (table.cast(none.schema) for table in tables)  # another program may have written columns as "not null"
    table = texts(pa.concat_tables([none, *alike]), name="")
    return set_column(table, "origin", pc.binary_join_element_wise(name, table["origin"], "#"))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for suffix in SUFFIXES:
        files = sorted(file for file in path.rglob(f"*{suffix}") if is_of_rows(file.relative_to(path)))
        if files:
            return files
    raise ExistingError(
        f"{path} is not a dataset: name a file of rows, or a folder with .arrow, .parquet or .jsonl files"
    )


def is_of_rows(file: Path) -> bool:
    """Whether a file of an exported folder may hold its rows: rejects and text forms do not."""
    return kind_of(file.as_posix()) not in ("rejects", "forms")


def _tables(file: Path) -> Iterator[pa.Table]:
    """The rows of a file, as tables of COLUMNS. Raises ExistingError."""
    try:
        with naming(file):
            for table in _read(file):
                yield _columns(table, file)
    except RowsError as error:  # its message names the file
        raise ExistingError(str(error)) from error


def _read(file: Path) -> Iterator[pa.Table]:
    match file.suffix:
        case ".parquet":
            known = [name for name in (*COLUMNS, "reject_stage", SEQUENCE) if name in pq.read_schema(file).names]
            yield validated(pq.read_table(file, columns=known))
        case ".arrow":
            yield validated(_open_arrow(file))
        case ".jsonl":
            yield from read_rows(file)
        case _:
            raise ExistingError(
                f"{file}: rows are read from .arrow, .parquet and .jsonl files. Declare a raw file as a source."
            )


def _open_arrow(file: Path) -> pa.Table:
    """A stream, as `datasets` and `export` write them, or a file, as the stages do."""
    source = pa.memory_map(str(file))
    if source.read(6) == b"ARROW1":
        return pa.ipc.open_file(source).read_all()
    source.seek(0)
    return pa.ipc.open_stream(source).read_all()


def _columns(table: pa.Table, file: Path) -> pa.Table:
    missing = [name for name in ("instruction", "output") if name not in table.column_names]
    if missing:
        raise ExistingError(
            f"{file}: the column {' and '.join(missing)} is missing; the columns are {', '.join(table.column_names)}"
        )
    if "reject_stage" in table.column_names:  # a stage file: its rejected rows are left out
        table = table.filter(alive(table))
    if SEQUENCE in table.column_names:  # a record of several sequences has a row for each: the first holds its texts
        table = table.filter(pc.equal(table[SEQUENCE], 0))
    return complete(table.select([name for name in COLUMNS if name in table.column_names])).select(COLUMNS)
