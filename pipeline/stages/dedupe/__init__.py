"""Mark duplicates: fingerprint every row, decide over all fingerprints, apply the decisions to the rows.

Only the decision looks across rows, and it sees no text: a fingerprint has a fixed size, so that memory grows
with the number of rows and not with their length.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys, minhash
from pipeline.stages.dedupe.clusters import KINDS, decide
from pipeline.table.reject_and_flag import add_names, alive, complete, reject, set_column
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
    table = complete(table)
    before = complete(against) if against is not None else table.slice(0, 0)
    both = pa.concat_tables([texts(before, "against#"), texts(table, "#")])
    prints = pa.concat_tables([fingerprint(before), fingerprint(table)])
    return apply(table, decide(prints, both, options, against=len(before)).slice(len(before)))


def texts(table: pa.Table, name: str) -> pa.Table:
    """What a decision may look up of each row: its texts and its origin, which is this name and a number for want."""
    if table["origin"].null_count:
        numbers = pc.cast(pa.array(range(len(table)), pa.int64()), pa.string())
        named = pc.coalesce(table["origin"], pc.binary_join_element_wise(name, numbers, ""))
        table = set_column(table, "origin", named)
    return table.select(["origin", "history", *TEXTS])


def fingerprint(table: pa.Table) -> pa.Table:
    """The keys of each row (`schemas.columns.FINGERPRINT`), row by row: fingerprint(a + b) is that of a, then of b.

    Null for rows that an earlier stage rejected; rows that dedupe rejected take part again. No option has a say, so
    that other options, a threshold say, decide anew over the same fingerprints.
    """
    table = complete(table)
    parts = [_fingerprint(table.slice(start, ROWS)) for start in range(0, len(table), ROWS)]
    return pa.concat_tables([FINGERPRINT.empty_table(), *parts])


def _fingerprint(table: pa.Table) -> pa.Table:
    takes_part = pc.or_kleene(alive(table), pc.equal(table["reject_stage"], STAGE))
    rows = pc.indices_nonzero(takes_part)
    if len(rows) == len(table):
        return _fingerprint_of_all(table)
    place = np.full(len(table), -1, np.int64)
    place[rows.to_numpy()] = np.arange(len(rows))
    return _fingerprint_of_all(table.take(rows)).take(pa.array(place, mask=place < 0))


def _fingerprint_of_all(table: pa.Table) -> pa.Table:
    system, instruction, given = (Field.of(table[name], salt) for salt, name in enumerate(TEXTS[:-1]))
    talk = Field.of(keys.history_texts(table["history"]), salt=3)
    context = (system, talk, instruction)
    output, row_of = keys.distinct(table["output"])
    answer, bounds = keys.folded(output)
    asked = [system.key[system.row_of], keys.history_keys(table["history"])]
    asked += [instruction.key[instruction.row_of], given.key[given.row_of]]
    columns = [
        keys.combined(asked),
        keys.hashed(answer, bounds)[row_of],
        np.diff(bounds)[row_of].astype(np.uint32),
        keys.combined([field.said[field.row_of] for field in context]),
        keys.combined([field.numbers[field.row_of] for field in context]),
        sketch(context),
        given.said[given.row_of],
        given.numbers[given.row_of],
        sketch((given,)),
    ]
    arrays = [
        pa.Array.from_buffers(field.type, len(table), [None, pa.py_buffer(np.ascontiguousarray(column))])
        for field, column in zip(FINGERPRINT, columns, strict=True)
    ]
    return pa.table(arrays, FINGERPRINT)


class Field(NamedTuple):
    """What is held of the distinct texts of one field of the prompts, and the number of each row's text."""

    row_of: keys.Ints
    key: keys.Words  # two words of each text
    said: keys.Words  # one, of the text without punctuation
    numbers: keys.Words
    minima: keys.Codes  # HASHES of each text
    silent: bool  # no row says anything here

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray, salt: int) -> "Field":
        values, row_of = keys.distinct(column)
        codes, bounds = keys.folded(values)
        said = keys.said(codes, bounds)
        key = keys.hashed(codes, bounds)
        return cls(
            row_of,
            key,
            keys.rehashed(key, bounds, *said)[:, 0],
            keys.numbers(values, codes, bounds),
            minhash.minima(*said, salt),
            len(codes) == 0,
        )


def sketch(fields: tuple[Field, ...]) -> minhash.Signatures:
    """The MinHash signature of each row over several fields: the least of their hashes, two bytes of each."""
    first, *others = [field for field in fields if not field.silent] or fields
    if not others:
        return first.minima.astype(np.uint16)[first.row_of]
    least = first.minima[first.row_of]
    for field in others:
        np.minimum(least, field.minima[field.row_of], out=least)
    return least.astype(np.uint16)


def apply(table: pa.Table, decisions: pa.Table) -> pa.Table:
    """The table (or any slice of it, with the same slice of the decisions) with the decisions written into its rows."""
    table = complete(table)
    ours = pc.fill_null(pc.equal(table["reject_stage"], STAGE), False)
    if pc.any(ours).as_py():
        for name in ("reject_stage", "reject_reason", "reject_detail"):
            table = set_column(table, name, pc.if_else(ours, pa.scalar(None, pa.string()), table[name]))
    flags = decisions["flags"].to_numpy()
    flagged = ((kind, flags & np.uint8(1 << number) != 0) for number, kind in enumerate(KINDS))
    names = [(kind, pa.array(rows)) for kind, rows in flagged if rows.any()]
    table = set_column(table, "flags", add_names(_without(table["flags"]), names))
    for name in DEDUPED.names:
        table = set_column(table, name, decisions[name])
    return reject(table, pc.is_valid(decisions["reason"]), STAGE, decisions["reason"], _details(decisions))


def _without(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    """The flags of rows without those of an earlier dedupe."""
    if not pc.any(pc.is_in(pc.list_flatten(flags), pa.array(KINDS))).as_py():
        return flags
    kept = [None if names is None else [name for name in names if name not in KINDS] for names in flags.to_pylist()]
    return pa.chunked_array([kept], flags.type)


#: For each reason what is said before and after the origin of the row that is kept.
SENTENCES = {
    "exact": ("says the same as ", ", which is kept (compared without case, spaces and Unicode form)"),
    "near": ("is alike to ", ", which is kept, in every field"),
    "conflict": ("answers the prompt of ", " differently; that row is kept: see which answer is right"),
    "near-prompt": ("asks almost what ", " asks, which is kept"),
}


def _details(decisions: pa.Table) -> pa.ChunkedArray:
    """A sentence per row that says what it duplicates; null where it is no duplicate."""
    kind = pc.index_in(decisions["reason"], pa.array(list(SENTENCES)))
    before, after = (pa.array(parts).take(kind) for parts in zip(*SENTENCES.values(), strict=True))
    return pc.binary_join_element_wise(before, decisions["duplicate_of"], after, "")
