"""show: a row as the messages of its conversation, or as a line of JSON."""

from typing import Any

import orjson
import pyarrow as pa

from pipeline.dataset.show_calls import call_text, tools_text
from pipeline.dataset.shown_rows import Row, ShowError
from pipeline.io.terminal_text import visible, visible_json
from pipeline.table.message_columns import ColumnTypeError
from pipeline.table.messages import THOUGHT, Message, to_messages
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED, MARKS


def has_texts(row: Row) -> bool:
    return row.get("instruction") is not None or row.get("output") is not None


def as_messages(row: Row) -> str:
    """Who says what, one message after another: with thoughts, calls and tools, and why the row was rejected."""
    if "input_ids" not in row:
        need_row(row)
    why = ": ".join(str(row[name]) for name in MARKS.names if row.get(name))
    title = f"# {row.get('origin') or 'row'}" + (f", rejected by {why}" if why else "")
    if not has_texts(row):
        if why:
            return visible(f"{title}\n[raw record]\n{row.get('raw') or 'not kept'}\n")
        raise ShowError("this row has no texts, as packed rows have none. Try --format json.")
    parts = [title]
    if row.get("tools"):
        parts.append(f"[tools]\n{tools_text(row['tools'])}")
    parts += map(_message, to_messages(row))
    if row.get("rejected") is not None:
        parts.append(f"[assistant, the worse answer]\n{row['rejected']}")
    if row.get("label") is not None:
        parts.append(f"[label] {'good' if row['label'] else 'bad'} answer")
    return "\n".join(map(visible, parts)) + "\n"


def need_row(row: Row) -> None:
    """Raises ShowError for what is not a row of a stage or a layout: a record of a text form, or of any other file."""
    texts = {name: value for name, value in row.items() if name in INGESTED.names}
    why = f"its fields are {', '.join(row)}."
    if texts.keys() & {"instruction", "output"}:
        try:
            complete(pa.Table.from_pylist([texts]))
            return
        except ColumnTypeError as error:
            why = str(error)
    raise ShowError(
        f"this is a raw record and not a row: {why} Show it with --format json, or read the file with "
        "`ko-instruct ingest` first."
    )


def _message(message: Message) -> str:
    role = str(message["role"])
    about = [str(message["name"])] if message.get("name") else []
    about += [f"#{message['tool_call_id']}"] if message.get("tool_call_id") else []
    head = f"[{' '.join([role, *about])}{', not learned' if message.get('weight') == 0 else ''}]"
    thought = [f"({message[THOUGHT]})"] if message.get(THOUGHT) else []
    given = message.get("tool_calls", ())
    calls = [given] if isinstance(given, str) else list(map(call_text, given))
    content = [message["content"]] if message["content"] or not (thought or calls) else []
    return "\n".join([head, *thought, *content, *calls])


def as_json(row: Row) -> str:
    """One line of JSON. Characters that steer a terminal are escaped, as JSON allows."""
    return visible_json(orjson.dumps(row, default=_plain).decode())


def _plain(value: Any) -> str:
    return str(value)
