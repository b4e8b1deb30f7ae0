"""One pass over the files of a dataset: counts, lengths and samples, in memory that does not grow with the rows."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.complete_folder import REMEDY, need_files, need_rows
from pipeline.dataset.reader import DataFile, data_files, schema_of
from pipeline.dataset.report.duplicates import Pair, Size, doubtful, of_heads, sizes
from pipeline.dataset.report.kept import COUNTS, Kept
from pipeline.dataset.report.lengths import Above, Lengths
from pipeline.dataset.report.rejected import Rejected, read_rejects
from pipeline.dataset.report.sample import Row, Sample
from pipeline.io.row_files import naming
from pipeline.table.sequences import SEQUENCE
from schemas.columns import DEDUPED, INGESTED, SCREENED
from schemas.errors import DatasetError
from schemas.manifest import Manifest

#: Reads columns of a data file.
Read = Callable[[DataFile, list[str]], Iterator[pa.Table]]
#: Columns of a kept row that the report reads: not its ids.
READ = {*INGESTED.names, *SCREENED.names, *DEDUPED.names, *COUNTS, SEQUENCE}
#: How many of the most doubtful pairs are shown.
DOUBTFUL = 12


@dataclass(frozen=True)
class Summary:
    """What the report shows of the rows. What the manifest counts is in the manifest.

    `sources`: names of the sources with a number of their own; one more number is for all others. `lengths`: by kind:
    tokens of whole sequences (before truncation: "whole"), "given", "learned", "cut"; characters of the texts.
    `above`: whole sequences longer than max_length, and than other limits.
    `texts`: by source number, rows from whose texts phrases and scripts are counted.
    """

    manifest: Manifest
    sources: list[str]
    lengths: dict[str, Lengths]
    above: Above
    kinds: Counter[str]
    messages: Counter[int]
    kept: Sample
    rejected: Sample
    texts: dict[int, list[Row]]
    clusters: list[Size]
    differences: Counter[str]
    pairs: list[Pair]
    keepers: dict[str, Row]

    def name_of(self, number: int) -> str | None:
        """The name of a source by its number; None: all others."""
        return self.sources[number] if number < len(self.sources) else None


def gather(folder: Path, manifest: Manifest, read: Read) -> Summary:
    """Read a dataset once. Raises RowsError where its files are damaged, if `read` looks for that."""
    rejected = Rejected()
    for table in read_rejects(folder):
        rejected.add(table)
    wanted = pa.array(sorted({row["duplicate_of"] for row in rejected.repeated()}), pa.string())
    kept = Kept(manifest, wanted)
    files, rows = files_of(folder), Counter[str]()
    need_files(folder, manifest, {file.format for file in files})
    for file in files:
        with naming(file.path):
            names = schema_of(file).names
            if lost := [name for name in manifest.columns if name in READ and name not in names]:
                raise DatasetError(
                    f"{file.path}: it lacks columns that the manifest lists: {', '.join(lost)}. {REMEDY}"
                )
            if "origin" in names:  # a pack has none
                for table in read(file, [name for name in names if name in READ]):
                    need_counts(file.path, table)
                    kept.add(file.split, table)
                    rows[file.split] += len(table)
    if manifest.packing is None and files:
        need_rows(folder, manifest, rows, rejected.sample.seen)
    return Summary(
        manifest=manifest,
        sources=kept.sources,
        lengths=kept.lengths,
        above=kept.above,
        kinds=kept.kinds,
        messages=kept.messages,
        kept=kept.sample,
        rejected=rejected.sample,
        texts=kept.texts,
        clusters=sizes([*of_heads(rejected.repeats, kept.heads), *kept.clusters]),
        differences=rejected.differences,
        pairs=doubtful(rejected.similar(), kept.keepers, DOUBTFUL),
        keepers=kept.keepers,
    )


def need_counts(path: Path, table: pa.Table) -> None:
    """Raises DatasetError where a count of tokens is below zero, or more tokens are learned than there are."""
    if not set(COUNTS) <= set(table.column_names):
        return
    tokens, learned, cut = (table[name].cast(pa.int64()) for name in COUNTS)
    for name, counts in (("n_learned", learned), ("truncated", cut), ("n_tokens", pc.subtract(tokens, learned))):
        least = pc.min(counts).as_py()
        if least is not None and least < 0:
            raise DatasetError(f"{path}: {name} is damaged: a row would have {least} tokens. {REMEDY}")


def files_of(folder: Path) -> list[DataFile]:
    """The files of one format: Arrow, which is read in place, or else Parquet."""
    files = data_files(folder)
    return next(filter(None, ([file for file in files if file.format == kind] for kind in ("arrow", "parquet"))), [])
