"""The mixture of a plan: how often each of its rows is in the dataset, and in which order they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.stages.mix import Arranged, apply, arrange, mixture, numbered, record_keys, sizes_of
from pipeline.stages.mix.shares import Sizes
from pipeline.table.reject_and_flag import set_column
from pipeline.table.take_rows import take_table_rows
from schemas.manifest import Mixture

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


class Mixed(NamedTuple):
    """What was decided. `copies`: how often each row is in the dataset (int32; null: rejected before)."""

    copies: pa.Array
    sizes: Sizes
    mixture: Mixture


def mix_units(plan: Plan, table: pa.Table, decisions: pa.Table) -> Mixed | None:
    """The mixture that the config asks for; None where it asks for none.

    `table`: all rows of the plan as tokenized. `decisions`: of `dedupe`, a row each.
    """
    if not plan.config.mixed:
        return None
    rejected = pc.if_else(pc.is_valid(decisions["reason"]), "dedupe", table["reject_stage"])
    narrow = set_column(table.select(["source", "reject_stage", "n_tokens", "n_learned"]), "reject_stage", rejected)
    sources = [source for source in plan.config.source if any(unit.source == source for unit in plan.units)]
    sizes = sizes_of(narrow, record_keys(table), sources)
    copies, shares = mixture(sizes, sources, plan.config.mix)
    return Mixed(copies, sizes, shares)


def arranged(plan: Plan, mixed: Mixed) -> Arranged:
    """The rows of the plan in the order in which they are written, each as often as it is in the dataset."""
    return arrange(pc.fill_null(mixed.copies, 0).to_numpy().astype(np.int64), mixed.sizes, plan.config.mix)


class Part(NamedTuple):
    """Some rows, their numbers, and which copy each is, from 1."""

    table: pa.Table
    rows: pa.Array
    copy: pa.Array


def parts_of(table: pa.Table, order: Arranged) -> Iterator[Part]:
    """The rows of a table in an order, some at a time."""
    for start in range(0, len(order.row), BATCH_ROWS):
        rows, copy = order.row[start : start + BATCH_ROWS], order.copy[start : start + BATCH_ROWS]
        yield Part(take_table_rows(table, rows), pa.array(rows), pa.array(copy, pa.int32()))


def written(table: pa.Table, copies: pa.Array, copy: pa.Array) -> pa.Table:
    """Deduplicated rows as they are written: those that are over the share rejected, copies with their number."""
    return numbered(apply(table, copies), copy)
