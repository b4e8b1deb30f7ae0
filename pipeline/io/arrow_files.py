"""Tables streamed from and to Arrow files, in record batches of one size."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from pipeline.io.atomic_files import whole
from schemas.errors import TableError

#: Rows of a record batch in every file that we write: part of the promise of equal bytes, so not an option.
BATCH_ROWS = 8192


def read_tables(path: Path) -> Iterator[pa.Table]:
    """The record batches of an Arrow IPC file as tables, one after the other: no memory is held for the whole file."""
    with pa.OSFile(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])


def read_range(path: Path, start: int, stop: int) -> Iterator[pa.Table]:
    """The same of some rows, of a file that `write_tables` wrote."""
    with pa.OSFile(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(start // BATCH_ROWS, -(-stop // BATCH_ROWS)):
            first = number * BATCH_ROWS
            begin = max(start - first, 0)
            yield pa.Table.from_batches([reader.get_batch(number).slice(begin, stop - first - begin)])


def validated(table: pa.Table) -> pa.Table:
    """The same table, if its buffers are what its schema says (offsets, dictionary indices, UTF-8), and each column has
    a name of its own.

    For tables of a file that this run did not write: of a damaged one, Arrow would read foreign memory. Raises
    ArrowInvalid.
    """
    table.validate(full=True)
    if twice := [name for name in table.column_names if len(table.schema.get_all_field_indices(name)) > 1]:
        raise pa.ArrowInvalid(f"it has two columns {twice[0]}")
    return table


def open_table(path: Path) -> pa.Table:
    """A whole Arrow IPC file as a table on a memory map."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def read_column(path: Path, name: str) -> Iterator[pa.Array]:
    """One column of an Arrow IPC file, batch by batch: of the others nothing is read.

    Raises TableError where the file has no such column.
    """
    with pa.OSFile(str(path)) as source:
        column = pa.ipc.open_file(source).schema.get_field_index(name)
        if column < 0:
            raise TableError(
                f"{path} has no column {name}: another version of ko-instruct wrote this file. "
                "Run make processed, which writes it again."
            )
        options = pa.ipc.IpcReadOptions(included_fields=[column], use_threads=False)
        reader = pa.ipc.open_file(source, options=options)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number).column(0)


class Batches:
    """Rows come in tables of any length and go out in tables of exactly `rows` rows, each column in one chunk."""

    def __init__(self, rows: int = BATCH_ROWS) -> None:
        self.rows = rows
        self._held: list[pa.Table] = []
        self._count = 0

    def add(self, table: pa.Table) -> Iterator[pa.Table]:
        """The full batches that this table completes."""
        self._held.append(table)
        self._count += len(table)
        if self._count >= self.rows:
            joined = pa.concat_tables(self._held)
            full = self._count - self._count % self.rows
            self._held, self._count = [joined.slice(full)], self._count - full
            for start in range(0, full, self.rows):
                yield own(joined.slice(start, self.rows))

    def rest(self) -> Iterator[pa.Table]:
        """The rows that no full batch has taken, if any."""
        if self._count:
            yield own(pa.concat_tables(self._held))


def own(table: pa.Table) -> pa.Table:
    """A copy in one chunk. Of a slice Arrow would write some bytes of its neighbours too, which no promise covers."""
    return pa.concat_tables([table.slice(0, 0), table]).combine_chunks()  # of a single chunk it would make no copy


@contextlib.contextmanager
def batched(put: Callable[[pa.Table], object], rows: int = BATCH_ROWS) -> Iterator[Callable[[pa.Table], None]]:
    """A function that takes tables of any length and puts them on in tables of exactly `rows` rows."""
    batches = Batches(rows)

    def put_each(tables: Iterable[pa.Table]) -> None:
        for table in tables:
            put(table)

    yield lambda table: put_each(batches.add(table))
    put_each(batches.rest())


@contextlib.contextmanager
def table_writer(sink: IO[bytes], empty: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A function that writes tables to an open file as Arrow IPC, in batches of BATCH_ROWS.

    `empty`: the schema of the file when no row is written.
    """
    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        writer = writer or pa.ipc.new_file(sink, table.schema)
        writer.write_table(table)

    with batched(write) as write_batches:
        yield write_batches
    (writer or pa.ipc.new_file(sink, empty)).close()


def write_tables(path: Path, tables: Iterable[pa.Table], empty: pa.Schema) -> None:
    """Write tables to an Arrow IPC file, whole or not at all. `empty`: as for `table_writer`."""
    with whole(path) as sink, table_writer(sink, empty) as write:
        for table in tables:
            write(table)
