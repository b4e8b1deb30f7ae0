"""Similar texts, prompts and rows: candidate pairs that `verify` confirms, and whether they differ in form alone.

Fields are compared one by one, and two rows are as similar as their least similar field: a long instruction that
thousands of rows share must not make their short inputs similar ("최고" and "최악" under one question).
"""

from typing import NamedTuple

import numpy as np

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Floats, Hashes, Ints, Kinds, ranges, sorted_unique
from pipeline.stages.dedupe.candidates import (
    WIDTH,
    candidate_pairs,
    most_in_group,
    pairs_across_groups,
    skipped_pairs,
)
from pipeline.stages.dedupe.components import connected_components
from pipeline.stages.dedupe.differ_in_form import differ_in_form
from pipeline.stages.dedupe.groups import Groups, group_rows
from pipeline.stages.dedupe.job import NEAR, NEAR_PROMPT, Job
from pipeline.stages.dedupe.verify import verify
from schemas.options import DedupeOptions

#: The two parts of a prompt, as the columns of a fingerprint name them, and their columns in the table.
CONTEXT, INPUT = "context", "input"
COLUMNS = {CONTEXT: ("system", "history", "instruction", "steps"), INPUT: ("input",)}
#: The texts of an answer.
ANSWER = ("reasoning", "output", "rejected")
#: Texts may have similar stems and no bigram in common: a similarity above 0 says that they were compared.
LEAST = 0.01


class Pairs(NamedTuple):
    """Verified pairs of nodes."""

    first: Ints  # int64[pairs], the lesser node
    second: Ints  # int64[pairs]
    similarity: Floats  # float64[pairs]

    def find(self, first: Ints, second: Ints) -> Ints:
        """The number of the pair of two nodes, int64[n]: -1 where they are not a verified pair.

        `first`, `second`: int64[n].

        >>> pairs = Pairs(np.array([0, 2]), np.array([2, 5]), np.array([0.9, 0.8]))
        >>> pairs.find(np.array([5, 0, 1]), np.array([2, 5, 1])).tolist()
        [1, -1, -1]
        """
        count = int(max(nodes.max(initial=0) for nodes in (self.second, first, second))) + 1
        code = self.first * count + self.second
        order = np.argsort(code)
        wanted = np.minimum(first, second) * count + np.maximum(first, second)
        at = np.searchsorted(code[order], wanted)
        found: Ints = np.where(np.append(code[order], -1)[at] == wanted, np.append(order, -1)[at], -1)
        return found

    def similarity_of(self, first: Ints, second: Ints) -> Floats:
        """The similarity of two nodes, float64[n]: 1 for a node and itself, 0 where they are not a verified pair.

        `first`, `second`: int64[n].

        >>> pairs = Pairs(np.array([0, 2]), np.array([2, 5]), np.array([0.9, 0.8]))
        >>> pairs.similarity_of(np.array([5, 0, 1]), np.array([2, 5, 1])).tolist()
        [0.8, 0.0, 1.0]
        """
        similarity: Floats = np.append(self.similarity, 0.0)[self.find(first, second)]
        return np.where(first == second, 1.0, similarity)


_NONE = np.empty(0, np.int64)


class PromptPairs(NamedTuple):
    """Pairs of prompts, or of parts of prompts, that are similar or say the same."""

    pairs: Pairs
    same: Bools  # bool[pairs]: they differ in form alone; before their words are compared: they may
    crowded: Ints = _NONE  # int64[n]: of these not all pairs were compared

    def same_of(self, first: Ints, second: Ints) -> Bools:
        """Whether two prompts, int64[n] each, are equal or differ in form alone: bool[n]."""
        found: Bools = (first == second) | np.append(self.same, False)[self.pairs.find(first, second)]
        return found


class RowPairs(NamedTuple):
    """Pairs of similar rows: NEAR, or NEAR_PROMPT where only their prompts are similar."""

    first: Ints  # int64[pairs], the preferred row
    second: Ints  # int64[pairs]
    similarity: Floats  # float64[pairs]
    kind: Kinds  # int8[pairs]

    def of(self, *kinds: int) -> "RowPairs":
        """The pairs of these kinds."""
        chosen = np.isin(self.kind, kinds)
        return RowPairs(self.first[chosen], self.second[chosen], self.similarity[chosen], self.kind[chosen])


NO_PAIRS = PromptPairs(Pairs(_NONE, _NONE, np.empty(0)), np.empty(0, bool))
NO_ROW_PAIRS = RowPairs(_NONE, _NONE, np.empty(0), np.empty(0, np.int8))


def none_where_nothing_is_near(options: DedupeOptions) -> PromptPairs | None:
    """The similar contexts, where no option asks for similar rows."""
    return NO_PAIRS if options.near == "keep" and options.near_prompt == "keep" else None


def similar_parts(job: Job, part: str, rows: Ints, salt: Hashes) -> PromptPairs:
    """Pairs of places in `rows`, similar in this part of their prompts (CONTEXT or INPUT) and equal in the salt.

    `rows`: int64[n] of the table; `salt`: uint64[n].
    """
    candidates = candidate_pairs(job, part, rows, salt)
    pairs, may_be_same, _ = similar_pairs(job, part, rows, candidates.first, candidates.second)
    return PromptPairs(pairs, may_be_same, candidates.crowded)


def similar_pairs(job: Job, part: str, rows: Ints, first: Ints, second: Ints) -> PromptPairs:
    """The candidate pairs that are similar in this part of their prompts: `first`, `second`: places in `rows`."""
    job.counts["compared"] += len(first)
    similarity = verify(job, COLUMNS[part], rows, first, second)
    verified = similarity.have_alike_stems
    pairs = Pairs(first[verified], second[verified], np.maximum(similarity.letters[verified], LEAST))
    return PromptPairs(pairs, similarity.may_be_same[verified])


def similar_prompts(job: Job, rows: Ints, contexts: Groups, of_contexts: PromptPairs) -> PromptPairs:
    """Pairs of places in `rows` whose prompts differ in form alone, or are similar.

    `rows`: int64[n] of the table, all of different prompts. `contexts`, `of_contexts`: of `similar_contexts`.
    """
    pairs, same, _ = _comparable_prompts(job, rows, contexts, of_contexts)
    fields = (*COLUMNS[CONTEXT], *COLUMNS[INPUT])
    same[same] = differ_in_form(job, fields, rows, pairs.first[same], pairs.second[same])
    kept = same | (pairs.similarity >= job.options.prompt_threshold)
    job.counts["verified"] += int(same.sum())
    return PromptPairs(Pairs(pairs.first[kept], pairs.second[kept], pairs.similarity[kept]), same[kept])


def _comparable_prompts(job: Job, rows: Ints, contexts: Groups, of_contexts: PromptPairs) -> PromptPairs:
    """Pairs of places in `rows` with similar stems in every field of their prompts."""
    context_pairs = of_contexts.pairs
    component = connected_components(len(contexts.first), context_pairs.first, context_pairs.second)
    # Inputs are compared where their contexts are equal or similar.
    inputs, of_inputs = _similar_inputs(job, rows, component[contexts.of_row].astype(np.uint64))
    first, second = _pairs_of_inputs(job, contexts, context_pairs, inputs, of_inputs.pairs)
    of_contexts_and_inputs = (
        (of_contexts, contexts.of_row[first], contexts.of_row[second]),
        (of_inputs, inputs.of_row[first], inputs.of_row[second]),
    )
    similarity = np.minimum(*(found.pairs.similarity_of(one, other) for found, one, other in of_contexts_and_inputs))
    may_be_same = np.logical_and(*(found.same_of(one, other) for found, one, other in of_contexts_and_inputs))
    verified = similarity > 0
    return PromptPairs(Pairs(first[verified], second[verified], similarity[verified]), may_be_same[verified])


def _pairs_of_inputs(
    job: Job, contexts: Groups, context_pairs: Pairs, inputs: Groups, input_pairs: Pairs
) -> tuple[Ints, Ints]:
    """Pairs of places with equal or similar inputs, whose contexts may be similar: int64[pairs] twice, in order.

    Where so many prompts of like contexts have one input (mostly none) that not all of their pairs are looked at, the
    pairs of similar contexts say which.
    """
    first, second, skipped = pairs_across_groups(
        inputs.of_row, len(inputs.first), input_pairs.first, input_pairs.second
    )
    sizes = np.bincount(inputs.of_row, minlength=len(inputs.first))
    places = np.flatnonzero((sizes > most_in_group(WIDTH))[inputs.of_row])
    some, others = contexts.of_row[places], inputs.of_row[places]
    nodes = group_rows(some.astype(np.uint64), others.astype(np.uint64))
    one, other = _joined_nodes(some[nodes.first], others[nodes.first], context_pairs)
    more, with_, left_out = pairs_across_groups(nodes.of_row, len(nodes.first), one, other)
    job.counts["skipped"] += skipped - skipped_pairs(sizes, WIDTH) + left_out
    pairs = sorted_unique(
        np.concatenate([first * len(inputs.of_row) + second, places[more] * len(inputs.of_row) + places[with_]])
    )
    return np.divmod(pairs, max(len(inputs.of_row), 1))


def _joined_nodes(context: Ints, input_: Ints, pairs: Pairs) -> tuple[Ints, Ints]:
    """The numbers of nodes, int64[n] twice, that have one input, and of which the contexts are a pair.

    `context`, `input_`: int64[nodes], each two of them once.

    >>> pairs = Pairs(np.array([4, 4]), np.array([5, 6]), np.array([0.9, 0.9]))
    >>> _joined_nodes(np.array([4, 4, 5, 6]), np.array([0, 1, 1, 2]), pairs)
    (array([1]), array([2]))
    """
    count = int(input_.max(initial=0)) + 1
    order = np.lexsort((input_, context))
    code = (context * count + input_)[order]
    start, end = (np.searchsorted(code, (pairs.first + step) * count) for step in (0, 1))
    node = ranges(start, end - start)
    wanted = np.repeat(pairs.second, end - start) * count + code[node] % count
    at = np.minimum(np.searchsorted(code, wanted), len(code) - 1)
    found = code[at] == wanted if len(code) else np.empty(0, bool)
    return order[node[found]], order[at[found]]


def similar_contexts(job: Job, rows: Ints, known: PromptPairs | None = None) -> tuple[Groups, PromptPairs]:
    """Groups of rows whose contexts are equal, and pairs of such groups whose contexts are similar, or those known."""
    contexts, salt = equal_contexts(job, rows)
    return contexts, similar_parts(job, CONTEXT, rows[contexts.first], salt) if known is None else known


def equal_contexts(job: Job, rows: Ints) -> tuple[Groups, Hashes]:
    """Groups of rows whose contexts are equal; and for each group what similar contexts have to be equal in."""
    letters, numbers, calls = context_keys(job, rows)
    contexts = group_rows(letters, numbers, calls)
    return contexts, context_salt(numbers[contexts.first], calls[contexts.first])


def context_keys(job: Job, rows: Ints) -> tuple[Hashes, Hashes, Hashes]:
    """The keys of the letters, the numbers and the calls of contexts: uint64[rows] each. Contexts are equal where all
    three are."""
    letters, numbers = _part_keys(job, CONTEXT, rows)
    return letters, numbers, job.column("prompt_calls", rows, np.uint32)[:, 0].astype(np.uint64)


def context_salt(numbers: Hashes, calls: Hashes) -> Hashes:
    """What has to be equal in similar contexts: uint64[rows]."""
    return keys.mix(calls) ^ numbers


def _similar_inputs(job: Job, rows: Ints, component: Hashes) -> tuple[Groups, PromptPairs]:
    """Groups of rows equal in their input and its component of contexts, and pairs of such groups with similar inputs.

    `component`: uint64[rows].
    """
    letters, numbers = _part_keys(job, INPUT, rows)
    inputs = group_rows(component, letters, numbers)
    filled = np.flatnonzero(letters[inputs.first] != 0)
    first = inputs.first[filled]
    salt = keys.mix(component[first]) ^ numbers[first]
    del letters, numbers, component
    pairs, may_be_same, _ = similar_parts(job, INPUT, rows[first], salt)
    return inputs, PromptPairs(Pairs(filled[pairs.first], filled[pairs.second], pairs.similarity), may_be_same)


def _part_keys(job: Job, part: str, rows: Ints) -> tuple[Hashes, Hashes]:
    """The keys of a part's letters and of its numbers, uint64[rows] each.

    Without `options.numbers` the latter are 0.
    """
    letters = job.column(part, rows, np.uint64)[:, 0]
    if not job.options.numbers:
        return letters, np.zeros_like(letters)
    return letters, job.column(f"{part}_numbers", rows, np.uint32)[:, 0].astype(np.uint64)


def similar_rows(job: Job, rows: Ints, prompts: Groups, answers: Groups, of_prompts: PromptPairs) -> RowPairs:
    """Pairs of places in `rows` whose prompts differ in form alone or are similar: NEAR where their answers, too, are
    equal or differ in form alone, else NEAR_PROMPT.

    `answers`: the groups of rows of one prompt and one output; their first rows are compared. Two rows of one prompt
    whose outputs differ in a word are a conflict, not a pair.
    """
    prompt_of = prompts.of_row[answers.first]
    pairs = of_prompts.pairs
    first, second, skipped = pairs_across_groups(prompt_of, len(prompts.first), pairs.first, pairs.second)
    job.counts["skipped"] += skipped
    one, other = prompt_of[first], prompt_of[second]
    similarity, may_be_near, same_prompt = pairs.similarity_of(one, other), of_prompts.same_of(one, other), one == other
    first, second = answers.first[first], answers.first[second]
    near = np.zeros(len(first), bool)
    asked = np.flatnonzero(may_be_near)
    of_answers = _similarity_of_answers(job, rows, first[asked], second[asked])
    near[asked] = of_answers > 0
    similarity[near] = np.minimum(similarity[near], of_answers[of_answers > 0])
    found = near | ~same_prompt
    kind = np.where(near, NEAR, NEAR_PROMPT).astype(np.int8)
    return RowPairs(first[found], second[found], similarity[found], kind[found])


def _similarity_of_answers(job: Job, rows: Ints, first: Ints, second: Ints) -> Floats:
    """How similar the answers of pairs of places in `rows` are, float64[pairs]: 0 where they are of two kinds or differ
    in a word.
    """
    similarity = np.ones(len(first))
    kind = job.column("answer_kind", rows, np.uint32)[:, 0]
    similarity[kind[first] != kind[second]] = 0
    output = job.column("output", rows, np.uint64)
    differ = np.flatnonzero((output[first] != output[second]).any(axis=1) & (similarity > 0))
    del output
    of_texts = verify(job, ANSWER, rows, first[differ], second[differ], job.options.numbers)
    near = of_texts.may_be_same
    some = differ[near]
    near[near] = differ_in_form(job, ANSWER, rows, first[some], second[some])
    similarity[differ] = np.where(near, np.maximum(of_texts.letters, LEAST), 0)
    return similarity
