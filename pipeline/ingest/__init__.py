"""Stage 1: whatever file people have, to rows. The one stage that starts from bytes."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.files import BATCH_ROWS
from schemas.options import IngestOptions, Source

from . import readers, shapes
from .opening import IngestError, blocks, open_bytes
from .parsing import BOM, Fault, parse
from .readers import Entry
from .rows import table

__all__ = ["IngestError", "ingest"]

#: Bytes that are looked at to decide what a file is.
HEAD = 1 << 16


def ingest(path: Path, origin: str, source: Source, options: IngestOptions = IngestOptions()) -> Iterator[pa.Table]:
    """The records of a file in their order, as tables of at most 8192 rows with the columns of INGESTED.

    `origin`: the file's name below raw/. It begins the `origin` of each row, which goes on with the line
    (`sample/a.jsonl:17`; of CSV the line on which the record starts) or the index in an array (`sample/b.json[3]`).
    A record that cannot be read or mapped is a rejected row with the record's text in `raw`.
    Raises IngestError where the file itself cannot be read.
    """
    entries = _entries(path)
    while batch := list(itertools.islice(entries, BATCH_ROWS)):
        yield table([shapes.columns(entry) for entry in batch], origin, source.name)


def _entries(path: Path) -> Iterator[Entry]:
    with open_bytes(path) as stream:
        head = stream.read(HEAD)
        data = itertools.chain([head], blocks(stream))
        text = head.removeprefix(BOM).lstrip()
        if text[:1] == b"[" or (text[:1] == b"{" and not _is_json_lines(text)):
            yield from readers.json_values(data)
        elif text[:1] == b"{":
            for lines in readers.lines_of(data):
                yield from readers.json_lines(lines)
        else:
            yield from readers.delimited(readers.lines_of(data), *_dialect(text))


def _is_json_lines(head: bytes) -> bool:
    """Whether lines are records: the first is a value by itself, or at least no value goes on over it."""
    for text in (head.split(b"\n", 1)[0], head[: readers.end_of_value(head, 0)]):
        try:
            parse(text)
        except Fault:
            continue
        return b"\n" not in text
    return True


def _dialect(head: bytes) -> tuple[str, bool]:
    """The delimiter that the header line holds most of, and whether cells may be quoted."""
    header = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    delimiter = max([b",", b"\t", b";", b"|"], key=header.count)
    return delimiter.decode(), True
