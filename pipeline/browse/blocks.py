"""The rows of an exported folder in blocks, each read by itself: batches of Arrow files, row groups of Parquet files,
lines of rejects.jsonl."""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.complete_folder import REMEDY
from pipeline.dataset.layout import REJECTS
from pipeline.dataset.reader import DataFile, data_files
from pipeline.io.arrow_files import BATCH_ROWS, validated
from pipeline.io.row_files import RowsError, naming
from schemas.columns import INGESTED
from schemas.errors import DatasetError

#: The name of the part that holds the rejected rows; the others are splits.
REJECTED = "rejected"
OF_REJECTS = INGESTED.append(pa.field("duplicate_of", pa.string()))


class Block(NamedTuple):
    """Some rows of a file that follow one another. `read`: gives these columns of them."""

    path: Path
    rows: int
    read: Callable[[Sequence[str]], pa.Table]


class Part:
    """The rows of a split, or the rejected rows, in their order. `columns`: their names."""

    def __init__(self, name: str, columns: Sequence[str], blocks: Sequence[Block]) -> None:
        self.name, self.columns, self.blocks = name, columns, blocks
        #: The number of the first row of each block, and behind them the number of rows.
        self.starts = [0, *accumulate(block.rows for block in blocks)]

    @property
    def rows(self) -> int:
        return self.starts[-1]

    def block_of(self, row: int) -> int:
        """The number of the block that holds a row."""
        return bisect_right(self.starts, row) - 1

    def take(self, numbers: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of these ascending numbers. Raises DatasetError where there is no such row."""
        if numbers and numbers[-1] >= self.rows:
            raise DatasetError(f"{self.name} has {self.rows:,} rows, and none of the number {numbers[-1]}.")
        rows = []
        for at, some in groupby(numbers, self.block_of):
            with naming(self.blocks[at].path):
                inside = [number - self.starts[at] for number in some]
                rows += validated(self.blocks[at].read(columns).take(inside)).to_pylist()
        return rows


def parts_of(folder: Path) -> dict[str, Part]:
    """The parts of a dataset by name: its splits, and the rejected rows last. Raises DatasetError for a folder whose
    rows cannot be shown."""
    files = data_files(folder)
    tables = [file for file in files if file.format == "arrow"] or [file for file in files if file.format == "parquet"]
    parts = {}
    for split in dict.fromkeys(file.split for file in tables):
        found = [blocks for file in tables if file.split == split for blocks in _blocks_of(file)]
        parts[split] = Part(split, found[0][1] if found else (), [block for block, _ in found])
    if not tables:
        raise DatasetError(
            f'{folder} has no rows in Arrow or Parquet files. Build it with [export] formats = ["arrow", "parquet"].'
        )
    if any("origins" in part.columns for part in parts.values()):
        raise DatasetError(
            f"{folder} holds packed rows, which have no texts. Browse the dataset without packing: "
            "ko-instruct run --set export.packing=false"
        )
    parts[REJECTED] = Part(REJECTED, OF_REJECTS.names, list(_blocks_of_lines(folder / REJECTS)))
    return parts


def _blocks_of(file: DataFile) -> Iterator[tuple[Block, list[str]]]:
    """The blocks of a file, each with the names of its columns."""
    with naming(file.path):
        yield from _row_groups(file.path) if file.format == "parquet" else _batches(file.path)


def _batches(path: Path) -> Iterator[tuple[Block, list[str]]]:
    with pa.ipc.open_stream(pa.memory_map(str(path))) as stream:
        for batch in stream:
            yield Block(path, batch.num_rows, _reader_of_batch(batch, path)), batch.schema.names


def _reader_of_batch(batch: pa.RecordBatch, path: Path) -> Callable[[Sequence[str]], pa.Table]:
    """A reader that checks each column once."""
    sound: set[str] = set()

    def read(columns: Sequence[str]) -> pa.Table:
        table = pa.Table.from_batches([batch.select(list(columns))])
        with naming(path):
            for name in set(columns) - sound:
                _check(batch.column(name))
                sound.add(name)
        return table

    return read


def _check(column: pa.Array) -> None:
    """Raises ArrowInvalid where a column would lead into foreign memory. Whether texts are UTF-8 is looked at only in
    the rows that are shown: that takes as long as to search in them."""
    if not pa.types.is_string(column.type):
        column.validate(full=True)
        return
    column.validate()
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1] if len(column) else [0]
    if ends[0] < 0 or ends[-1] > (data.size if data else 0) or (np.diff(ends) < 0).any():
        raise pa.ArrowInvalid("the places of its texts are not in order")


def _row_groups(path: Path) -> Iterator[tuple[Block, list[str]]]:
    with pq.ParquetFile(path) as file:
        names, groups = file.schema_arrow.names, file.metadata.num_row_groups
        rows = [file.metadata.row_group(number).num_rows for number in range(groups)]
    for number in range(groups):
        yield Block(path, rows[number], _reader_of_group(path, number)), names


def _reader_of_group(path: Path, number: int) -> Callable[[Sequence[str]], pa.Table]:
    def read(columns: Sequence[str]) -> pa.Table:
        with naming(path), pq.ParquetFile(path) as file:
            return file.read_row_group(number, columns=list(columns), use_threads=False)

    return read


def _blocks_of_lines(path: Path) -> Iterator[Block]:
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    bounds = _line_bounds(data)
    for first in range(0, len(bounds) - 1, BATCH_ROWS):
        last = min(first + BATCH_ROWS, len(bounds) - 1)
        yield Block(path, last - first, _reader_of_lines(data, bounds[first], bounds[last], path, first))


def _line_bounds(data: mmap.mmap, step: int = 1 << 24) -> list[int]:
    """Where each line begins, and the end of the last one."""
    found = [
        np.flatnonzero(np.frombuffer(data[at : at + step], np.uint8) == ord("\n")) + at + 1
        for at in range(0, len(data), step)
    ]
    ends: list[int] = np.concatenate(found).tolist()
    return [0, *ends] if ends and ends[-1] == len(data) else [0, *ends, len(data)]


def _reader_of_lines(
    data: mmap.mmap, start: int, end: int, path: Path, first: int
) -> Callable[[Sequence[str]], pa.Table]:
    def read(columns: Sequence[str]) -> pa.Table:
        rows = []
        for number, line in enumerate(data[start:end].splitlines(), first + 1):
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise RowsError(f"{path}, line {number}: {error}. {REMEDY}") from None
        with naming(path, REMEDY):
            return pa.Table.from_pylist(rows, schema=OF_REJECTS).select(list(columns))

    return read
