"""The texts of a record batch, wherever a row holds them, met one by one: only in living rows, and only where one scan
finds something to look at.

A text is a column (TEXTS), the content, the reasoning or the name of a message (MESSAGES), or a string inside JSON
(DATA, and the calls of a message).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.json_strings import ESCAPED, map_strings
from pipeline.table.reject_and_flag import alive, replace_rows, set_column
from schemas.columns import MESSAGES

#: `change(text, row, field)` gives the text that takes its place. `field`: instruction, history[0].content, meta.url,
#: steps[0].tool_calls[0].function.arguments.city.
Change = Callable[[str, int, str], str]

#: Columns of JSON.
DATA = ("tools", "tool_calls", "meta", "raw")
#: Fields of a message that hold prose, and those that do not but may hold personal data.
PROSE = ("content", "reasoning")
CALLS, NAME = "tool_calls", "name"


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


def data_matches(texts: pa.Array, pattern: str) -> pa.Array:
    """Boolean per JSON text: a string in it may match the RE2 pattern. Numbers of an object are left out."""
    found = matches(texts, f"(?:{pattern})|{ESCAPED}")
    places = pc.indices_nonzero(found)
    if not len(places):
        return found
    without = pc.replace_substring_regex(texts.take(places), r'([^\\]": ?)-?[0-9.]+([,}])', r"\1\2")
    sure = np.zeros(len(texts), bool)
    sure[places.to_numpy()] = matches(without, f"(?:{pattern})|{ESCAPED}").to_numpy(zero_copy_only=False)
    return pa.array(sure)


def suspects(
    table: pa.Table, patterns: Mapping[str, str], rows: pa.Array | None = None, whole: bool = False
) -> dict[str, pa.Array]:
    """Per column the rows with a text that may match its RE2 pattern, in order. `table`: one record batch.

    `rows`: boolean per row, those that are looked at; else the living ones. `whole`: of messages all texts, not the
    prose alone.
    """
    asked = alive(table).chunk(0) if rows is None else rows
    found = {}
    for column, pattern in patterns.items():
        values = table[column].chunk(0)
        if column in MESSAGES:
            hit = _message_matches(values, pattern, whole)
        else:
            hit = data_matches(values, pattern) if column in DATA else matches(values, pattern)
        found[column] = pc.indices_nonzero(pc.and_(hit, asked))
    return found


def _message_matches(lists: pa.ListArray, pattern: str, whole: bool) -> pa.Array:
    """Boolean per row: a text of one of its messages may match the RE2 pattern."""
    found = np.zeros(len(lists), bool)
    messages = lists.flatten()
    if len(messages):
        scans = {**dict.fromkeys(PROSE, matches), **({NAME: matches, CALLS: data_matches} if whole else {})}
        hit = np.zeros(len(messages), bool)
        for field, scan in scans.items():
            hit |= scan(pc.struct_field(messages, field), pattern).to_numpy(zero_copy_only=False)
        found[pc.list_parent_indices(lists).to_numpy()[hit]] = True
    return pa.array(found)


def narrowed(texts: pa.Array, rows: pa.Array, pattern: str) -> pa.Array:
    """Of these rows those whose text matches the RE2 pattern."""
    return rows.filter(matches(texts.take(rows), pattern)) if len(rows) else rows


def map_texts(table: pa.Table, rows: Mapping[str, pa.Array], change: Change, whole: bool = False) -> pa.Table:
    """The table with what `change` makes of the texts in these rows of these columns. `table`: one record batch.

    Of JSON the strings are changed: it stays JSON. `whole`: of messages all texts, not the prose alone.
    """
    for column, places in rows.items():
        if not len(places):
            continue
        values = table[column].chunk(0)
        old = values.take(places).to_pylist()
        new = [_mapped(value, row, column, change, whole) for value, row in zip(old, places.to_pylist(), strict=True)]
        if new != old:
            table = set_column(table, column, replace_rows(values, places.to_numpy(), new))
    return table


def _mapped(value: Any, row: int, column: str, change: Change, whole: bool) -> Any:
    """The value of a column with its texts changed."""
    if column in MESSAGES:
        return [
            message and _mapped_message(message, row, f"{column}[{place}]", change, whole)
            for place, message in enumerate(value)
        ]
    return _mapped_data(value, row, column, change) if column in DATA else change(value, row, column)


def _mapped_message(message: dict[str, Any], row: int, field: str, change: Change, whole: bool) -> dict[str, Any]:
    texts = (*PROSE, NAME) if whole else PROSE
    new = {name: change(message[name], row, f"{field}.{name}") for name in texts if message[name]}
    if whole and message[CALLS]:
        new[CALLS] = _mapped_data(message[CALLS], row, f"{field}.{CALLS}", change)
    return message | new


def _mapped_data(text: str, row: int, field: str, change: Change) -> str:
    def change_string(string: str, path: str) -> str:
        return change(string, row, field + ("." * (bool(path) and path[0] != "[")) + path)

    return map_strings(text, change_string)
