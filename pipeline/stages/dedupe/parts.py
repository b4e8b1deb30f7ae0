"""Decide in parts: rows that can have to do with each other are in one part, and `decide` decides each part alone.

    similar contexts → connected components → parts → decide → join

Rows have to do with each other where their contexts (of the prompt all but the input) are equal or similar, or where
one is the beginning of the other. Candidate pairs of contexts alone are looked for among all rows; all else that costs
time is done in the parts. One thing is counted over all rows: how many prompts share an output.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Bytes, Ints
from pipeline.stages.dedupe.components import connected_components
from pipeline.stages.dedupe.continuations import continuations
from pipeline.stages.dedupe.decisions import DECISION, decide
from pipeline.stages.dedupe.fingerprint_columns import Fingerprints, read_column, take_part
from pipeline.stages.dedupe.groups import group_rows
from pipeline.stages.dedupe.job import SHARED_OUTPUT, Job, order_of_preference
from pipeline.stages.dedupe.keepers import equal_rows
from pipeline.stages.dedupe.similar import Pairs, PromptPairs, none_where_nothing_is_near, similar_contexts
from pipeline.table.take_rows import take_table_rows
from schemas.columns import FINGERPRINT
from schemas.options import DedupeOptions


class Part(NamedTuple):
    """Rows that are decided together. `against`: how many at its beginning are of an existing dataset."""

    rows: Ints  # int64[rows] of the table, in order
    of_contexts: PromptPairs | None  # by the numbers that the contexts have in the part; None: not known yet
    against: int = 0


def parts_of(job: Job, count: int, against: int = 0) -> list[Part]:
    """The rows of a job in at most `count` parts; rows without a fingerprint are in none."""
    rows = order_of_preference(job, against)
    prompts = group_rows(*job.column("prompt", rows, np.uint64).T)
    contexts, of_contexts = similar_contexts(job, rows[prompts.first], none_where_nothing_is_near(job.options))
    context_of = contexts.of_row[prompts.of_row]
    pairs = of_contexts.pairs
    records, talks = continuations(job, rows)
    ends = ([pairs.first, context_of[records]], [pairs.second, context_of[talks]])
    component = connected_components(len(contexts.first), *map(np.concatenate, ends))
    part_of = (keys.mix(component.astype(np.uint64)) % np.uint64(count)).astype(np.int64)
    return [
        Part(np.sort(chosen), _inside(of_contexts, part_of == part), int((chosen < against).sum()))
        for part in range(count)
        if len(chosen := rows[part_of[context_of] == part])
    ]


def _inside(of_contexts: PromptPairs, chosen: Bools) -> PromptPairs:
    """The pairs of the contexts that are chosen, by their numbers among these: both ends are, or none.

    >>> pairs = Pairs(np.array([0, 1]), np.array([3, 2]), np.array([0.9, 0.8]))
    >>> found = _inside(PromptPairs(pairs, np.array([True, False])), np.array([True, False, False, True]))
    >>> found.pairs.first.tolist(), found.pairs.second.tolist(), found.same.tolist()
    ([0], [1], [True])
    """
    pairs, number = of_contexts.pairs, np.cumsum(chosen) - 1
    here = chosen[pairs.first]
    some = Pairs(number[pairs.first[here]], number[pairs.second[here]], pairs.similarity[here])
    crowded = of_contexts.crowded
    return PromptPairs(some, of_contexts.same[here], number[crowded[chosen[crowded]]])


def decide_part(
    fingerprints: Fingerprints, table: pa.Table, options: DedupeOptions, part: Part, workers: int = 1
) -> pa.Table:
    """The decisions on the rows of a part. `fingerprints`, `table`: of all rows; those of the part alone are read."""
    alone = options.model_copy(update={"shared_output": "keep"})
    prints, texts = take_fingerprints(fingerprints, part.rows), take_table_rows(table, part.rows)
    return decide(prints, texts, alone, part.against, workers, of_contexts=part.of_contexts)


def take_fingerprints(fingerprints: Fingerprints, rows: Ints) -> pa.Table:
    """The fingerprints of these rows, which all have one."""
    return pa.table([_fixed_size(fingerprints, name, rows) for name in FINGERPRINT.names], FINGERPRINT)


def _fixed_size(fingerprints: Fingerprints, name: str, rows: Ints) -> pa.Array:
    """A column of the fingerprints of these rows, as it was."""
    values = np.ascontiguousarray(read_column(fingerprints, name, rows, np.uint8))
    return pa.Array.from_buffers(FINGERPRINT.field(name).type, len(rows), [None, pa.py_buffer(values)])


def join(
    decided: Sequence[pa.Table], parts: Sequence[Part], count: int, shared: Ints, counts: Counter[str]
) -> pa.Table:
    """The decisions on all rows, `count`, from those of the parts.

    `shared`: the rows whose output many prompts share. `counts`: how much was compared before.
    """
    nothing = nothing_decided(count)
    rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
    place = np.arange(len(nothing))
    place[rows] = len(nothing) + np.arange(len(rows))
    joined = pa.concat_tables([nothing, *decided]).take(pa.array(place)).combine_chunks()
    flags: Bytes = joined["flags"].to_numpy().copy()
    flags[shared] |= np.uint8(1 << SHARED_OUTPUT)
    joined = joined.set_column(joined.schema.get_field_index("flags"), nothing.schema.field("flags"), pa.array(flags))
    for table in decided:
        counts.update(orjson.loads(table.schema.metadata[b"report"]))
    return joined.replace_schema_metadata({"report": orjson.dumps(counts)})


def nothing_decided(count: int) -> pa.Table:
    """The decisions on rows that take no part."""
    columns = {field.name: pa.nulls(count, field.type) for field in DECISION}
    return pa.table(columns | {"flags": pa.array(np.zeros(count, np.uint8))}, DECISION)


def shared_outputs(job: Job, count: int) -> Ints:
    """The rows whose output many prompts share, int64[n]: those of some outputs at a time, since one output has to do
    with no other."""
    rows = np.flatnonzero(take_part(job.fingerprints))
    output = job.column("output", rows, np.uint64)
    part_of = keys.mix(output[:, 0]) % np.uint64(count)

    def shared() -> Iterator[Ints]:
        for part in range(count):
            some = rows[part_of == part]
            prompt = job.column("prompt", some, np.uint64)
            kinds = np.zeros(len(some), np.uint32)
            yield some[equal_rows(prompt, output[part_of == part], kinds, job.options).shared_output]

    return np.concatenate([np.empty(0, np.int64), *shared()])
