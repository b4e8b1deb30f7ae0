"""The pieces of the dataset that the last export wrote: those of which nothing has changed are not written again.

A piece has a key: a hash of all that decides about its files. The record of the pieces is a stage file, and holds the
state of each of their files, so that a file that somebody changed, or put in the place of another, is written again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pipeline.dataset.export import text_forms
from pipeline.dataset.piece_writer import Lines, Piece, Size
from pipeline.dataset.row_counts import RowCounts
from pipeline.dataset.shard_writer import Placed
from pipeline.io.arrow_files import own
from pipeline.io.atomic_files import whole
from pipeline.io.hashed_files import HashOf, state_of_file
from schemas.manifest import File, config_name
from schemas.options import ExportOptions, StageOptions

if TYPE_CHECKING:
    from pipeline.run.stamps import Made


def can_be_kept(options: ExportOptions) -> bool:
    """Whether pieces have files of their own: packs and text forms are made of the rows of all pieces."""
    return not options.packing and not text_forms(options)


def made_of(made: Made, options: StageOptions) -> str:
    """A hash of what decides about all pieces alike: code, libraries, and options of the export."""
    content = [made, options.export.model_dump(mode="json"), config_name(options)]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def piece_key(made: str, parts: Sequence[tuple[list[int], int, int]], decided: Iterable[pa.Table]) -> str:
    """The key of a piece. `parts`: the state of each stage file, and which of its rows; `decided`: what was decided
    about these rows."""
    digest = HashOf(orjson.dumps([made, parts]))
    for table in decided:
        with pa.ipc.new_stream(digest, table.schema) as writer:
            writer.write_table(own(table))
    return digest.hexdigest()


def read_pieces(record: Path, folder: Path) -> dict[str, Piece]:
    """The pieces in this record whose files are what they were, by their keys. `folder`: of the dataset."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        kept = orjson.loads(record.read_bytes())
        same = {folder / name for name, state in kept["states"].items() if _state(folder / name) == state}
        found = {described["key"]: _piece_of(described, folder) for described in kept["pieces"]}
        return {key: piece for key, piece in found.items() if same.issuperset(_paths(piece))}
    return {}


def write_pieces(record: Path, folder: Path, keys: Sequence[str], pieces: Sequence[Piece]) -> None:
    """Write the record of the pieces of a dataset that is in its place."""
    paths = {path for piece in pieces for path in _paths(piece)}
    kept = {
        "pieces": [{"key": key, **_described(piece, folder)} for key, piece in zip(keys, pieces, strict=True)],
        "states": {_name(path, folder): state_of_file(path) for path in sorted(paths)},
    }
    with whole(record) as sink:
        sink.write(orjson.dumps(kept))


def _state(path: Path) -> list[int] | None:
    try:
        return state_of_file(path)
    except OSError:
        return None


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _paths(piece: Piece) -> Iterator[Path]:
    """Every file that holds rows of a piece."""
    yield piece.rejects.path
    for shards in piece.shards.values():
        for shard in shards:
            yield from (placed.path for placed in shard.values())


def _described(piece: Piece, folder: Path) -> dict[str, Any]:
    """A piece as JSON. Names of files are those in the folder."""

    def described(placed: Placed) -> list[str | int]:
        return [_name(placed.path, folder), placed.file.sha256, placed.file.bytes]

    return {
        "rejects": [_name(piece.rejects.path, folder), *piece.rejects[1:]],
        "shards": {
            split: [{kind: described(placed) for kind, placed in shard.items()} for shard in shards]
            for split, shards in piece.shards.items()
        },
        "sizes": {split: list(size) for split, size in piece.sizes.items()},
        "counts": piece.counts.as_json(),
    }


def _piece_of(described: dict[str, Any], folder: Path) -> Piece:
    """The piece that `_described` describes."""

    def placed(name: str, sha256: str, size: int) -> Placed:
        return Placed(folder / name, File(sha256=sha256, bytes=size))

    name, start, stop = described["rejects"]
    return Piece(
        rejects=Lines(folder / name, start, stop),
        shards={
            split: [{kind: placed(*values) for kind, values in shard.items()} for shard in shards]
            for split, shards in described["shards"].items()
        },
        sizes={split: Size(*size) for split, size in described["sizes"].items()},
        counts=RowCounts.of_json(described["counts"]),
    )
