"""Files that appear only whole, and errors of writing that name the file."""

import contextlib
import glob
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.io.lock import runs
from schemas.errors import KoInstructError

#: This machine, in the names of files that are being written: in a shared folder other machines write, too.
HOST = platform.node().replace(".", "-")


class WriteError(KoInstructError, OSError):
    """A file cannot be written: a full disk, a quota, a limit. Names the file, which the system's error does not."""

    def __str__(self) -> str:
        return (
            f"{self.filename}: {self.strerror}. The files that were finished before are not damaged. "
            "Fix this and run again: the run continues from there."
        )


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the name of the file to errors of writing."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise WriteError(error.errno, os.strerror(error.errno), str(path)) from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write that appears at `path` complete, or not at all, and stays when the machine fails.

    Written beside the target, flushed to the disk, then renamed over it: a killed run leaves the old file or none. The
    next run removes what it had written so far.
    """
    with replacing(path) as sink:
        yield sink
        sink.flush()
        os.fsync(sink.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """The same for a file that only this run reads: it is not flushed to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    beside = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.part")
    try:
        with naming(path), beside.open("wb") as sink:
            yield sink
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes of this machine that have ended were writing for this target."""
    for left in path.parent.glob(f".{glob.escape(f'{path.name}.{HOST}')}.*.part"):
        pid = left.name.split(".")[-2]
        if pid.isdecimal() and not runs(int(pid)):
            left.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a written file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_if_changed(path: Path, content: str) -> bool:
    """Write a text file only if that changes it, so that Make sees a new time only where the content is new."""
    data = content.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    with whole(path) as sink:
        sink.write(data)
    return True
