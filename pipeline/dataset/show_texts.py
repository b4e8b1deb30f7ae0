"""show: a row as the messages of its conversation, or as a line of JSON."""

from typing import Any

import orjson

from pipeline.dataset.shown_rows import Row, ShowError
from pipeline.io.terminal_text import STEERING, visible
from pipeline.table.messages import THOUGHT, Message, to_messages
from schemas.columns import MARKS


def has_texts(row: Row) -> bool:
    return row.get("instruction") is not None or row.get("output") is not None


def as_messages(row: Row) -> str:
    """Who says what, one message after another: with thoughts, calls and tools, and why the row was rejected."""
    if not has_texts(row):
        raise ShowError("this row has no texts, as packed rows and unreadable records have none. Try --format json.")
    why = ": ".join(str(row[name]) for name in MARKS.names if row.get(name))
    title = f"# {row.get('origin') or 'row'}" + (f", rejected by {why}" if why else "")
    parts = [title]
    if row.get("tools"):
        parts.append(f"[tools]\n{row['tools']}")
    parts += map(_message, to_messages(row))
    if row.get("rejected") is not None:
        parts.append(f"[assistant, the worse answer]\n{row['rejected']}")
    if row.get("label") is not None:
        parts.append(f"[label] {'good' if row['label'] else 'bad'} answer")
    return "\n".join(map(visible, parts)) + "\n"


def _message(message: Message) -> str:
    role = message["role"]
    head = f"[{role}{', not learned' if message.get('weight') == 0 else ''}]"
    thought = [f"({message[THOUGHT]})"] if message.get(THOUGHT) else []
    calls = [orjson.dumps(call["function"]).decode() for call in message.get("tool_calls", ())]
    content = [message["content"]] if message["content"] or not (thought or calls) else []
    return "\n".join([head, *thought, *content, *calls])


def as_json(row: Row) -> str:
    """One line of JSON. Characters that steer a terminal are escaped, as JSON allows."""
    line = orjson.dumps(row, default=_plain).decode()
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _plain(value: Any) -> str:
    return str(value)
