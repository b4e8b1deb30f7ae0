"""Keepers: which row of a group of duplicates is kept, and what is flagged.

A row is here its place in the order of preference: of several rows, the least is the one to keep. The first `fixed`
rows are of an existing dataset and are all kept.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.stages.dedupe.arrays import Bools, Bytes, Hashes, Ints, Kinds
from pipeline.stages.dedupe.groups import Groups, first_equal_rows, group_rows
from pipeline.stages.dedupe.job import CONFLICT, EXACT, NEAR, NEAR_PROMPT, SHARED_OUTPUT
from pipeline.stages.dedupe.keys import combine_keys
from pipeline.stages.dedupe.similar import RowPairs
from schemas.options import DedupeOptions

#: The reason of a row that is kept.
KEPT = -1


class EqualRows(NamedTuple):
    """Rows that are equal by their keys."""

    prompts: Groups  # rows of one prompt
    answers: Groups  # rows of one prompt and one output
    shared_output: Bools  # bool[rows]: many different prompts have its output, and that is to be flagged
    several: Bools  # bool[rows]: its prompt may have more answers (labels, better and worse ones): no conflict


class Outcome(NamedTuple):
    """For each row the reason for which it is dropped, the row that is kept in its place, and how similar they are."""

    reason: Kinds  # int8[rows]: a number of KINDS, or KEPT
    keeper: Ints  # int64[rows]
    similarity: npt.NDArray[np.float32]  # float32[rows]


def equal_rows(prompt: Hashes, output: Hashes, kind: npt.NDArray[np.uint32], options: DedupeOptions) -> EqualRows:
    """The groups of equal rows, from the keys of their prompts and answers, uint64[rows, 2], and the kinds of answers,
    uint32[rows].

    >>> prompt, output = np.array([[1, 1], [1, 1], [2, 2], [1, 1]], np.uint64), np.array([[5, 5]] * 4, np.uint64)
    >>> found = equal_rows(prompt, output, np.zeros(4, np.uint32), DedupeOptions())
    >>> found.prompts.of_row.tolist(), found.answers.of_row.tolist(), found.shared_output.tolist()
    ([0, 0, 1, 0], [0, 0, 1, 0], [True, True, True, True])
    """
    prompts = group_rows(*prompt.T)
    first = np.arange(len(prompt))
    several = np.flatnonzero(np.bincount(prompts.of_row)[prompts.of_row] > 1)
    first[several] = several[first_equal_rows(*combine_keys([prompt[several], output[several]]).T)]
    answers = Groups.of(first)
    shared = shared_output(prompt[:, 0], output[:, 0], options)
    return EqualRows(prompts, answers, shared, (kind & 1).astype(bool))


def shared_output(prompt: Hashes, output: Hashes, options: DedupeOptions) -> Bools:
    """bool[rows]: at least `shared_by` different prompts have the row's output, and that is to be flagged.

    `prompt`, `output`: their folded keys, uint64[rows]: prompts that differ in case and spaces alone are not different.
    """
    if options.shared_output == "keep":
        return np.zeros(len(output), bool)
    same_output = first_equal_rows(output)
    asked = Groups.of(first_equal_rows(prompt, output))
    prompts = np.bincount(same_output[asked.first], minlength=len(output))
    shared: Bools = prompts[same_output] >= options.shared_by
    return shared


def choose_keepers(equal: EqualRows, similar: RowPairs, options: DedupeOptions, fixed: int = 0) -> Outcome:
    """Which rows are dropped, and which row is kept in the place of each.

    The first row of each answer is dropped if it duplicates a kept row, and is else kept (`_choose_answers`). A row
    that repeats such a row is dropped with it, or else is its exact duplicate.

    Of A ~ B ~ C, where A and C are not similar, B is dropped; A and C are kept:

    >>> three = Groups(np.arange(3), np.arange(3))
    >>> equal = EqualRows(three, three, np.zeros(3, bool), np.zeros(3, bool))
    >>> chain = RowPairs(np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.9]), np.array([NEAR, NEAR], np.int8))
    >>> outcome = choose_keepers(equal, chain, DedupeOptions())
    >>> outcome.reason.tolist() == [KEPT, NEAR, KEPT], outcome.keeper.tolist()
    (True, [0, 0, 2])
    """
    first = equal.answers.first[equal.answers.of_row]
    of_answers = _choose_answers(equal, similar, options, fixed)
    outcome = Outcome(of_answers.reason[first], of_answers.keeper[first], of_answers.similarity[first])
    if options.exact == "drop":
        repeats = _repeats(equal.answers) & (outcome.reason == KEPT)
        outcome.reason[repeats], outcome.keeper[repeats] = EXACT, first[repeats]
    outcome.reason[:fixed] = KEPT
    return outcome


def _repeats(answers: Groups) -> Bools:
    """bool[rows]: an earlier row has the same prompt and the same output."""
    repeats = np.ones(len(answers.of_row), bool)
    repeats[answers.first] = False
    return repeats


def _choose_answers(equal: EqualRows, similar: RowPairs, options: DedupeOptions, fixed: int) -> Outcome:
    """The outcome for the first rows of answers; other rows are kept here.

    In order of preference, a row is dropped if it is similar to a row that was kept. So no row is dropped in favour of
    a row that is dropped itself, and a row that is similar to no kept row is never lost.
    """
    rows, prompts = equal.answers.first, equal.prompts
    count = len(prompts.of_row)
    outcome = Outcome(np.full(count, KEPT, np.int8), np.arange(count), np.ones(count, np.float32))
    one_answer = options.conflict == "drop"
    if one_answer:
        first = prompts.first[prompts.of_row[rows]]
        others = (first != rows) & (rows >= fixed) & ~equal.several[rows]
        outcome.reason[rows[others]], outcome.keeper[rows[others]] = CONFLICT, first[others]
    policies = {NEAR: options.near, NEAR_PROMPT: options.near_prompt}
    similar = similar.of(*(kind for kind, policy in policies.items() if policy == "drop"))

    # The rows below may end otherwise than they do by their keys alone: one by one, in order of preference.
    earlier = _earlier_similar(similar)
    queue = _rows_to_decide_again(equal, similar)
    dropped: set[int] = set()
    answered: dict[int, int] = {}
    for row, prompt in zip(queue.tolist(), prompts.of_row[queue].tolist(), strict=True):
        keepers = [pair for pair in earlier.get(row, ()) if -pair[1] not in dropped]
        if keepers and row >= fixed:
            similarity, keeper, kind = max(keepers)
            outcome.reason[row], outcome.keeper[row], outcome.similarity[row] = kind, -keeper, similarity
            dropped.add(row)
        elif one_answer and prompt in answered and row >= fixed and not equal.several[row]:
            outcome.reason[row], outcome.keeper[row] = CONFLICT, answered[prompt]
            dropped.add(row)
        else:
            outcome.reason[row], outcome.keeper[row] = KEPT, row
            answered.setdefault(prompt, row)
    return outcome


def _earlier_similar(similar: RowPairs) -> dict[int, list[tuple[float, int, int]]]:
    """For each row the similar rows before it, as (similarity, -row, kind): the greatest is the row it may yield to."""
    earlier: dict[int, list[tuple[float, int, int]]] = {}
    for first, second, similarity, kind in zip(*(column.tolist() for column in similar), strict=True):
        earlier.setdefault(second, []).append((similarity, -first, kind))
    return earlier


def _rows_to_decide_again(equal: EqualRows, similar: RowPairs) -> Ints:
    """The rows that have a similar row before them, or whose prompt has several answers and a row in a similar pair."""
    rows, prompts = equal.answers.first, equal.prompts
    in_pair = np.zeros(len(prompts.first), bool)
    in_pair[prompts.of_row[similar.first]] = in_pair[prompts.of_row[similar.second]] = True
    in_pair &= np.bincount(prompts.of_row[rows], minlength=len(prompts.first)) > 1
    again = in_pair[prompts.of_row]
    again[similar.second] = True
    return rows[again[rows]]


def choose_flags(equal: EqualRows, similar: RowPairs, outcome: Outcome, options: DedupeOptions) -> Bytes:
    """The flags of each row, uint8[rows]: a bit for each of KINDS."""
    kept = outcome.reason == KEPT
    near, near_prompt = similar.of(NEAR), similar.of(NEAR_PROMPT)
    flagged = {
        EXACT: _repeats(equal.answers) & kept & (options.exact == "flag"),
        NEAR: _with_repeats(equal.answers, near.second) & kept & (options.near == "flag"),
        CONFLICT: _disputed(equal, similar, outcome, options) & (options.conflict != "keep"),
        NEAR_PROMPT: _with_repeats(equal.answers, near_prompt.first, near_prompt.second)
        & (options.near_prompt != "keep"),
        SHARED_OUTPUT: equal.shared_output,
    }
    flags = np.zeros(len(kept), np.uint8)
    for kind, rows in flagged.items():
        flags |= rows.astype(np.uint8) << np.uint8(kind)
    return flags


def _with_repeats(answers: Groups, *rows: Ints) -> Bools:
    """bool[rows]: the row is one of these, or repeats one of them. `rows`: first rows of answers."""
    marked = np.zeros(len(answers.first), bool)
    for some in rows:
        marked[answers.of_row[some]] = True
    of_row: Bools = marked[answers.of_row]
    return of_row


def _disputed(equal: EqualRows, similar: RowPairs, outcome: Outcome, options: DedupeOptions) -> Bools:
    """bool[rows]: the row's prompt has several answers, those that are near duplicates not counted."""
    prompts = equal.prompts
    counted = np.zeros(len(prompts.of_row), bool)
    counted[equal.answers.first] = True
    counted[equal.several] = False
    if options.near != "keep":
        near = similar.of(NEAR)
        counted[near.second[prompts.of_row[near.first] == prompts.of_row[near.second]]] = False
        counted[outcome.reason == NEAR] = False
    answers = np.bincount(prompts.of_row[counted], minlength=len(prompts.first))
    disputed: Bools = (answers[prompts.of_row] > 1) & ~equal.several
    return disputed
