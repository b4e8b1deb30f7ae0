"""Write decisions into the rows: reasons, flags, clusters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe.fingerprints import STAGE
from pipeline.stages.dedupe.job import KINDS, SEMANTIC_NEAR
from pipeline.table.reject_and_flag import add_names, complete, reject, set_column
from schemas.columns import DEDUPED, MARKS, SCREENED


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
    table = _with_evidence(table, decisions["semantic_near"])
    for name in DEDUPED.names:
        table = set_column(table, name, decisions[name])
    return reject(table, pc.is_valid(decisions["reason"]), STAGE, decisions["reason"], _details(decisions))


def _without_ours(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    """The flags of rows without those of an earlier dedupe."""
    if not pc.any(pc.is_in(pc.list_flatten(flags), pa.array(KINDS))).as_py():
        return flags
    kept = [None if names is None else [name for name in names if name not in KINDS] for names in flags.to_pylist()]
    return pa.chunked_array([kept], flags.type)


def _with_evidence(table: pa.Table, details: pa.ChunkedArray) -> pa.Table:
    """The table with the evidence of `semantic-near`, in the place of that of an earlier dedupe."""
    field = SCREENED.field("evidence")
    before = table["evidence"] if "evidence" in table.column_names else pa.nulls(len(table), field.type)
    flag = KINDS[SEMANTIC_NEAR]
    ours = pc.is_in(pc.struct_field(pc.list_flatten(before), "flag"), pa.array([flag]))
    if details.null_count == len(table) and not pc.any(ours).as_py():
        return table
    evidence = []
    for found, detail in zip(before.to_pylist(), details.to_pylist(), strict=True):
        kept = [entry for entry in found or () if entry["flag"] != flag]
        new = [{"flag": flag, "field": "instruction", "detail": detail}] if detail else []
        evidence.append([*kept, *new] if found is not None or new else None)
    return set_column(table, "evidence", pa.chunked_array([pa.array(evidence, field.type)]))


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
