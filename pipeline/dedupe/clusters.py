"""Decide over all fingerprints which rows are duplicates, of what kind, and which row of each cluster is kept."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.options import DedupeOptions

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

#: The kinds of duplicates: the reason of a rejection, or the name of a flag (its bit in a decision's `flags`).
KINDS = ("exact", "conflict", "shared-output")

#: What is decided of a row.
DECISION = pa.schema(
    [
        pa.field("reason", pa.string()),  # the kind for which the row is rejected; null: it stays
        pa.field("flags", pa.uint8()),  # a bit for each of KINDS
        pa.field("cluster", pa.string()),
        pa.field("duplicate_of", pa.string()),
        pa.field("similarity", pa.float32()),
        pa.field("cluster_key", pa.uint64()),
    ]
)


def decide(fingerprints: pa.Table, table: pa.Table, options: DedupeOptions = DedupeOptions()) -> pa.Table:
    """What becomes of each row (DECISION): one decision per fingerprint, in the same order.

    `fingerprints`: of all rows, sources in order of priority. `table`: the same rows, of which few are looked at,
    so that it is best memory-mapped.
    """
    rows = preferred(fingerprints, options)
    prompt, output = (words(fingerprints[name], rows) for name in ("prompt", "output"))
    # Below, a row is its place in the order of preference: of a group of rows, the least is the one to keep.
    same_prompt = leaders(prompt)
    same_pair = leaders(np.hstack([prompt, output]))
    is_first = same_pair == np.arange(len(rows))  # of its pair
    disputed = (np.bincount(same_prompt[is_first], minlength=len(rows)) > 1)[same_prompt]
    same_output = leaders(output)
    first_of_both = leaders(np.hstack([output, prompt])) == np.arange(len(rows))
    shared = (np.bincount(same_output[first_of_both], minlength=len(rows)) >= options.shared_by)[same_output]

    repeats = ~is_first
    differs = disputed & (same_pair != same_pair[same_prompt])
    conflicts = differs & (options.conflict == "drop")
    drops = conflicts | (repeats & (options.exact == "drop"))
    keeper = np.where(conflicts, same_prompt, same_pair)

    flags = np.zeros(len(rows), np.uint8)
    for kind, marked in (
        ("exact", repeats & (options.exact == "flag")),
        ("conflict", disputed & (options.conflict != "keep")),
        ("shared-output", shared & (options.shared_output == "flag")),
    ):
        flags |= marked.astype(np.uint8) << np.uint8(KINDS.index(kind))

    clustered = (np.bincount(same_prompt, minlength=len(rows)) > 1)[same_prompt]
    reason = np.where(conflicts, KINDS.index("conflict"), KINDS.index("exact"))
    return decisions(
        len(fingerprints),
        rows,
        table["origin"],
        reason=pa.array(reason, pa.int8(), mask=~drops),
        flags=flags,
        cluster=pa.array(rows[same_prompt], mask=~clustered),
        duplicate_of=pa.array(rows[keeper], mask=~drops),
        similarity=pa.array(np.ones(len(rows), np.float32), mask=~drops | conflicts),
        cluster_key=prompt[same_prompt, 0],
    )


def preferred(fingerprints: pa.Table, options: DedupeOptions) -> Ints:
    """The numbers of the rows that take part, the one to keep first."""
    rows = np.flatnonzero(fingerprints["prompt"].is_valid().to_numpy())
    if options.keeper == "longest":
        lengths = fingerprints["length"].take(pa.array(rows)).to_numpy().astype(np.int64)
        rows = rows[np.argsort(-lengths, kind="stable")]
    return rows


def words(column: pa.ChunkedArray, rows: Ints) -> Words:
    """The keys (16 bytes each) of these rows, as n by 2 words."""
    keys = column.take(pa.array(rows)).combine_chunks()
    start = keys.offset * 16
    return np.frombuffer(keys.buffers()[1] or b"", np.uint64, 2 * len(keys), start).reshape(-1, 2)


def leaders(keys: Words) -> Ints:
    """For each row the least row with the same key (a row of the matrix)."""
    keys = np.ascontiguousarray(keys)
    width = keys.shape[1] * 8
    column = pa.Array.from_buffers(pa.binary(width), len(keys), [None, pa.py_buffer(keys)])
    code = column.dictionary_encode().indices.to_numpy()  # numbered as they first occur
    first = np.flatnonzero(np.diff(np.maximum.accumulate(code), prepend=-1))
    of_row: Ints = first[code]
    return of_row


def decisions(count: int, rows: Ints, origin: pa.ChunkedArray, **columns: pa.Array | npt.NDArray[Any]) -> pa.Table:
    """A table of DECISION for `count` rows from columns of decisions on `rows`; the rest have nulls and no flags."""
    at = np.full(count, -1, np.int64)
    at[rows] = np.arange(len(rows))
    index = pa.array(at, mask=at < 0)
    values = {name: pa.array(column).take(index) for name, column in columns.items()}
    values["reason"] = pa.DictionaryArray.from_arrays(values["reason"], pa.array(KINDS)).cast(pa.string())
    values["flags"] = pc.fill_null(values["flags"], pa.scalar(0, pa.uint8()))
    for name in ("cluster", "duplicate_of"):
        values[name] = origin.take(values[name])
    return pa.table([values[name] for name in DECISION.names], DECISION)
