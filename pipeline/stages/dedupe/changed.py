"""Decide when rows came or went, and the others are decided already: only on rows that have to do with these.

    rows with contexts like those of new rows → their components → decide on these rows alone → join

As in `pipeline.stages.dedupe.parts`, rows of different components (`pipeline.stages.dedupe.decisions.components_of`)
have nothing to do with each other. The decisions are those that `decide` makes on all rows.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Hashes, Ints, Number, Signatures
from pipeline.stages.dedupe.candidates import BAG_WIDTH, WIDTH, most_in_group
from pipeline.stages.dedupe.continuations import continuations
from pipeline.stages.dedupe.decisions import decide
from pipeline.stages.dedupe.fingerprint_columns import take_fingerprints, take_part
from pipeline.stages.dedupe.job import SHARED_OUTPUT, Job
from pipeline.stages.dedupe.keepers import equal_rows
from pipeline.stages.dedupe.minhash import Bands, band_keys, choose_bands
from pipeline.stages.dedupe.parts import nothing_decided
from pipeline.stages.dedupe.similar import CONTEXT, context_keys, context_salt
from pipeline.table.take_rows import take_table_rows
from schemas.options import DedupeOptions

#: The largest share of all rows that are decided on again: of more, it is faster to decide on all.
MOST = 0.25
#: The low bits of a key that are looked up in a table before whole keys are compared.
_BITS = 16
_SHARED = np.uint8(1 << SHARED_OUTPUT)


class Again(NamedTuple):
    """The rows that were decided on, int64[n] of the table in order, and the decisions on all rows."""

    rows: Ints
    decisions: pa.Table


def decide_changed(
    fingerprints: pa.Table,
    table: pa.Table,
    before: pa.Table,
    place: Ints,
    options: DedupeOptions = DedupeOptions(),
    workers: int = 1,
) -> Again | None:
    """The decisions on all rows, where those on some of them are known. None where `decide` is to decide on all.

    `fingerprints`, `table`: of all rows; best memory-mapped, since few of them are read. `before`: what was decided by
    these options, without an existing dataset. `place`: int64[rows], the number of each row in `before`; -1: it is new.
    """
    there = place >= 0
    if options.within != "prompt" or options.semantic or (np.diff(place[there]) <= 0).any():
        return None
    job = Job(fingerprints, table, options, workers)
    takes_part = take_part(fingerprints)
    new, old = np.flatnonzero(takes_part & ~there), np.flatnonzero(takes_part & there)
    near = _near(job, new, old)
    if near is None:
        return None
    component = before["component"].fill_null(0).to_numpy()
    gone = before["component"].is_valid().to_numpy()
    gone[place[there]] = False
    touched = np.unique(np.append(component[gone], component[place[old[near]]]))
    again = np.sort(np.concatenate([new, old[is_one_of(component[place[old]], touched)]]))
    if (touched & np.uint64(1)).any() or len(again) > MOST * len(table):
        return None
    alone = options.model_copy(update={"shared_output": "keep"})
    prints, texts = take_fingerprints(fingerprints, again), take_table_rows(table, again)
    decided = decide(prints, texts, alone, workers=workers)
    joined = _joined(before, decided, again, place)
    # How many prompts share an output is counted over all rows: again where one of them is new, or is gone.
    counted = (new, old) if not gone.any() else (np.concatenate([new, old]), old[:0])
    flags = joined["flags"].to_numpy().copy()
    rows, shared = _shared_outputs(job, *counted)
    flags[rows] = flags[rows] & ~_SHARED | np.where(shared, _SHARED, 0).astype(np.uint8)
    joined = joined.set_column(joined.schema.get_field_index("flags"), joined.schema.field("flags"), pa.array(flags))
    return Again(again, joined.replace_schema_metadata(decided.schema.metadata))


def _joined(before: pa.Table, decided: pa.Table, again: Ints, place: Ints) -> pa.Table:
    """The decisions on all rows, from those before and those on some, but for shared outputs: these are as before."""
    nothing = len(before)
    index = np.where(place >= 0, place, nothing)
    flags = np.append(before["flags"].to_numpy(), 0)[index[again]] & _SHARED | decided["flags"].to_numpy()
    at = decided.schema.get_field_index("flags")
    decided = decided.set_column(at, decided.schema.field("flags"), pa.array(flags, pa.uint8()))
    index[again] = nothing + 1 + np.arange(len(again))
    return pa.concat_tables([before, nothing_decided(1), decided]).take(pa.array(index))


def _near(job: Job, new: Ints, old: Ints) -> Bools | None:
    """bool[old]: the row's context may be a candidate pair with that of a new row, or is equal to it, or one of the two
    continues the other. None where so many contexts have one key that not all of their pairs are compared."""
    contexts = Contexts.of(job, new)
    contexts = contexts.take(np.unique(contexts.whole, return_index=True)[1])
    near = np.zeros(len(old), bool)
    records, talks = continuations(job, np.concatenate([new, old]))
    for one, other in ((records, talks), (talks, records)):
        near[other[(one < len(new)) & (other >= len(new))] - len(new)] = True
    some = np.flatnonzero(_may_be_near(job, contexts)[old])
    others = Contexts.of(job, old[some])
    for key, other_key in zip(contexts.keys(job.options), others.keys(job.options), strict=True):
        shared = np.isin(other_key.values, key.values)
        near[some[shared]] = True
        every = np.append(key.values, other_key.values[shared]), np.append(contexts.whole, others.whole[shared])
        _, sizes = np.unique(np.unique(np.stack(every), axis=1)[0], return_counts=True)
        if (sizes > key.most).any():
            return None
    return near


class Key(NamedTuple):
    """A key by which candidate pairs are found, and the number of contexts that may have it if all are compared."""

    values: Hashes  # uint64[rows]
    most: int


class Contexts(NamedTuple):
    """The contexts of some rows. Equal ones have all keys in common."""

    whole: Hashes  # uint64[rows]: equal where the contexts are
    salt: Hashes  # uint64[rows]
    bag: Hashes  # uint64[rows]
    signature: Signatures  # uint16[rows, HASHES]

    @classmethod
    def of(cls, job: Job, rows: Ints) -> "Contexts":
        letters, numbers, calls = context_keys(job, rows)
        whole = keys.mix(keys.mix(keys.mix(letters) ^ numbers) ^ calls)
        bag = job.column(f"{CONTEXT}_bag", rows, np.uint32)[:, 0].astype(np.uint64)
        signature = job.column(f"{CONTEXT}_signature", rows, np.uint16)
        return cls(whole, keys.mix(context_salt(numbers, calls)), bag, signature)

    def take(self, rows: Ints) -> "Contexts":
        return Contexts(self.whole[rows], self.salt[rows], self.bag[rows], self.signature[rows])

    def keys(self, options: DedupeOptions) -> Iterator[Key]:
        """The keys of `candidate_pairs`."""
        yield Key(keys.mix(self.bag) ^ self.salt, most_in_group(BAG_WIDTH))
        bands = choose_bands(options.threshold, options.recall)
        for band in range(bands.bands):
            yield Key(band_keys(self.signature, band, bands) ^ self.salt, most_in_group(WIDTH))


def _may_be_near(job: Job, contexts: Contexts) -> Bools:
    """bool[rows of the table]: all rows whose context has a key of one of these, and few others."""
    bands = choose_bands(job.options.threshold, job.options.recall)
    begins, bags = np.zeros(bands.bands << _BITS, bool), np.zeros(1 << _BITS, bool)
    begins[_begins(contexts.signature, bands)] = True
    bags[_low_bits(contexts.bag)] = True

    def of_chunk(chunk: tuple[pa.Array, pa.Array]) -> Bools:
        signature, bag = _values(chunk[0], np.uint16), _values(chunk[1], np.uint32)[:, 0]
        found: Bools = begins[_begins(signature, bands)].any(axis=1) | bags[_low_bits(bag)]
        return found

    table = job.fingerprints
    assert isinstance(table, pa.Table)
    chunks = zip(*(table[f"{CONTEXT}_{name}"].chunks for name in ("signature", "bag")), strict=True)
    return np.concatenate([np.empty(0, bool), *ordered(of_chunk, chunks, job.workers)])


def _begins(signature: Signatures, bands: Bands) -> Ints:
    """Where the first hash of each band is in a table with a part for each band: int64[rows, bands]."""
    first = signature[:, : bands.bands * bands.hashes : bands.hashes].astype(np.int64)
    return first + (np.arange(bands.bands) << _BITS)


def _low_bits(keys_: npt.NDArray[np.unsignedinteger]) -> Ints:
    return (keys_ & keys_.dtype.type((1 << _BITS) - 1)).astype(np.int64)


def _values(chunk: pa.Array, kind: type[Number]) -> npt.NDArray[Number]:
    """The values of a column of fingerprints as numbers, kind[rows, as many as a value holds]; of nulls any numbers."""
    width = chunk.type.bit_width // 8 // np.dtype(kind).itemsize
    values = np.frombuffer(chunk.buffers()[1] or b"", kind, (chunk.offset + len(chunk)) * width)
    return values.reshape(-1, width)[chunk.offset :]


def is_one_of(keys_: Hashes, wanted: Hashes) -> Bools:
    """bool[keys]: the key is one of a few. Several times faster than `np.isin`.

    >>> is_one_of(np.array([7, 8, 7 + (1 << 32)], np.uint64), np.array([7, 9], np.uint64)).tolist()
    [True, False, False]
    """
    table = np.zeros(1 << _BITS, bool)
    table[_low_bits(wanted)] = True
    found = table[_low_bits(keys_)]
    found[found] = np.isin(keys_[found], wanted)
    return found


def _shared_outputs(job: Job, new: Ints, old: Ints) -> tuple[Ints, Bools]:
    """The rows with an output of a new row, int64[n]; and whether many prompts share it, and that is to be flagged."""
    if job.options.shared_output == "keep":
        return new[:0], np.empty(0, bool)
    rows = np.concatenate([new, old])
    output = job.column("output", rows, np.uint64)
    same = is_one_of(output[:, 0], np.unique(output[: len(new), 0]))
    some = rows[same]
    kinds = np.zeros(len(some), np.uint32)
    return some, equal_rows(job.column("prompt", some, np.uint64), output[same], kinds, job.options).shared_output
