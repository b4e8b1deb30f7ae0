"""The kept rows: their lengths by source, what they hold, and samples of them."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.report.duplicates import cluster_hashes, heads_of
from pipeline.dataset.report.lengths import Above, Ints, Lengths
from pipeline.dataset.report.sample import PER_KEY, Row, Sample, counts_of, hashes_of_numbers
from pipeline.table.hashes import Hashes
from pipeline.table.sequences import SEQUENCE
from schemas.manifest import Manifest

#: Sources with a chart of their own, the largest first; all others are one.
SOURCES = 12
#: Rows of a source from whose texts phrases and scripts are counted.
PER_SOURCE = 1000
COUNTS = ("n_tokens", "n_learned", "truncated")
#: Lengths that are tried in place of max_length.
TRIED = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
#: Texts whose characters are counted.
MEASURED = ("instruction", "input", "reasoning", "output", "rejected")


@dataclass
class Kept:
    """Counts and samples of the kept rows. `wanted`: origins of rows to hold, because a rejected row repeats them."""

    manifest: Manifest
    wanted: pa.Array
    kinds: Counter[str] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    clusters: list[Hashes] = field(default_factory=list)
    heads: list[tuple[Hashes, Hashes]] = field(default_factory=list)
    keepers: dict[str, Row] = field(default_factory=dict)
    texts: dict[int, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counted = self.manifest.counts.sources
        self.sources = sorted(counted, key=lambda name: (-counted[name], name))[:SOURCES]
        rows = [counted[name] for name in self.sources]
        rows.append(max(self.manifest.counts.kept - sum(rows), 0))
        shares = [min(PER_SOURCE / count, 1.0) if count else 1.0 for count in rows]
        self.limits = np.array([int(share * (2**64 - 1025)) for share in shares], np.uint64)
        self.lengths = {name: Lengths(len(rows)) for name in ("whole", "given", "learned", "cut", *MEASURED)}
        self.above = Above({self.manifest.options.tokenize.max_length, *TRIED})
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
        self.kinds.update(counts_of(kinds.flatten()))
        self.messages.update(messagecounts_of(table))
        self.clusters.append(cluster_hashes(table["cluster"]))
        self.heads.append(heads_of(table))
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
        self.above.add(tokens + cut)
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
    calls = pc.is_valid(table["tool_calls"])
    for name in ("history", "steps"):
        calls = pc.or_(calls, calling(table[name]))
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
    found = {name: column for name, column in has.items() if pc.any(column).as_py()}
    rows = np.zeros((len(table), len(found)), bool)
    for at, column in enumerate(found.values()):
        rows[:, at] = pc.fill_null(column, False).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(rows.sum(axis=1))])
    names = pa.array(list(found), pa.string()).take(pa.array(np.nonzero(rows)[1]))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names)


def calling(column: pa.ChunkedArray) -> pa.Array:
    """For each row whether one of the messages in its list calls a tool."""
    lists = column.combine_chunks()
    found = np.zeros(len(lists), bool)
    if not pc.any(pc.greater(pc.list_value_length(lists), 0)).as_py():
        return pa.array(found)
    calls = pc.is_valid(pc.struct_field(pc.list_flatten(lists), "tool_calls"))
    found[pc.list_parent_indices(lists).filter(calls).to_numpy()] = True
    return pa.array(found)


def messagecounts_of(table: pa.Table) -> dict[int, int]:
    """How many conversations have how many messages, with question and answer, without a system prompt."""
    history, steps = (pc.fill_null(pc.list_value_length(table[name]), 0).to_numpy() for name in ("history", "steps"))
    numbers, counts = np.unique(np.minimum(history + steps + 2, 1000), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
