"""A file to streams of bytes: whatever it is packed in, decided by its first bytes and not by its name."""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pyarrow as pa

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.archive_parts import wrong_parts
from schemas.errors import KoInstructError

BLOCK = 1 << 22
#: Bytes that are unpacked at a time.
PIECE = 1 << 17
#: A packed file may unpack to BOMB_BYTES, or to BOMB_RATIO times its size, whichever is more (`may_unpack_to`).
BOMB_BYTES, BOMB_RATIO = 1 << 23, 200


class IngestError(KoInstructError):
    """A file that cannot be read at all, or not without more options. The message names it and the remedy."""


class Member(NamedTuple):
    """One stream of a file: the file itself, or a member of an archive."""

    place: str  # how `origin` goes on after the file's name: "" or "!member.jsonl"
    open: Callable[[], contextlib.AbstractContextManager[IO[bytes]]]
    size: int  # packed
    path: Path | None = None  # of a file that is not packed: it can be mapped
    limit: int | None = None  # bytes that a packed file may unpack to


ZIP = b"PK\x03\x04"
MAGIC: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: cast(IO[bytes], gzip.GzipFile(fileobj=stream)),
    b"BZh": lambda stream: cast(IO[bytes], bz2.BZ2File(stream)),
    b"\xfd7zXZ\x00": lambda stream: cast(IO[bytes], lzma.LZMAFile(stream)),  # noqa: SIM115
    b"\x28\xb5\x2f\xfd": lambda stream: cast(IO[bytes], pa.CompressedInputStream(stream, "zstd")),
}
#: Where a tar archive has its mark.
TAR_MARK, MARK_AT, TAR_BLOCK = b"ustar", 257, 512
DAMAGED = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
    *(RuntimeError, NotImplementedError),
)


@contextlib.contextmanager
def unpacked(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    """The stream, uncompressed if its first bytes are those of .gz, .bz2, .xz or .zst."""
    with packed, io.BufferedReader(cast(io.RawIOBase, packed), BLOCK) as stream:
        head = stream.peek(6)
        for magic, unpack in MAGIC.items():
            if head.startswith(magic):
                with unpack(stream) as plain:
                    yield plain
                return
        yield stream


def may_unpack_to(size: int) -> int:
    """The bytes that a packed file of this size may unpack to."""
    return max(BOMB_BYTES, BOMB_RATIO * size)


def members(path: Path) -> Iterator[Member]:
    """The file, or the members of a .zip or .tar in their order. Raises IngestError."""
    try:
        with path.open("rb") as file:
            head = file.read(6)
            size = path.stat().st_size
    except OSError as error:
        raise IngestError(f"{path}: {error.strerror or error}: check that it exists and may be read") from error
    packed = any(head.startswith(magic) for magic in MAGIC)
    if head[:4] == ZIP and not is_workbook(path):
        yield from _of_zip(path)
    elif _is_tar(path):
        yield from _of_tar(path, packed)
    else:
        plain, limit = (None, may_unpack_to(size)) if packed else (path, None)
        yield Member("", lambda: unpacked(path.open("rb", buffering=0)), size, plain, limit)


def _of_zip(path: Path) -> Iterator[Member]:
    """The members of a zip archive. None is written to disk."""
    if remedy := wrong_parts(path):
        raise IngestError(f"{path}: {remedy}")
    with zipfile.ZipFile(path) as archive:
        packed_size = sum(info.compress_size for info in archive.infolist())
        names = Names()
        for info in archive.infolist():
            place = names.place(_name(info))
            if place:
                # The members share the limit of the archive by their packed sizes.
                share = may_unpack_to(packed_size) * info.compress_size // max(packed_size, 1)
                yield Member(place, partial(_opened, archive.open, info), info.compress_size, limit=share)


def _of_tar(path: Path, packed: bool) -> Iterator[Member]:
    """The members of a tar archive. One that is packed (.tar.gz) is first unpacked to a file without a name."""
    with _seekable(path, packed) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                names = Names()
                for info in archive:
                    place = names.place(info.name) if info.isreg() else None
                    if place:
                        opened = partial(_opened, archive.extractfile, info)
                        yield Member(place, opened, info.size, limit=may_unpack_to(info.size))
                file.seek(archive.offset)
                if file.read(TAR_BLOCK).strip(b"\0"):
                    raise tarfile.ReadError("the header of a member is cut off")
        except tarfile.TarError as error:
            raise IngestError(f"{path}: {damaged(error).detail}") from error


def _is_tar(path: Path) -> bool:
    with contextlib.suppress(*DAMAGED), unpacked(path.open("rb", buffering=0)) as stream:
        return stream.read(MARK_AT + len(TAR_MARK))[MARK_AT:] == TAR_MARK
    return False


@contextlib.contextmanager
def _seekable(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    """The bytes of a tar archive, unpacked. Raises IngestError."""
    if not packed:
        with path.open("rb") as file:
            yield file
        return
    limit = may_unpack_to(size := path.stat().st_size)
    with tempfile.TemporaryFile() as whole:
        try:
            with unpacked(path.open("rb", buffering=0)) as stream:
                while whole.tell() <= limit and (block := stream.read(BLOCK)):
                    whole.write(block)
        except DAMAGED as error:
            raise IngestError(f"{path}: {damaged(error).detail}") from error
        if whole.tell() > limit:
            raise IngestError(f"{path}: {size_bomb(size, whole.tell()).detail}")
        whole.seek(0)
        yield cast(IO[bytes], whole)


class Names:
    """The names of the members of an archive, each made the place of a member."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()

    def place(self, name: str) -> str | None:
        """How `origin` goes on after the file's name; None for a folder and for hidden files."""
        parts = [part for part in name.split("/") if part not in (".", "..")]
        if name.endswith("/") or any(part.startswith((".", "__MACOSX")) for part in parts):
            return None
        self.times[name] += 1
        return f"!{name}~{self.times[name]}" if self.times[name] > 1 else f"!{name}"


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name: many tools write it in their system's encoding without a mark; zipfile reads CP437 then."""
    if not info.flag_bits & 0x800:
        for encoding in ("utf-8", "cp949"):
            with contextlib.suppress(UnicodeError):
                return info.filename.encode("cp437").decode(encoding)
    return info.filename


def _opened(open_member: Callable[[Any], IO[bytes] | None], info: Any) -> contextlib.AbstractContextManager[IO[bytes]]:
    return unpacked(cast(IO[bytes], open_member(info)))


def is_workbook(path: Path) -> bool:
    """Whether a file is an Excel workbook: a zip archive of a certain content."""
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        remedy = wrong_parts(path) or "copy it again"
        raise IngestError(f"{path}: begins like a zip archive, but is not one ({error}): {remedy}") from error


class Blocks:
    """A member's bytes in pieces. Where they cannot be read to the end, iteration stops and `fault` is the reason."""

    def __init__(self, member: Member, size: int = BLOCK) -> None:
        self.member = member
        self.size = size
        self.fault: Fault | None = None

    def head(self) -> bytes:
        """The first `size` bytes, fewer where there are no more."""
        with contextlib.closing(iter(self)) as blocks:
            return next(blocks, b"")

    def __iter__(self) -> Generator[bytes, None, None]:
        read = 0
        try:
            with self.member.open() as stream:
                while block := self._block(stream):
                    yield block
                    read += len(block)
                    if self.fault:
                        return
                    if self.member.limit is not None and read > self.member.limit:
                        self.fault = size_bomb(self.member.size, read)
                        return
        except DAMAGED as error:
            self.fault = damaged(error)

    def _block(self, stream: IO[bytes]) -> bytes:
        if self.member.path:
            return stream.read(self.size)
        # Unpacked piece by piece, so that the bytes before a damage are not lost.
        pieces: list[bytes] = []
        size = 0
        try:
            while size < self.size and (piece := stream.read1(PIECE)):  # type: ignore[attr-defined]
                pieces.append(piece)
                size += len(piece)
        except DAMAGED as error:
            self.fault = damaged(error)
        return b"".join(pieces)


def size_bomb(packed: int, read: int) -> Fault:
    return Fault(
        "size-bomb",
        f"{packed} packed bytes gave more than {read}: reading stopped here; unpack the file yourself if that is right",
    )


def damaged(error: Exception) -> Fault:
    return Fault("damaged", f"the file cannot be read further ({error}): copy it again, or pack it again")


UNDECODABLE = re.compile(rb"\xed([\xb0-\xb3][\x80-\xbf])")


def escaped(data: bytes) -> str:
    """Bytes as text, with those that are not UTF-8 written as \\xff."""
    # A byte that another encoding could not decode arrives as the code point U+DC00 + byte (see `to_utf8`).
    data = UNDECODABLE.sub(lambda found: b"\\x%02x" % (((found[1][0] & 0x0F) << 6 | found[1][1] & 0x3F) & 0xFF), data)
    return data.decode("utf-8", "backslashreplace")
