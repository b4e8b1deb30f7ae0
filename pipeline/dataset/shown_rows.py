"""The rows that `show` prints: by number or at random, of a split, of the rejected rows, or of a file of rows; all of
them, or those for which a condition holds.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.dataset.layout import MANIFEST, REJECTS
from pipeline.dataset.manifest_file import other_folder
from pipeline.dataset.reader import DataFile, data_files, read_batches, read_rejects, table_files
from pipeline.io.arrow_files import validated
from pipeline.io.row_files import naming, read_rows
from pipeline.table.keep import holds
from pipeline.table.reject_and_flag import complete
from schemas.conditions import IN_DATASET, Column, Condition, values_of
from schemas.errors import KoInstructError
from schemas.parse_condition import parse

Row = dict[str, Any]


class ShowError(KoInstructError, ValueError):
    """The row cannot be shown. The message says why, and what to do."""


class Place(NamedTuple):
    """Where rows are: a split of a dataset, its rejected rows, or a file (.arrow, .parquet, .jsonl).

    `where`: the condition that they fit; "" for all rows.
    """

    path: Path
    split: str = "train"
    rejects: bool = False
    where: str = ""

    def __str__(self) -> str:
        which = f", {'rejected rows' if self.rejects else self.split}" if self.path.is_dir() else ""
        return f"{self.path}{which}{f', where {self.where}' if self.where else ''}"


def rows_of(place: Place, numbers: Sequence[int]) -> list[Row]:
    """The rows of these numbers, which begin at 0, in ascending order. Raises ShowError where there is no such row."""
    found: list[Row] = []
    waiting = sorted(numbers)
    rows = 0
    for table in tables_of(place):
        while waiting and waiting[0] < rows + len(table):
            with naming(place.path):
                found += validated(table).slice(waiting.pop(0) - rows, 1).to_pylist()
        rows += len(table)
        if not waiting:
            return found
    if not rows:
        raise ShowError(f"{place}: there are no rows.")
    raise ShowError(f"{place}: there is no row {waiting[0]}. There are {rows:,} rows, and the first one is row 0.")


def sample(place: Place, size: int, seed: int) -> list[int]:
    """The numbers of `size` rows at random, ascending; all rows where there are not more. One seed, one sample."""
    count = sum(len(table) for table in tables_of(place))
    if not count:
        raise ShowError(f"{place}: there are no rows.")
    return sorted(random.Random(seed).sample(range(count), min(size, count)))


def tables_of(place: Place) -> Iterator[pa.Table]:
    """The rows of a place that fit its condition. Raises ShowError where there are none to read, and ConditionError."""
    if not place.where:
        yield from _every(place)
        return
    condition = parse(place.where, IN_DATASET)
    for table in _every(place):
        _need_columns(place, table, condition)
        with naming(place.path):
            fitting = holds(complete(table), condition)
        yield table.filter(fitting)


def _need_columns(place: Place, table: pa.Table, condition: Condition) -> None:
    """Raises ShowError where the rows have no such column: nothing could ever fit."""
    read = {value.name if isinstance(value, Column) else "meta" for value in values_of(condition)}
    needed = {"instruction" if name == "n_turns" else name for name in read}
    if missing := sorted(needed - set(table.column_names)):
        has = [name for name in table.column_names if name in IN_DATASET.columns or name == "meta"]
        hint = " Rejected rows have it: add --rejects." if missing[0].startswith("reject_") else ""
        can = ", ".join(has) or "none"
        raise ShowError(f"{place.path}: the rows have no column {missing[0]}.{hint} A condition can read {can}.")


def _every(place: Place) -> Iterator[pa.Table]:
    path = place.path
    if path.is_file():
        yield from tables_of_file(path)
    elif place.rejects:
        if not (path / REJECTS).is_file():
            raise ShowError(f"{path}: there is no {REJECTS}. {_elsewhere(path)}")
        yield from read_rejects(path)
    else:
        yield from _tables_of_split(path, place.split)


def _elsewhere(folder: Path) -> str:
    """What to name in place of a folder that lacks what was asked for."""
    if (folder / MANIFEST).is_file():
        return "It is only in the folder where the dataset was built."
    return other_folder(folder)


def tables_of_file(path: Path) -> Iterator[pa.Table]:
    if path.suffix == ".parquet":
        with naming(path):
            yield from read_batches(DataFile("parquet", "", path.name, path))
    elif path.suffix == ".arrow" and not _begins_with(path, b"ARROW1"):
        with naming(path):  # a stream, as `datasets` writes it
            yield from read_batches(DataFile("arrow", "", path.name, path))
    else:
        yield from read_rows(path)


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _tables_of_split(path: Path, split: str) -> Iterator[pa.Table]:
    files = table_files(data_files(path))
    of_split = [file for file in files if file.split == split]
    if not of_split:
        has = ", ".join(sorted({file.split for file in files})) or "none"
        where = f" {_elsewhere(path)}" if not files else ""
        raise ShowError(f"{path}: there is no split {split!r} with Arrow or Parquet files. Splits here: {has}.{where}")
    for file in of_split:
        with naming(file.path):
            yield from read_batches(file)
