"""Every record of a dataset as a few numbers: hashes of its origin, of its texts and of what else it holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.diff.rows import RECORD, Batch, batches
from pipeline.dataset.shard_writer import is_ids
from pipeline.dataset.verify.hashes import Hashes, hashes_of
from pipeline.io.json_lines import json_objects

#: The columns that are no part of the texts of a record.
BESIDE = ("origin", "source", "published_split", "meta", "fixes", "flags")
#: What a record may differ in, and the columns: of `split` and `ids` others.
PARTS: Mapping[str, tuple[str, ...]] = {
    "text": tuple(name for name in RECORD if name not in BESIDE),
    "meta": ("meta", "published_split"),
    "fixes": ("fixes",),
    "flags": ("flags",),
    "split": (),
    "ids": (),
}
TEXT = tuple(PARTS).index("text")
META = tuple(PARTS).index("meta")
SPLIT = tuple(PARTS).index("split")
IDS = tuple(PARTS).index("ids")
#: Odd numbers that make a hash of numbers; wrapping at 64 bits is wanted.
FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

#: Of no records: the shape and the type of each column of Records.
SHAPES: tuple[tuple[tuple[int, ...], type], ...] = (
    ((0,), np.uint64),
    ((0, len(PARTS)), np.uint64),
    ((0,), np.int32),
    ((0,), np.bool_),
)

#: Source, stage and reason; the last two are "" for a kept record.
Group = tuple[str, str, str]


class Records(NamedTuple):
    """The records of a dataset, in their order.

    `origin`: 0 where there is none. `parts`: uint64[records, PARTS]. `group`: the places of their Groups among all.
    """

    origin: Hashes
    parts: npt.NDArray[np.uint64]
    group: npt.NDArray[np.int32]
    kept: npt.NDArray[np.bool_]


def records_of(path: Path, groups: dict[Group, int]) -> Records:
    """The records of a dataset, in the order of `batches`. Holds 61 bytes for each."""
    found = [Records(*(np.empty(shape, kind) for shape, kind in SHAPES))]
    ids = [(np.empty(0, np.int64), np.empty(0, np.uint64))]
    count = 0
    for batch in batches(path):
        # The first rows of a batch may be sequences of the last record of the batch before.
        ids.append((count - 1 + np.cumsum(batch.first), _ids_of(batch.table)))
        found.append(_of_batch(batch, groups))
        count += len(found[-1].group)
    records = Records(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    numbers, hashes = (np.concatenate(columns) for columns in zip(*ids, strict=True))
    np.add.at(records.parts[:, IDS], numbers[numbers >= 0], hashes[numbers >= 0])
    return records


def _of_batch(batch: Batch, groups: dict[Group, int]) -> Records:
    table = batch.records()
    parts = np.zeros((len(table), len(PARTS)), np.uint64)
    for place, columns in enumerate(PARTS.values()):
        if columns and len(table):
            parts[:, place] = hashes_of(json_objects(table.select(columns)))
    bare = pc.and_(*(pc.is_null(table[name]) for name in PARTS["meta"]))
    parts[bare.to_numpy(), META] = 0  # no fields: nothing to know a record by
    parts[:, SPLIT] = hashes_of(pa.array([batch.split]))[0]
    origin = hashes_of(table["origin"].fill_null("").combine_chunks())
    origin[table["origin"].is_null().to_numpy()] = 0
    kept = table["reject_stage"].is_null().to_numpy()
    return Records(origin, parts, _groups(table, groups), kept)


def _groups(table: pa.Table, groups: dict[Group, int]) -> npt.NDArray[np.int32]:
    rows = zip(*(table[name].to_pylist() for name in ("source", "reject_stage", "reject_reason")), strict=True)
    names = ((source or "", stage or "", reason or "") for source, stage, reason in rows)
    return np.fromiter((groups.setdefault(name, len(groups)) for name in names), np.int32, len(table))


def _ids_of(table: pa.Table) -> Hashes:
    """A hash of all token ids of each row."""
    found = np.zeros(len(table), np.uint64)
    for field in table.schema:
        if is_ids(field.type):
            found = found * FACTORS[0] + _hash_of_lists(table[field.name].combine_chunks())
    return found


def _hash_of_lists(lists: pa.ListArray) -> Hashes:
    """A hash of each list of whole numbers: the sum of its values, each with a factor of its place; of null 0."""
    offsets = np.asarray(lists.offsets)
    values = np.asarray(lists.values.fill_null(0)).astype(np.uint64)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    place = np.arange(len(values), dtype=np.uint64) - np.repeat(offsets[:-1], np.diff(offsets)).astype(np.uint64)
    factor = (place + np.uint64(1)) * FACTORS[0]
    factor = (factor ^ (factor >> np.uint64(30))) * FACTORS[1]
    factor = (factor ^ (factor >> np.uint64(27))) * FACTORS[2] | np.uint64(1)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((values + np.uint64(1)) * factor, dtype=np.uint64)])
    found: Hashes = sums[offsets[1:]] - sums[offsets[:-1]]
    return found
