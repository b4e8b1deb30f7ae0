"""The rows of tables that phpMyAdmin exported as JSON: an array of objects, each about the export or with a table."""

import re
from collections.abc import Iterable, Iterator

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.parse.framing import KEPT, Entry
from pipeline.stages.ingest.parse.json_values import BRACE, CLOSE, COMMA, Text, value_at
from pipeline.stages.ingest.readers.outline import fields_of

#: How an export begins: with an object about it.
BEGINNING = re.compile(rb'\[\s*\{\s*"type"\s*:\s*"header"')
#: The types of objects about the export.
ABOUT = ("header", "database")


def is_export(head: bytes) -> bool:
    """Whether a file that begins so is an export of phpMyAdmin."""
    return BEGINNING.match(head) is not None


def exported_rows(blocks: Iterable[bytes], limit: int, line: int) -> Iterator[Entry]:
    """The rows of all tables, each with the name of its table, however large a table is.

    `limit`: the bytes of the longest row. `line`: the one on which the export begins.
    """
    text = Text(blocks, line)
    text.sign()
    text.skip(text.at + 1)
    about: set[str] = set()
    number = 0
    while (sign := text.sign()) is not None:
        if sign in (COMMA, CLOSE):
            text.skip(text.at + 1)
            continue
        try:
            yield from (
                _object(text, limit, number, about)
                if sign == BRACE
                else [value_at(text, limit, f"[{number}]", nested=True)]
            )
        except Fault as fault:
            yield Entry(f"[{number}]", None, text.data[text.at : text.at + KEPT], (), fault)
            return
        number += 1


def _object(text: Text, limit: int, number: int, about: set[str]) -> Iterator[Entry]:
    """The rows of one object. What is about the export is left out of them, and its names are added to `about`."""
    fields: Record = {}
    for path, entry, is_element in fields_of(text, limit, ()):
        if path is None:
            yield entry
        elif path == ("data",) and is_element:
            yield _row(entry._replace(place=f"[{number}].data{entry.place}"), fields, about)
        elif path == ("data",) and isinstance(entry.value, list):  # its first row is no object
            for at, value in enumerate(entry.value):
                yield _row(Entry(f"[{number}].data[{at}]", value, None), fields, about)
        elif not is_element:
            fields[path[0]] = entry.value
    if fields.get("type") in ABOUT:
        about |= {f"{fields['type']}.{name}" for name in fields if name != "type"}


def _row(entry: Entry, fields: Record, about: set[str]) -> Entry:
    """The row of a table with what the export says of that table before its rows."""
    table = {name: value for name, value in fields.items() if name != "type"}
    return entry._replace(outer={"table": table}, left_out=tuple(sorted(about)))
