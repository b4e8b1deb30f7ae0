"""The data files of an exported folder, read batch by batch: Parquet, Arrow and JSON Lines."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.complete_folder import REMEDY
from pipeline.dataset.layout import REJECTS, Format, format_and_split
from pipeline.io.arrow_files import BATCH_ROWS, validated
from pipeline.io.row_files import read_rows


class DataFile(NamedTuple):
    """A file with rows of one split. `name`: its path in the folder."""

    format: Format
    split: str
    name: str
    path: Path


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below the folder, by its name in the folder."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def data_files(folder: Path, names: Iterable[str] | None = None) -> list[DataFile]:
    """The data files among these names (None: among all files here), by format, and in the order of their rows."""
    found = ((name, format_and_split(name)) for name in sorted(files_below(folder) if names is None else names))
    files = [DataFile(*known, name, folder / name) for name, known in found if known]
    return sorted(files, key=lambda file: get_args(Format).index(file.format))


def table_files(files: Iterable[DataFile]) -> list[DataFile]:
    """The files of one format that holds whole rows: Parquet, or else Arrow."""
    by_format: dict[Format, list[DataFile]] = {}
    for file in files:
        by_format.setdefault(file.format, []).append(file)
    return by_format.get("parquet") or by_format.get("arrow") or []


def schema_of(file: DataFile) -> pa.Schema:
    """The columns of a Parquet or Arrow file."""
    if file.format == "parquet":
        return pq.read_schema(file.path)
    with pa.memory_map(str(file.path)) as source:
        return pa.ipc.open_stream(source).schema


def type_name(kind: pa.DataType) -> str:
    """A type's name as in the manifest: Parquet calls the values of a list by another name."""
    return str(kind).replace("<element: ", "<item: ")


def read_batches(file: DataFile, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet or Arrow file, batch by batch."""
    return map(validated, read_written(file, columns))


def read_written(file: DataFile, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The same of a file that this run wrote: what is in it is not in doubt."""
    if file.format == "parquet":
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=columns):
                yield pa.Table.from_batches([batch])
        return
    with pa.memory_map(str(file.path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            yield table.select(columns) if columns else table


def read_rejects(folder: Path) -> Iterator[pa.Table]:
    """The rejected rows of a dataset, batch by batch. Raises RowsError for a damaged file."""
    return read_rows(folder / REJECTS, REMEDY)


def read_values(file: DataFile, column: str) -> Iterator[pa.Array]:
    """One column of a data file, batch by batch."""
    if file.format != "jsonl":
        yield from (table[column].combine_chunks() for table in read_batches(file, [column]))
        return
    rows = read_lines(file.path)
    while some := list(itertools.islice(rows, BATCH_ROWS)):
        yield pa.array([row[column] for row in some], pa.string())


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    with path.open("rb") as lines:
        yield from map(orjson.loads, lines)
