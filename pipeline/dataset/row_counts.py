"""What the manifest counts of rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.mix import COPY
from schemas.columns import STAGES
from schemas.manifest import Counts, Rejected, Tokens

#: Columns of records, and of their sequences, that the manifest counts.
COUNTED = ["source", "split", "fixes", "flags", "reject_stage", "reject_reason"]
COUNTED_OF_SEQUENCES = ["n_tokens", "n_learned", "truncated", "n_unk"]


@dataclass
class RowCounts:
    """Counts over rows, table by table."""

    rows_in: int = 0
    repeated: int = 0
    #: By source, stage and reason.
    rejected: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    fixes: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    longest: int = 0

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> "RowCounts":
        """The counts from what `as_json` gives."""
        counters = {name: Counter(value) for name, value in values.items() if isinstance(value, dict)}
        rejected = Counter({(source, stage, reason): rows for source, stage, reason, rows in values["rejected"]})
        return cls(**{**values, **counters, "rejected": rejected})

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "rejected": [(*group, rows) for group, rows in self.rejected.items()]}

    def include(self, other: "RowCounts") -> None:
        """Add the counts of other rows, which come behind these."""
        self.rows_in += other.rows_in
        self.repeated += other.repeated
        self.longest = max(self.longest, other.longest)
        for name in ("rejected", "sources", "splits", "fixes", "flags", "sums"):
            getattr(self, name).update(getattr(other, name))

    def add(self, table: pa.Table) -> None:
        """Count a table of the columns COUNTED: the kept by their split, the rejected by their mark. Of a mixture COPY
        says which rows are repeated."""
        repeated = pc.sum(pc.greater(table[COPY], 1)).as_py() or 0 if COPY in table.column_names else 0
        self.rows_in += len(table) - repeated
        self.repeated += repeated
        kept, rejected = (table.filter(pc.is_valid(table[name])) for name in ("split", "reject_stage"))
        groups = rejected.group_by(["source", "reject_stage", "reject_reason"]).aggregate([([], "count_all")])
        for group in groups.to_pylist():
            self.rejected[(group["source"], group["reject_stage"], group["reject_reason"])] += group["count_all"]
        self.sources.update(_counts(kept["source"]))
        self.splits.update(_counts(kept["split"]))
        self.fixes.update(_counts(pc.list_flatten(kept["fixes"])))
        self.flags.update(_counts(pc.list_flatten(kept["flags"])))

    def add_sequences(self, table: pa.Table) -> None:
        """Count the sequences of kept rows, one a row: a table of the columns COUNTED_OF_SEQUENCES."""
        if len(table):
            self.sums["sequences"] += len(table)
            for name in COUNTED_OF_SEQUENCES:
                self.sums[name] += pc.sum(table[name]).as_py()
            self.sums["cut_sequences"] += pc.sum(pc.greater(table["truncated"], 0)).as_py()
            self.longest = max(self.longest, pc.max(table["n_tokens"]).as_py())

    def counts(self) -> Counts:
        groups = sorted(self.rejected.items(), key=lambda group: (STAGES.index(group[0][1]), *group[0]))
        rejected = [Rejected(source=s, stage=t, reason=r, rows=n) for (s, t, r), n in groups]
        return Counts(
            rows_in=self.rows_in,
            repeated=self.repeated,
            kept=sum(self.sources.values()),
            rejected=rejected,
            sources=dict(self.sources),
            splits=dict(self.splits),
            fixes=dict(sorted(self.fixes.items())),
            flags=dict(sorted(self.flags.items())),
        )

    def tokens(self) -> Tokens:
        sequences = self.sums["sequences"]
        return Tokens(
            sequences=sequences,
            total=self.sums["n_tokens"],
            learned=self.sums["n_learned"],
            mean=round(self.sums["n_tokens"] / sequences, 2) if sequences else 0.0,
            longest=self.longest,
            unknown=self.sums["n_unk"],
            cut=self.sums["truncated"],
            cut_rows=self.sums["cut_sequences"],
        )


def _counts(column: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}
