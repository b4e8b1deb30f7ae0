"""Decide over the fingerprints of all rows which are duplicates, of what kind, and which row is kept: by the algorithm

    fingerprint → candidate pairs → verify → connected components → keepers

A row is here its place in the order of preference: of several rows, the least is the one to keep.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.processes import Processes
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Bytes, Hashes, Ints
from pipeline.stages.dedupe.components import connected_components
from pipeline.stages.dedupe.continuations import continuations
from pipeline.stages.dedupe.contradictions import contradicted
from pipeline.stages.dedupe.differ_in_form import differences_of
from pipeline.stages.dedupe.fingerprint_columns import Fingerprints
from pipeline.stages.dedupe.first_turns import by_first_turn
from pipeline.stages.dedupe.groups import Groups
from pipeline.stages.dedupe.job import CONFLICT, KINDS, NEAR, NEAR_PROMPT, SEMANTIC_NEAR, Job, order_of_preference
from pipeline.stages.dedupe.keepers import KEPT, Outcome, choose_flags, choose_keepers, equal_rows
from pipeline.stages.dedupe.known import Known
from pipeline.stages.dedupe.semantic import Near, near_in_meaning
from pipeline.stages.dedupe.similar import (
    ANSWER,
    COLUMNS,
    CONTEXT,
    INPUT,
    NO_PAIRS,
    NO_ROW_PAIRS,
    Pairs,
    PromptPairs,
    context_keys,
    none_where_nothing_is_near,
    similar_contexts,
    similar_prompts,
    similar_rows,
)
from pipeline.table.take_rows import take_rows
from schemas.options import DedupeOptions

NO_ROWS = np.empty(0, np.int64)
#: Rows whose differences are listed at once.
_LISTED = 1 << 14
#: The fields of a prompt.
PROMPT = (*COLUMNS[CONTEXT], *COLUMNS[INPUT])
#: What is decided of a row. The schema's metadata holds `report`: how much was compared, as JSON.
DECISION = pa.schema(
    [
        pa.field("reason", pa.string()),  # the kind for which the row is rejected; null: it is kept
        pa.field("flags", pa.uint8()),  # a bit for each of KINDS
        pa.field("cluster", pa.string()),
        pa.field("duplicate_of", pa.string()),
        pa.field("similarity", pa.float32()),
        pa.field(
            "differences", pa.list_(pa.string())
        ),  # to the row that is kept, of a similar row: "kind: one → other"
        pa.field("cluster_key", pa.uint64()),
        pa.field("component", pa.uint64()),  # equal in rows that have to do with each other (`components_of`)
        pa.field("semantic_near", pa.string()),  # the row whose prompt is nearest in meaning, and their similarity
    ]
)


def decide(
    fingerprints: Fingerprints,
    table: pa.Table,
    options: DedupeOptions = DedupeOptions(),
    against: int = 0,
    workers: int = 1,
    known: Known | None = None,
    of_contexts: PromptPairs | None = None,
    python: Processes | None = None,
) -> pa.Table:
    """The decision on each row (DECISION), in the order of the fingerprints.

    `fingerprints`: of all rows, sources in order of priority; of millions of rows best a function that reads a column
    by its name, chunk by chunk, from files. `table`: the same rows, best memory-mapped, since few of them are read.
    `against`: the number of rows at the beginning that are an existing dataset; none of them is dropped.
    `known`: what an earlier decision found about pairs of texts. What this one finds is added.
    `of_contexts`: the similar contexts of these rows, where they are known (`pipeline.stages.dedupe.parts`).
    `python`: processes that are there already.

    Raises ValueError where the number of fingerprints is not that of the rows.
    """
    if options.within == "first-turn":
        table, fingerprints = by_first_turn(table, fingerprints)
    with nullcontext(python) if python else Processes(workers - 1) as processes:
        return _decide(Job(fingerprints, table, options, workers, processes, known), against, of_contexts)


def _decide(job: Job, against: int, of_contexts: PromptPairs | None) -> pa.Table:
    options = job.options
    rows = order_of_preference(job, against)
    fixed = int((rows < against).sum())
    kinds = job.column("answer_kind", rows, np.uint32)[:, 0]
    equal = equal_rows(job.column("prompt", rows, np.uint64), job.column("output", rows, np.uint64), kinds, options)
    prompts = rows[equal.prompts.first]
    contexts, of_contexts = similar_contexts(job, prompts, of_contexts or none_where_nothing_is_near(options))
    prompt_pairs, row_pairs = NO_PAIRS, NO_ROW_PAIRS
    if options.near != "keep" or options.near_prompt != "keep":
        # Candidate pairs, verified: of prompts, then of rows whose prompts are equal or similar.
        prompt_pairs = similar_prompts(job, prompts, contexts, of_contexts)
        row_pairs = similar_rows(job, rows, equal.prompts, equal.answers, prompt_pairs)
    continued = continuations(job, rows)
    cluster = first_of_cluster(equal.prompts, prompt_pairs.pairs, *continued)
    component = components_of(job, prompts, contexts, of_contexts, [equal.prompts.of_row[some] for some in continued])
    component = component[equal.prompts.of_row]
    outcome = choose_keepers(equal, row_pairs, options, fixed)
    flags = choose_flags(equal, row_pairs, outcome, options)
    if options.conflict != "keep":
        flags |= contradicted(job, rows, equal.prompts, equal.several).astype(np.uint8) << np.uint8(CONFLICT)
    near = None
    if options.semantic:
        near = near_in_meaning(job, rows, equal.prompts, outcome.reason == KEPT)
        flags |= (near.row >= 0).astype(np.uint8) << np.uint8(SEMANTIC_NEAR)
    del equal, prompt_pairs, row_pairs, contexts, of_contexts
    return decision_table(job, rows, cluster, component, outcome, flags, near)


def components_of(
    job: Job, rows: Ints, contexts: Groups, of_contexts: PromptPairs, continued: Sequence[Ints] = (NO_ROWS, NO_ROWS)
) -> Hashes:
    """The key of the component of each prompt, uint64[rows]: rows of different ones have nothing to do with each other.

    They are the connected components of similar contexts, and of records with the conversations that continue them
    (`continued`, places in `rows`). The key is that of a context in it. It is odd where not all candidate pairs of its
    contexts were compared: then other components decide, too, which of them were.
    """
    pairs = of_contexts.pairs
    ends = [[end, contexts.of_row[more]] for end, more in zip(pairs[:2], continued, strict=True)]
    component = connected_components(len(contexts.first), *map(np.concatenate, ends))
    crowded = np.zeros(len(contexts.first), bool)
    crowded[component[of_contexts.crowded]] = True
    key = keys.mix(np.bitwise_xor.reduce([keys.mix(column) for column in context_keys(job, rows[contexts.first])]))
    key = key[component] & ~np.uint64(1) | crowded[component]
    found: Hashes = key[contexts.of_row]
    return found


def first_of_cluster(prompts: Groups, similar: Pairs, records: Ints = NO_ROWS, continued: Ints = NO_ROWS) -> Ints:
    """For each row the first row of its cluster, int64[rows]: clusters are the connected components of similar prompts,
    and of records with the conversations that continue them (`continuations`).

    >>> prompts = Groups.of(np.array([0, 1, 0, 3]))
    >>> first_of_cluster(prompts, Pairs(np.array([0]), np.array([2]), np.array([0.9]))).tolist()
    [0, 1, 0, 0]
    """
    first = np.concatenate([similar.first, prompts.of_row[records]])
    second = np.concatenate([similar.second, prompts.of_row[continued]])
    component = connected_components(len(prompts.first), first, second)
    first_rows: Ints = prompts.first[component[prompts.of_row]]
    return first_rows


def decision_table(
    job: Job, rows: Ints, cluster: Ints, component: Hashes, outcome: Outcome, flags: Bytes, near: Near | None = None
) -> pa.Table:
    """The table of DECISION for all rows. `rows`: those that take part; the others have nulls and no flags.

    `cluster`: int64[rows], the first row of each row's cluster. `component`: uint64[rows].
    """
    count = len(job.table)
    key = job.column("prompt", rows, np.uint64)[cluster, 0]

    def column(values: npt.NDArray[Any], some: Bools) -> pa.Array:
        every, mask = np.zeros(count, values.dtype), np.ones(count, bool)
        every[rows[some]], mask[rows[some]] = values[some], False
        return pa.array(every, mask=mask)

    def origins(others: Ints, some: Bools) -> pa.Array:
        names = take_rows(job.table["origin"], rows[others[some]])
        return names.take(column(np.cumsum(some) - 1, some))

    dropped = outcome.reason != KEPT
    clustered = np.bincount(cluster, minlength=len(rows))[cluster] > 1
    columns = {
        "reason": pa.DictionaryArray.from_arrays(column(outcome.reason, dropped), pa.array(KINDS)).cast(pa.string()),
        "flags": column(flags, np.ones(len(rows), bool)).fill_null(0),
        "cluster": origins(cluster, clustered),
        "duplicate_of": origins(outcome.keeper, dropped),
        "similarity": column(outcome.similarity, dropped & (outcome.reason != CONFLICT)),
        "differences": _differences(job, rows, outcome),
        "cluster_key": column(key, np.ones(len(rows), bool)),
        "component": column(component, np.ones(len(rows), bool)),
        "semantic_near": pa.nulls(count, pa.string()),
    }
    if near is not None:
        nearest = origins(near.row, near.row >= 0)
        similarity = [f"{value:.3f}" for value in near.similarity[near.row >= 0].tolist()]
        texts = pa.array(similarity, pa.string()).take(column(np.cumsum(near.row >= 0) - 1, near.row >= 0))
        columns["semantic_near"] = pc.binary_join_element_wise("similarity ", texts, " to ", nearest, "")
    table = pa.table([columns[name] for name in DECISION.names], DECISION)
    return table.replace_schema_metadata({"report": orjson.dumps(job.counts)})


def _differences(job: Job, rows: Ints, outcome: Outcome) -> pa.Array:
    """What differs between each similar row and the row that is kept, list<string>: null for all other rows."""
    kind = DECISION.field("differences").type
    found, place = [pa.array([], kind)], np.full(len(job.table), -1)
    listed = 0
    for reason, fields in ((NEAR, (*PROMPT, *ANSWER)), (NEAR_PROMPT, PROMPT)):
        dropped = np.flatnonzero(outcome.reason == reason)
        for start in range(0, len(dropped), _LISTED):
            some = dropped[start : start + _LISTED]
            found.append(pa.array(differences_of(job, fields, rows[some], rows[outcome.keeper[some]]), kind))
            place[rows[some]] = listed + np.arange(len(some))
            listed += len(some)
    return pa.concat_arrays(found).take(pa.array(place, mask=place < 0))
