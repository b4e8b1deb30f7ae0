"""The rejected rows: rejects.jsonl, read by Arrow block by block; what differs from kept rows, and samples of them."""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from pipeline.dataset.complete_folder import REMEDY
from pipeline.dataset.layout import REJECTS
from pipeline.dataset.report.duplicates import SIMILAR, cluster_hashes, kinds_of_differences
from pipeline.dataset.report.sample import PER_KEY, Key, Row, Sample, counts_of
from pipeline.io.arrow_files import validated
from pipeline.io.row_files import naming
from pipeline.table.hashes import Hashes
from schemas.columns import INGESTED

#: Bytes that are read at once, and more up to the next line end.
BLOCK = 1 << 23
#: Similar rows of which the most doubtful ones are shown.
PAIRS = 300
SCHEMA = pa.schema([*INGESTED, pa.field("duplicate_of", pa.string())])


def read_rejects(folder: Path) -> Iterator[pa.Table]:
    """The rejected rows of a dataset; none where the folder has no rejects.jsonl. Raises RowsError."""
    path = folder / REJECTS
    if not path.is_file():
        return
    parse = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    with path.open("rb") as lines, naming(path, REMEDY):
        while block := lines.read(BLOCK):
            block += lines.readline()
            read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
            yield validated(pyarrow.json.read_json(io.BytesIO(block), read, parse))


class Rejected:
    """Counts and samples of the rejected rows."""

    def __init__(self) -> None:
        self.sample = Sample(PER_KEY)
        self.doubt = Sample(PAIRS)
        self.differences: Counter[str] = Counter()
        self.repeats: list[Hashes] = []

    def add(self, table: pa.Table) -> None:
        kinds = kinds_of_differences(table)
        reason = pc.binary_join_element_wise(table["reject_stage"], table["reject_reason"], ": ")
        facets = {"source": table["source"], "reason": reason, "difference": kinds}
        self.sample.add(table, facets)
        self.differences.update(counts_of(kinds.flatten()))
        self.repeats.append(cluster_hashes(table["duplicate_of"]))
        similar = table.filter(pc.is_in(table["reject_reason"], pa.array(SIMILAR)))
        self.doubt.add(similar, {"reason": pc.if_else(pc.is_valid(similar["duplicate_of"]), "similar", None)})

    def similar(self) -> list[Row]:
        return [self.doubt.row(number) for number in self.doubt.of(Key("reason", "similar"))]

    def repeated(self) -> Iterator[Row]:
        """The sampled rows that repeat a kept row."""
        sampled = {number for key in self.sample.every_key() for number in self.sample.of(key)}
        rows = [*(self.sample.row(number) for number in sorted(sampled)), *self.similar()]
        return (row for row in rows if row["duplicate_of"] is not None)
