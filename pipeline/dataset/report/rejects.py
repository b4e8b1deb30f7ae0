"""rejects.jsonl as tables, read by Arrow block by block."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json

from pipeline.dataset.layout import REJECTS
from pipeline.io.row_files import naming
from schemas.columns import INGESTED

#: Bytes that are read at once, and more up to the next line end.
BLOCK = 1 << 23
SCHEMA = pa.schema([*INGESTED, pa.field("duplicate_of", pa.string())])


def read_rejects(folder: Path) -> Iterator[pa.Table]:
    """The rejected rows of a dataset; none where the folder has no rejects.jsonl. Raises RowsError."""
    path = folder / REJECTS
    if not path.is_file():
        return
    parse = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    with path.open("rb") as lines, naming(path):
        while block := lines.read(BLOCK):
            block += lines.readline()
            read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            yield pyarrow.json.read_json(io.BytesIO(block), read, parse)
