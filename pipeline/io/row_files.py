"""Files of rows for the command line: Arrow IPC (.arrow), or JSON Lines (.jsonl, and - for stdin and stdout)."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa

from pipeline.io.arrow_files import BATCH_ROWS, read_tables, validated, write_tables
from pipeline.io.atomic_files import whole
from pipeline.table.message_columns import ColumnTypeError
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED
from schemas.errors import KoInstructError, TableError

#: What Arrow raises of a file that it cannot read, or whose buffers are not what its schema says.
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)
#: What to do about a file that is damaged, and about one that is a raw file.
AGAIN = "Make or download it again."
INGEST = "Read raw files by `ko-instruct ingest`."


class RowsError(KoInstructError, ValueError):
    """A file of rows cannot be read as such."""


def read_rows(path: Path, remedy: str = "") -> Iterator[pa.Table]:
    """Tables of at most BATCH_ROWS rows. Raises RowsError for a file or a line that does not hold rows.

    `remedy`: what to do then, where the file can be no raw file.
    """
    if path.suffix == ".arrow":
        with naming(path, remedy):
            for table in read_tables(path):
                yield complete(validated(table))
        return
    lines = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    with lines, naming(path, remedy):
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        while batch := list(islice(numbered, BATCH_ROWS)):
            yield complete(_table([_row(path, number, line, remedy or INGEST) for number, line in batch]))


def _table(rows: list[dict[str, object]]) -> pa.Table:
    """The rows with the columns of all of them: Arrow's `from_pylist` takes those of the first row alone."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


@contextlib.contextmanager
def naming(path: Path, remedy: str = "") -> Iterator[None]:
    """Give what Arrow cannot read, or not as a row, the name of the file, and what to do about it. Raises RowsError."""
    try:
        yield
    except (ColumnTypeError, TableError) as error:
        raise RowsError(f"{path}: it does not hold rows: {error} {remedy or INGEST}") from None
    except DAMAGED as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the file system's own error
        why = str(error).rstrip(".")
        raise RowsError(f"{path}: it does not hold rows, or is damaged: {why}. {remedy or AGAIN}") from None


def _row(path: Path, number: int, line: bytes, remedy: str) -> dict[str, object]:
    try:
        row = orjson.loads(line)
    except ValueError as error:
        raise RowsError(f"{path}:{number}: {error}. {remedy}") from None
    if not isinstance(row, dict) or not {"instruction", "output"} <= row.keys():
        raise RowsError(f"{path}:{number}: not a row: `instruction` or `output` is missing. {remedy}")
    return {name: row.get(name) for name in INGESTED.names if name in row} | row


def count_rows(path: Path) -> int | None:
    """Rows of a file where that is known without reading it."""
    if path.suffix != ".arrow":
        return None
    with naming(path), pa.OSFile(str(path)) as source:
        return int(pa.ipc.open_file(source).count_rows())


def write_rows(path: Path, tables: Iterable[pa.Table], empty: pa.Schema) -> None:
    """Write rows; a file appears whole or not at all. `empty`: the schema of a file without rows."""
    if path.suffix == ".arrow":
        write_tables(path, tables, empty)
    elif str(path) == "-":
        for table in tables:
            sys.stdout.buffer.write(_lines(table))
        sys.stdout.buffer.flush()  # a full disk is an error here, and not at exit
    else:
        with whole(path) as sink:
            for table in tables:
                sink.write(_lines(table))


def _lines(table: pa.Table) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in table.to_pylist())
