"""The texts of a record batch, wherever a row holds them, met one by one: only in living rows, and only where one scan
finds something to look at.

A text is a column (TEXTS), the content, the reasoning or the name of a message (MESSAGES), or a string inside JSON
(DATA, and the calls of a message).
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.json_strings import ESCAPED, ChangeString, map_strings
from pipeline.table.message_columns import lengths_of, listed, with_field
from pipeline.table.rare_signs import hold_sign
from pipeline.table.reject_and_flag import alive, replace_rows, set_column
from schemas.columns import MESSAGES

#: `change(text, row, field)` gives the text that takes its place. `field`: instruction, history[0].content, meta.url,
#: steps[0].tool_calls[0].function.arguments.city.
Change = Callable[[str, int, str], str]

#: Columns of JSON.
DATA = ("tools", "tool_calls", "meta", "raw")
#: Fields of a message that hold prose, and those with other texts: its calls are JSON.
PROSE = ("content", "reasoning")
CALLS, NAME = "tool_calls", "name"

#: So few distinct texts, of so many bytes, are scanned once for all batches.
FEW, FEW_BYTES = 32, 8192
#: No row at all.
NONE = pa.array([], pa.uint64())


def matches(texts: pa.Array, pattern: str) -> pa.Array:
    """Boolean per text: it matches this RE2 pattern. Null texts do not. Texts that repeat are scanned once."""
    if texts.null_count == len(texts):
        return pa.array(np.zeros(len(texts), bool))
    if few_distinct(texts):
        encoded = texts.dictionary_encode()
        found = distinct_matches(encoded.dictionary, pattern).take(encoded.indices)
    else:
        found = pc.match_substring_regex(texts, pattern)
    return pc.fill_null(found, False) if found.null_count else found


def few_distinct(texts: pa.Array) -> bool:
    """Whether at least half of the first texts are repeats."""
    head = texts[:128]
    return len(head.unique()) * 2 <= len(head)


def distinct_matches(texts: pa.Array, pattern: str) -> pa.Array:
    """The same for distinct texts. A few of them, such as labels, come again in each batch, and are known."""
    if len(texts) > FEW or texts.nbytes > FEW_BYTES:
        return pc.match_substring_regex(texts, pattern)
    shared, few = _known(pattern), texts.to_pylist()
    if len(shared) > 4 * FEW:
        shared.clear()
    known = shared.copy()  # another thread may clear it
    if new := [text for text in few if text not in known]:
        found = pc.match_substring_regex(pa.array(new, pa.string()), pattern).to_pylist()
        known |= zip(new, found, strict=True)
        shared |= zip(new, found, strict=True)
    return pa.array([known[text] for text in few], pa.bool_())


@functools.lru_cache(maxsize=512)
def _known(pattern: str) -> dict[str | None, bool | None]:
    """For texts that were among few distinct ones: whether they match the RE2 pattern."""
    return {}


def data_matches(texts: pa.Array, pattern: str, numbers: str | None = None) -> pa.Array:
    """Boolean per JSON text: a string in it may match the RE2 pattern. Numbers of an object are left out, but for
    those with which the text matches `numbers`.
    """
    found = matches(texts, f"(?:{pattern})|{ESCAPED}")
    places = pc.indices_nonzero(found)
    if not len(places):
        return found
    dense = texts.take(places)
    without = pc.replace_substring_regex(dense, r'([^\\]": ?)-?[0-9.]+([,}])', r"\1\2")
    sure = np.zeros(len(texts), bool)
    hit = matches(without, f"(?:{pattern})|{ESCAPED}")
    if numbers is not None:
        hit = pc.or_(hit, matches(dense, numbers))
    sure[places.to_numpy()] = hit.to_numpy(zero_copy_only=False)
    return pa.array(sure)


def signed_rows(table: pa.Table, columns: Sequence[str]) -> dict[str, pa.Array]:
    """Per column the rows whose text holds one of SIGNS: no other row matches a pattern that needs one of them.

    Without the columns whose texts repeat: there a scan of the distinct ones is cheaper. `table`: one record batch.
    """
    texts = {column: table[column].chunk(0) for column in columns}
    return {
        column: pc.indices_nonzero(hold_sign(values))
        for column, values in texts.items()
        if not values.null_count and not few_distinct(values)
    }


def suspects(
    table: pa.Table,
    patterns: Mapping[str, str],
    rows: pa.Array | None = None,
    whole: bool = False,
    numbers: str | None = None,
    signed: Mapping[str, pa.Array] = MappingProxyType({}),
) -> dict[str, pa.Array]:
    """Per column the rows with a text that may match its RE2 pattern, in order. `table`: one record batch.

    Of a column of messages it is the numbers of the messages, counted through all lists, for each of their fields:
    history.content, history.reasoning. `rows`: boolean per row, those that are looked at; else the living ones.
    `whole`: of messages all texts, not the prose alone. `numbers`: an RE2 pattern of JSON with a number to look at.
    `signed`: for some columns of texts the rows that can match at all (`signed_rows`).
    """
    asked = alive(table).chunk(0) if rows is None else rows
    found = {}
    for column, pattern in patterns.items():
        values = table[column].chunk(0)
        if column not in MESSAGES:
            if values.null_count == len(values):
                found[column] = NONE
                continue
            if column in signed:
                found[column] = narrowed(values, signed[column].filter(asked.take(signed[column])), pattern)
                continue
            hit = data_matches(values, pattern, numbers) if column in DATA else matches(values, pattern)
            found[column] = pc.indices_nonzero(pc.and_(hit, asked))
            continue
        messages = values.flatten()
        if not len(messages):
            continue
        of_asked = asked.take(pc.list_parent_indices(values))
        for field in (*PROSE, NAME, CALLS) if whole else PROSE:
            texts = pc.struct_field(messages, field)
            hit = data_matches(texts, pattern, numbers) if field == CALLS else matches(texts, pattern)
            found[f"{column}.{field}"] = pc.indices_nonzero(pc.and_(hit, of_asked))
    return found


def narrowed(texts: pa.Array, rows: pa.Array, pattern: str) -> pa.Array:
    """Of these rows those whose text matches the RE2 pattern."""
    return rows.filter(matches(texts.take(rows), pattern)) if len(rows) else rows


def map_texts(
    table: pa.Table, places: Mapping[str, pa.Array], change: Change, change_number: Change | None = None
) -> pa.Table:
    """The table with what `change` makes of the texts in these places, which `suspects` finds. `table`: one record
    batch. Of JSON the strings are changed, and its long numbers by `change_number`: it stays JSON.
    """
    data = functools.partial(_map_data, change=change, change_number=change_number)
    for name, numbers in places.items():
        if not len(numbers):
            continue
        column, _, field = name.partition(".")
        values = table[column].chunk(0)
        if field:
            values = _map_messages(values, numbers, column, field, data if field == CALLS else change)
        else:
            fields = [(row, column) for row in numbers.to_pylist()]
            values = _map(values, numbers, fields, data if column in DATA else change)
        if values is not None:
            table = set_column(table, column, values)
    return table


def _map_messages(
    lists: pa.ListArray, numbers: pa.Array, column: str, field: str, change: Change
) -> pa.ListArray | None:
    """The lists with the field of these messages changed; None where nothing changes."""
    messages, lengths = lists.flatten(), lengths_of(lists)
    at = numbers.to_numpy().astype(np.int64)
    rows = pc.list_parent_indices(lists).to_numpy()[at]
    spots = at - (np.cumsum(lengths) - lengths)[rows]
    fields = [(row, f"{column}[{spot}].{field}") for row, spot in zip(rows.tolist(), spots.tolist(), strict=True)]
    values = _map(pc.struct_field(messages, field), numbers, fields, change)
    return None if values is None else listed(with_field(messages, field, values), lengths, lists)


def _map(texts: pa.Array, numbers: pa.Array, fields: Sequence[tuple[int, str]], change: Change) -> pa.Array | None:
    """The array with its texts of these numbers changed, each with its row and field; None where nothing changes."""
    old = texts.take(numbers).to_pylist()
    new = [change(text, row, field) for text, (row, field) in zip(old, fields, strict=True)]
    return None if new == old else replace_rows(texts, numbers.to_numpy().astype(np.int64), new)


def _map_data(text: str, row: int, field: str, change: Change, change_number: Change | None) -> str:
    def placed(change: Change) -> ChangeString:
        return lambda string, path: change(string, row, field + ("." * (bool(path) and path[0] != "[")) + path)

    return map_strings(text, placed(change), change_number and placed(change_number))
