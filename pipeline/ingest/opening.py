"""A file to a stream of bytes: whatever it is packed in, decided by its first bytes and not by its name."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

BLOCK = 1 << 22


class IngestError(Exception):
    """A file that cannot be read at all, or not without being told how. The message names it and the remedy."""


def open_bytes(path: Path) -> IO[bytes]:
    """The file's content as a stream, uncompressed (.gz, .bz2, .xz by their magic bytes)."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        if magic[:2] == b"\x1f\x8b":
            return cast(IO[bytes], gzip.open(path, "rb"))
        if magic[:3] == b"BZh":
            return bz2.open(path, "rb")
        if magic == b"\xfd7zXZ\x00":
            return lzma.open(path, "rb")
        return path.open("rb")
    except OSError as error:
        raise IngestError(f"{path}: {error.strerror or error}: check that it exists and may be read") from error


def blocks(stream: IO[bytes], size: int = BLOCK) -> Iterator[bytes]:
    """The stream in pieces of about `size` bytes."""
    while block := stream.read(size):
        yield block


def escaped(data: bytes) -> str:
    """Bytes as text, with those that are no UTF-8 written as \\xff."""
    return data.decode("utf-8", "backslashreplace")
