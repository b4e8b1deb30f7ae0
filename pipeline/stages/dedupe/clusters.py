"""Decide over all fingerprints which rows are duplicates, of what kind, and which row of each cluster is kept."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from pipeline.stages.dedupe import minhash
from pipeline.stages.dedupe.keys import Ints, Words, combined
from pipeline.stages.dedupe.prints import Prints, chunks, values
from pipeline.stages.dedupe.similar import (
    Floats,
    Tally,
    gather,
    leaders,
    look_up,
    meet,
    similar_outputs,
    similar_prompts,
)
from schemas.errors import TableError
from schemas.options import DedupeOptions

Bools = npt.NDArray[np.bool_]

#: The kinds of duplicates: the reason of a rejection, or the name of a flag (its bit in a decision's `flags`).
KINDS = ("exact", "near", "conflict", "near-prompt", "shared-output")
EXACT, NEAR, CONFLICT, NEAR_PROMPT, SHARED_OUTPUT = range(len(KINDS))
STAYS = -1

#: What is decided of a row. The schema's metadata holds `report`: how much was compared, as JSON.
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


def decide(
    fingerprints: Prints,
    table: pa.Table,
    options: DedupeOptions = DedupeOptions(),
    against: int = 0,
    workers: int = 1,
) -> pa.Table:
    """What becomes of each row (DECISION): one decision per fingerprint, in the same order.

    `fingerprints`: of all rows, sources in order of priority; of millions of rows best as a function that reads a
    column by its name, chunk by chunk, from a file (see `prints`). `table`: the same rows, of which few are
    looked at, so that it is best memory-mapped. `against`: so many rows at the beginning are an existing dataset,
    out of which nothing is dropped.

    Raises ValueError where there are not as many rows as fingerprints.
    """
    rows = preferred(fingerprints, len(table), options, against)
    fixed = int((rows < against).sum())
    # Below, a row is its place in the order of preference: of a group of rows, the least is the one to keep.
    same_prompt, same_pair, many_prompts = equal(fingerprints, rows, options)
    tally = Tally()
    alike, head = likeness(fingerprints, table, rows, same_prompt, same_pair, options, tally, workers)
    fate, flags = settle(same_prompt, same_pair, alike, many_prompts, options, fixed)
    del same_prompt, same_pair, alike, many_prompts
    key = values(fingerprints, "prompt", rows, np.uint64)[head, 0]
    return decisions(table["origin"], rows, fate, flags, head, key).replace_schema_metadata(
        {"report": orjson.dumps(tally.counts)}
    )


def equal(fingerprints: Prints, rows: Ints, options: DedupeOptions) -> tuple[Ints, Ints, Bools]:
    """For each row the first of its prompt, the first of its prompt and output, and whether the output is shared."""
    prompt = values(fingerprints, "prompt", rows, np.uint64)
    same_prompt = leaders(*prompt.T)
    again = np.flatnonzero(np.bincount(same_prompt, minlength=len(rows))[same_prompt] > 1)
    prompt = prompt[again]
    output = values(fingerprints, "output", rows, np.uint64)
    same_pair = np.arange(len(rows))
    same_pair[again] = again[leaders(*combined([prompt, output[again]]).T)]
    return same_prompt, same_pair, shared(output, same_pair, options)


class Likeness(NamedTuple):
    """Pairs of rows that are alike (places, the lesser first): NEAR, or NEAR_PROMPT where only their prompts are."""

    first: Ints
    second: Ints
    similarity: Floats
    kind: npt.NDArray[np.int8]

    def of(self, kind: int) -> tuple[Ints, Ints]:
        return self.first[self.kind == kind], self.second[self.kind == kind]


def likeness(
    fingerprints: Prints,
    table: pa.Table,
    rows: Ints,
    same_prompt: Ints,
    same_pair: Ints,
    options: DedupeOptions,
    tally: Tally,
    workers: int,
) -> tuple[Likeness, Ints]:
    """What is alike among the rows that repeat no pair; and for each row the first of its cluster, by the prompts."""
    if options.near == options.near_prompt == "keep":
        nothing = np.empty(0, np.int64)
        return Likeness(nothing, nothing, np.empty(0), nothing.astype(np.int8)), same_prompt
    asked = firsts(same_prompt)
    prompts = similar_prompts(fingerprints, table, rows[asked], options, tally, workers)
    prompt_of = number(asked, len(rows))[same_prompt]
    head = asked[minhash.components(len(asked), prompts.first, prompts.second)[prompt_of]]
    pairs = firsts(same_pair)
    prompt_of = prompt_of[pairs]
    first, second = meet(prompt_of, len(asked), prompts, tally)
    of_prompts = look_up(prompts, len(asked), prompt_of[first], prompt_of[second])
    told = prompt_of[first] != prompt_of[second]  # one prompt with unlike outputs is a conflict
    first, second = pairs[first], pairs[second]
    of_outputs = similar_outputs(fingerprints, table, rows, first, second, options, workers)
    near = of_outputs >= options.threshold
    told |= near
    kind = np.where(near, NEAR, NEAR_PROMPT).astype(np.int8)
    similarity = np.where(near, np.minimum(of_prompts, of_outputs), of_prompts)
    return Likeness(first[told], second[told], similarity[told], kind[told]), head


class Fate(NamedTuple):
    """For each row why it goes (STAYS: it does not), for which row, how alike."""

    reason: npt.NDArray[np.int8]
    keeper: Ints
    similarity: npt.NDArray[np.float32]


def settle(
    same_prompt: Ints, same_pair: Ints, alike: Likeness, many_prompts: Bools, options: DedupeOptions, fixed: int
) -> tuple[Fate, npt.NDArray[np.uint8]]:
    """What becomes of each row, and its flags (a bit for each of KINDS)."""
    pairs = firsts(same_pair)
    fate = choose(same_prompt, pairs, alike, options, fixed)
    disputes = disputed(same_prompt, pairs, alike, fate, options)

    # A row that repeats a pair goes where its pair goes, or else is the exact duplicate of it.
    fate = Fate(fate.reason[same_pair], fate.keeper[same_pair], fate.similarity[same_pair])
    repeats = (same_pair != np.arange(len(same_pair))) & (fate.reason == STAYS)
    if options.exact == "drop":
        fate.reason[repeats], fate.keeper[repeats] = EXACT, same_pair[repeats]
    fate.reason[:fixed] = STAYS

    marked = {
        EXACT: repeats & (options.exact == "flag"),
        NEAR: mark(same_pair, alike.second[alike.kind == NEAR]) & (fate.reason == STAYS) & (options.near == "flag"),
        CONFLICT: disputes & (options.conflict != "keep"),
        NEAR_PROMPT: mark(same_pair, *alike.of(NEAR_PROMPT)) & (options.near_prompt != "keep"),
        SHARED_OUTPUT: many_prompts,
    }
    flags = np.zeros(len(same_pair), np.uint8)
    for kind, of_kind in marked.items():
        flags |= of_kind.astype(np.uint8) << np.uint8(kind)
    return fate, flags


def choose(same_prompt: Ints, pairs: Ints, alike: Likeness, options: DedupeOptions, fixed: int) -> Fate:
    """The fate of the rows `pairs`, the first of their pairs.

    Go through them in order of preference: one goes if it is alike to a row that was kept, and else is kept.

    So a row never goes for the sake of a row that has gone itself: a chain of likenesses keeps more than its first
    link, and nothing is lost that resembles nothing kept. The first `fixed` rows stay whatever they are alike to.
    """
    count = len(same_prompt)
    fate = Fate(np.full(count, STAYS, np.int8), np.arange(count), np.ones(count, np.float32))
    one_answer = options.conflict == "drop"
    if one_answer:
        others = pairs[(same_prompt[pairs] != pairs) & (pairs >= fixed)]
        fate.reason[others] = CONFLICT
        fate.keeper[others] = same_prompt[others]
    policies = {NEAR: options.near, NEAR_PROMPT: options.near_prompt}
    dropping = np.isin(alike.kind, [kind for kind, policy in policies.items() if policy == "drop"])
    earlier: dict[int, list[tuple[float, int, int]]] = {}
    edges = (column[dropping].tolist() for column in alike)
    for first, second, similarity, kind in zip(*edges, strict=True):
        earlier.setdefault(second, []).append((similarity, -first, kind))

    # Only such a row takes the slow way, or one whose prompt has several answers and is touched by such a likeness.
    second = alike.second[dropping]
    touched = np.zeros(count, bool)
    touched[same_prompt[alike.first[dropping]]] = touched[same_prompt[second]] = True
    touched &= np.bincount(same_prompt[pairs], minlength=count) > 1
    slow = touched[same_prompt]
    slow[second] = True
    gone: set[int] = set()
    answered: dict[int, int] = {}
    queue = pairs[slow[pairs]]
    for row, prompt in zip(queue.tolist(), same_prompt[queue].tolist(), strict=True):
        resembled = [link for link in earlier.get(row, ()) if -link[1] not in gone]
        if resembled and row >= fixed:
            similarity, first, kind = max(resembled)
            fate.reason[row], fate.keeper[row], fate.similarity[row] = kind, -first, similarity
            gone.add(row)
        elif one_answer and prompt in answered and row >= fixed:
            fate.reason[row], fate.keeper[row] = CONFLICT, answered[prompt]
            gone.add(row)
        else:
            fate.reason[row], fate.keeper[row] = STAYS, row
            answered.setdefault(prompt, row)
    return fate


def firsts(same: Ints) -> Ints:
    """The rows that are the first of their kind."""
    return np.flatnonzero(same == np.arange(len(same)))


def mark(same_pair: Ints, *rows: Ints) -> Bools:
    """Boolean per row: whether it, or the row whose pair it repeats, is among these."""
    marked = np.zeros(len(same_pair), bool)
    for some in rows:
        marked[some] = True
    of_row: Bools = marked[same_pair]
    return of_row


def disputed(same_prompt: Ints, pairs: Ints, alike: Likeness, fate: Fate, options: DedupeOptions) -> Bools:
    """Boolean per row: whether its prompt has several answers, not counting those that are alike."""
    answers = np.zeros(len(same_prompt), bool)
    answers[pairs] = True
    if options.near != "keep":
        first, second = alike.of(NEAR)
        answers[second[same_prompt[first] == same_prompt[second]]] = False
        answers[fate.reason == NEAR] = False
    several: Bools = np.bincount(same_prompt[answers], minlength=len(same_prompt))[same_prompt] > 1
    return several


def shared(output: Words, same_pair: Ints, options: DedupeOptions) -> Bools:
    """Boolean per row: whether at least so many different prompts have its output, if that is to be flagged."""
    if options.shared_output == "keep":
        return np.zeros(len(output), bool)
    same_output = leaders(*output.T)
    first = same_pair == np.arange(len(output))
    often: Bools = np.bincount(same_output[first], minlength=len(output))[same_output] >= options.shared_by
    return often


def preferred(fingerprints: Prints, count: int, options: DedupeOptions, against: int) -> Ints:
    """The numbers of the rows that take part, the one to keep first. `count`: of all rows."""
    parts = [chunk.is_valid().to_numpy(zero_copy_only=False) for chunk in chunks(fingerprints, "prompt")]
    valid = np.concatenate([np.empty(0, bool), *parts])
    if len(valid) != count:
        raise TableError(f"{len(valid):,} fingerprints of {count:,} rows: there has to be one of each row")
    rows = np.flatnonzero(valid)
    if options.keeper == "longest":
        lengths = values(fingerprints, "length", rows, np.uint32)[:, 0].astype(np.int64)
        rows = rows[np.lexsort((rows, -lengths, rows >= against))]
    return rows


def number(some: Ints, count: int) -> Ints:
    """For each of `count` places its number among `some` of them; -1 where it is not among these."""
    at = np.full(count, -1, np.int64)
    at[some] = np.arange(len(some))
    return at


def decisions(
    origin: pa.ChunkedArray, rows: Ints, fate: Fate, flags: npt.NDArray[np.uint8], head: Ints, key: Words
) -> pa.Table:
    """A table of DECISION for all rows, of which `rows` took part; the rest have nulls and no flags.

    `head`: for each of `rows` the first of its cluster; `key`: the key of that one's prompt.
    """
    count = len(origin)

    def column(found: npt.NDArray[Any], some: Bools) -> pa.Array:
        every, mask = np.zeros(count, found.dtype), np.ones(count, bool)
        every[rows[some]], mask[rows[some]] = found[some], False
        return pa.array(every, mask=mask)

    def named(others: Ints, some: Bools) -> pa.Array:
        names = gather(origin, rows[others[some]])
        return names.take(column(np.cumsum(some) - 1, some))

    dropped = fate.reason != STAYS
    clustered = np.bincount(head, minlength=len(rows))[head] > 1
    columns = {
        "reason": pa.DictionaryArray.from_arrays(column(fate.reason, dropped), pa.array(KINDS)).cast(pa.string()),
        "flags": column(flags, np.ones(len(rows), bool)).fill_null(0),
        "cluster": named(head, clustered),
        "duplicate_of": named(fate.keeper, dropped),
        "similarity": column(fate.similarity, dropped & (fate.reason != CONFLICT)),
        "cluster_key": column(key, np.ones(len(rows), bool)),
    }
    return pa.table([columns[name] for name in DECISION.names], DECISION)
