"""Write decisions into the rows: reasons, flags, clusters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe.fingerprints import STAGE
from pipeline.stages.dedupe.job import KINDS
from pipeline.table.reject_and_flag import add_names, complete, reject, set_column
from schemas.columns import DEDUPED, MARKS


def apply(table: pa.Table, decisions: pa.Table) -> pa.Table:
    """The table (or any slice of it, with the same slice of the decisions) with the decisions written into its rows."""
    table = complete(table)
    ours = pc.fill_null(pc.equal(table["reject_stage"], STAGE), False)
    if pc.any(ours).as_py():
        for name in MARKS.names:
            table = set_column(table, name, pc.if_else(ours, pa.scalar(None, pa.string()), table[name]))
    flags = decisions["flags"].to_numpy()
    flagged = ((kind, flags & np.uint8(1 << number) != 0) for number, kind in enumerate(KINDS))
    names = [(kind, pa.array(rows)) for kind, rows in flagged if rows.any()]
    table = set_column(table, "flags", add_names(_without_ours(table["flags"]), names))
    for name in DEDUPED.names:
        table = set_column(table, name, decisions[name])
    return reject(table, pc.is_valid(decisions["reason"]), STAGE, decisions["reason"], _details(decisions))


def _without_ours(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    """The flags of rows without those of an earlier dedupe."""
    if not pc.any(pc.is_in(pc.list_flatten(flags), pa.array(KINDS))).as_py():
        return flags
    kept = [None if names is None else [name for name in names if name not in KINDS] for names in flags.to_pylist()]
    return pa.chunked_array([kept], flags.type)


#: For each reason the sentence of `reject_detail`: the text before and after the origin of the row that is kept.
SENTENCES = {
    "exact": ("is equal to ", ", which is kept"),
    "near": ("is similar to ", ", which is kept"),
    "conflict": ("has the prompt of ", ", which is kept, and another answer"),
    "near-prompt": ("has a prompt similar to that of ", ", which is kept"),
}


def _details(decisions: pa.Table) -> pa.ChunkedArray:
    """A sentence per row that names the row it duplicates, and what differs; null where it is no duplicate."""
    reason = pc.index_in(decisions["reason"], pa.array(list(SENTENCES)))
    before, after = (pa.array(parts).take(reason) for parts in zip(*SENTENCES.values(), strict=True))
    what = pc.binary_join(decisions["differences"], "; ")
    what = pc.if_else(pc.fill_null(pc.not_equal(what, ""), False), pc.binary_join_element_wise(": ", what, ""), "")
    return pc.binary_join_element_wise(before, decisions["duplicate_of"], after, what, "")
