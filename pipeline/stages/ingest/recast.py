"""Records that come in another form than an object with their fields: rows of the datasets server and of phpMyAdmin,
lists of cells, texts.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.io.class_labels import names_in, with_names
from pipeline.stages.ingest.delimited import are_known_names
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault, Number
from pipeline.stages.ingest.transcripts import is_transcript

#: The keys around a row of the datasets server of the Hub (/rows, /first-rows).
SERVER_KEYS = {"row_idx", "row", "truncated_cells"}
#: How phpMyAdmin begins what it exports: with an object about the export; one for each table holds its rows.
DUMP = re.compile(rb'\[\s*\{\s*"type"\s*:\s*"header"')
ABOUT_EXPORT = ("header", "database")
ARRAY_OF_OTHERS = re.compile(rb'\[\s*[\["]')


def is_needed(head: bytes) -> bool:
    """Whether a file that begins so may need it: with an array of lists or of texts, a row of that server, a dump."""
    return ARRAY_OF_OTHERS.match(head) is not None or b'"row_idx"' in head or DUMP.match(head) is not None


def is_row_of_server(value: Any) -> bool:
    """Whether a value is a row of the datasets server, around the record."""
    is_row = isinstance(value, dict) and "row_idx" in value and value.keys() <= SERVER_KEYS
    return is_row and isinstance(value.get("row"), dict)


def recast(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries with an object in place of each list of cells (item1, item2, …, or the names in a first list of
    such names) and of each transcript (`text`), the record alone of a row of the datasets server, and the rows of the
    tables that phpMyAdmin exported.
    """
    names: list[str] | None = None
    about = set[str]()
    for number, entry in enumerate(entries):
        value = entry.value
        if _are_cells(value):
            if number == 0 and are_known_names(value):
                names = value
                continue
            keys = names if names and len(names) == len(value) else [f"item{at}" for at in range(1, len(value) + 1)]
            yield entry._replace(value=dict(zip(keys, value, strict=True)))
        elif isinstance(value, str) and is_transcript(value):
            yield entry._replace(value={"text": value})
        elif isinstance(value, dict) and value.get("type") in ABOUT_EXPORT and "data" not in value:
            about |= {f"{value['type']}.{name}" for name in value if name != "type"}
        elif isinstance(value, dict) and value.get("type") == "table" and isinstance(value.get("data"), list):
            yield from _rows_of_dump(entry, tuple(sorted(about)))
        else:
            yield _without_server(entry)


def _rows_of_dump(entry: Entry, left_out: tuple[str, ...]) -> Iterator[Entry]:
    """The rows of a table that phpMyAdmin exported, with its name."""
    outer = {"table": {key: item for key, item in entry.value.items() if key not in ("type", "data")}}
    for number, value in enumerate(entry.value["data"]):
        yield entry._replace(
            place=f"{entry.place}.data[{number}]", value=value, raw=None, outer=outer, left_out=left_out
        )


def _are_cells(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(cell, _SCALAR) for cell in value)


_SCALAR = str | int | float | Number | None


def _without_server(entry: Entry) -> Entry:
    if not is_row_of_server(entry.value):
        return entry
    cut = ", ".join(f"`{name}`" for name in entry.value.get("truncated_cells") or ())
    detail = f"the datasets server cut {cut} off: fetch the files of the dataset in place of its preview"
    fault = Fault("cut-cells", detail) if cut else entry.fault
    outer = {**(entry.outer or {}), "row_idx": entry.value["row_idx"]}
    record, names = entry.value["row"], _class_names(outer.pop("features", None))
    return entry._replace(value=with_names(record, names) if names else record, fault=fault, outer=outer)


def _class_names(features: Any) -> Any:
    """The names of classes by the features that the server lists beside the rows."""
    listed = features if isinstance(features, list) else []
    kinds = {each.get("name"): each.get("type") for each in listed if isinstance(each, dict)}
    return names_in(kinds)
