"""What a test found, as a row of the table in benchmarks/trainers.md."""

import json
from collections.abc import Callable
from importlib.metadata import version

import pytest

#: library, trainer, form, what the data is, our layout, what is the same of the ids and of what is learned.
Record = Callable[[str, str, str, str, str, str, str], None]


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Called at the end of a test, when all was as it should be."""

    def row(library: str, *cells: str) -> None:
        record_property("row", json.dumps([cells[0], version(library), *cells[1:]]))

    return row
