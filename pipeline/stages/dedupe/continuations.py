"""Conversations that begin with another record of the table: both are to be in one cluster, and so in one split."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Hashes, Ints
from pipeline.stages.dedupe.fingerprint_columns import read_column
from pipeline.stages.dedupe.fingerprints import fingerprint
from pipeline.stages.dedupe.job import Job
from pipeline.table.take_rows import take_rows

#: Conversations whose messages are held at once.
_ROWS = 1 << 13
#: What a record has beside its messages, and its first turns have, too.
_KEPT = ("system", "tools")


def continuations(job: Job, rows: Ints) -> tuple[Ints, Ints]:
    """Places in `rows` of records, and of as many conversations that begin with them: int64[pairs] twice.

    `rows`: int64[n] of the table.
    """
    talks = with_history(job, rows)
    if not len(talks):
        return talks, talks
    answers = job.column("output", rows, np.uint64)
    begun, talk = begun_records(job, rows, talks, np.unique(answers[:, 0]))
    return _equal_records(keys.combine_keys([job.column("prompt", rows, np.uint64), answers]), begun, talk)


def begun_records(job: Job, rows: Ints, talks: Ints, known: Hashes) -> tuple[Hashes, Ints]:
    """The keys of the records that conversations begin with, uint64[n, 2], and the place of each one's conversation.

    `talks`: places in `rows` of the conversations; `known`: uint64[m] in order, at least one, the keys of the answers
    that records have.
    """
    begun = [np.empty((0, 2), np.uint64)]
    talk = [np.empty(0, np.int64)]
    for start in range(0, len(talks), _ROWS):
        part = talks[start : start + _ROWS]
        turns, of_talk = _beginnings(job, rows[part], known)
        if turns:
            schema = pa.schema([field for field in job.table.schema if field.name in turns[0]])
            prints = fingerprint(pa.Table.from_pylist(turns, schema))
            every = np.arange(len(turns))
            parts = [read_column(prints, name, every, np.uint64) for name in ("prompt", "output")]
            begun.append(keys.combine_keys(parts))
            talk.append(part[of_talk])
    return np.concatenate(begun), np.concatenate(talk)


def with_history(job: Job, rows: Ints) -> Ints:
    """The places in `rows` of the records that have earlier messages."""
    lengths = pc.fill_null(pc.list_value_length(job.table["history"]), 0).to_numpy()
    return np.flatnonzero(lengths[rows] > 0)


def _beginnings(job: Job, rows: Ints, known: Hashes) -> tuple[list[dict[str, Any]], Ints]:
    """The first turns of conversations, each as a record, and the number of each one's conversation.

    Only those whose answer may be that of a record: `known`, uint64[n] in order, are the keys of all answers.
    """
    histories = take_rows(job.table["history"], rows)
    key = message_keys(histories)
    may_end = iter((known[np.minimum(np.searchsorted(known, key), len(known) - 1)] == key).tolist())
    beside = [
        take_rows(job.table[name], rows).to_pylist() if name in job.table.column_names else None for name in _KEPT
    ]
    turns: list[dict[str, Any]] = []
    of_talk: list[int] = []
    for number, history in enumerate(histories.to_pylist()):
        shared = {name: values[number] for name, values in zip(_KEPT, beside, strict=True) if values}
        asked = None
        for at, message in enumerate(history or ()):
            may_be_known = next(may_end)
            if message is None:
                continue
            if message["role"] == "user":
                asked = at
            elif message["role"] == "assistant" and asked is not None and (may_be_known or message["reasoning"]):
                turns.append(shared | _record(history, asked, at))
                of_talk.append(number)
    return turns, np.array(of_talk, np.int64)


def _record(history: list[dict[str, Any]], asked: int, answered: int) -> dict[str, Any]:
    """The messages of a conversation up to an answer as a record. `asked`: the place of the question.

    >>> none = {"reasoning": None, "tool_calls": None}
    >>> talk = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "안녕하세요.", **none}]
    >>> _record(talk, 0, 1)["instruction"], _record(talk, 0, 1)["output"], _record(talk, 0, 1)["history"]
    ('안녕?', '안녕하세요.', [])
    """
    answer = history[answered]
    return {
        "history": history[:asked],
        "instruction": history[asked]["content"],
        "input": "",
        "steps": history[asked + 1 : answered],
        "output": answer["content"],
        "reasoning": answer["reasoning"],
        "tool_calls": answer["tool_calls"],
    }


def message_keys(histories: pa.ListArray) -> Hashes:
    """The key of the content of each message, as that of an answer without anything beside it: uint64[messages]."""
    return keys.text_keys(pc.struct_field(histories.flatten(), "content").fill_null(""))[:, 0]


def _equal_records(key: Hashes, begun: Hashes, talk: Ints) -> tuple[Ints, Ints]:
    """The first place of each record that conversations begin with, and the place of the conversation.

    `key`: uint64[rows, 2]; `begun`, `talk`: as of `begun_records`.
    """
    order = np.argsort(key[:, 0], kind="stable")
    place = np.minimum(np.searchsorted(key[order, 0], begun[:, 0]), len(key) - 1)
    record = order[place]
    equal = (key[record] == begun).all(axis=1)
    return record[equal], talk[equal]
