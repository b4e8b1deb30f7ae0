"""The files of a split: rows written in every format as they come, each file in a thread of its own."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.layout import Format, shard_number
from pipeline.io.arrow_files import BATCH_ROWS, own
from pipeline.io.atomic_files import sync
from pipeline.io.hashed_files import HashedFile
from pipeline.io.json_lines import json_lines
from pipeline.io.workers import Background
from pipeline.table.sequences import SEQUENCE
from schemas.manifest import File

ROW_GROUP = 8 * BATCH_ROWS
#: Bytes in memory at which a shard is full; in a file it is smaller. `datasets` uses the same size on the Hub.
SHARD_BYTES = 500_000_000


class Placed(NamedTuple):
    """A file that was written, and where it is now."""

    path: Path
    file: File


#: A shard: files that hold the same rows, one in each format.
Shard = dict[Format, Placed]


class Shards(contextlib.AbstractContextManager["Shards"]):
    """Rows of one split, in files that hold the same rows in each format.

    `places`: for each format the name of its files in the folder, with {shard} for `shard_number`; until `name_shards`
    the number has `piece` before it. A file ends at `shard_rows` rows, or after the batch with which it has grown to
    SHARD_BYTES.
    """

    def __init__(self, folder: Path, places: dict[Format, str], shard_rows: int, piece: int = 0) -> None:
        self.folder, self.places, self.shard_rows, self.piece = folder, places, shard_rows, piece
        self.rows = self.bytes = 0
        self._shards: list[dict[Format, tuple[Path, Background[pa.Table, File]]]] = []
        self._open: list[Background[pa.Table, File]] = []
        self._room = self._grown = 0

    def write(self, batch: pa.Table) -> None:
        """Write rows in the batches that the files are to have: the bytes depend on where a batch ends."""
        self.rows += len(batch)
        self.bytes += batch.nbytes
        while len(batch):
            if self._room == 0 or self._grown >= SHARD_BYTES:
                self._next(batch.schema)
            fits, rest = batch.slice(0, self._room), batch.slice(self._room)
            if len(rest):
                fits, rest = own(fits), own(rest)
            for file in self._open:
                file.put(fits)
            self._room -= len(fits)
            self._grown += fits.nbytes
            batch = rest

    def _next(self, schema: pa.Schema) -> None:
        """Begin the next file of each format."""
        self._end()
        files = {}
        for kind, place in self.places.items():
            path = self.folder / place.format(shard=f"{self.piece:05}.{len(self._shards):05}")
            path.parent.mkdir(exist_ok=True)
            files[kind] = (path, Background(partial(WRITERS[kind], path, schema)))
            self._open.append(files[kind][1])
        self._shards.append(files)
        self._room, self._grown = self.shard_rows, 0

    def _end(self) -> None:
        for file in self._open:
            file.end()
        self._open = []

    def __exit__(self, *error: object) -> None:
        """No more rows come. The files may still be being written (`wait`)."""
        self._end()

    def wait(self) -> None:
        """Wait until nothing is being written."""
        wait([file.done for shard in self._shards for _, file in shard.values()])

    def written(self) -> list[Shard]:
        """The shards, when all is written."""
        self.wait()
        return [
            {kind: Placed(path, file.done.result()) for kind, (path, file) in shard.items()} for shard in self._shards
        ]


def name_shards(folder: Path, places: dict[Format, str], shards: Sequence[Shard]) -> list[Shard]:
    """Give the files of a split their names in the folder: their number and count, as on the Hub.

    A file of another folder stays there, too.
    """
    named = []
    for number, shard in enumerate(shards):
        here: Shard = {}
        for kind, (path, file) in shard.items():
            here[kind] = Placed(folder / places[kind].format(shard=shard_number(number, len(shards))), file)
            _bring(path, here[kind].path, path.is_relative_to(folder))
        named.append(here)
    return named


def _bring(path: Path, place: Path, is_ours: bool) -> None:
    """Move a file that is ours to its place, or give another one a second name there."""
    place.parent.mkdir(exist_ok=True)
    if is_ours:
        path.rename(place)
        return
    try:
        os.link(path, place)
    except OSError:  # not every file system has such names
        shutil.copy2(path, place)
        sync(place)


def write_arrow(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    with HashedFile(path) as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_table(batch)
    return sink.described()


def write_parquet(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    with (
        HashedFile(path) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd", write_page_index=True) as writer,
    ):
        while group := list(islice(batches, ROW_GROUP // BATCH_ROWS)):
            writer.write_table(pa.concat_tables(group), row_group_size=ROW_GROUP)
    return sink.described()


def write_json_lines(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    """The texts without the ids. A record is written once, not with each of its sequences."""
    texts = [field.name for field in schema if not is_ids(field.type)]
    with HashedFile(path) as sink:
        for batch in batches:
            records = batch.filter(pc.equal(batch[SEQUENCE], 0)) if SEQUENCE in schema.names else batch
            sink.write(json_lines(records.select(texts)))
    return sink.described()


WRITERS: dict[Format, Callable[[Path, pa.Schema, Iterator[pa.Table]], File]] = {
    "arrow": write_arrow,
    "parquet": write_parquet,
    "jsonl": write_json_lines,
}


def is_ids(kind: pa.DataType) -> bool:
    """Whether a column of this type is a list of integers: ids, and what belongs to them."""
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def read_arrow(paths: Sequence[Path]) -> list[pa.RecordBatch]:
    """The record batches of files that `write_arrow` wrote, on memory maps."""
    return [batch for path in paths for batch in pa.ipc.open_stream(pa.memory_map(str(path)))]
