"""The data files of an exported folder, read batch by batch: Parquet, Arrow and JSON Lines."""

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.io.files import BATCH_ROWS

#: A data file's split, by its name.
DATA = {
    "parquet": re.compile(r"(?:[\w-]+/)?(\w+)-\d+-of-\d+\.parquet"),
    "arrow": re.compile(r"(\w+)/data-\d+-of-\d+\.arrow"),
    "jsonl": re.compile(r"jsonl/(\w+)-\d+-of-\d+\.jsonl"),
}


class Part(NamedTuple):
    """A data file. `name`: its path in the folder."""

    format: str
    split: str
    name: str
    path: Path


def parts_of(folder: Path, names: Iterable[str]) -> list[Part]:
    """The data files among these names: by format, and those of a split in order."""
    return [
        Part(kind, named[1], name, folder / name)
        for kind, pattern in DATA.items()
        for name in sorted(names)
        if (named := pattern.fullmatch(name))
    ]


def tables_of(parts: Iterable[Part]) -> list[Part]:
    """Those of one format that holds whole rows: Parquet, or else Arrow."""
    kinds = {part.format: [each for each in parts if each.format == part.format] for part in parts}
    return kinds.get("parquet") or kinds.get("arrow") or []


def schema(part: Part) -> pa.Schema:
    if part.format == "parquet":
        return pq.read_schema(part.path)
    with pa.memory_map(str(part.path)) as source:
        return pa.ipc.open_stream(source).schema


def spelled(kind: pa.DataType) -> str:
    """A type's name as in the manifest: Parquet calls the values of a list by another name."""
    return str(kind).replace("<element: ", "<item: ")


def tables(part: Part, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a table file, batch by batch."""
    if part.format == "parquet":
        with pq.ParquetFile(part.path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                yield pa.Table.from_batches([batch])
        return
    with pa.memory_map(str(part.path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            batch.validate(full=True)
            table = pa.Table.from_batches([batch])
            yield table.select(columns) if columns else table


def column(part: Part, name: str) -> Iterator[pa.Array]:
    """One column of a data file, batch by batch."""
    if part.format != "jsonl":
        yield from (table[name].combine_chunks() for table in tables(part, [name]))
        return
    rows = lines(part.path)
    while some := list(itertools.islice(rows, BATCH_ROWS)):
        yield pa.array([row[name] for row in some], pa.string())


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        yield from map(orjson.loads, lines)
