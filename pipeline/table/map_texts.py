"""Texts of a record batch, met one by one: only those of living rows in which one scan finds something to look at."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import alive, replace_rows, set_column

#: `change(text, row, field)` gives the text that takes its place. `field` is a column, or history[0].user.
Change = Callable[[str, int, str], str]


def matches(texts: pa.Array, pattern: str) -> pa.Array:
    """Boolean per text: it matches this RE2 pattern. Null texts do not. Texts that repeat are scanned once."""
    if texts.null_count == len(texts):
        return pa.array(np.zeros(len(texts), bool))
    head = texts[:128]
    if len(head.unique()) * 2 <= len(head):
        encoded = texts.dictionary_encode()
        found = pc.match_substring_regex(encoded.dictionary, pattern).take(encoded.indices)
    else:
        found = pc.match_substring_regex(texts, pattern)
    return pc.fill_null(found, False) if found.null_count else found


def suspects(table: pa.Table, patterns: Mapping[str, str]) -> dict[str, pa.Array]:
    """Per column the living rows whose text matches its RE2 pattern, in order. `table`: one record batch."""
    living = alive(table).chunk(0)
    return {
        column: pc.indices_nonzero(pc.and_(matches(table[column].chunk(0), pattern), living))
        for column, pattern in patterns.items()
    }


def narrowed(texts: pa.Array, rows: pa.Array, pattern: str) -> pa.Array:
    """Of these rows those whose text matches the RE2 pattern."""
    return rows.filter(matches(texts.take(rows), pattern)) if len(rows) else rows


def map_texts(table: pa.Table, rows: Mapping[str, pa.Array], change: Change) -> pa.Table:
    """The table with what `change` makes of the texts in these rows of these columns. `table`: one record batch."""
    for column, places in rows.items():
        if len(places):
            texts = table[column].chunk(0)
            old = texts.take(places).to_pylist()
            new = [change(text, row, column) for text, row in zip(old, places.to_pylist(), strict=True)]
            if new != old:
                table = set_column(table, column, replace_rows(texts, places.to_numpy(), new))
    return table


def map_history(table: pa.Table, pattern: str, change: Change) -> pa.Table:
    """The same for the turns of history: of living rows with a turn that matches the RE2 pattern."""
    history = table["history"].chunk(0)
    turns = history.flatten()
    if not len(turns):
        return table
    suspect = np.zeros(len(turns), bool)
    for speaker in turns.flatten():
        suspect |= matches(speaker, pattern).to_numpy(zero_copy_only=False)
    rows = np.unique(pc.list_parent_indices(history).to_numpy()[suspect])
    rows = rows[alive(table).to_numpy()[rows]]
    if not len(rows):
        return table
    new = [
        [
            {speaker: text and change(text, row, f"history[{place}].{speaker}") for speaker, text in turn.items()}
            for place, turn in enumerate(turns)
        ]
        for turns, row in zip(history.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True)
    ]
    return set_column(table, "history", replace_rows(history, rows, new))
