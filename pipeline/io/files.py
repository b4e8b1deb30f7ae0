"""Files that appear only whole, and tables streamed from and to them."""

import contextlib
import glob
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from pipeline.io.lock import runs
from schemas.errors import KoInstructError
from schemas.manifest import File

#: Rows of a record batch in every file that we write: part of the promise of equal bytes, so not an option.
BATCH_ROWS = 8192


class WriteError(KoInstructError, OSError):
    """Something cannot be written: a full disk, a quota, a limit. Names the file, which the system's error does not."""

    def __str__(self) -> str:
        return (
            f"{self.filename}: {self.strerror}. What was finished before is unharmed: "
            "put this right and run again, it goes on from there."
        )


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give errors of writing the name of what is written."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise WriteError(error.errno, os.strerror(error.errno), str(path)) from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write that appears at `path` complete, or not at all.

    Written beside the target, flushed to the disk, then renamed over it: a killed run leaves the old file or none, and
    what it had written so far goes with the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_killed(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with naming(path), beside.open("wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _forget_killed(path: Path) -> None:
    """Remove what processes that are gone were writing for this target."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        pid = left.name.split(".")[-2]
        if pid.isdecimal() and not runs(int(pid)):
            left.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a written file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


class HashedFile(io.BufferedWriter):
    """A file to write that knows the sha256 and the size of what was written. Closed, it is on the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"), 1 << 20)
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size += memoryview(data).nbytes
        return super().write(data)

    def close(self) -> None:
        if not self.closed:
            self.flush()
            os.fsync(self.fileno())
        super().close()


def write_if_changed(path: Path, content: str) -> bool:
    """Write a text file only if that changes it, so that Make sees a new time only with new content."""
    data = content.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    with whole(path) as sink:
        sink.write(data)
    return True


def is_saved_dataset(path: Path) -> bool:
    """A folder that `datasets` saved: one raw "file" to us."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files of a folder in the order of their names."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def describe_file(path: Path) -> File:
    """Size and sha256 of a file; of a folder, the sum and the sha256 over those of its files in order."""
    if path.is_dir():
        parts = [describe_file(file) for file in files_of(path)]
        digest = hashlib.sha256("".join(part.sha256 for part in parts).encode())
        return File(sha256=digest.hexdigest(), bytes=sum(part.bytes for part in parts))
    with path.open("rb") as file:
        return File(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)


def read_tables(path: Path) -> Iterator[pa.Table]:
    """The record batches of an Arrow IPC file as tables, one after the other: no memory is held for the whole file."""
    with pa.OSFile(str(path)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])


def open_table(path: Path) -> pa.Table:
    """A whole Arrow IPC file as a table on a memory map."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def read_column(path: Path, name: str) -> Iterator[pa.Array]:
    """One column of an Arrow IPC file, batch by batch: of the others nothing is read."""
    with pa.OSFile(str(path)) as source:
        column = pa.ipc.open_file(source).schema.get_field_index(name)
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
