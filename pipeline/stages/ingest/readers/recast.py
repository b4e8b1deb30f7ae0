"""Records that come in another form than an object with their fields: rows of the datasets server, lists of cells,
texts.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.io.class_labels import names_in, with_names
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.readers.headers import are_known_names
from pipeline.stages.ingest.shapes.transcripts import is_transcript

#: The keys around a row of the datasets server of the Hub (/rows, /first-rows).
SERVER_KEYS = {"row_idx", "row", "truncated_cells"}
ARRAY_OF_OTHERS = re.compile(rb'\[\s*[\["]')


def is_needed(head: bytes) -> bool:
    """Whether a file that begins so may need it: with an array of lists or of texts, or a row of that server."""
    return ARRAY_OF_OTHERS.match(head) is not None or b'"row_idx"' in head


def is_row_of_server(value: Any) -> bool:
    """Whether a value is a row of the datasets server, around the record."""
    is_row = isinstance(value, dict) and "row_idx" in value and value.keys() <= SERVER_KEYS
    return is_row and isinstance(value.get("row"), dict)


def recast(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries with an object in place of each list of cells (item1, item2, …, or the names in a first list of
    such names) and of each transcript (`text`), and the record alone of a row of the datasets server.
    """
    names: list[str] | None = None
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
        else:
            yield _without_server(entry)


def _are_cells(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(cell, _SCALAR) for cell in value)


_SCALAR = str | int | float | Number | None


def _without_server(entry: Entry) -> Entry:
    if not is_row_of_server(entry.value):
        return entry
    names = entry.value.get("truncated_cells")
    cut = ", ".join(f"`{name}`" for name in (names if isinstance(names, list) else ()))
    detail = f"the datasets server cut {cut} off: fetch the files of the dataset in place of its preview"
    fault = Fault("cut-cells", detail) if cut else entry.fault
    outer = {**(entry.outer or {}), "row_idx": entry.value["row_idx"]}
    record, classes = entry.value["row"], _class_names(outer.pop("features", None))
    return entry._replace(value=with_names(record, classes) if classes else record, fault=fault, outer=outer)


def _class_names(features: Any) -> Any:
    """The names of classes by the features that the server lists beside the rows."""
    listed = features if isinstance(features, list) else []
    objects = [each for each in listed if isinstance(each, dict) and isinstance(each.get("name"), str)]
    kinds = {each["name"]: each.get("type") for each in objects}
    return names_in(kinds)
