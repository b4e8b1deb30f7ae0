"""Packing: several sequences in one row of at most `capacity` tokens, so that training needs almost no padding.

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
from pipeline.table.take_rows import take_rows
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
#: Tokens that are written into packs at a time. Beside them only lengths and row numbers are in memory.
TOKENS_AT_A_TIME = 1 << 22


def best_fit_decreasing(lengths: Ints, capacity: int) -> Ints:
    """The pack of each sequence: numbers from 0, in the order of the packs' first sequences.

    Packs of equal room are alike, and so are sequences of equal length: both are handled all at once, so that the time
    depends on the number of different lengths and not on the number of sequences. Raises TooLongError for a sequence of
    more than `capacity` tokens.
    """
    if lengths.max(initial=0) > capacity:
        raise TooLongError(f"a sequence of {lengths.max()} tokens does not fit into a pack of {capacity}")
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(np.bincount(capacity - lengths, minlength=capacity + 1)).tolist()
    pack_of = np.zeros(len(lengths), np.int64)
    count = 0
    open_packs = OpenPacks(capacity)
    for length, start, end in zip(range(capacity, 0, -1), [0, *ends], ends, strict=False):  # no tokens: into pack 0
        waiting = order[start:end]
        for room in open_packs.rooms(length) if len(waiting) else ():
            if not len(waiting):
                break
            waiting = _place(waiting, length, open_packs.take(room), room, pack_of, open_packs)
        if len(waiting):
            needed = -(-len(waiting) // (capacity // length))
            _place(waiting, length, np.arange(count, count + needed), capacity, pack_of, open_packs)
            count += needed
    return _in_order_of_first(pack_of)


class OpenPacks:
    """The packs that are not full, by their room: the number of tokens that they still take."""

    def __init__(self, capacity: int) -> None:
        self._packs: dict[int, list[Ints]] = defaultdict(list)
        self._has_packs = np.zeros(capacity + 1, bool)

    def rooms(self, length: int) -> list[int]:
        """The rooms into which a sequence of this length fits, the smallest first."""
        rooms: list[int] = (np.flatnonzero(self._has_packs[length:]) + length).tolist()
        return rooms

    def take(self, room: int) -> Ints:
        """All packs of this room, which are then no longer here."""
        self._has_packs[room] = False
        return np.concatenate(self._packs.pop(room))

    def put(self, packs: Ints, room: int) -> None:
        if len(packs) and room:
            self._packs[room].append(packs)
            self._has_packs[room] = True


def _place(waiting: Ints, length: int, packs: Ints, room: int, pack_of: Ints, open_packs: OpenPacks) -> Ints:
    """Put sequences of one length into packs of one room, pack by pack until it is full.

    Gives the sequences that find no place. The packs that are not full become open packs.
    """
    each = room // length
    placed = min(len(waiting), each * len(packs))
    pack_of[waiting[:placed]] = np.repeat(packs, each)[:placed]
    full, rest = divmod(placed, each)
    begun = full + (rest > 0)
    open_packs.put(packs[:full], room - each * length)
    open_packs.put(packs[full:begun], room - rest * length)
    open_packs.put(packs[begun:], room)
    return waiting[placed:]


def _in_order_of_first(pack: Ints) -> Ints:
    _, first, inverse = np.unique(pack, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse]


def pack_rows(batches: Sequence[pa.RecordBatch], capacity: int) -> Iterator[pa.Table]:
    """Rows with `input_ids`, `labels` and `origin` as packs (PACKED) of at most `capacity` tokens.

    The sequences of a pack are in the order of the rows. `position_ids` begin at 0 with each, and its first label is
    -100, so that no sequence predicts the next.
    """
    if not batches:
        return
    table = pa.Table.from_batches(batches).select(["input_ids", "labels", "origin"])
    lengths = pc.list_value_length(table["input_ids"]).to_numpy().astype(np.int64)
    pack = best_fit_decreasing(lengths, capacity)
    rows = np.argsort(pack, kind="stable")  # pack by pack
    ends = np.cumsum(np.bincount(pack))  # of each pack, in `rows`
    at_a_time = max(1, TOKENS_AT_A_TIME // capacity)
    for start in range(0, len(ends), at_a_time):
        some = ends[start : start + at_a_time]
        before = int(ends[start - 1]) if start else 0
        yield _laid_end_to_end(table, rows[before : some[-1]], np.concatenate([[0], some - before]))


def _laid_end_to_end(table: pa.Table, rows: Ints, sequences: Ints) -> pa.Table:
    """`sequences`: where each pack begins among these rows of the table, and where the last ends."""
    ids, labels, origins = (take_rows(table[name], rows) for name in ("input_ids", "labels", "origin"))
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
        "origins": (sequences, origins),
    }
    lists = {name: pa.ListArray.from_arrays(pa.array(at, pa.int32()), of) for name, (at, of) in values.items()}
    return pa.table(lists | {"n_tokens": pa.array(np.diff(tokens), pa.int32())}, schema=PACKED)
