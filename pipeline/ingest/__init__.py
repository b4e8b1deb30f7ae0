"""Stage 1: whatever file people have, to rows. The one stage that starts from bytes."""

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.files import BATCH_ROWS, rechunk
from schemas.options import IngestOptions, Source
from schemas.shapes import Columns, Shape

from . import readers
from .columnar import plain_rows, plain_texts
from .delimited import Dialect, delimited, dialect_of
from .detect import TRANSCRIPTS, Detected, readings
from .documents import records_in
from .encoding import encoding_of, to_utf8
from .opening import Blocks, IngestError, Member, is_workbook, members
from .parsing import BOM, Fault, parse
from .readers import Entry, Lines
from .recipes import recipe
from .rows import Row, rejected, table
from .shapes import not_an_object, rows_of
from .tables import batches, dataset_folder, is_dataset_folder, table_entries, table_kind, workbook

__all__ = ["IngestError", "ingest"]

#: Bytes that are looked at to decide what a file is.
HEAD = 1 << 16
#: Records that are looked at to decide what shape a file's records have.
SAMPLE = 1000

#: The shape of a record. Raises Fault where it has none, or several.
Choose = Callable[[dict[str, Any]], Shape]


def ingest(path: Path, origin: str, source: Source, options: IngestOptions = IngestOptions()) -> Iterator[pa.Table]:
    """The records of a file in their order, as tables of at most 8192 rows with the columns of INGESTED.

    `origin`: the file's name below raw/. It begins the `origin` of each row, which goes on with the member of an
    archive (`!b.jsonl`), then the line (`sample/a.jsonl:17`; of CSV the line on which the record starts) or the index
    in an array (`sample/b.json[3]`), then the exchange of a conversation that gives several rows (`/2`).
    A record that cannot be read or mapped is a rejected row with the record's text in `raw`.
    Raises IngestError where the file itself cannot be read, or fits no shape or several.
    """
    tables = (
        found for reading in readings_of(path, source, options) for found in _tables(reading, origin, source, options)
    )
    yield from rechunk(tables)


class Reading(NamedTuple):
    """How one stream of a file is read, and what that gives."""

    place: str  # "" or "!member"
    encoding: str
    reader: str
    entries: Iterator[Entry]
    blocks: Blocks | None = None
    lines: Iterator[Lines] | None = None  # JSON Lines, by the block: in place of entries


def readings_of(path: Path, source: Source, options: IngestOptions) -> Iterator[Reading]:
    """The reading of each stream of a file or folder."""
    if path.is_dir():
        if not is_dataset_folder(path):
            raise IngestError(f"{path} is a folder, and not one that `datasets` saved: name the files in it by a glob")
        yield Reading("", "binary", "datasets folder", dataset_folder(path))
        return
    for member in members(path):
        if member.path and is_workbook(path):
            yield Reading("", "binary", "Excel", workbook(path))
        else:
            yield _read(path, member, source, options)


def _read(path: Path, member: Member, source: Source, options: IngestOptions) -> Reading:
    head = Blocks(member, HEAD).head()
    kind = table_kind(head)
    if kind:
        return Reading(member.place, "binary", kind, table_entries(batches(member, kind)))
    encoding = source.encoding
    if encoding == "auto":
        with contextlib.closing(iter(Blocks(member))) as looked_at:
            encoding = encoding_of(looked_at)
    blocks = Blocks(member)
    data = to_utf8(blocks, encoding)

    def read(reader: str, entries: Iterable[Entry], lines: Iterator[Lines] | None = None) -> Reading:
        return Reading(member.place, encoding, reader, iter(entries), blocks, lines)

    def faults(dialect: Dialect) -> int:
        # Whether quotes have a meaning in a TSV file shows only where they stand: a first look at all of it.
        again = readers.lines_of(to_utf8(Blocks(member), encoding), limit)
        return sum(entry.fault is not None for entry in delimited(again, dialect))

    text, data = _peek_bytes(data)
    limit = options.max_record_bytes
    start = text.replace(BOM, b"").lstrip()[:1]
    reader = source.reader
    if reader == "auto" and start in (b"[", b"{"):
        reader = "jsonl" if start == b"{" and _is_json_lines(text) else "json"
    if not start and len(text) < HEAD:
        return read("text", [Entry(":1", None, b"", (), Fault("empty-file", "the file holds nothing"))])
    if reader == "json":
        return read("JSON", _documents(readers.json_values(data, limit)))
    lines = readers.lines_of(data, limit)
    if reader == "jsonl":
        return read("JSON Lines", (), lines)
    names = source.header or (recipe(source.recipe).header if source.recipe else ())
    sample = text[: text.rfind(b"\n") + 1] or text
    sample_text = sample.replace(BOM, b"").decode("utf-8", "surrogateescape")
    dialect = dialect_of(sample_text, {"csv": ",", "tsv": "\t"}.get(reader), names)
    if dialect is None:
        begin = sample_text[:40].splitlines()[0]
        raise IngestError(
            f"{path}{member.place}: neither JSON nor a table: it begins with {begin!r}; "
            'say `reader = "csv"`, "tsv", "json" or "jsonl" in the source if it is one of them'
        )
    if dialect.delimiter == "\t":
        dialect = min((dialect._replace(quoted=quoted) for quoted in (True, False)), key=faults)
    return read(f"delimited text ({dialect})", delimited(lines, dialect))


def _peek_bytes(data: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD bytes, and the data from its beginning."""
    held: list[bytes] = []
    size = 0
    for block in data:
        held.append(block)
        size += len(block)
        if size >= HEAD:
            break
    return b"".join(held)[:HEAD], itertools.chain(held, data)


def _is_json_lines(head: bytes) -> bool:
    """Whether lines are records: the first is a value by itself, or at least no value goes on over it."""
    head = head.removeprefix(BOM).lstrip()
    for text in (head.split(b"\n", 1)[0], head[: readers.end_of_value(head, 0)]):
        try:
            parse(text)
        except Fault:
            continue
        return b"\n" not in text
    return True


def _documents(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same entries; where the file is one object that holds records, those."""
    first = next(entries, None)
    if first is None:
        return
    second = next(entries, None)
    if second is None and isinstance(first.value, dict):
        inside = records_in(first.value, lambda record: bool(readings(record)))
        if inside:
            for place, record in inside[1]:
                yield Entry(place, record, None, first.fixes)
            return
    yield first
    if second:
        yield second
    yield from entries


def _tables(reading: Reading, origin: str, source: Source, options: IngestOptions) -> Iterator[pa.Table]:
    entries, lines = reading.entries, reading.lines
    place = origin + reading.place
    shape = source.shape or (recipe(source.recipe).shape if source.recipe else None)
    choose: Choose
    if shape is not None:
        choose = _constant(shape)
    else:
        sample: list[Entry] = []
        if lines is not None:
            some = list(_until(lines, sample))
            lines = itertools.chain(some, lines)
        else:
            sample = list(itertools.islice(entries, SAMPLE))
            entries = itertools.chain(sample, entries)
        try:
            choose = Detected([entry.value for entry in sample]).of
        except Fault as fault:
            raise IngestError(f"{place}: {fault.detail}") from None
    if lines is not None:
        yield from _in_order(lambda some: _block(some, choose, place, source, options), lines)
    else:
        yield from _by_record(entries, choose, place, source, options)
    if reading.blocks and reading.blocks.fault:
        yield table([rejected(Entry(":end", None, b""), reading.blocks.fault)], place, source.name)


def _until(lines: Iterator[Lines], sample: list[Entry]) -> Iterator[Lines]:
    """Blocks of lines until SAMPLE records are found in them, which are put into `sample`."""
    for some in lines:
        yield some
        sample.extend(itertools.islice(readers.json_lines(some), SAMPLE - len(sample)))
        if len(sample) == SAMPLE:
            return


def _constant(shape: Shape) -> Choose:
    return lambda record: shape


def _by_record(
    entries: Iterator[Entry], choose: Choose, place: str, source: Source, options: IngestOptions
) -> Iterator[pa.Table]:
    rows = itertools.chain.from_iterable(_rows(entry, choose, options) for entry in entries)
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        yield table(batch, place, source.name)


def _rows(entry: Entry, choose: Choose, options: IngestOptions) -> list[Row]:
    if entry.fault:
        return [rejected(entry, entry.fault)]
    if not isinstance(entry.value, dict):
        return [rejected(entry, not_an_object(entry.value))]
    try:
        shape = choose(entry.value)
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows_of(entry, shape, options.turns)


def _block(lines: Lines, choose: Choose, place: str, source: Source, options: IngestOptions) -> list[pa.Table]:
    """The rows of a block of JSON Lines: at once where it is plain, else record by record."""
    texts = plain_texts(lines)
    if texts is not None:
        try:
            # Records of the same keys that all hold texts have the same shape, save for transcripts.
            shape = choose(dict.fromkeys(texts.column_names, ""))
        except Fault:
            shape = None
        if isinstance(shape, Columns) and not set(TRANSCRIPTS) & {name.casefold() for name in texts.column_names}:
            found = plain_rows(lines, texts, shape, place, source.name)
            if found is not None:
                return [found]
    return list(_by_record(readers.json_lines(lines), choose, place, source, options))


def _in_order(work: Callable[[Lines], list[pa.Table]], blocks: Iterator[Lines]) -> Iterator[pa.Table]:
    """The tables of each block, in the order of the blocks, two of them under way at a time."""
    waiting: deque[Future[list[pa.Table]]] = deque()
    with ThreadPoolExecutor(2) as pool:
        for block in blocks:
            waiting.append(pool.submit(work, block))
            if len(waiting) > 2:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
