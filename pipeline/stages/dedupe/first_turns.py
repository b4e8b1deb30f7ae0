"""Rows by their first turn: the first message of the user is the prompt, and all other messages are the answer."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.fingerprint_columns import Fingerprints, take_part
from pipeline.stages.dedupe.fingerprints import fingerprint
from pipeline.stages.dedupe.job import TEXTS_READ
from pipeline.table.reject_and_flag import complete, replace_rows, set_column
from schemas.columns import MARKS, MESSAGES

#: Rows whose messages are held at once.
_ROWS = 1 << 13


def by_first_turn(table: pa.Table, fingerprints: Fingerprints) -> tuple[pa.Table, pa.Table]:
    """The rows as `first_turns` gives them, and their fingerprints; null where those given are."""
    takes_part = take_part(fingerprints)
    table = table.select([name for name in TEXTS_READ if name in table.column_names])
    parts = [first_turns(table.slice(start, _ROWS)) for start in range(0, len(table), _ROWS)]
    turns = pa.concat_tables(parts) if parts else complete(table)
    stage = pc.if_else(pa.array(takes_part), pa.scalar(None, pa.string()), "earlier")
    turns = set_column(turns, MARKS.names[0], pa.chunked_array([stage]))
    return turns, fingerprint(turns)


def first_turns(table: pa.Table) -> pa.Table:
    """Each row with its first message of the user that holds text as instruction and input, and all its other messages
    before its answers. System prompt and tools are left out.

    >>> talk = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "안녕하세요."}]
    >>> row = {"system": "짧게 답한다.", "history": talk, "instruction": "잘 지내?", "input": "", "output": "네."}
    >>> found = first_turns(pa.Table.from_pylist([row]))
    >>> found["instruction"].to_pylist(), found["output"].to_pylist(), found["system"].to_pylist()
    (['안녕?'], ['assistant: 안녕하세요.\\nuser: 잘 지내?\\n\\n네.'], [None])
    """
    table = complete(table).combine_chunks()
    lengths = (pc.fill_null(pc.list_value_length(table[name]), 0) for name in MESSAGES)
    rows = pc.indices_nonzero(pc.add(*lengths)).to_numpy().astype("int64")
    if len(rows):
        names = (*MESSAGES, "instruction", "input", "output", "rejected")
        turned = [_turned(row) for row in table.select(names).take(pa.array(rows)).to_pylist()]
        for name in names[len(MESSAGES) :]:
            column = table[name].combine_chunks()
            table = set_column(table, name, replace_rows(column, rows, [row[name] for row in turned]))
    for name in ("system", "tools"):
        table = set_column(table, name, pa.nulls(len(table), table.field(name).type))
    for name in MESSAGES:
        kind = table.field(name).type
        empty = pa.ListArray.from_arrays(
            pa.array([0] * (len(table) + 1), pa.int32()), pa.array([], kind.value_type), kind
        )
        table = set_column(table, name, empty)
    return table


def _turned(row: dict[str, Any]) -> dict[str, str | None]:
    """Instruction, input, output and rejected of a row that has other messages."""
    history, steps = (row[name] or [] for name in MESSAGES)
    history = [message for message in history if message]
    asked = next((at for at, message in enumerate(history) if message["role"] == "user" and message["content"]), None)
    if asked is None:
        instruction, input_, others = row["instruction"], row["input"], [*history, *steps]
    else:
        last = {"role": "user", "content": "\n".join(filter(None, (row["instruction"], row["input"])))}
        instruction, input_ = history[asked]["content"], ""
        others = [*history[:asked], *history[asked + 1 :], last, *steps]
    before = "".join(f"{_text(message)}\n" for message in others if message)
    answers = {name: row[name] if row[name] is None else f"{before}\n{row[name]}" for name in ("output", "rejected")}
    return {"instruction": instruction, "input": input_, **answers}


def _text(message: dict[str, Any]) -> str:
    """A message as a text. Ids of calls say nothing, and are left out."""
    calls = keys.without_call_ids(pa.chunked_array([pa.array([message.get("tool_calls")], pa.string())]))
    parts = (message.get("name"), message.get("reasoning"), message["content"], calls[0].as_py())
    return f"{message['role']}: " + "\n".join(filter(None, parts))
