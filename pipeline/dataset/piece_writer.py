"""The files of a piece (`pipeline.dataset.pieces`): its kept rows by split, its part of rejects.jsonl, its counts."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.form_files import FormFiles
from pipeline.dataset.layout import Format
from pipeline.dataset.row_counts import COUNTED, COUNTED_OF_SEQUENCES, RowCounts
from pipeline.dataset.shard_writer import Shard, Shards
from pipeline.io.arrow_files import batched
from pipeline.io.hashed_files import HashedFile
from pipeline.io.json_lines import json_lines
from pipeline.stages.mix import COPY
from pipeline.stages.split import SPLITS
from schemas.columns import INGESTED, MARKS

#: Columns of no use in a kept row: it has no marks and no unread text, and is in the files of its split.
NOT_KEPT = (*MARKS.names, "raw", "cluster_key", "split", COPY)
#: Columns of rejects.jsonl.
OF_REJECTS = (*INGESTED.names, "duplicate_of")


class Lines(NamedTuple):
    """Some lines of a file: where they begin and end, in bytes."""

    path: Path
    start: int
    stop: int


class Size(NamedTuple):
    """Rows as they are written, and their bytes in memory."""

    rows: int
    bytes: int


@dataclass(frozen=True)
class Piece:
    """What was written of a piece. `shards`, `sizes`: of the splits that it has rows of."""

    rejects: Lines
    shards: dict[str, list[Shard]]
    sizes: dict[str, Size]
    counts: RowCounts = field(default_factory=RowCounts)


@dataclass(frozen=True)
class Destination:
    """Where rows are written. `rows_of`: the rows of records, as they are written."""

    folder: Path
    #: Of each split: the names of its files by format.
    places: dict[str, dict[Format, str]]
    shard_rows: int
    rejects: HashedFile
    forms: Iterable[FormFiles]
    rows_of: Callable[[pa.Table], pa.Table]


class PieceWriter:
    """A piece that is being written."""

    def __init__(self, to: Destination, number: int) -> None:
        self.to = to
        self.start = to.rejects.size
        self.counts = RowCounts()
        self.splits = {name: Shards(to.folder, to.places[name], to.shard_rows, number) for name in SPLITS}

    def write(self, tables: Iterable[pa.Table]) -> None:
        """Write all rows of the piece. Their files may still be being written then (`written`)."""
        with contextlib.ExitStack() as open_files:
            reject = open_files.enter_context(batched(lambda batch: self.to.rejects.write(json_lines(batch))))
            write = {
                name: open_files.enter_context(batched(open_files.enter_context(shards).write))
                for name, shards in self.splits.items()
            }
            for table in tables:
                rejected = table.select([name for name in OF_REJECTS if name in table.column_names])
                reject(rejected.filter(pc.is_valid(table["reject_stage"])))
                self.counts.add(table.select([*COUNTED, *([COPY] if COPY in table.column_names else [])]))
                kept = kept_columns(table)
                for name in SPLITS:
                    records = kept.filter(pc.equal(table["split"], name))
                    for files in self.to.forms:
                        files.write(name, records)
                    sequences = self.to.rows_of(records)
                    self.counts.add_sequences(sequences.select(COUNTED_OF_SEQUENCES))
                    write[name](sequences)
        self.stop = self.to.rejects.size

    def wait(self) -> None:
        """Wait until nothing is being written."""
        for shards in self.splits.values():
            shards.wait()

    def written(self) -> Piece:
        """What was written, when all of it is."""
        splits = {name: shards for name, shards in self.splits.items() if shards.rows}
        return Piece(
            rejects=Lines(self.to.rejects.path, self.start, self.stop),
            shards={name: shards.written() for name, shards in splits.items()},
            sizes={name: Size(shards.rows, shards.bytes) for name, shards in splits.items()},
            counts=self.counts,
        )


def kept_columns(table: pa.Table) -> pa.Table:
    """The columns of kept rows."""
    return table.drop_columns([name for name in NOT_KEPT if name in table.column_names])


def copy_lines(lines: Lines, sink: HashedFile) -> Lines:
    """Write lines of an earlier file; gives their new place."""
    start = sink.size
    with lines.path.open("rb") as source:
        source.seek(lines.start)
        sink.write(source.read(lines.stop - lines.start))
    return Lines(sink.path, start, sink.size)
