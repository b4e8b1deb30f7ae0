"""The records of a dataset, batch by batch: what `export` wrote, a config of the Hub, or a file of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.layout import REJECTS
from pipeline.dataset.manifest_file import other_folder
from pipeline.dataset.reader import DataFile, data_files, read_batches, read_rejects, schema_of, table_files
from pipeline.dataset.shown_rows import tables_of_file
from pipeline.io.row_files import naming, read_rows
from pipeline.table.reject_and_flag import complete, set_column
from pipeline.table.sequences import SEQUENCE
from schemas.columns import EMPTY_LISTS, INGESTED, MARKS
from schemas.errors import KoInstructError

#: The columns that are the record, beside its lists of ids.
RECORD = tuple(name for name in INGESTED.names if name not in MARKS.names)


class DiffError(KoInstructError, ValueError):
    """Two datasets cannot be compared. The message says why, and what to do."""


class Batch(NamedTuple):
    """Rows of a split ("" for rejected rows). `first`: the row is the first sequence of its record."""

    split: str
    table: pa.Table
    first: npt.NDArray[np.bool_]

    def records(self) -> pa.Table:
        return self.table if self.first.all() else self.table.filter(pa.array(self.first))


def batches(path: Path) -> Iterator[Batch]:
    """The rows of a dataset in their order: the kept ones, split by split, then the rejected. Raises DiffError."""
    if path.is_file():
        yield from (_batch(path, "rows", table) for table in tables_of_file(path))
        return
    for file in _files(path):
        for table in _tables(file):
            yield _batch(file.path, file.split, table)
    if (path / REJECTS).is_file():
        yield from (_batch(path / REJECTS, "", table) for table in read_rejects(path))


def has_rejects(path: Path) -> bool:
    return (path / REJECTS).is_file()


def _files(folder: Path) -> list[DataFile]:
    """The files with the texts of all records: of packed rows JSON Lines alone have texts."""
    files = data_files(folder)
    lines = [file for file in files if file.format == "jsonl"]
    tables = table_files(files)
    if not tables and not lines:
        raise DiffError(
            f"{folder}: there are no rows here, neither Parquet nor Arrow nor JSON Lines files of a dataset. "
            + other_folder(folder)
        )
    if tables and not _has_texts(tables[0]):
        if not lines:
            raise DiffError(
                f'{folder}: its rows are packs of token ids and have no texts to compare. Add "jsonl" to formats under '
                "[export] and build it again, or compare datasets that are not packed."
            )
        return lines
    folders = sorted({str(file.path.parent) for file in tables if file.format == "parquet"})
    if len(folders) > 1:
        raise DiffError(f"{folder}: there are several datasets here. Name one of their folders: {', '.join(folders)}.")
    return tables or lines


def _has_texts(file: DataFile) -> bool:
    with naming(file.path):
        return bool({"instruction", "output"} & set(schema_of(file).names))


def _tables(file: DataFile) -> Iterator[pa.Table]:
    if file.format == "jsonl":
        yield from read_rows(file.path)
        return
    with naming(file.path):
        yield from read_batches(file)


def _batch(path: Path, split: str, table: pa.Table) -> Batch:
    with naming(path):
        table = complete(table)
        for name in EMPTY_LISTS:
            if name in table.column_names and table[name].null_count:  # of JSON Lines: nothing is an empty list
                table = set_column(table, name, pc.fill_null(table[name], pa.scalar([], table[name].type)))
    own = (name for name in (SEQUENCE, "window") if name in table.column_names)
    number = next((name for name in own if pa.types.is_integer(table[name].type)), None)
    first = np.ones(len(table), bool) if number is None else table[number].to_numpy() == 0
    return Batch(split, table, first)


def records_at(path: Path, numbers: npt.NDArray[np.int64]) -> dict[int, dict[str, Any]]:
    """The records of these numbers, with their split: the first record of `batches` is 0."""
    found: dict[int, dict[str, Any]] = {}
    waiting, start = np.unique(numbers), 0
    for batch in batches(path) if len(waiting) else ():
        table = batch.records()
        here = waiting[(waiting >= start) & (waiting < start + len(table))]
        for number, row in zip(here.tolist(), table.take(pa.array(here - start)).to_pylist(), strict=True):
            found[number] = row | {"split": batch.split}
        start += len(table)
        if len(found) == len(waiting):
            break
    return found
