"""A file to readings: what it is packed in, its encoding, its framing, and the records or lines that this gives."""

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.io.class_labels import names_beside, with_names
from pipeline.io.saved_dataset import is_saved_dataset
from pipeline.stages.ingest.detect.declared import declared_shape, is_of, reads, task_names
from pipeline.stages.ingest.detect.recipes import recipe
from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import is_empty
from pipeline.stages.ingest.fields.of_documents import TaskName, known_task_name
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.offers.ways import conversation_of_people
from pipeline.stages.ingest.parse.encoding import encoding_of, to_utf8
from pipeline.stages.ingest.parse.exact_json import BOM, Number, dumps, parse
from pipeline.stages.ingest.parse.framing import KEPT, LINE, Entry, Records, entries_in, lines_of
from pipeline.stages.ingest.parse.json_text import before_first_value, is_json_lines
from pipeline.stages.ingest.parse.json_values import json_blocks
from pipeline.stages.ingest.parse.unpacking import ZIP, Blocks, IngestError, Member, is_workbook, members
from pipeline.stages.ingest.readers.delimited import (
    Dialect,
    delimited,
    dialect_of,
    ends_lines_with_cr,
    is_quoted_cell,
    rows_of_text,
    separator_line,
    with_line_feeds,
)
from pipeline.stages.ingest.readers.documents import documents, holds_records, is_document, unfolded
from pipeline.stages.ingest.readers.headers import are_known_names, hides, is_known_name, lines_before_header
from pipeline.stages.ingest.readers.no_tables import no_table
from pipeline.stages.ingest.readers.phpmyadmin import exported_rows, is_export
from pipeline.stages.ingest.readers.recast import is_needed, is_row_of_server, recast
from pipeline.stages.ingest.readers.sideways import IsRecord
from pipeline.stages.ingest.readers.tables import batches, dataset_folder, guarded, table_entries, table_kind
from pipeline.stages.ingest.readers.workbook import workbook
from schemas.options import IngestOptions, Source
from schemas.shapes import Columns

#: Bytes that are looked at to decide what a file is.
HEAD = 1 << 16
LONE_CR = re.compile(rb"\r(?!\n|\Z)")
#: Records that are looked at to decide what shape a file's records have.
SAMPLE = 1000


class Reading(NamedTuple):
    """How one stream of a file is read, and what that gives."""

    place: str  # "" or "!member"
    encoding: str
    reader: str
    entries: Iterator[Entry]
    blocks: Blocks | None = None
    lines: Iterator[Records] | None = None  # by the block: in place of entries
    beside: str = ""  # what else to write in the source where no shape fits


def readings_of(path: Path, source: Source, options: IngestOptions) -> Iterator[Reading]:
    """The reading of each stream of a file or folder."""
    if path.is_dir():
        if not is_saved_dataset(path):
            raise IngestError(f"{path} is a folder, and not one that `datasets` saved: name the files in it by a glob")
        yield Reading("", "binary", "datasets folder", guarded(dataset_folder(path)))
        return
    names = names_beside(path)
    for member in members(path):
        if member.path and is_workbook(path):
            yield Reading("", "binary", "Excel", guarded(workbook(path, source)))
        else:
            yield _with_texts(_read(path, member, source, options), names, source)


def _with_texts(reading: Reading, names: Any, source: Source) -> Reading:
    """The reading with the names of classes, and where the source asks for it all numbers, as texts."""
    if names is None and source.numbers == "as-numbers":
        return reading

    def texts(entry: Entry) -> Entry:
        value = entry.value if names is None else with_names(entry.value, names)
        return entry._replace(value=numbers_as_texts(value) if source.numbers == "as-text" else value)

    return reading._replace(entries=map(texts, entries_of(reading)), lines=None)


def numbers_as_texts(value: Any) -> Any:
    """A record in whose fields, and those of its objects, numbers are texts as they are spelled. (Lists stay.)"""
    if isinstance(value, dict):
        return {key: numbers_as_texts(item) for key, item in value.items()}
    is_number = isinstance(value, int | float | Number) and not isinstance(value, bool)
    return dumps(value) if is_number else value


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
    if not encoding:
        detail = (
            "the text is neither in UTF-8 nor in an encoding of Korean: write the name of its encoding in the source"
        )
        return _no_data(path, member, head, f'{detail}, such as `encoding = "shift_jis"`')
    return _read_text(path, member, encoding, source, options.max_record_bytes)


def _read_text(path: Path, member: Member, encoding: str, source: Source, limit: int) -> Reading:
    reading, head = _read_values(path, member, encoding, source, limit)
    if is_needed(head) and reading.reader in ("JSON", "JSON Lines"):
        return reading._replace(entries=recast(entries_of(reading)), lines=None)
    return reading


def _read_values(path: Path, member: Member, encoding: str, source: Source, limit: int) -> tuple[Reading, bytes]:
    """The reading of a text, and its beginning."""
    blocks = Blocks(member)
    text, data = _peek_bytes(to_utf8(blocks, encoding), limit)
    before = before_first_value(text)
    start, line = text[before : before + 1], text.count(b"\n", 0, before) + 1
    reader: str = source.reader
    if reader == "auto" and start in (b"[", b"{"):
        reader = _json_reader(text[before:], source)
    if not start and len(text) < HEAD:
        # A file that is damaged from its beginning is not empty: its fault becomes a row at the end.
        nothing = Entry(":1", None, b"", (), Fault("empty-file", "the file holds nothing"))
        return Reading(member.place, encoding, "text", iter([] if blocks.fault else [nothing]), blocks), b""
    if reader == "jsonl":
        # A CR cannot be in a text of JSON: alone it ends a line, too.
        plain = with_line_feeds(_behind(data, before)) if LONE_CR.search(text) else _behind(data, before)
        lines = lines_of(plain, limit, line)
        return Reading(member.place, encoding, "JSON Lines", iter(()), blocks, lines), text[before:]
    if reader == "json" and is_export(text[before:]):
        rows = exported_rows(_behind(data, before), limit, line)
        return Reading(member.place, encoding, "JSON of phpMyAdmin", rows, blocks), b""
    if reader == "json":
        if start != b"{":
            found = json_blocks(_behind(data, before), limit, line)
            return Reading(member.place, encoding, "JSON", iter(()), blocks, found), text[before:]
        look = _behind(to_utf8(Blocks(member), encoding), before)
        entries = documents(look, _behind(data, before), *_fits(source), limit, line)
        return Reading(member.place, encoding, "JSON", entries, blocks), text[before:]
    return _read_delimited(path, member, encoding, source, limit), b""


def _behind(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The blocks without the first `size` bytes."""
    for block in blocks:
        if size < len(block):
            yield block[size:]
        size = max(0, size - len(block))


def _json_reader(text: bytes, source: Source) -> str:
    """json or jsonl, of a text that begins with `{` or `[`."""
    if text.startswith(b"["):
        return "json"
    line = text.rstrip()
    if b"\n" in line:
        return "jsonl" if is_json_lines(text) else "json"
    # A line that is alone may be a whole document of records.
    try:
        only = parse(line).value
    except Fault:
        return "json"
    return "json" if is_document(only, _fits(source)[0]) else "jsonl"


def _fits(source: Source) -> tuple[IsRecord, TaskName]:
    """Whether an object is a record of a source, and how its records call a text of the document around them."""
    shape = declared_shape(source)
    if shape is None:
        return lambda record: is_row_of_server(record) or _is_record(record), known_task_name
    return lambda record: is_row_of_server(record) or is_of(record, shape), task_names(shape)


def _is_record(record: Record) -> bool:
    # Columns of lists or objects are a table that lies on its side, a prompt alone may be anything, and a list of
    # conversations is a document.
    found = shapes_of(record)
    if not found and not _holds_records(record) and (people := conversation_of_people(record)):
        found = [people]
    return any(
        (shape.output is not None or not is_empty(at(record, shape.tool_calls))) and reads(record, shape)
        if isinstance(shape, Columns)
        else "*" not in getattr(shape, "turns", "")
        for shape in found
    )


def _holds_records(record: Record) -> bool:
    """Whether a list in it begins with a record."""
    firsts = (value[0] for value in record.values() if isinstance(value, list) and value)
    return any(isinstance(first, dict) and _is_record(first) for first in firsts)


def _read_delimited(path: Path, member: Member, encoding: str, source: Source, limit: int) -> Reading:
    blocks = Blocks(member)
    is_cr = ends_lines_with_cr(_peek_bytes(to_utf8(Blocks(member), encoding), limit)[0])

    def text_of(blocks: Blocks) -> Iterator[bytes]:
        data = to_utf8(blocks, encoding)
        return with_line_feeds(data) if is_cr else data

    text, _ = _peek_bytes(text_of(Blocks(member)), limit)
    delimiter = {"csv": ",", "tsv": "\t"}.get(source.reader)
    above = sum(len(line) for line in itertools.islice(LINE.findall(text), source.skip))
    first = source.skip + 1
    if named := separator_line(text[above : above + 20].removeprefix(BOM).decode("utf-8", "replace")):
        delimiter, above, first = named[0], text.find(b"\n", above) + 1 or len(text), first + 1
    sample = text[above : text.rfind(b"\n") + 1] or text[above:]
    head = sample.replace(BOM, b"").decode("utf-8", "surrogateescape")
    names = source.header or (recipe(source.recipe).header if source.recipe else ())
    escapes = {"auto": None, "none": False, "backslash": True}[source.escapes]
    dialect = dialect_of(head, delimiter, names, escapes)
    skipped = text[:above].replace(BOM, b"").decode("utf-8", "surrogateescape")
    if fault := _of_skipped(skipped, head, source) or _of_header(head, source, dialect):
        return _no_data(path, member, sample, fault)

    def read(dialect: Dialect, blocks: Blocks) -> Iterator[Entry]:
        return delimited(lines_of(_behind(text_of(blocks), above), limit), dialect, first)

    if dialect and dialect.delimiter == "\t":
        # Whether quotes have a meaning in a TSV file shows only where they are used: a first look at all of it.
        dialect = min(
            (dialect._replace(quoted=quoted) for quoted in (True, False)),
            key=lambda dialect: sum(_is_misread(entry, dialect) for entry in read(dialect, Blocks(member))),
        )
    assert dialect is not None
    reader = f"delimited text ({dialect})"
    return Reading(member.place, encoding, reader, read(dialect, blocks), blocks, beside=_names_instead(dialect, first))


def _names_instead(dialect: Dialect, first: int) -> str:
    """What to write where the first line of a table, of which no name is known, is a record and no header."""
    is_sure = any(
        is_known_name([name]) or "_" in name or (name.isascii() and name.isidentifier()) for name in dialect.names
    )
    if is_sure or not dialect.has_header:
        return ""
    names = ["instruction", "output"] if len(dialect.names) == 2 else ["…"] * len(dialect.names)
    return f"; where line {first} is a record and no header, name the columns instead: `header = {dumps(names)}`"


def _is_misread(entry: Entry, dialect: Dialect) -> bool:
    """Whether a row speaks against a dialect: it is faulty, or a cell is in quotes that would mean nothing."""
    if entry.fault or dialect.quoted or b'""' not in (entry.raw or b""):
        return entry.fault is not None
    return any(map(is_quoted_cell, entry.value.values()))


def _of_skipped(skipped: str, head: str, source: Source) -> str | None:
    """What is wrong with lines that are not read, and the remedy: one of them is the header."""
    rows = rows_of_text(skipped) if source.skip and not source.header else []
    number = next((number for number, row in enumerate(rows) if are_known_names(row)), None)
    if number is None or are_known_names(rows_of_text(head)[0]):
        return None
    return hides(source.skip, f"line {number + 1}", rows[number], number)


def _of_header(head: str, source: Source, dialect: Dialect | None) -> str | None:
    """What is wrong with the header of a table, and the remedy; None where nothing is."""
    rows = rows_of_text(head)
    above = lines_before_header(rows)
    if above and not source.header:
        names = ", ".join(filter(None, map(str.strip, rows[above])))
        lines = "line is not" if above == 1 else f"{above} lines are not"
        return f"the first {lines} the header, which names {names}: write `skip = {source.skip + above}` in the source"
    if remedy := no_table(head):
        return remedy
    if dialect is None:
        begin = head[:40].splitlines()[0] if head.strip() else ""
        return (
            f"neither JSON nor a table with a sign between its cells: it begins with {begin!r}; where lines come "
            "above the header of a table, write their number as `skip` in the source; convert another file to "
            "JSON, CSV, Parquet or Excel, or take it out of `files`"
        )
    if source.header and not dialect.has_header and not source.skip and are_known_names(rows[0]):
        return (
            f"`header` is for a table without a header line, and the first line is one ({', '.join(rows[0])}): "
            "write `skip = 1` in the source as well, to put your names in its place"
        )
    return None


def _no_data(path: Path, member: Member, head: bytes, detail: str) -> Reading:
    """Nothing to read: beside the data in an archive it is a row with that fault, alone it is an IngestError."""
    if not member.place:
        raise IngestError(f"{path}: {detail}")
    entry = Entry(":1", None, head[:KEPT], (), Fault("not-data", detail))
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


def entries_of(reading: Reading) -> Iterator[Entry]:
    """The entries of a reading one by one, whether it comes in lines or not."""
    yield from reading.entries
    for lines in reading.lines or ():
        yield from entries_in(lines)


def are_pages(sample: Sequence[Entry], source: Source) -> bool:
    """Whether each record of a file is none, but a document that holds records; in a last page there may be none."""
    values = [entry.value for entry in sample if isinstance(entry.value, dict)]
    is_record, _ = _fits(source)
    if not values or any(map(shapes_of if declared_shape(source) is None else is_record, values)):
        return False
    full = [value for value in values if holds_records(value, is_record)]
    keys = {key for value in full for key in value}
    return bool(full) and all(value.keys() <= keys for value in values)


def in_pages(entries: Iterable[Entry], source: Source) -> Iterator[Entry]:
    """The records in the documents that the records of a file are."""
    return itertools.chain.from_iterable(unfolded(entry, *_fits(source)) for entry in entries)
