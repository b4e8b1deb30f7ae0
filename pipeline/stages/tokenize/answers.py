"""Layouts that learn one answer a sequence: a row for each answer of a record, and back to a row for each record."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.segments import Ints, Rows, living
from pipeline.table.reject_and_flag import add_names, reject, replace_rows, set_column
from pipeline.table.sequences import SEQUENCES
from schemas.columns import MARKS
from schemas.options import TokenizeOptions
from schemas.record import VISIBLE

#: The answer of the record itself, among those of its history.
OWN = -1
#: The columns that an answer of the history brings with it.
OF_ANSWER = ("instruction", "input", "output", "reasoning", "history")


class Answers(NamedTuple):
    """A table with a row for each answer to learn. `record_of`: int64[answers], the row of its record, ascending.
    `own`: each row is a record as it is, with its own answer.
    """

    table: pa.Table
    record_of: Ints
    own: bool


def reject_unlearnable(table: pa.Table) -> pa.Table:
    """Reject the records whose answer is a bad one (`label` is false)."""
    bad = pc.fill_null(pc.invert(table["label"]), False)
    if pc.any(bad).as_py():
        detail = "label is false: the answer is a bad one. Layout unpaired learns from such records"
        table = reject(table, bad, "tokenize", "bad-answer", detail)
    return table


def each_answer(table: pa.Table, options: TokenizeOptions) -> Answers:
    """The answers of the living rows, those of a record in their order; a rejected row stays one row.

    All answers of the history and the output, or with `answers` = "last" the last of them. Not learned are answers with
    `learn` = false and those that are calls of tools alone.
    """
    lists = table["history"].combine_chunks()
    own = _own_is_learned(table)
    if not len(lists.flatten()):
        return _own_answers(table, own)
    places: list[tuple[int, int]] = []
    histories: dict[tuple[int, int], list[dict[str, Any]]] = {}
    alive = living(table)
    for row, history in enumerate(lists.to_pylist()):
        wanted = _answers_in(history or []) if alive[row] else []
        found = [(row, place) for place in wanted] + [(row, OWN)] * bool(own[row] or not alive[row])
        if options.answers == "last":
            found = found[-1:] if table["output"][row].as_py() is None else [(row, OWN)] * bool(own[row])
        histories |= {at: history for at in found if at[1] != OWN}
        places += found
    return _rows_of(table, places, histories)


def each_record(
    table: pa.Table, answers: Answers, columns: dict[str, pa.Array]
) -> tuple[pa.Table, dict[str, pa.Array]]:
    """The columns that a layout made for each answer, as columns for each record; and the records with the rejections.

    A record of one sequence keeps flat columns, a record of several has `sequences`. A record is rejected where it has
    no answer to learn, or where all its answers are rejected; it is flagged `answers-left-out` where some are.
    """
    made = answers.table
    if answers.own and len(made) == len(table) and SEQUENCES not in columns:
        fields = [pa.field(name, values.type) for name, values in columns.items()]
        return made, columns | {SEQUENCES: pa.nulls(len(made), pa.list_(pa.struct(fields)))}
    count = np.bincount(answers.record_of, minlength=len(table))
    rejected = pc.is_valid(made["reject_stage"]).to_numpy(zero_copy_only=False)
    usable = np.bincount(answers.record_of, ~rejected, len(table)).astype(np.int64)
    alive = living(table)
    table = _with_rejections(table, answers, alive, count, usable)
    several = alive & (usable > 0) & ((count > 1) | (SEQUENCES in columns))
    flagged = pa.array(several & (usable < count))
    table = set_column(table, "flags", add_names(table["flags"], [("answers-left-out", flagged)]))

    first = np.searchsorted(answers.record_of, np.arange(len(table)))
    one = pa.array(np.where(count > 0, first, 0), mask=several | (count == 0))
    flat = {name: values.take(one) for name, values in columns.items() if name != SEQUENCES}
    chosen = np.flatnonzero(several[answers.record_of] & ~rejected)
    for name in ("n_tokens", "n_learned", "truncated", "n_unk"):
        sums = np.bincount(
            answers.record_of[chosen], columns[name].take(pa.array(chosen)).to_numpy().astype(np.int64), len(table)
        )
        flat[name] = pc.if_else(pa.array(several), pa.array(sums.astype(np.int32)), flat[name])
    return table, flat | {SEQUENCES: _sequences(columns, chosen, answers.record_of[chosen], several)}


def _own_answers(table: pa.Table, own: Rows) -> Answers:
    """The records as they are: no history has an answer."""
    rows = np.flatnonzero(own | ~living(table))
    return Answers(table if len(rows) == len(table) else table.take(pa.array(rows)), rows, True)


def _own_is_learned(table: pa.Table) -> Rows:
    """bool[rows]: the record's own answer is to be learned, and is not calls of tools alone."""
    empty = pc.invert(pc.fill_null(pc.match_substring_regex(table["output"], VISIBLE), False))
    answers = pc.fill_null(pc.greater(pc.list_value_length(table["history"]), 0), False)
    other = pc.or_(pc.is_valid(table["tool_calls"]), answers)
    learned = pc.and_(pc.fill_null(table["learn"], True), pc.invert(pc.and_(empty, other)))
    rows: Rows = learned.to_numpy()
    return rows


def _answers_in(history: list[dict[str, Any]]) -> list[int]:
    """The places of the messages of an assistant that are to be learned, and are text."""
    return [
        place
        for place, message in enumerate(history)
        if message and message["role"] == "assistant" and message["learn"] is not False and message["content"]
    ]


def _rows_of(
    table: pa.Table, places: list[tuple[int, int]], histories: dict[tuple[int, int], list[dict[str, Any]]]
) -> Answers:
    """A row for each of these answers (row, place in its history)."""
    record_of = np.array([row for row, _ in places], np.int64)
    rows = table.take(pa.array(record_of))
    changed = np.array([number for number, (_, place) in enumerate(places) if place != OWN], np.int64)
    values: dict[str, list[object]] = {name: [] for name in OF_ANSWER}
    for number in changed.tolist():
        history, place = histories[places[number]], places[number][1]
        asked = max((at for at in range(place) if history[at] and history[at]["role"] == "user"), default=place)
        values["instruction"].append((history[asked]["content"] or "") if asked < place else "")
        values["input"].append("")
        values["output"].append(history[place]["content"])
        values["reasoning"].append(history[place]["reasoning"])
        values["history"].append(history[:asked])
    for name, new in values.items():
        rows = set_column(rows, name, replace_rows(rows[name].combine_chunks(), changed, new))
    return Answers(rows, record_of, False)


def _with_rejections(table: pa.Table, answers: Answers, alive: Rows, count: Ints, usable: Ints) -> pa.Table:
    """Reject the records without an answer, and those with rejected answers alone: for the reason of the first."""
    nothing = alive & (count == 0)
    if nothing.any():
        detail = "the record has no answer that is text and is to be learned"
        table = reject(table, pa.array(nothing), "tokenize", "nothing-to-learn", detail)
    lost = alive & (count > 0) & (usable == 0)
    if lost.any():
        first = np.searchsorted(answers.record_of, np.flatnonzero(lost))
        at = np.full(len(table), -1)
        at[lost] = first
        places = pa.array(at, mask=at < 0)
        for name in MARKS.names:
            first_mark = answers.table[name].take(places)
            table = set_column(table, name, pc.if_else(pa.array(lost), first_mark, table[name]))
    return table


def _sequences(columns: dict[str, pa.Array], chosen: Ints, record_of: Ints, several: Rows) -> pa.ListArray:
    """The chosen answers of each record as a list of structs; null for the records that are not among the several."""
    if SEQUENCES in columns:  # of a layout that makes sequences of an answer
        lists = columns[SEQUENCES].take(pa.array(chosen))
        values, owner = lists.flatten(), record_of[pc.list_parent_indices(lists).to_numpy()]
    else:
        picked = [values.take(pa.array(chosen)) for values in columns.values()]
        fields = [pa.field(name, values.type) for name, values in columns.items()]
        values, owner = pa.StructArray.from_arrays(picked, fields=fields), record_of
    offsets = np.searchsorted(owner, np.arange(len(several) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~several))
