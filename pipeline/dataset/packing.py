"""Packing: several sequences in one row of at most so many tokens, so that training pads next to nothing.

Which sequences share a row is best-fit decreasing (Ding et al., "Fewer Truncations Improve Language Modeling", 2024):
longest first, each into the fullest pack that still has room. No sequence is cut.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.truncation import TooLongError
from schemas.columns import MASKED

Ints = npt.NDArray[np.int64]

#: A pack: its sequences end to end, and of each the number of its tokens and its record's origin.
PACKED = pa.schema(
    [
        *(pa.field(name, pa.list_(pa.int32())) for name in ("input_ids", "labels", "position_ids", "seq_lengths")),
        pa.field("origins", pa.list_(pa.string())),
        pa.field("n_tokens", pa.int32()),
    ]
)
#: Tokens that are laid out at a time. Beside them only lengths and numbers of rows are in memory.
TOKENS_AT_A_TIME = 1 << 22


def best_fit_decreasing(lengths: Ints, capacity: int) -> Ints:
    """The pack of each sequence: numbers from 0, in the order of the packs' first sequences.

    Packs of equal room are alike, and so are sequences of equal length: both are dealt with all at once, so that the
    time goes by how many lengths there are and not by how many sequences. Raises TooLongError for a sequence that is
    longer than `capacity` tokens.
    """
    if lengths.max(initial=0) > capacity:
        raise TooLongError(f"a sequence of {lengths.max()} tokens does not fit into a pack of {capacity}")
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(np.bincount(capacity - lengths, minlength=capacity + 1))
    pack = np.zeros(len(lengths), np.int64)
    packs = 0
    open_packs: dict[int, list[Ints]] = defaultdict(list)  # by the room that is left in them
    has_room = np.zeros(capacity + 1, bool)
    for over, (start, end) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        length, waiting = capacity - over, order[start:end]
        if length == 0:
            pack[waiting] = 0  # nothing goes anywhere
            packs = max(packs, int(len(waiting) > 0))
            continue
        for room in (np.flatnonzero(has_room[length:]) + length).tolist() if len(waiting) else ():
            if not len(waiting):
                break
            waiting = _fill(np.concatenate(open_packs.pop(room)), room, length, waiting, pack, open_packs, has_room)
        if len(waiting):
            needed = -(-len(waiting) // (capacity // length))
            fresh = np.arange(packs, packs + needed)
            packs += needed
            _fill(fresh, capacity, length, waiting, pack, open_packs, has_room)
    return _in_order_of_first(pack)


def _fill(
    packs: Ints,
    room: int,
    length: int,
    waiting: Ints,
    pack: Ints,
    open_packs: dict[int, list[Ints]],
    has_room: npt.NDArray[np.bool_],
) -> Ints:
    """Put sequences of one length into packs of one room, pack by pack until it is full; gives those still waiting."""
    each = room // length
    placed = min(len(waiting), each * len(packs))
    pack[waiting[:placed]] = np.repeat(packs, each)[:placed]
    full, rest = divmod(placed, each)
    left = {room - each * length: packs[:full], room - rest * length: packs[full : full + 1] if rest else packs[:0]}
    untouched = packs[full + (rest > 0) :]
    has_room[room] = False
    for space, some in [*left.items(), (room, untouched)]:
        if len(some) and space:
            open_packs[space].append(some)
            has_room[space] = True
    return waiting[placed:]


def _in_order_of_first(pack: Ints) -> Ints:
    _, first, inverse = np.unique(pack, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse]


def pack_rows(batches: Sequence[pa.RecordBatch], capacity: int) -> Iterator[pa.Table]:
    """Rows with `input_ids`, `labels` and `origin` as packs (PACKED) of at most `capacity` tokens.

    The sequences of a pack stand in the order of the rows. `position_ids` begin anew with each, and its first label is
    -100, so that no sequence predicts the next.
    """
    if not batches:
        return
    batches = [batch.select(["input_ids", "labels", "origin"]) for batch in batches]
    lengths = np.concatenate([pc.list_value_length(batch["input_ids"]).to_numpy() for batch in batches]).astype(
        np.int64
    )
    bounds = np.cumsum([0, *(batch.num_rows for batch in batches)])
    pack = best_fit_decreasing(lengths, capacity)
    rows = np.argsort(pack, kind="stable")  # pack by pack
    ends = np.cumsum(np.bincount(pack))  # of each pack, in `rows`
    at_a_time = max(1, TOKENS_AT_A_TIME // capacity)
    for start in range(0, len(ends), at_a_time):
        some = ends[start : start + at_a_time]
        before = int(ends[start - 1]) if start else 0
        yield _laid_end_to_end(_take(batches, bounds, rows[before : some[-1]]), np.concatenate([[0], some - before]))


def _take(batches: Sequence[pa.RecordBatch], bounds: Ints, rows: Ints) -> pa.Table:
    """These rows of all batches, in their order; `bounds`: the number of each batch's first row, and of all rows."""
    ordered = np.argsort(rows, kind="stable")
    cuts = np.searchsorted(rows[ordered], bounds)
    parts = [
        batch.take(pa.array(rows[ordered[start:end]] - first))
        for batch, first, start, end in zip(batches, bounds, cuts, cuts[1:], strict=False)
        if start < end
    ]
    back = np.empty(len(rows), np.int64)
    back[ordered] = np.arange(len(rows))
    return pa.Table.from_batches(parts).combine_chunks().take(pa.array(back)).combine_chunks()


def _laid_end_to_end(rows: pa.Table, sequences: Ints) -> pa.Table:
    """`sequences`: where each pack begins among the rows, and where the last ends."""
    ids, labels = rows["input_ids"].chunk(0), rows["labels"].chunk(0)
    starts = ids.offsets.to_numpy().astype(np.int64)
    lengths = np.diff(starts)
    tokens = starts[sequences]
    masked = labels.values.to_numpy().copy()
    masked[starts[:-1][lengths > 0]] = MASKED
    positions = np.arange(len(masked)) - np.repeat(starts[:-1], lengths)
    values = {
        "input_ids": (tokens, ids.values),
        "labels": (tokens, pa.array(masked)),
        "position_ids": (tokens, pa.array(positions, pa.int32())),
        "seq_lengths": (sequences, pa.array(lengths, pa.int32())),
        "origins": (sequences, rows["origin"].chunk(0)),
    }
    lists = {name: pa.ListArray.from_arrays(pa.array(at, pa.int32()), of) for name, (at, of) in values.items()}
    return pa.table(lists | {"n_tokens": pa.array(np.diff(tokens), pa.int32())}, schema=PACKED)
