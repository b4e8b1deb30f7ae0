"""Size and sha256 of files: of one that is read, and of one while it is written."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from schemas.manifest import File

#: Bytes of raw files from which on the work on them is worth another process.
MUCH = 1 << 20


class HashedFile(io.BufferedWriter):
    """A file to write that knows the sha256 and the size of what was written. Closed, it is on the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"), 1 << 20)
        self.path = path
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

    def described(self) -> File:
        return File(sha256=self.sha256.hexdigest(), bytes=self.size)


class HashOf(io.RawIOBase):
    """A file to write that keeps the sha256 of what was written, and nothing else. It begins with `data`."""

    def __init__(self, data: bytes = b"") -> None:
        self.sha256 = hashlib.sha256(data)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return memoryview(data).nbytes

    def hexdigest(self) -> str:
        return self.sha256.hexdigest()


def state_of_file(path: Path) -> list[int]:
    """What changes with any change of a file, and where another file takes its place. The file is not read."""
    state = path.stat()
    return [state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def files_of(path: Path) -> list[Path]:
    """The file itself, or all files of a folder in the order of their names."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in files_of(path))


def describe_file(path: Path) -> File:
    """Size and sha256 of a file; of a folder, the sum and the sha256 over those of its files in order."""
    if path.is_dir():
        files = [describe_file(file) for file in files_of(path)]
        digest = hashlib.sha256("".join(file.sha256 for file in files).encode())
        return File(sha256=digest.hexdigest(), bytes=sum(file.bytes for file in files))
    with path.open("rb") as file:
        return File(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)
