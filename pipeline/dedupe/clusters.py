"""Decide over all fingerprints which rows are duplicates, of what kind, and which row of each cluster is kept."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedupe import minhash
from pipeline.dedupe.keys import Ints, Words, combined
from pipeline.dedupe.similar import (
    Edges,
    Floats,
    Tally,
    gather,
    leaders,
    look_up,
    meet,
    similar_outputs,
    similar_prompts,
)
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
    fingerprints: pa.Table,
    table: pa.Table,
    options: DedupeOptions = DedupeOptions(),
    against: int = 0,
    workers: int = 1,
) -> pa.Table:
    """What becomes of each row (DECISION): one decision per fingerprint, in the same order.

    `fingerprints`: of all rows, sources in order of priority. `table`: the same rows, of which few are looked at,
    so that it is best memory-mapped. `against`: so many rows at the beginning are an existing dataset, out of which
    nothing is dropped.
    """
    rows = preferred(fingerprints, options, against)
    prompt, output = (words(fingerprints[name], rows) for name in ("prompt", "output"))
    # Below, a row is its place in the order of preference: of a group of rows, the least is the one to keep.
    same_prompt = leaders(prompt)
    again = np.flatnonzero(np.bincount(same_prompt, minlength=len(rows))[same_prompt] > 1)
    same_pair = np.arange(len(rows))
    same_pair[again] = again[leaders(combined([prompt[again], output[again]]))]
    pairs = np.flatnonzero(same_pair == np.arange(len(rows)))
    asked = np.flatnonzero(same_prompt == np.arange(len(rows)))
    many_prompts = shared(output, same_pair, options)
    cluster_key = prompt[:, 0].copy()
    del prompt
    tally = Tally()
    alike, prompts = likeness(fingerprints, table, rows, output, same_prompt, pairs, asked, options, tally, workers)
    del output
    fixed = int((rows < against).sum())
    fate = choose(same_prompt, pairs, alike, options, fixed)

    # A row that repeats a pair goes where its pair goes, or else is the exact duplicate of it.
    reason, keeper, similarity = fate.reason[same_pair], fate.keeper[same_pair], fate.similarity[same_pair]
    repeats = (same_pair != np.arange(len(rows))) & (reason == STAYS)
    if options.exact == "drop":
        reason[repeats], keeper[repeats] = EXACT, same_pair[repeats]
    reason[:fixed] = STAYS
    dropped = reason != STAYS

    marked = {
        EXACT: repeats & (options.exact == "flag"),
        NEAR: mark(same_pair, alike.second[alike.kind == NEAR]) & ~dropped & (options.near == "flag"),
        CONFLICT: disputed(same_prompt, pairs, alike, fate, options) & (options.conflict != "keep"),
        NEAR_PROMPT: mark(same_pair, *alike.of(NEAR_PROMPT)) & (options.near_prompt != "keep"),
        SHARED_OUTPUT: many_prompts & (options.shared_output == "flag"),
    }
    flags = np.zeros(len(rows), np.uint8)
    for kind, of_kind in marked.items():
        flags |= of_kind.astype(np.uint8) << np.uint8(kind)

    component = minhash.components(len(asked), prompts.first, prompts.second)
    head = asked[component[number(asked, len(rows))[same_prompt]]]
    clustered = np.bincount(head, minlength=len(rows))[head] > 1
    return decisions(
        len(fingerprints),
        rows,
        table["origin"],
        reason=pa.array(reason, mask=~dropped),
        flags=flags,
        cluster=pa.array(rows[head], mask=~clustered),
        duplicate_of=pa.array(rows[keeper], mask=~dropped),
        similarity=pa.array(similarity.astype(np.float32), mask=~dropped | (reason == CONFLICT)),
        cluster_key=cluster_key[head],
    ).replace_schema_metadata({"report": orjson.dumps(tally.counts)})


class Likeness(NamedTuple):
    """Pairs of rows that are alike (places, the lesser first): NEAR, or NEAR_PROMPT where only their prompts are."""

    first: Ints
    second: Ints
    similarity: Floats
    kind: npt.NDArray[np.int8]

    def of(self, kind: int) -> tuple[Ints, Ints]:
        return self.first[self.kind == kind], self.second[self.kind == kind]


def likeness(
    fingerprints: pa.Table,
    table: pa.Table,
    rows: Ints,
    output: Words,
    same_prompt: Ints,
    pairs: Ints,
    asked: Ints,
    options: DedupeOptions,
    tally: Tally,
    workers: int,
) -> tuple[Likeness, Edges]:
    """What is alike among the rows `pairs` (pairs of prompt and output); and edges among the rows `asked` (prompts)."""
    nothing = np.empty(0, np.int64)
    if options.near == options.near_prompt == "keep":
        none_alike = np.empty(0)
        return Likeness(nothing, nothing, none_alike, nothing.astype(np.int8)), Edges(nothing, nothing, none_alike)
    prompts = similar_prompts(fingerprints, table, rows[asked], options, tally, workers)
    prompt_of = number(asked, len(rows))[same_prompt[pairs]]
    first, second = meet(prompt_of, len(asked), prompts, tally)
    of_prompts = look_up(prompts, len(asked), prompt_of[first], prompt_of[second])
    of_outputs = similar_outputs(output, table, rows, pairs[first], pairs[second], options, workers)
    near = of_outputs >= options.threshold
    told = near | (prompt_of[first] != prompt_of[second])  # one prompt with unlike outputs is a conflict
    kind = np.where(near, NEAR, NEAR_PROMPT).astype(np.int8)
    similarity = np.where(near, np.minimum(of_prompts, of_outputs), of_prompts)
    return Likeness(pairs[first[told]], pairs[second[told]], similarity[told], kind[told]), prompts


class Fate(NamedTuple):
    """For each row that is the first of its pair: why it goes (STAYS: it does not), for which row, how alike."""

    reason: npt.NDArray[np.int8]
    keeper: Ints
    similarity: Floats


def choose(same_prompt: Ints, pairs: Ints, alike: Likeness, options: DedupeOptions, fixed: int) -> Fate:
    """Go through the rows in order of preference: one goes if it is alike to a row that was kept, and else is kept.

    So a row never goes for the sake of a row that has gone itself: a chain of likenesses keeps more than its first
    link, and nothing is lost that resembles nothing kept. The first `fixed` rows stay whatever they are alike to.
    """
    fate = Fate(np.full(len(same_prompt), STAYS, np.int8), np.arange(len(same_prompt)), np.ones(len(same_prompt)))
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

    # Only the prompts that such a likeness touches take the slow way.
    touched = np.unique(same_prompt[np.concatenate([alike.first[dropping], alike.second[dropping]])])
    kept: set[int] = set()
    answered: dict[int, int] = {}
    queue = pairs[np.isin(same_prompt[pairs], touched)]
    for row, prompt in zip(queue.tolist(), same_prompt[queue].tolist(), strict=True):
        resembled = [link for link in earlier.get(row, ()) if -link[1] in kept]
        if resembled and row >= fixed:
            similarity, first, kind = max(resembled)
            fate.reason[row], fate.keeper[row], fate.similarity[row] = kind, -first, similarity
        elif one_answer and prompt in answered and row >= fixed:
            fate.reason[row], fate.keeper[row] = CONFLICT, answered[prompt]
        else:
            fate.reason[row], fate.keeper[row] = STAYS, row
            kept.add(row)
            answered.setdefault(prompt, row)
    return fate


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
    """Boolean per row: whether at least so many different prompts have its output."""
    same_output = leaders(output)
    first = same_pair == np.arange(len(output))
    often: Bools = np.bincount(same_output[first], minlength=len(output))[same_output] >= options.shared_by
    return often


def preferred(fingerprints: pa.Table, options: DedupeOptions, against: int) -> Ints:
    """The numbers of the rows that take part, the one to keep first."""
    rows = np.flatnonzero(fingerprints["prompt"].is_valid().to_numpy())
    if options.keeper == "longest":
        lengths = fingerprints["length"].take(pa.array(rows)).to_numpy().astype(np.int64)
        rows = rows[np.lexsort((rows, -lengths, rows >= against))]
    return rows


def words(column: pa.ChunkedArray, rows: Ints) -> Words:
    """The keys (16 bytes each) of these rows, as n by 2 words."""
    found = np.empty((len(column), 2), np.uint64)
    start = 0
    for chunk in column.chunks:
        part = np.frombuffer(chunk.buffers()[1] or b"", np.uint64, 2 * len(chunk), chunk.offset * 16)
        found[start : start + len(chunk)] = part.reshape(-1, 2)
        start += len(chunk)
    return found if len(rows) == len(column) and (rows[1:] > rows[:-1]).all() else found[rows]


def number(some: Ints, count: int) -> Ints:
    """For each of `count` places its number among `some` of them; -1 where it is not among these."""
    at = np.full(count, -1, np.int64)
    at[some] = np.arange(len(some))
    return at


def decisions(count: int, rows: Ints, origin: pa.ChunkedArray, **columns: pa.Array | npt.NDArray[Any]) -> pa.Table:
    """A table of DECISION for `count` rows from columns of decisions on `rows`; the rest have nulls and no flags."""
    at = number(rows, count)
    index = pa.array(at, mask=at < 0)
    values = {name: pa.array(column).take(index) for name, column in columns.items()}
    values["reason"] = pa.DictionaryArray.from_arrays(values["reason"], pa.array(KINDS)).cast(pa.string())
    values["flags"] = pc.fill_null(values["flags"], pa.scalar(0, pa.uint8()))
    for name in ("cluster", "duplicate_of"):
        values[name] = _looked_up(origin, values[name])
    return pa.table([values[name] for name in DECISION.names], DECISION)


def _looked_up(origin: pa.ChunkedArray, rows: pa.Array) -> pa.Array:
    """The origins of these rows, of which most are null, without joining the whole column in memory."""
    valid = rows.is_valid().to_numpy(zero_copy_only=False)
    names = gather(origin, rows.drop_null().to_numpy())
    return names.take(pa.array(np.cumsum(valid) - 1, mask=~valid))
