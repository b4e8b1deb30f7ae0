"""Mark duplicates: fingerprint every row, decide over all fingerprints, apply the decisions to the rows.

Only the decision looks across rows, and it sees no text: a fingerprint has a fixed size, so that memory grows
with the number of rows and not with their length.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import marks
from pipeline.dedupe import keys, minhash
from pipeline.dedupe.clusters import KINDS, decide
from schemas.columns import DEDUPED, FINGERPRINT, TEXTS
from schemas.options import DedupeOptions

__all__ = ["apply", "decide", "dedupe", "fingerprint"]

STAGE = "dedupe"

#: Rows that are folded at once: enough for their values to repeat, few enough for the processor's cache.
ROWS = 65_536


def dedupe(table: pa.Table, options: DedupeOptions = DedupeOptions(), against: pa.Table | None = None) -> pa.Table:
    """The table with its duplicates marked: rejected, flagged or neither, by kind, as the options say.

    Adds the columns `schemas.columns.DEDUPED`. What an earlier dedupe decided is decided anew.
    `against`: an existing dataset, whose rows come before those of the table and are all kept. Where rows have no
    origin, `duplicate_of` names them by their number: `#3`, or `against#3`.
    """
    table = marks.complete(table)
    before = marks.complete(against) if against is not None else table.slice(0, 0)
    both = pa.concat_tables([texts(before, "against#"), texts(table, "#")])
    prints = pa.concat_tables([fingerprint(before), fingerprint(table)])
    return apply(table, decide(prints, both, options, against=len(before)).slice(len(before)))


def texts(table: pa.Table, name: str) -> pa.Table:
    """What a decision may look up of each row: its texts and its origin, which is this name and a number for want."""
    if table["origin"].null_count:
        numbers = pc.cast(pa.array(range(len(table)), pa.int64()), pa.string())
        named = pc.coalesce(table["origin"], pc.binary_join_element_wise(name, numbers, ""))
        table = marks.set_column(table, "origin", named)
    return table.select(["origin", "history", *TEXTS])


def fingerprint(table: pa.Table) -> pa.Table:
    """The keys of each row (`schemas.columns.FINGERPRINT`), row by row: fingerprint(a + b) is that of a, then of b.

    Null for rows that an earlier stage rejected; rows that dedupe rejected take part again. No option has a say, so
    that other options, a threshold say, decide anew over the same fingerprints.
    """
    table = marks.complete(table)
    parts = [_fingerprint(table.slice(start, ROWS)) for start in range(0, len(table), ROWS)]
    return pa.concat_tables([FINGERPRINT.empty_table(), *parts])


def _fingerprint(table: pa.Table) -> pa.Table:
    takes_part = pc.or_kleene(marks.alive(table), pc.equal(table["reject_stage"], STAGE)).combine_chunks()
    texts = {name: pc.if_else(takes_part, table[name], None) for name in TEXTS}
    history = pc.if_else(takes_part, table["history"].combine_chunks(), pa.scalar([], table["history"].type))
    output, row_of = keys.distinct(texts.pop("output"))
    answer, bounds = keys.seen(*keys.folded(output))
    asked = {**texts, "history": keys.history_texts(history)}
    system, instruction, given, talk = (Field.of(values, salt) for salt, values in enumerate(asked.values()))
    context = (system, talk, instruction)
    columns = [
        keys.combined([system.key, keys.history_keys(history), instruction.key, given.key]),
        keys.hashed(answer, bounds)[row_of],
        np.diff(bounds)[row_of].astype(np.uint32),
        keys.combined([field.said for field in context])[:, 0],
        keys.combined([field.numbers for field in context]),
        np.minimum.reduce([field.minima for field in context]).astype(np.uint16),
        given.said[:, 0],
        given.numbers,
        given.minima.astype(np.uint16),
    ]
    arrays = [
        pa.Array.from_buffers(field.type, len(table), [None, pa.py_buffer(np.ascontiguousarray(column))])
        for field, column in zip(FINGERPRINT, columns, strict=True)
    ]
    return pa.table([pc.if_else(takes_part, array, pa.scalar(None, array.type)) for array in arrays], FINGERPRINT)


class Field(NamedTuple):
    """What is held of one field of the prompts of n rows."""

    key: keys.Words  # n by 2
    said: keys.Words  # key without punctuation: n by 2
    numbers: keys.Words
    minima: npt.NDArray[np.uint32]  # n by HASHES

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray, salt: int) -> "Field":
        values, index = keys.distinct(column)
        codes, bounds = keys.folded(values)
        seen, said = keys.seen(codes, bounds), keys.said(codes, bounds)
        minima = minhash.minima(*minhash.shingles(*said), salt)
        return cls(
            keys.hashed(*seen)[index],
            keys.hashed(*said)[index],
            keys.numbers(values)[index],
            minima[index],
        )


def apply(table: pa.Table, decisions: pa.Table) -> pa.Table:
    """The table (or any slice of it, with the same slice of the decisions) with the decisions written into its rows."""
    table = marks.complete(table)
    ours = pc.fill_null(pc.equal(table["reject_stage"], STAGE), False)
    if pc.any(ours).as_py():
        for name in ("reject_stage", "reject_reason", "reject_detail"):
            table = marks.set_column(table, name, pc.if_else(ours, pa.scalar(None, pa.string()), table[name]))
    flags = decisions["flags"]
    bits = [pa.scalar(1 << number, flags.type) for number in range(len(KINDS))]
    names = [(kind, pc.not_equal(pc.bit_wise_and(flags, bit), 0)) for kind, bit in zip(KINDS, bits, strict=True)]
    table = marks.set_column(table, "flags", marks.add_names(_without(table["flags"]), names))
    for name in DEDUPED.names:
        table = marks.set_column(table, name, decisions[name])
    return marks.reject(table, pc.is_valid(decisions["reason"]), STAGE, decisions["reason"], _details(decisions))


def _without(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    """The flags of rows without those of an earlier dedupe."""
    if not pc.any(pc.is_in(pc.list_flatten(flags), pa.array(KINDS))).as_py():
        return flags
    kept = [None if names is None else [name for name in names if name not in KINDS] for names in flags.to_pylist()]
    return pa.chunked_array([kept], flags.type)


SENTENCES = {
    "exact": "says the same as {}, which is kept (compared without case, spaces and Unicode form)",
    "near": "is alike to {}, which is kept, in every field",
    "conflict": "answers the prompt of {} differently; that row is kept: see which answer is right",
    "near-prompt": "asks almost what {} asks, which is kept",
}


def _details(decisions: pa.Table) -> pa.ChunkedArray:
    """A sentence per row that says what it duplicates; null where it is no duplicate."""
    detail = pa.scalar(None, pa.string())
    for kind, sentence in SENTENCES.items():
        before, after = sentence.split("{}")
        words = pc.binary_join_element_wise(before, decisions["duplicate_of"], after, "")
        detail = pc.if_else(pc.fill_null(pc.equal(decisions["reason"], kind), False), words, detail)
    return detail
