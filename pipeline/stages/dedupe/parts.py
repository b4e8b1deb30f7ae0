"""Decide in parts, so that no process holds all rows: each function here is the work of one task.

    rows → contexts → buckets → candidate pairs → verify → connected components → parts → decide → join

Rows have to do with each other where their contexts (of the prompt all but the input) are equal or similar, or where
one is the beginning of the other: such rows are in one part, and `decide` decides each part alone. What a task gives
goes on to other tasks by a key (`Sent.to`), so that all rows of one context, of one bucket or of one part meet in one
task. One thing more is counted over all rows: how many prompts share an output.

A row is here its number among all rows. A context is a node of a graph, named by a hash of its key: two contexts that
share a hash by chance are decided in one part, which changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import orjson
import pyarrow as pa

from pipeline.io.exchange import Sent
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bytes, Hashes, Ints, Signatures
from pipeline.stages.dedupe.candidates import Buckets
from pipeline.stages.dedupe.components import Labels
from pipeline.stages.dedupe.continuations import begun_records, message_keys, with_history
from pipeline.stages.dedupe.decisions import DECISION, decide
from pipeline.stages.dedupe.fingerprint_columns import take_part
from pipeline.stages.dedupe.groups import group_rows
from pipeline.stages.dedupe.job import SHARED_OUTPUT, Job, order_of_preference, rank
from pipeline.stages.dedupe.keepers import shared_output
from pipeline.stages.dedupe.similar import (
    CONTEXT,
    NO_PAIRS,
    Pairs,
    PromptPairs,
    context_keys,
    equal_contexts,
    similar_contexts,
    similar_pairs,
)
from pipeline.table.take_rows import take_rows, take_table_rows
from schemas.columns import FINGERPRINT

#: The columns of a fingerprint by which similar contexts are found.
OF_CONTEXT = ("context", "context_numbers", "context_bag", "context_signature", "prompt_calls")

#: A link between the nodes of two contexts.
LINK = pa.schema([pa.field("one", pa.uint64()), pa.field("other", pa.uint64())])
#: A pair of similar contexts: their first rows, and the link between them. Of a context of which not all pairs were
#: compared, also the pair with itself.
SIMILAR = pa.schema(
    [
        pa.field("first", pa.int64()),
        pa.field("second", pa.int64()),
        pa.field("similarity", pa.float64()),
        pa.field("same", pa.bool_()),
        *LINK,
    ]
)


class Rows(Protocol):
    """All rows, in whatever process: what nobody asks for is not read."""

    @property
    def prints(self) -> pa.Table:
        """Their fingerprints."""
        ...

    @property
    def job(self) -> Job: ...

    @property
    def against(self) -> int:
        """How many at the beginning are of an existing dataset."""
        ...


class Span(NamedTuple):
    """Rows beside each other: those of one task that begins with rows."""

    start: int
    stop: int

    def prints(self, all_: Rows) -> pa.Table:
        return all_.prints.slice(self.start, self.stop - self.start)

    def job(self, all_: Rows) -> tuple[Job, Ints]:
        """A job of these rows alone, and the places of those that take part."""
        prints, table = self.prints(all_), all_.job.table.slice(self.start, self.stop - self.start)
        return replace(all_.job, fingerprints=prints, table=table), np.flatnonzero(take_part(prints))


# --- similar contexts ---


def contexts(all_: Rows, span: Span) -> Sent:
    """The contexts of these rows, each with its first row."""
    job, rows = span.job(all_)
    ranks = rank(job, rows, all_.against - span.start)
    order = np.lexsort((rows, ranks))
    rows, ranks = rows[order], ranks[order]
    first = equal_contexts(job, rows)[0].first
    found = take_table_rows(span.prints(all_).select(OF_CONTEXT), rows[first])
    return Sent(_with(found, row=span.start + rows[first], rank=ranks[first]), nodes(job, rows[first]))


def nodes(job: Job, rows: Ints) -> Hashes:
    """The node of each row's context: uint64[rows]."""
    letters, numbers, calls = context_keys(job, rows)
    return keys.mix(keys.mix(keys.mix(letters) ^ numbers) ^ calls)


def buckets(all_: Rows, found: pa.Table) -> Sent:
    """The buckets of the different contexts among these. `found`: of `contexts`, all with these keys."""
    job = Job(found, found, all_.job.options)
    order = np.lexsort((found["row"].to_numpy(), found["rank"].to_numpy()))
    groups, salt = equal_contexts(job, order)
    first = order[groups.first]
    signatures, bag = job.column("context_signature", first, np.uint16), job.column("context_bag", first, np.uint32)
    kinds = Buckets.of(job.options)
    key = [kinds.keys(number, signatures, bag[:, 0], salt) for number in range(kinds.bag + 1)]
    number = np.repeat(np.arange(len(key), dtype=np.uint8), len(first))
    of_each = {name: np.tile(found[name].to_numpy()[first], len(key)) for name in ("row", "rank")}
    entries = pa.table({"bucket": number, "key": np.concatenate(key), **of_each})
    return Sent(entries, keys.mix(entries["key"].to_numpy() + number))


def candidates(all_: Rows, entries: pa.Table) -> Sent:
    """The candidate pairs of contexts, by their first rows; of a context of which not all pairs are candidates, also
    the pair with itself. `entries`: of `buckets`, each bucket with all contexts."""
    job, kinds, counts = all_.job, Buckets.of(all_.job.options), Counter[str]()
    bucket, key, row, ranks = (entries[name].to_numpy() for name in ("bucket", "key", "row", "rank"))
    order = np.lexsort((row, ranks, bucket))
    bounds = np.searchsorted(bucket[order], np.arange(kinds.bag + 2))
    found = []
    for number in range(kinds.bag + 1):
        some = order[bounds[number] : bounds[number + 1]]
        (first, second, crowded), skipped = kinds.pairs(number, key[some], partial(_signatures, job, row[some]))
        found += [row[some][[first, second]], row[some][[crowded, crowded]]]
        counts["skipped"] += skipped
    first, second = np.concatenate(found, axis=1)
    return Sent(pa.table({"first": first, "second": second}), keys.mix(first.astype(np.uint64)), counts)


def _signatures(job: Job, rows: Ints, places: Ints) -> Signatures:
    """The signatures of these places in `rows`."""
    return job.column("context_signature", rows[places], np.uint16)


def verified(all_: Rows, pairs: pa.Table) -> Sent:
    """The pairs whose contexts are similar, with their nodes. `pairs`: of `candidates`, more than once at times."""
    job = replace(all_.job, counts=Counter())
    ends = np.unique(np.stack([pairs["first"].to_numpy(), pairs["second"].to_numpy()], axis=1), axis=0)
    rows, of_ends = np.unique(ends, return_inverse=True)
    first, second = of_ends.reshape(-1, 2).T
    crowded = first[first == second]
    found = similar_pairs(job, CONTEXT, rows, first[first != second], second[first != second])
    node = nodes(job, rows)
    first, second = (np.append(some, crowded) for some in (found.pairs.first, found.pairs.second))
    similarity, same = np.append(found.pairs.similarity, np.ones(len(crowded))), np.append(found.same, crowded >= 0)
    columns = [rows[first], rows[second], similarity, same, node[first], node[second]]
    return Sent(pa.table(columns, SIMILAR), keys.mix(node[first]), job.counts)


def nothing(schema: pa.Schema, item: object) -> Sent:
    """The step where there is nothing to send."""
    return Sent(schema.empty_table(), np.empty(0, np.uint64))


# --- records that conversations continue ---


def count_talks(all_: Rows, span: Span) -> int:
    """How many of these rows have earlier messages."""
    return len(with_history(*span.job(all_)))


def answers_and_messages(all_: Rows, span: Span) -> Sent:
    """The keys of the answers of these rows, and of the messages of their histories, which may be such answers."""
    job, rows = span.job(all_)
    histories = take_rows(job.table["history"], rows[with_history(job, rows)])
    found = [np.unique(job.column("output", rows, np.uint64)[:, 0]), np.unique(message_keys(histories))]
    key = np.concatenate(found)
    return Sent(pa.table({"key": key, "message": np.repeat([False, True], list(map(len, found)))}), key)


def answers_in_talks(found: pa.Table) -> Hashes:
    """The keys of answers that are messages, too: uint64[n] in order. `found`: of `answers_and_messages`."""
    key, message = (found[name].to_numpy() for name in ("key", "message"))
    return np.intersect1d(key[message], key[~message])


def records(all_: Rows, known: Hashes, span: Span) -> Sent:
    """The keys of these records, and of the records that the conversations among them begin with, with their nodes."""
    job, rows = span.job(all_)
    begun, talk = begun_records(job, rows, with_history(job, rows), known)
    whole = keys.combine_keys([job.column(name, rows, np.uint64) for name in ("prompt", "output")])
    node = nodes(job, rows)
    key = np.concatenate([whole, begun])
    columns = {"key": key[:, 0], "rest": key[:, 1], "node": np.concatenate([node, node[talk]])}
    return Sent(pa.table(columns | {"begun": np.arange(len(key)) >= len(whole)}), key[:, 0])


def links(found: pa.Table) -> Sent:
    """The nodes of records, and of the conversations that continue them. `found`: of `records`.

    >>> numbers = {"key": [7, 7, 8], "rest": [1, 1, 1], "node": [40, 50, 60]}
    >>> columns = {name: np.array(values, np.uint64) for name, values in numbers.items()}
    >>> links(pa.table(columns | {"begun": [False, True, True]})).rows.to_pylist()
    [{'one': 40, 'other': 50}]
    """
    key, rest, node, begun = (found[name].to_numpy() for name in ("key", "rest", "node", "begun"))
    groups = group_rows(key, rest)
    record_of = np.full(len(groups.first), -1)
    record_of[groups.of_row[~begun]] = np.flatnonzero(~begun)
    talk = np.flatnonzero(begun)
    record = record_of[groups.of_row[talk]]
    one, other = node[record[record >= 0]], node[talk[record >= 0]]
    return Sent(pa.table([one, other], LINK), keys.mix(one))


# --- parts ---


def rows_to_parts(all_: Rows, labels: Labels, span: Span) -> Sent:
    """The fingerprints of these rows, to the parts of their components."""
    job, rows = span.job(all_)
    prints = take_table_rows(span.prints(all_), rows)
    return Sent(_with(prints, row=span.start + rows), keys.mix(labels.of(nodes(job, rows))))


def pairs_to_parts(labels: Labels, pairs: pa.Table) -> Sent:
    """Pairs of similar contexts, to the parts of their components. `pairs`: of `verified`."""
    part = keys.mix(labels.of(pairs["one"].to_numpy()))
    return Sent(pairs.select(["first", "second", "similarity", "same"]), part)


class Decided(NamedTuple):
    """The decisions on some rows."""

    rows: Ints
    decisions: pa.Table


def decide_part(all_: Rows, prints: pa.Table, pairs: pa.Table) -> Decided:
    """The decisions on the rows of a part. `prints`, `pairs`: of `rows_to_parts` and `pairs_to_parts`."""
    prints = prints.take(pa.array(np.argsort(prints["row"].to_numpy())))
    rows = prints["row"].to_numpy()
    texts = take_table_rows(all_.job.table, rows)
    options = all_.job.options.model_copy(update={"shared_output": "keep"})
    prints, against = prints.select(FINGERPRINT.names), int((rows < all_.against).sum())
    known = _numbered(Job(prints, texts, options), against, rows, pairs)
    return Decided(rows, decide(prints, texts, options, against, all_.job.workers, of_contexts=known))


def _numbered(job: Job, against: int, rows: Ints, pairs: pa.Table) -> PromptPairs:
    """Pairs of contexts by the numbers that `similar_contexts` gives them in this part, in their order."""
    order = order_of_preference(job, against)
    prompts = group_rows(*job.column("prompt", order, np.uint64).T)
    groups, _ = similar_contexts(job, order[prompts.first], NO_PAIRS)
    number = np.full(len(rows), -1)
    number[order[prompts.first][groups.first]] = np.arange(len(groups.first))
    first, second = (number[np.searchsorted(rows, pairs[name].to_numpy())] for name in ("first", "second"))
    sort = np.lexsort((second, first))
    sort, crowded = sort[first[sort] != second[sort]], np.sort(first[first == second])
    found = Pairs(first[sort], second[sort], pairs["similarity"].to_numpy()[sort])
    return PromptPairs(found, pairs["same"].to_numpy(zero_copy_only=False)[sort], crowded)


def join(decided: Iterable[Decided], count: int, shared: Sequence[Ints], counts: Counter[str]) -> pa.Table:
    """The decisions on all rows, `count`, from those of the parts.

    `shared`: rows whose output many prompts share. `counts`: how much was compared before.
    """
    nothing, parts = nothing_decided(count), list(decided)
    rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
    place = np.arange(len(nothing))
    place[rows] = len(nothing) + np.arange(len(rows))
    joined = pa.concat_tables([nothing, *(part.decisions for part in parts)]).take(pa.array(place)).combine_chunks()
    flags: Bytes = joined["flags"].to_numpy().copy()
    flags[np.concatenate([np.empty(0, np.int64), *shared])] |= np.uint8(1 << SHARED_OUTPUT)
    joined = joined.set_column(joined.schema.get_field_index("flags"), nothing.schema.field("flags"), pa.array(flags))
    for part in parts:
        counts.update(orjson.loads(part.decisions.schema.metadata[b"report"]))
    return joined.replace_schema_metadata({"report": orjson.dumps(counts)})


def nothing_decided(count: int) -> pa.Table:
    """The decisions on rows that take no part."""
    columns = {field.name: pa.nulls(count, field.type) for field in DECISION}
    return pa.table(columns | {"flags": pa.array(np.zeros(count, np.uint8))}, DECISION)


# --- outputs that many prompts share ---


def outputs(all_: Rows, span: Span) -> Sent:
    """The outputs of these rows, and their prompts."""
    job, rows = span.job(all_)
    output, prompt = (job.column(name, rows, np.uint64) for name in ("output", "prompt"))
    both = {"output": output[:, 0], "prompt": prompt[:, 0], "row": span.start + rows}
    return Sent(pa.table(both), keys.mix(output[:, 0]))


def shared_outputs(all_: Rows, found: pa.Table) -> Ints:
    """The rows whose output many prompts share. `found`: of `outputs`, each output with all its rows."""
    prompt, output, row = (found[name].to_numpy() for name in ("prompt", "output", "row"))
    shared: Ints = row[shared_output(prompt, output, all_.job.options)]
    return shared


def _with(table: pa.Table, **columns: Ints) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table
