"""Whether the texts of pairs differ in form alone, and what differs: by arrays where these show it, else by words."""

import itertools
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys, middles
from pipeline.stages.dedupe.arrays import Bools, Ints
from pipeline.stages.dedupe.differences import about_form, differences, may_be_about_words, same
from pipeline.stages.dedupe.essentials import may_say_the_same
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.middles import Decided, Prose, is_prose
from pipeline.stages.dedupe.pair_texts import is_empty, keys_of_pairs, parts_of, texts_of
from pipeline.stages.dedupe.rests import are_words, decide_alone, rests


class Tasks(NamedTuple):
    """What rows ask for, as far as it says how their texts are compared."""

    texts: pa.StringArray  # the instructions about form and about words, "" for the others
    are_about_form: Bools  # bool[rows]: every difference counts

    @classmethod
    def of(cls, job: Job, rows: Ints) -> "Tasks":
        """Of rows of the table, int64[rows]: of their system prompts and instructions."""
        system, instruction = (texts_of(job.table[name], rows) for name in ("system", "instruction"))
        both = pc.binary_join_element_wise(system, instruction, "\n")
        texts = pc.if_else(pc.equal(system, ""), instruction, both)
        are_about_form = np.array(about_form(texts), bool)
        asked = are_about_form | np.array(may_be_about_words(texts), bool)
        return cls(pc.if_else(pa.array(asked), texts, ""), are_about_form)

    def of_pairs(self, one: Ints, other: Ints) -> list[str]:
        """What both rows of each pair ask for, as far as it says how they are compared. `one`, `other`: int64[pairs]"""
        of_rows = (self.texts.take(pa.array(rows)).to_pylist() for rows in (one, other))
        return [f"{mine}\n{yours}" if mine or yours else "" for mine, yours in zip(*of_rows, strict=True)]


def differ_in_form(job: Job, fields: tuple[str, ...], rows: Ints, first: Ints, second: Ints) -> Bools:
    """Whether the rows of each pair differ in form alone, in all these fields: bool[pairs].

    `rows`: int64[n] of the table; `first`, `second`: int64[pairs], places in `rows`.
    """

    columns = [column for name in fields if not is_empty(column := job.table[name])]
    decided: Decided = {}

    def compare_part(part: slice | Ints) -> Bools:
        places, text_of = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        one, other = np.split(text_of, 2)
        tasks = Tasks.of(job, rows[places])
        found = np.ones(len(one), bool)
        for name in fields:
            if not is_empty(job.table[name]):
                texts = Texts(texts_of(job.table[name], rows[places]), name, tasks)
                some = np.flatnonzero(found)
                found[some] = _texts_differ_in_form(job, texts, one[some], other[some], decided)
        return found

    asked = [column for name in ("system", "instruction") if not is_empty(column := job.table[name])]

    def known_part(part: slice) -> Bools:
        if job.known is None or not columns:
            return compare_part(part)
        what = ("form", fields, [len(asked)], job.options.numbers)
        key = keys_of_pairs([*asked, *columns], rows, first[part], second[part], what)
        return job.known.pairs(key, (bool,), lambda some: [compare_part(part.start + some)])[0]

    parts = parts_of(columns, rows, first, second)
    return np.concatenate([np.empty(0, bool), *ordered(known_part, parts, job.workers)])


class Texts(NamedTuple):
    """The texts of a field of rows, and what these rows ask for."""

    values: pa.StringArray
    field: str
    tasks: Tasks


def _texts_differ_in_form(job: Job, texts: Texts, one: Ints, other: Ints, decided: Decided) -> Bools:
    """Whether pairs of texts differ in form alone: bool[pairs]. `one`, `other`: int64[pairs]; `decided`: of middles."""
    found, left = _prose_differs_in_form(job, texts.values, one, other, ~texts.tasks.are_about_form, decided)
    some = left[_may_say_the_same(texts.values, one[left], other[left])] if len(left) else left
    if not len(some):
        return found
    places, text_of = np.unique(np.concatenate([one[some], other[some]]), return_inverse=True)
    of_words = are_words(texts.values.take(pa.array(places))) & ~texts.tasks.are_about_form[places]
    mine, yours = np.split(text_of, 2)
    cut = of_words[mine] & of_words[yours]
    left = np.flatnonzero(cut)
    if len(left):
        found[some[cut]], left = _rests_differ_in_form(job, texts, one[some[cut]], other[some[cut]], decided)
    some = np.concatenate([some[~cut], some[cut][left]])
    tasks = texts.tasks.of_pairs(one[some], other[some])
    found[some] = _same_texts(job, texts.values, texts.field, tasks, one[some], other[some])
    return found


def _prose_differs_in_form(
    job: Job, texts: pa.StringArray, one: Ints, other: Ints, plain: Bools, decided: Decided
) -> tuple[Bools, Ints]:
    """The same of those pairs that are prose and `plain`, bool[texts]; and the numbers of the other pairs."""
    prose = Prose.of(texts)
    plain = prose.is_prose & plain
    simple = plain[one] & plain[other]
    found = np.zeros(len(one), bool)
    found[simple] = middles.differ_in_form(prose, one[simple], other[simple], decided, job.calls)
    return found, np.flatnonzero(~simple)


def _rests_differ_in_form(job: Job, texts: Texts, one: Ints, other: Ints, decided: Decided) -> tuple[Bools, Ints]:
    """The same of pairs of words (`are_words`), by their rests; and the numbers of the pairs of which more decides."""
    pieces = rests(texts.values, one, other)
    alone = np.ones(len(one), bool)
    for piece, numbers in zip(pieces, (one, other), strict=True):
        alone &= decide_alone(piece, texts.values.take(pa.array(numbers)))
    encoded = pa.concat_arrays(pieces).dictionary_encode()
    mine, yours = np.split(encoded.indices.to_numpy().astype(np.int64), 2)
    plain = np.ones(len(encoded.dictionary), bool)
    found, left = _prose_differs_in_form(job, encoded.dictionary, mine, yours, plain, decided)
    some = left[alone[left]]
    tasks = texts.tasks.of_pairs(one[some], other[some])
    found[some] = _same_texts(job, encoded.dictionary, texts.field, tasks, mine[some], yours[some])
    return found, left[~alone[left]]


def _may_say_the_same(texts: pa.StringArray, one: Ints, other: Ints) -> Bools:
    """`may_say_the_same` of pairs of texts, int64[pairs] each: only these are read."""
    places, text_of = np.unique(np.concatenate([one, other]), return_inverse=True)
    return may_say_the_same(*keys.fold_texts(texts.take(pa.array(places))), *np.split(text_of, 2))


def _same_texts(job: Job, texts: pa.StringArray, field: str, tasks: list[str], one: Ints, other: Ints) -> Bools:
    """Whether pairs of any texts, int64[pairs] each, differ in form alone: bool[pairs]. `tasks`: `Tasks.of_pairs`."""
    values = [texts.take(pa.array(numbers)).to_pylist() for numbers in (one, other)]
    of_instruction = field == "instruction"
    pairs = [
        (*sorted(pair), task, of_instruction, job.options.numbers) for *pair, task in zip(*values, tasks, strict=True)
    ]
    distinct = list(dict.fromkeys(pairs))
    found = dict(zip(distinct, job.calls(same, distinct), strict=True))
    return np.array([found[pair] for pair in pairs], bool)


def differences_of(job: Job, fields: tuple[str, ...], rows: Ints, others: Ints) -> list[list[str]]:
    """The differences between rows and as many other rows of the table, both int64[n]: for each pair a list."""
    found: list[list[str]] = [[] for _ in rows]
    tasks = Tasks.of(job, np.concatenate([others, rows]))
    plain = ~np.logical_or(*np.split(tasks.are_about_form, 2))
    for name in fields:
        if not is_empty(job.table[name]):
            one, other = (texts_of(job.table[name], some) for some in (others, rows))
            differ = np.flatnonzero(pc.not_equal(one, other).to_numpy(zero_copy_only=False))
            one, other = _shortened(one.take(pa.array(differ)), other.take(pa.array(differ)), plain[differ])
            asked = tasks.of_pairs(differ, differ + len(rows))
            of_instruction = itertools.repeat(name == "instruction")
            texts = list(zip(one.to_pylist(), other.to_pylist(), asked, of_instruction, strict=False))
            distinct = list(dict.fromkeys(texts))
            listed = dict(zip(distinct, job.calls(_listed, distinct), strict=True))
            for pair, text in zip(differ.tolist(), texts, strict=True):
                found[pair] += listed[text]
    return found


def _shortened(one: pa.StringArray, other: pa.StringArray, plain: Bools) -> tuple[pa.StringArray, pa.StringArray]:
    """Pairs of texts, or their rests where these have the same differences. `plain`: bool[pairs]"""
    both = pa.concat_arrays([one, other])
    pair = np.arange(len(one))
    pieces = rests(both, pair, pair + len(one))
    simple = plain.copy()
    for words in np.split(are_words(both), 2):
        simple &= words
    for piece, text in zip(pieces, (one, other), strict=True):
        simple &= is_prose(piece) | decide_alone(piece, text)
    chosen = pa.array(simple)
    return pc.if_else(chosen, pieces[0], one), pc.if_else(chosen, pieces[1], other)


def _listed(one: str, other: str, tasks: str, instruction_itself: bool) -> list[str]:
    return list(map(str, differences(one, other, tasks, instruction_itself)))
