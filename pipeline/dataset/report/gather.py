"""One pass over the files of a dataset: counts, lengths and samples, in memory that does not grow with the rows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.reader import DataFile, data_files, read_batches, schema_of
from pipeline.dataset.report.duplicates import (
    SIMILAR,
    Pair,
    Size,
    cluster_hashes,
    doubtful,
    kinds_of_differences,
    sizes,
)
from pipeline.dataset.report.lengths import Ints, Lengths
from pipeline.dataset.report.rejects import read_rejects
from pipeline.dataset.report.sample import Key, Row, Sample, hashes_of_numbers
from pipeline.table.hashes import Hashes
from pipeline.table.sequences import SEQUENCE
from schemas.columns import DEDUPED, INGESTED, SCREENED
from schemas.manifest import Manifest

#: Sources with a chart of their own, the largest first; all others are one.
SOURCES = 12
#: Rows of each key that are sampled, and rows of a source from whose texts phrases and scripts are counted.
PER_KEY, PER_SOURCE = 12, 1000
#: Pairs of which the most doubtful ones are shown, and how many are shown.
PAIRS, DOUBTFUL = 300, 12
#: Columns of a kept row that the report reads: not its ids.
COUNTS = ("n_tokens", "n_learned", "truncated")
READ = {*INGESTED.names, *SCREENED.names, *DEDUPED.names, *COUNTS, SEQUENCE}
#: Texts whose characters are counted.
MEASURED = ("instruction", "input", "reasoning", "output", "rejected")


@dataclass(frozen=True)
class Summary:
    """What the report shows of the rows. What the manifest counts is in the manifest.

    `sources`: names of the sources with a number of their own; one more number is for all others. `lengths`: by kind:
    tokens of whole sequences (before truncation: "whole"), "given", "learned", "cut"; characters of the texts.
    `texts`: by source number, rows from whose texts phrases and scripts are counted.
    """

    manifest: Manifest
    sources: list[str]
    lengths: dict[str, Lengths]
    kinds: Counter[str]
    messages: Counter[int]
    kept: Sample
    rejected: Sample
    texts: dict[int, list[Row]]
    clusters: list[Size]
    differences: Counter[str]
    pairs: list[Pair]
    keepers: dict[str, Row]


def gather(folder: Path, manifest: Manifest) -> Summary:
    """Read a dataset once. Raises RowsError or ArrowException where its files are damaged."""
    rejected = Rejected()
    for table in read_rejects(folder):
        rejected.add(table)
    wanted = pa.array(sorted({row["duplicate_of"] for row in rejected.repeated()}), pa.string())
    kept = Kept(manifest, wanted)
    for file in files_of(folder):
        columns = [name for name in schema_of(file).names if name in READ]
        for table in read_batches(file, columns):
            kept.add(file.split, table)
    return Summary(
        manifest=manifest,
        sources=kept.sources,
        lengths=kept.lengths,
        kinds=kept.kinds,
        messages=kept.messages,
        kept=kept.sample,
        rejected=rejected.sample,
        texts=kept.texts,
        clusters=sizes([*rejected.clusters, *kept.clusters]),
        differences=rejected.differences,
        pairs=doubtful(rejected.similar(), kept.keepers, DOUBTFUL),
        keepers=kept.keepers,
    )


def files_of(folder: Path) -> list[DataFile]:
    """The files of one format with whole rows: Arrow, which is read in place, or else Parquet. Packs have no rows."""
    files = data_files(folder)
    chosen = next(filter(None, ([file for file in files if file.format == kind] for kind in ("arrow", "parquet"))), [])
    return [file for file in chosen if "origin" in schema_of(file).names]


class Rejected:
    """Counts and samples of the rejected rows."""

    def __init__(self) -> None:
        self.sample = Sample(PER_KEY)
        self.doubt = Sample(PAIRS)
        self.differences: Counter[str] = Counter()
        self.clusters: list[Hashes] = []

    def add(self, table: pa.Table) -> None:
        kinds = kinds_of_differences(table)
        reason = pc.binary_join_element_wise(table["reject_stage"], table["reject_reason"], ": ")
        facets = {"source": table["source"], "reason": reason, "difference": kinds}
        self.sample.add(table, facets)
        self.differences.update(_counts(kinds.flatten()))
        self.clusters.append(cluster_hashes(table["duplicate_of"]))
        similar = table.filter(pc.is_in(table["reject_reason"], pa.array(SIMILAR)))
        self.doubt.add(similar, {"reason": pc.if_else(pc.is_valid(similar["duplicate_of"]), "similar", None)})

    def similar(self) -> list[Row]:
        return [self.doubt.row(number) for number in self.doubt.of(Key("reason", "similar"))]

    def repeated(self) -> Iterator[Row]:
        """The sampled rows that repeat a kept row."""
        sampled = {number for key in self.sample.every_key() for number in self.sample.of(key)}
        rows = [*(self.sample.row(number) for number in sorted(sampled)), *self.similar()]
        return (row for row in rows if row["duplicate_of"] is not None)


@dataclass
class Kept:
    """Counts and samples of the kept rows. `wanted`: origins of rows to hold, because a rejected row repeats them."""

    manifest: Manifest
    wanted: pa.Array
    kinds: Counter[str] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    clusters: list[Hashes] = field(default_factory=list)
    keepers: dict[str, Row] = field(default_factory=dict)
    texts: dict[int, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counted = self.manifest.counts.sources
        self.sources = sorted(counted, key=lambda name: (-counted[name], name))[:SOURCES]
        rows = [counted[name] for name in self.sources]
        rows.append(self.manifest.counts.kept - sum(rows))
        shares = [min(PER_SOURCE / count, 1.0) if count else 1.0 for count in rows]
        self.limits = np.array([int(share * (2**64 - 1025)) for share in shares], np.uint64)
        self.lengths = {name: Lengths(len(rows)) for name in ("whole", "given", "learned", "cut", *MEASURED)}
        self.sample = Sample(PER_KEY)

    def add(self, split: str, table: pa.Table) -> None:
        """Count a table of sequences, one a row. What belongs to the record is counted with its first sequence."""
        self._add_tokens(self._numbers(table), table)
        if SEQUENCE in table.column_names and pc.any(pc.greater(table[SEQUENCE], 0)).as_py():
            table = table.filter(pc.equal(table[SEQUENCE], 0))
        numbers = self._numbers(table)
        for name in MEASURED:
            characters = pc.fill_null(pc.utf8_length(table[name]), 0).to_numpy().astype(np.int64)
            some = characters > 0
            self.lengths[name].add(numbers[some], characters[some])
        kinds = kinds_of(table)
        self.kinds.update(_counts(kinds.flatten()))
        self.messages.update(message_counts(table))
        self.clusters.append(cluster_hashes(table["cluster"]))
        self._add_texts(numbers, table)
        facets = {"source": table["source"], "flag": table["flags"], "fix": table["fixes"], "kind": kinds}
        self.sample.add(table.append_column("split", pa.repeat(pa.scalar(split), len(table))), facets)
        if len(self.wanted):
            found = table.filter(pc.is_in(table["origin"], self.wanted)).to_pylist()
            self.keepers.update((row["origin"], row) for row in found)

    def _numbers(self, table: pa.Table) -> Ints:
        """The number of the source of each row."""
        found = pc.index_in(table["source"], pa.array(self.sources, pa.string()))
        numbers: Ints = pc.fill_null(found, len(self.sources)).to_numpy().astype(np.int64)
        return numbers

    def _add_tokens(self, numbers: Ints, table: pa.Table) -> None:
        if not set(COUNTS) <= set(table.column_names):
            return
        tokens, learned, cut = (pc.fill_null(table[name], 0).to_numpy().astype(np.int64) for name in COUNTS)
        self.lengths["whole"].add(numbers, tokens + cut)
        self.lengths["given"].add(numbers, tokens - learned)
        self.lengths["learned"].add(numbers, learned)
        self.lengths["cut"].add(numbers[cut > 0], cut[cut > 0])

    def _add_texts(self, numbers: Ints, table: pa.Table) -> None:
        chosen = np.flatnonzero(hashes_of_numbers(self.sample.seen, len(table)) <= self.limits[numbers])
        rows = table.select(["origin", "instruction", "input", "output"]).take(pa.array(chosen)).to_pylist()
        for number, row in zip(numbers[chosen].tolist(), rows, strict=True):
            self.texts.setdefault(number, []).append(row)


def kinds_of(table: pa.Table) -> pa.Array:
    """For each row what it has besides a question and its answer, list<string>."""
    calls = pc.or_(pc.is_valid(table["tool_calls"]), pc.greater(pc.list_value_length(table["steps"]), 0))
    has: dict[str, pa.ChunkedArray] = {
        "system": pc.is_valid(table["system"]),
        "turns": pc.greater(pc.list_value_length(table["history"]), 0),
        "tools": pc.is_valid(table["tools"]),
        "calls": calls,
        "thought": pc.is_valid(table["reasoning"]),
        "pair": pc.is_valid(table["rejected"]),
        "good": pc.fill_null(table["label"], False),
        "bad": pc.invert(pc.fill_null(table["label"], True)),
        "not-learned": pc.invert(pc.fill_null(table["learn"], True)),
        "published-split": pc.is_valid(table["published_split"]),
    }
    if "truncated" in table.column_names:
        has["cut"] = pc.fill_null(pc.greater(table["truncated"], 0), False)
    rows = np.stack([pc.fill_null(column, False).to_numpy().astype(bool) for column in has.values()], axis=1)
    offsets = np.concatenate([[0], np.cumsum(rows.sum(axis=1))])
    names = pa.array(list(has)).take(pa.array(np.nonzero(rows)[1]))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names)


def message_counts(table: pa.Table) -> dict[int, int]:
    """How many conversations have how many messages, with question and answer, without a system prompt."""
    history, steps = (pc.fill_null(pc.list_value_length(table[name]), 0).to_numpy() for name in ("history", "steps"))
    numbers, counts = np.unique(np.minimum(history + steps + 2, 1000), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _counts(column: pa.Array) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in pc.value_counts(column.drop_null()).to_pylist()}


def rows_of(sample: Sample, keys: Iterable[Key]) -> Iterator[Row]:
    """The sampled rows of these keys."""
    return (sample.row(number) for key in keys for number in sample.of(key))
