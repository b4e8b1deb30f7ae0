"""Judgements of one prompt that contradict each other: one answer is called good and bad, or each of two the better."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Hashes, Ints
from pipeline.stages.dedupe.groups import Groups, group_rows
from pipeline.stages.dedupe.job import Job
from pipeline.table.take_rows import take_rows


def contradicted(job: Job, rows: Ints, prompts: Groups, several: Bools) -> Bools:
    """bool[rows]: another row of its prompt gives its answer the other label, or takes its two answers the other way.

    `rows`: int64[n] of the table; `several`: bool[n], the row has a label, or an answer and a worse one.
    """
    found = np.zeros(len(rows), bool)
    judged = np.bincount(prompts.of_row[several], minlength=len(prompts.first))
    some = np.flatnonzero(several & (judged[prompts.of_row] > 1))
    if not len(some):
        return found
    answer, worse = (_text_keys(job, name, rows[some]) for name in ("output", "rejected"))
    is_pair = take_rows(job.table["rejected"], rows[some]).is_valid().to_numpy(zero_copy_only=False)
    label = take_rows(job.table["label"], rows[some]).fill_null(False).to_numpy(zero_copy_only=False)
    other = np.where(is_pair, worse, answer)
    pair = np.minimum(answer, other), np.maximum(answer, other)
    side = np.where(is_pair, answer < worse, label)
    of_answers = group_rows(prompts.of_row[some].astype(np.uint64), *pair, is_pair.astype(np.uint64)).of_row
    found[some] = opposed(of_answers, side)
    return found


def opposed(group: Ints, side: Bools) -> Bools:
    """bool[rows]: rows of both sides are in its group. `group`: int64[rows], numbers from 0; `side`: bool[rows].

    >>> opposed(np.array([0, 0, 1, 1]), np.array([True, False, True, True])).tolist()
    [True, True, False, False]
    """
    has = [np.bincount(group[side == value], minlength=int(group.max()) + 1) > 0 for value in (True, False)]
    both: Bools = (has[0] & has[1])[group]
    return both


def _text_keys(job: Job, name: str, rows: Ints) -> Hashes:
    """The keys of the texts of a column: uint64[rows]."""
    texts, text_of = keys.distinct(pc.cast(take_rows(job.table[name], rows), pa.string()))
    key: Hashes = keys.text_keys(texts)[:, 1][text_of]
    return key
