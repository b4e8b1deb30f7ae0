"""Gates: what must be true of all rows before the dataset is written, so that a mistake does not replace a good one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.progress import note
from pipeline.table.keep import REASON, holds
from schemas.conditions import Meta, shown, values_of
from schemas.errors import GateError
from schemas.parse_condition import parse

if TYPE_CHECKING:
    from pipeline.run.plan import Plan
    from schemas.options import Config, Source

#: Reasons, rows and values that a message names.
NAMED = 3


class Tally(NamedTuple):
    """The rows of a source that are wanted: how many came in, how many are kept, how many are rejected before `dedupe`
    by stage and reason, and how many of the kept ones have each flag. `not_wanted`: by its condition. `tokens` and
    `unknown`: of the kept rows, all and those that are [UNK]."""

    rows: int
    kept: int
    rejected: Counter[str]
    flags: Counter[str]
    not_wanted: int
    tokens: int
    unknown: int

    @property
    def rejected_share(self) -> float:
        return self.rejected.total() / self.rows if self.rows else 0

    @property
    def unk_rate(self) -> float:
        return self.unknown / self.tokens if self.tokens else 0


def check_gates(plan: Plan, table: pa.Table, decisions: pa.Table, copies: pa.Array | None = None) -> None:
    """Raises GateError where the rows of a plan do not pass its gates.

    `table`: all rows as tokenized. `decisions`: of `dedupe`, a row each. `copies`: of a mixture; 0 where a row is over
    its share.
    """
    dropped = pc.is_valid(decisions["reason"])
    if copies is not None:
        dropped = pc.or_(dropped, pc.fill_null(pc.equal(copies, 0), False))
    tallies = {source.name: tally(table, dropped, source.name) for source in plan.config.source}
    faults = [*_of_dataset(plan.config, tallies), *_of_labels(plan.config, table)]
    for source in plan.config.source:
        faults += _of_source(plan.config, source, tallies[source.name], table)
        note_missing_fields(source, table)
    if faults:
        left = f"{plan.folder} was not changed" if plan.folder.exists() else f"{plan.folder} was not written"
        raise GateError("\n  ".join([f"{left}, because the rows do not pass the gates of the config:", *faults]))


def tally(table: pa.Table, dropped: pa.ChunkedArray, source: str) -> Tally:
    """Count the rows of a source. `dropped`: the row is a duplicate, or over the share of its source."""
    own = pc.equal(table["source"], source)
    without = dropped.filter(own)
    rows = table.select(["flags", "reject_stage", "reject_reason", "n_tokens", "n_unk"]).filter(own)
    rejected = pc.is_valid(rows["reject_stage"])
    kept = pc.invert(pc.or_(rejected, without))
    names = pc.binary_join_element_wise(rows["reject_stage"], rows["reject_reason"], ": ").filter(rejected)
    reasons = _counts(names)
    not_wanted = Counter({name: count for name, count in reasons.items() if name.endswith(f": {REASON}")})
    flags = _counts(pc.list_flatten(rows["flags"].filter(kept)))
    wanted = len(rows) - not_wanted.total()
    tokens, unknown = (pc.sum(rows[name].filter(kept)).as_py() or 0 for name in ("n_tokens", "n_unk"))
    return Tally(wanted, pc.sum(kept).as_py() or 0, reasons - not_wanted, flags, not_wanted.total(), tokens, unknown)


def _counts(values: pa.ChunkedArray) -> Counter[str]:
    return Counter({item["values"]: item["counts"] for item in pc.value_counts(values).to_pylist()})


def _of_dataset(config: Config, tallies: dict[str, Tally]) -> Iterator[str]:
    kept = sum(one.kept for one in tallies.values())
    if kept < config.gate.min_rows:
        rejected = sum((one.rejected for one in tallies.values()), Counter[str]())
        yield f"{kept:,} rows are kept, and [gate] min_rows is {config.gate.min_rows:,}{_most(rejected)}"


def _of_labels(config: Config, table: pa.Table) -> Iterator[str]:
    """Labels of the config that no row has: a typo in one loses a class."""
    if config.tokenize.layout != "classification":
        return
    found = set(pc.unique(table["labels"]).to_pylist())
    missing = [label for number, label in enumerate(config.tokenize.labels) if number not in found]
    if missing:
        unknown = table["output"].filter(pc.fill_null(pc.equal(table["reject_reason"], "label-unknown"), False))
        seen = ", ".join(f"{label!r} ({rows:,} rows)" for label, rows in _counts(unknown).most_common(NAMED))
        others = f"; outputs that are not a label: {seen}" if seen else ""
        yield f"[tokenize] labels: no row has {', '.join(map(repr, missing))}{others}. Correct or remove the label."


def _of_source(config: Config, source: Source, counted: Tally, table: pa.Table) -> Iterator[str]:
    name = f"source {source.name!r}"
    if counted.kept < source.gate.min_rows:
        yield f"{name}: {counted.kept:,} rows are kept, and its gate min_rows is {source.gate.min_rows:,}"
    allowed = config.gate.max_rejected if source.gate.max_rejected is None else source.gate.max_rejected
    if counted.rejected_share > allowed:
        yield (
            f"{name}: {counted.rejected.total():,} of {counted.rows:,} rows are rejected, and max_rejected is "
            f"{allowed:g}{_most(counted.rejected)}{_examples(table, source, counted)}\n    Correct the source "
            "(ko-instruct inspect FILE shows how a file is read), or allow this: [source.gate] max_rejected = 1"
        )
    if counted.not_wanted and counted.rejected.total() == counted.rows and allowed < 1:
        yield (
            f"{name}: no row fits its condition {source.keep!r}: {counted.not_wanted:,} rows are not wanted. Correct "
            "the condition, or allow this: [source.gate] max_rejected = 1"
        )
    unk_rate = config.gate.max_unk_rate if source.gate.max_unk_rate is None else source.gate.max_unk_rate
    if counted.unk_rate > unk_rate:
        yield (
            f"{name}: {counted.unk_rate:.2%} of its tokens are [UNK], and max_unk_rate is {unk_rate:g}"
            f"{_most_unknown(table, source)}"
        )
    for flag, share in (config.gate.max_flagged | source.gate.max_flagged).items():
        if counted.flags[flag] > share * counted.kept:
            yield (
                f"{name}: {counted.flags[flag]:,} of {counted.kept:,} kept rows have the flag {flag}, and "
                f"max_flagged.{flag} is {share:g}"
            )


def note_missing_fields(source: Source, table: pa.Table) -> None:
    """Name on stderr the fields of meta that the condition of a source reads, and that none of its rows has."""
    fields = [value for value in values_of(parse(source.keep)) if isinstance(value, Meta)] if source.keep else []
    metas = table.select(["meta"]).filter(pc.equal(table["source"], source.name)) if fields else table.slice(0, 0)
    for field in dict.fromkeys(fields):
        there = parse(f"{shown(field)} != null")
        if len(metas) and not any(pc.any(holds(pa.table(batch), there)).as_py() for batch in metas.to_batches()):
            note(f"{'keep':<11} {source.name}: no row has {shown(field)}, which the condition of the source reads")


def _most(rejected: Counter[str]) -> str:
    """The most frequent reasons."""
    named = ", ".join(f"{reason} ({rows:,})" for reason, rows in rejected.most_common(NAMED))
    return f". Reasons: {named}" if named else ""


def _most_unknown(table: pa.Table, source: Source) -> str:
    """The rows with most [UNK]."""
    rows = table.select(["origin", "source", "n_unk"]).filter(pc.equal(table["source"], source.name))
    most = rows.take(pc.select_k_unstable(rows, NAMED, sort_keys=[("n_unk", "descending"), ("origin", "ascending")]))
    return "".join(f"\n    {row['origin']}: {row['n_unk']:,}" for row in most.to_pylist() if row["n_unk"])


def _examples(table: pa.Table, source: Source, counted: Tally) -> str:
    """The first rows that are rejected for the most frequent reason."""
    reason = counted.rejected.most_common(1)[0][0].split(": ")[1]
    alike = pc.and_(pc.equal(table["source"], source.name), pc.equal(table["reject_reason"], reason))
    rows = table.select(["origin", "reject_detail"]).filter(pc.fill_null(alike, False)).slice(0, NAMED)
    return "".join(f"\n    {row['origin']}: {row['reject_detail'] or reason}" for row in rows.to_pylist())
