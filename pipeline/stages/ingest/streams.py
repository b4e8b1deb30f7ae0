"""A file to readings: what it is packed in, its encoding, its framing, and the records or lines that this gives."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.io.saved_dataset import is_saved_dataset
from pipeline.stages.ingest import framing
from pipeline.stages.ingest.delimited import Dialect, delimited, dialect_of
from pipeline.stages.ingest.detect import shapes_of
from pipeline.stages.ingest.documents import records_in
from pipeline.stages.ingest.encoding import encoding_of, to_utf8
from pipeline.stages.ingest.framing import Entry, Lines
from pipeline.stages.ingest.parsing import BOM, Fault, parse
from pipeline.stages.ingest.published_splits import meaning
from pipeline.stages.ingest.recipes import recipe
from pipeline.stages.ingest.shapes import rows_of
from pipeline.stages.ingest.tables import batches, dataset_folder, guarded, table_entries, table_kind, workbook
from pipeline.stages.ingest.unpacking import ZIP, Blocks, IngestError, Member, is_workbook, members
from schemas.options import IngestOptions, Source
from schemas.shapes import Columns, Shape

#: Bytes that are looked at to decide what a file is.
HEAD = 1 << 16
#: Records that are looked at to decide what shape a file's records have.
SAMPLE = 1000


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
        if not is_saved_dataset(path):
            raise IngestError(f"{path} is a folder, and not one that `datasets` saved: name the files in it by a glob")
        yield Reading("", "binary", "datasets folder", guarded(dataset_folder(path)))
        return
    for member in members(path):
        if member.path and is_workbook(path):
            yield Reading("", "binary", "Excel", guarded(workbook(path)))
        else:
            yield _read(path, member, source, options)


def _read(path: Path, member: Member, source: Source, options: IngestOptions) -> Reading:
    head = Blocks(member, HEAD).head()
    kind = table_kind(head)
    if kind:
        return Reading(member.place, "binary", kind, guarded(table_entries(batches(member, kind))))
    if head.startswith(ZIP):
        return _no_data(
            path, member, head, "a zip archive or an Excel workbook that is packed once more: unpack the outer one"
        )
    encoding = source.encoding
    if encoding == "auto":
        with contextlib.closing(iter(Blocks(member))) as looked_at:
            encoding = encoding_of(looked_at)
    blocks = Blocks(member)
    data = to_utf8(blocks, encoding)

    def read(reader: str, entries: Iterable[Entry], lines: Iterator[Lines] | None = None) -> Reading:
        return Reading(member.place, encoding, reader, iter(entries), blocks, lines)

    def faults(dialect: Dialect) -> int:
        # Whether quotes have a meaning in a TSV file shows only where they are used: a first look at all of it.
        again = framing.lines_of(to_utf8(Blocks(member), encoding), limit)
        return sum(entry.fault is not None for entry in delimited(again, dialect))

    limit = options.max_record_bytes
    text, data = _peek_bytes(data, limit)
    start = text.replace(BOM, b"").lstrip()[:1]
    reader = source.reader
    if reader == "auto" and start in (b"[", b"{"):
        reader = "jsonl" if start == b"{" and _is_json_lines(text) else "json"
    if not start and len(text) < HEAD:
        if blocks.fault:  # it becomes a row at the end
            return read("text", ())
        return read("text", [Entry(":1", None, b"", (), Fault("empty-file", "the file holds nothing"))])
    if reader == "json":
        return read("JSON", _documents(framing.json_values(data, limit)))
    lines = framing.lines_of(data, limit)
    if reader == "jsonl":
        return read("JSON Lines", (), lines)
    names = source.header or (recipe(source.recipe).header if source.recipe else ())
    sample = text[: text.rfind(b"\n") + 1] or text
    sample_text = sample.replace(BOM, b"").decode("utf-8", "surrogateescape")
    dialect = dialect_of(sample_text, {"csv": ",", "tsv": "\t"}.get(reader), names)
    if dialect is None:
        begin = sample_text[:40].splitlines()[0]
        return _no_data(
            path,
            member,
            sample,
            f"neither JSON nor a table: it begins with {begin!r}; "
            'write `reader = "csv"`, "tsv", "json" or "jsonl" in the source if it is one of them',
        )
    if dialect.delimiter == "\t":
        dialect = min((dialect._replace(quoted=quoted) for quoted in (True, False)), key=faults)
    return read(f"delimited text ({dialect})", delimited(lines, dialect))


def _no_data(path: Path, member: Member, head: bytes, detail: str) -> Reading:
    """Nothing to read: beside the data in an archive it is a row with that fault, alone it is an IngestError."""
    if not member.place:
        raise IngestError(f"{path}: {detail}")
    entry = Entry(":1", None, head[: framing.KEPT], (), Fault("not-data", detail))
    return Reading(member.place, "binary", "none", iter([entry]))


def _peek_bytes(data: Iterator[bytes], limit: int) -> tuple[bytes, Iterator[bytes]]:
    """The first HEAD bytes (more, up to `limit`, where the first line is longer), and the data from its beginning."""
    held: list[bytes] = []
    size = 0
    for block in data:
        held.append(block)
        size += len(block)
        if (size >= HEAD and b"\n" in block) or size >= limit:
            break
    head = b"".join(held)
    return head[: max(HEAD, head.find(b"\n", 1) + 1 or limit)], itertools.chain(held, data)


def _is_json_lines(head: bytes) -> bool:
    """Whether lines are records: the first is a value by itself, or at least no value goes on over it.

    A line that is alone may hold a whole document of records.
    """
    head = head.removeprefix(BOM).strip()
    if b"\n" not in head:
        try:
            only = parse(head).value
        except Fault:
            return False
        return not (isinstance(only, dict) and records_in(only, _is_record))
    for text in (head.split(b"\n", 1)[0], head[: framing.end_of_value(head, 0)]):
        try:
            parse(text)
        except Fault:
            continue
        return b"\n" not in text
    return True


def _is_record(record: dict[str, Any]) -> bool:
    entry = Entry("", record, b"")
    # Columns of lists or objects are a table that lies on its side, and a prompt alone may be anything.
    return any(
        not isinstance(shape, Columns) or (shape.output is not None and not rows_of(entry, shape)[0].reason)
        for shape in shapes_of(record)
    )


def _documents(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same entries; where the file is one object that holds records, those."""
    first = next(entries, None)
    if first is None:
        return
    second = next(entries, None)
    if second is None and isinstance(first.value, dict):
        inside = records_in(first.value, _is_record)
        if inside:
            for place, record, key in inside[1]:
                yield Entry(place, record, None, first.fixes, split=key if meaning(key) else None)
            return
    yield first
    if second:
        yield second
    yield from entries


def entries_of(reading: Reading) -> Iterator[Entry]:
    """The entries of a reading one by one, whether it comes in lines or not."""
    yield from reading.entries
    for lines in reading.lines or ():
        yield from framing.json_lines(lines)


def declared_shape(source: Source) -> Shape | None:
    """The shape that a source names, itself or by its recipe; None where the records decide."""
    return source.shape or (recipe(source.recipe).shape if source.recipe else None)
