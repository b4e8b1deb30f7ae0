"""One message of a source, read."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.fields.calls import Call
from pipeline.table.messages import Message
from schemas.shapes import Role

#: The channel of harmony on which an assistant thinks.
THOUGHT_CHANNEL = "analysis"


class Turn(NamedTuple):
    """One message of a source, read: who speaks, what is said, and in `rest` whatever else its object holds."""

    role: Role
    text: str = ""
    reasoning: str | None = None
    calls: Sequence[Call] = ()
    #: Results of tools that this message holds in parts. Of a tool's message without any, the text is the result.
    results: Sequence[Message] = ()
    #: Of a tool's message: the id of the call that it answers, and the tool.
    call_id: str | None = None
    name: str | None = None
    learn: bool | None = None
    #: Of a question: what it is about, from fields of its own.
    given: str = ""
    rest: Mapping[str, Any] = {}
    #: Repairs that reading it took.
    fixes: Sequence[str] = ()


def result_of(text: str, call_id: str | None = None, name: str | None = None) -> Message:
    """The message of a tool."""
    return {"role": "tool", "content": text, "tool_call_id": call_id, "name": name}
