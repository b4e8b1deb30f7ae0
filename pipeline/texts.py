"""Texts of a record batch, met one by one: only those of living rows in which one scan finds something to look at."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import marks
from schemas.columns import TEXTS


def matches(texts: pa.Array, pattern: str) -> pa.Array:
    """Boolean per text: it matches this RE2 pattern. Null texts do not. Texts that repeat are scanned once."""
    head = texts.slice(0, 256)
    if pc.count_distinct(head).as_py() * 2 <= len(head):
        encoded = texts.dictionary_encode()
        found = pc.match_substring_regex(encoded.dictionary, pattern).take(encoded.indices)
    else:
        found = pc.match_substring_regex(texts, pattern)
    return pc.fill_null(found, False)


def map_texts(table: pa.Table, pattern: str, change: Callable[[str, int, str], str]) -> pa.Table:
    """The table with `change(text, row, field)` in place of every text of a living row that matches the RE2 pattern.

    `table`: one record batch, every column in one chunk. `field` is a column, or a place in history: history[0].user.
    """
    living = marks.alive(table).chunk(0)
    for column in TEXTS:
        texts = table[column].chunk(0)
        suspects = pc.and_(matches(texts, pattern), living)
        rows = pc.indices_nonzero(suspects).to_numpy()
        if len(rows):
            old = texts.filter(suspects).to_pylist()
            new = [change(text, row, column) for text, row in zip(old, rows.tolist(), strict=True)]
            if new != old:
                table = marks.set_column(table, column, marks.replace_rows(texts, rows, new))
    return _map_history(table, living, pattern, change)


def _map_history(table: pa.Table, living: pa.Array, pattern: str, change: Callable[[str, int, str], str]) -> pa.Table:
    """The rows with a turn to look at are rebuilt and gathered with the rest."""
    history = table["history"].chunk(0)
    turns = history.flatten()
    if not len(turns):
        return table
    suspect = np.zeros(len(turns), bool)
    for speaker in turns.flatten():
        suspect |= matches(speaker, pattern).to_numpy(zero_copy_only=False)
    rows = np.unique(pc.list_parent_indices(history).to_numpy()[suspect])
    rows = rows[living.to_numpy(zero_copy_only=False)[rows]]
    if not len(rows):
        return table
    new = [
        [
            {speaker: text and change(text, row, f"history[{place}].{speaker}") for speaker, text in turn.items()}
            for place, turn in enumerate(turns)
        ]
        for turns, row in zip(history.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True)
    ]
    return marks.set_column(table, "history", marks.replace_rows(history, rows, new))
