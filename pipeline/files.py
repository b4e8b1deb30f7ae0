"""Files that appear only whole, and tables streamed from and to them."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

#: Rows of a record batch in every file that we write: part of the promise of equal bytes, so not an option.
BATCH_ROWS = 8192


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write that appears at `path` complete, or not at all.

    Written beside the target, flushed to the disk, then renamed over it: a killed run leaves the old file or none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a written file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_if_changed(path: Path, content: str) -> bool:
    """Write a text file only if that changes it, so that Make sees a new time only with new content."""
    data = content.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    with whole(path) as sink:
        sink.write(data)
    return True


def read_tables(path: Path) -> Iterator[pa.Table]:
    """The record batches of an Arrow IPC file as tables, from a memory map: nothing is read before it is used."""
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])


def open_table(path: Path) -> pa.Table:
    """A whole Arrow IPC file as a table on a memory map."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def rechunk(tables: Iterable[pa.Table], rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """The same rows in tables of exactly `rows` rows (fewer in the last), each column in one chunk."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += len(table)
        if count < rows:
            continue
        joined = pa.concat_tables(held)
        whole_rows = count - count % rows
        for start in range(0, whole_rows, rows):
            yield joined.slice(start, rows).combine_chunks()
        held, count = [joined.slice(whole_rows)], count - whole_rows
    if count or held:
        last = pa.concat_tables(held).combine_chunks()
        if len(last):
            yield last


def write_tables(path: Path, tables: Iterable[pa.Table], empty: pa.Schema) -> int:
    """Write tables to an Arrow IPC file in batches of BATCH_ROWS, whole or not at all; gives the number of rows.

    `empty`: the schema of the file when there are no tables to take it from.
    """
    rows = 0
    writer: Any = None
    with whole(path) as sink:
        for table in rechunk(tables):
            if writer is None:
                writer = pa.ipc.new_file(sink, table.schema)
            writer.write_table(table)
            rows += len(table)
        if writer is None:
            writer = pa.ipc.new_file(sink, empty)
        writer.close()
    return rows
