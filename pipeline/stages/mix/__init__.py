"""mix: how much of each source goes into the dataset. Which of its rows stay follows from a hash of each record, so
that a row or a source that comes or goes moves as few others as possible.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.mix.keys import record_keys
from pipeline.stages.mix.order import Arranged, arrange
from pipeline.stages.mix.shares import COPIES, Sizes, shares_of
from pipeline.table.reject_and_flag import alive, complete, reject, set_column
from schemas.columns import MARKS
from schemas.errors import TableError
from schemas.manifest import Mixture
from schemas.options import MixOptions, Source

__all__ = [
    "COPIES",
    "COPY",
    "STAGE",
    "Arranged",
    "apply",
    "arrange",
    "mix",
    "mixture",
    "numbered",
    "record_keys",
    "sizes_of",
]

STAGE = "mix"
REASON = "over-share"
#: The column that says which copy of a row it is, from 1.
COPY = "copy"
#: The columns of a tokenized table that a decision reads, beside the keys of its records.
NEEDED = ("source", "reject_stage", "n_tokens", "n_learned")


def mix(table: pa.Table, sources: Sequence[Source], options: MixOptions = MixOptions()) -> pa.Table:
    """The table with the rows that are over the share of their source rejected, and the column `copies`: how often a
    row is in the dataset (int32, null for rejected rows), which `repeat` of its source says.

    `table`: all rows, tokenized and deduplicated. `sources`: with their weights and limits. Raises TableError where
    `n_tokens` or `n_learned` is missing. The decisions of an earlier mix are replaced.
    """
    table = _without_ours(complete(table))
    copies, _ = mixture(sizes_of(table, record_keys(table), sources), sources, options)
    return apply(table, copies)


def _without_ours(table: pa.Table) -> pa.Table:
    """The table without the rejections of an earlier mix."""
    ours = pc.fill_null(pc.equal(table["reject_stage"], STAGE), False)
    for name in MARKS.names if pc.any(ours).as_py() else ():
        table = set_column(table, name, pc.if_else(ours, pa.scalar(None, pa.string()), table[name]))
    return table


def sizes_of(table: pa.Table, keys: Sequence[int] | np.ndarray, sources: Sequence[Source]) -> Sizes:
    """What a decision knows of each row. `table`: the columns NEEDED; `keys`: of its records (`record_keys`)."""
    for name in NEEDED:
        if name not in table.column_names:
            raise TableError(f"mix needs the column {name}, which the table does not have: run tokenize first")
    names = pa.array([source.name for source in sources], pa.string())
    number = pc.fill_null(pc.index_in(table["source"], names), -1).to_numpy().astype(np.int64)
    number[~alive(table).to_numpy()] = -1
    tokens, learned = (pc.fill_null(table[name], 0).to_numpy().astype(np.int64) for name in ("n_tokens", "n_learned"))
    return Sizes(number, tokens, learned, np.asarray(keys, np.uint64))


def mixture(sizes: Sizes, sources: Sequence[Source], options: MixOptions) -> tuple[pa.Array, Mixture]:
    """How often each row is in the dataset (int32; null for the rejected, 0: it is over the share), and the shares."""
    copies, shares = shares_of(sizes, sources, options)
    counts = pa.array(copies, pa.int32(), mask=sizes.source < 0)
    return counts, Mixture(by=options.measure, total=options.total, sources=shares)


def apply(table: pa.Table, copies: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table (or any slice of it, with the same slice of `copies`) with a decision written into its rows."""
    over = pc.equal(copies, 0)
    detail = pc.binary_join_element_wise(
        "source ", pc.fill_null(table["source"], ""), " gives no more: see the mixture in manifest.json", ""
    )
    table = reject(table, over, STAGE, REASON, detail)
    return set_column(table, COPIES, pc.if_else(pc.fill_null(over, True), pa.scalar(None, pa.int32()), copies))


def numbered(table: pa.Table, copy: pa.Array) -> pa.Table:
    """Rows of a mixture where each row is there as often as `copies` says: the number of each copy takes its place, and
    is at the end of its origin from the second on."""
    number = pc.if_else(pc.greater(copy, 1), pc.binary_join_element_wise("#", pc.cast(copy, pa.string()), ""), "")
    origin = pc.binary_join_element_wise(table["origin"], number, "")
    return set_column(set_column(table.drop_columns([COPIES]), "origin", origin), COPY, copy)
