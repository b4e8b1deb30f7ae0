"""Where a record is in an exported dataset: kept or rejected, in which split, with which duplicates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.layout import REJECTS
from pipeline.dataset.reader import data_files, read_batches, read_rejects, schema_of, table_files
from pipeline.io.row_files import naming
from pipeline.table.sequences import SEQUENCE
from schemas.columns import DEDUPED, INGESTED

#: Columns that are read of a kept row.
READ = (*INGESTED.names, *DEDUPED.names, SEQUENCE)
#: Of a cluster, how many other rows are shown.
SHOWN = 5

Row = dict[str, Any]


class Whereabouts(NamedTuple):
    """A record in a dataset.

    `row`: None where it is not there. `split`: "" where it is rejected. `keeper`: the row that is kept in its place.
    `copies`: the rows that are rejected in favour of it. `similar`: other kept rows of its cluster.
    """

    row: Row | None
    split: str = ""
    keeper: Row | None = None
    copies: tuple[Row, ...] = ()
    similar: tuple[Row, ...] = ()


def find_record(folder: Path, origin: str) -> Whereabouts:
    """The record of this origin in the dataset of a folder. Raises RowsError for a damaged file."""
    found: list[tuple[str, Row]] = []
    copies: list[Row] = []
    for split, table in _tables(folder):
        found += [(split, row) for row in _rows(table, "origin", origin)]
        if not split:
            copies += _rows(table, "duplicate_of", origin)[: SHOWN - len(copies)]
    if not found:
        return Whereabouts(None, copies=tuple(copies))
    split, row = found[0]
    keeper, similar = None, list[Row]()
    if row.get("duplicate_of") or row.get("cluster"):
        for other, table in _tables(folder):
            if row.get("duplicate_of") and not keeper:
                keeper = next(iter(_rows(table, "origin", row["duplicate_of"])), None)
            if other and split and len(similar) < SHOWN:
                rows = _rows(table, "cluster", row.get("cluster"))
                similar += [one for one in rows if one["origin"] != origin][: SHOWN - len(similar)]
    return Whereabouts(row, split, keeper, tuple(copies), tuple(similar))


def _tables(folder: Path) -> Iterator[tuple[str, pa.Table]]:
    """The records of each split, then the rejected ones, with "" for a split."""
    for file in table_files(data_files(folder)):
        with naming(file.path):
            names = set(schema_of(file).names)
            if "origin" not in names:  # packs
                continue
            for table in read_batches(file, [name for name in READ if name in names]):
                yield file.split, table.filter(pc.equal(table[SEQUENCE], 0)) if SEQUENCE in names else table
    if (folder / REJECTS).is_file():
        yield from (("", table) for table in read_rejects(folder))


def _rows(table: pa.Table, column: str, value: str | None) -> list[Row]:
    if value is None or column not in table.column_names or pa.types.is_null(table[column].type):
        return []
    rows: list[Row] = table.filter(pc.equal(table[column], value)).to_pylist()
    return rows
