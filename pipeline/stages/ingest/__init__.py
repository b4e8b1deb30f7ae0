"""Stage 1: a file of any common form to rows. The one stage that starts from bytes."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.io.workers import ordered
from pipeline.stages.ingest.columnar import Plain, in_order, plain_rows
from pipeline.stages.ingest.detect.declared import declared_shape
from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.detected import Detected, detected_in
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.meta import keep_meta
from pipeline.stages.ingest.fields.published_splits import apply_splits, published_by
from pipeline.stages.ingest.inspection import describe, inspect
from pipeline.stages.ingest.parse.framing import Entry, Lines, Records, Singles, entries_in, numbered_entries, split
from pipeline.stages.ingest.parse.unpacking import IngestError
from pipeline.stages.ingest.readers.streams import SAMPLE, Reading, are_pages, in_pages, readings_of
from pipeline.stages.ingest.shapes.exported import found_anew, is_exported, once
from pipeline.stages.ingest.shapes.grouped import grouped
from pipeline.stages.ingest.shapes.rows import Row, rejected, table
from pipeline.stages.ingest.shapes.to_rows import Choose, rows_or_rejects
from schemas.options import IngestOptions, Source
from schemas.shapes import Shape, TreeRecords, TurnRecords

__all__ = ["IngestError", "describe", "ingest", "inspect"]


#: A block of more than SMALL bytes that is not UTF-8 is tried again in PARTS parts.
SMALL, PARTS = 1 << 20, 16
#: Threads that read blocks of JSON Lines.
WORKERS = 2
#: A file of which nothing is known.
ANY = Source(name="file", files=())


def ingest(
    path: Path | str,
    origin: str | None = None,
    source: Source = ANY,
    options: IngestOptions = IngestOptions(),
    left_out: set[str] | None = None,
) -> Iterator[pa.Table]:
    """The records of a file in their order, as tables with the columns of INGESTED: one for each block that is read.

    `pa.concat_tables(ingest("a.csv"))` is one table of all of them.
    `origin`: the file's name below raw/; without it, its own name. It begins the `origin` of each row, which goes on
    with the member of an archive (`!b.jsonl`), then the line (`sample/a.jsonl:17`; of CSV the line on which the record
    starts) or the index in an array (`sample/b.json[3]`), then the number of the task where a record holds several
    (`/2`).
    `left_out`: takes the names of fields that are in no column and not in `meta`.
    A record that cannot be read or mapped is a rejected row with the record's text in `raw`.
    Raises IngestError where the file itself cannot be read, or fits no shape or several. With `on_error` = "skip" in
    the source, a rejected row takes the place of what cannot be read.
    """
    path = Path(path)
    origin = path.name if origin is None else origin
    names: set[str] = set() if left_out is None else left_out
    try:
        yield from _read(path, origin, source, options, names)
    except IngestError as error:
        if source.on_error == "stop":
            raise
        yield table([rejected(Entry("", None, b""), Fault("unreadable-file", str(error)))], origin, source.name)


def _read(path: Path, origin: str, source: Source, options: IngestOptions, names: set[str]) -> Iterator[pa.Table]:
    for reading in readings_of(path, source, options):
        published = published_by(origin + reading.place)
        try:
            for found in _tables(reading, origin, source, names):
                yield keep_meta(apply_splits(found, published, source.splits), options.meta, names)
        except FileFault as fault:
            raise IngestError(f"{origin}{reading.place}{fault}") from None


def _tables(reading: Reading, origin: str, source: Source, left_out: set[str]) -> Iterator[pa.Table]:
    entries, lines = reading.entries, reading.lines
    place = origin + reading.place
    shape = declared_shape(source)
    sample, entries, lines = _peek(entries, lines)
    if are_pages(sample, source):
        entries = in_pages(_one_by_one(entries, lines), source)
        sample, entries, lines = _peek(entries, None)
    choose: Choose
    turns: Shape | None
    if shape is None:
        detected = _detected(sample, place, reading.beside)
        choose, turns = detected.of, detected.grouped
    else:
        choose, turns = _constant(shape), shape
    if isinstance(turns, TurnRecords | TreeRecords):
        entries, lines = grouped(_one_by_one(entries, lines), turns), None
    if lines is not None:
        for tables in ordered(lambda some: _block(some, choose, place, source, left_out), lines, WORKERS):
            yield from tables
    else:
        yield from _by_record(entries, choose, place, source, left_out)
    if reading.blocks and reading.blocks.fault:
        yield table([rejected(Entry(":end", None, b""), reading.blocks.fault)], place, source.name)


def _peek(
    entries: Iterator[Entry], lines: Iterator[Records] | None
) -> tuple[list[Entry], Iterator[Entry], Iterator[Records] | None]:
    """The first SAMPLE records, and all of them, in blocks where they come in blocks."""
    if lines is None:
        sample = list(itertools.islice(entries, SAMPLE))
        return sample, itertools.chain(sample, entries), None
    sample, blocks = [], []
    for block in lines:
        blocks.append(block)
        sample.extend(itertools.islice(entries_in(block), SAMPLE - len(sample)))
        if len(sample) == SAMPLE:
            break
    return sample, entries, itertools.chain(blocks, lines)


def _one_by_one(entries: Iterator[Entry], lines: Iterator[Records] | None) -> Iterator[Entry]:
    return entries if lines is None else itertools.chain.from_iterable(map(entries_in, lines))


def _detected(sample: Sequence[Entry], place: str, beside: str) -> Detected:
    try:
        return detected_in(sample)
    except Fault as fault:
        # A record that is ambiguous is one of many: the message says which.
        at_fault = (entry.place for entry in sample if _is_ambiguous(entry.value))
        where = next(at_fault, "") if fault.reason == "ambiguous-shape" else ""
        detail = fault.detail + (beside if fault.reason == "unknown-shape" else "")
        raise IngestError(f"{place}{where}: {detail}") from None


def _is_ambiguous(record: object) -> bool:
    return isinstance(record, dict) and len(shapes_of(record)) > 1


def _constant(shape: Shape) -> Choose:
    return lambda record: shape


def _by_record(
    entries: Iterator[Entry], choose: Choose, place: str, source: Source, left_out: set[str]
) -> Iterator[pa.Table]:
    rows = itertools.chain.from_iterable(_rows(entry, choose, left_out) for entry in once(entries, published_by(place)))
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        yield table(batch, place, source.name)


def _rows(entry: Entry, choose: Choose, left_out: set[str]) -> list[Row]:
    if isinstance(entry.value, dict) and is_exported(entry.value):
        left_out.update(found_anew(entry.value))
    left_out.update(entry.left_out)
    return rows_or_rejects(entry, choose)


def _block(block: Records, choose: Choose, place: str, source: Source, left_out: set[str]) -> list[pa.Table]:
    """The rows of a block: at once those of its plain records, the others by record, all in their order."""
    if isinstance(block, Singles) or (isinstance(block, Lines) and block.fault):
        return list(_by_record(entries_in(block), choose, place, source, left_out))
    read = plain_rows(block, choose, place, source.name)
    if read is None and len(block.data) > SMALL:
        return [found for part in split(block, PARTS) for found in _block(part, choose, place, source, left_out)]
    plain, others = read or ([], None)
    if not plain:
        return list(_by_record(entries_in(block), choose, place, source, left_out))
    single = [
        (number, row) for number, entry in numbered_entries(block, others) for row in _rows(entry, choose, left_out)
    ]
    if single:
        numbers, rows = zip(*single, strict=True)
        plain.append(Plain(np.array(numbers), table(rows, place, source.name)))
    return [in_order(plain)]
