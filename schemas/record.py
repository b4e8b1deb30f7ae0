"""The contract: what a valid record is. The stage `validate` applies it and adds no rule of its own."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

#: A character that a reader can see: neither white space, control, format (zero-width, bidi), nor unassigned filler.
#: U+115F, U+1160, U+3164, U+FFA0 are the Hangul fillers: letters to Unicode, nothing to the eye.
#: Written so that Python's `re` and Arrow's RE2 read it alike.
VISIBLE = (
    "[^\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u061c\u115f\u1160\u1680\u180b-\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)

NOT_VISIBLE = "Text should hold at least one visible character"


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of it."""
    return re.search(VISIBLE, text) is not None


def must_be_visible(text: str) -> str:
    if not is_visible(text):
        raise PydanticCustomError("blank", NOT_VISIBLE)
    return text


def json_list(text: str) -> list[Any] | None:
    """The JSON array in a text, None where it is anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def is_call(call: object) -> bool:
    """Whether it is a call of a tool as this project writes it: {"type": "function", "function": {name, arguments}}.

    `id` may stand beside them. `arguments` is an object.

    >>> is_call({"type": "function", "function": {"name": "weather", "arguments": {"city": "부산"}}})
    True
    """
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), dict)
    )


def must_be_calls(text: str) -> str:
    calls = json_list(text)
    if not calls or not all(map(is_call, calls)):
        raise PydanticCustomError(
            "not-calls", "Calls of tools should be a JSON array of objects with a function, its name and its arguments"
        )
    return text


def must_be_list(text: str) -> str:
    if json_list(text) is None:
        raise PydanticCustomError("not-a-list", "Tools should be a JSON array")
    return text


#: Text with something to read.
Visible = Annotated[str, AfterValidator(must_be_visible)]
Calls = Annotated[str, AfterValidator(must_be_calls)]
Tools = Annotated[str, AfterValidator(must_be_list)]


class Message(BaseModel):
    """One message of a conversation. `content` may be "" where a conversation opens with the assistant's greeting
    (an empty message of the user stands before it), or where an assistant's message is calls alone.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    role: Literal["user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    tool_calls: Calls | None = None
    tool_call_id: str | None = None
    name: str | None = None
    learn: bool | None = None


def must_be_in_turn(messages: Sequence[Message], first: str, last: Collection[str], field: str) -> None:
    """Hold messages to the order of a conversation: user and assistant in turn, and after an assistant's calls the
    results of tools, at most one for each call. `first`: the role that begins; `last`: the roles that may end it.
    """
    expected, unanswered = {first}, 0
    for number, message in enumerate(messages):
        if message.role not in expected:
            found = f"message {number} of {field} has the role {message.role}, where {' or '.join(sorted(expected))}"
            raise PydanticCustomError(f"{field}-order", f"{found} is expected")
        if message.role == "user":
            expected = {"assistant"}
        elif message.tool_calls is not None:
            expected, unanswered = {"tool"}, len(json_list(message.tool_calls) or ())
        elif message.role == "tool":
            unanswered -= 1
            expected = {"tool", "assistant"} if unanswered else {"assistant"}
        else:
            expected = {"user"}
    if messages and messages[-1].role not in last:
        raise PydanticCustomError(f"{field}-order", f"{field} ends with a message of the role {messages[-1].role}")


class Record(BaseModel):
    """One record: given `system`, `tools`, `history`, `instruction`, `input` and `steps`, the answer is `output`
    (a text), `tool_calls` (calls of tools), or both, after the thought `reasoning`.

    A record whose history holds answers may lack one of its own.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    system: str | None = None
    tools: Tools | None = None
    history: list[Message] = []
    instruction: Visible
    input: str = ""
    steps: list[Message] = []
    reasoning: str | None = None
    output: str | None = None
    tool_calls: Calls | None = None
    rejected: Visible | None = None
    label: bool | None = None
    learn: bool | None = None

    @model_validator(mode="after")
    def be_a_conversation_with_an_answer(self) -> "Record":
        must_be_in_turn(self.history, "user", ("assistant",), "history")
        must_be_in_turn(self.steps, "assistant", ("tool",), "steps")
        if self.output is None and self.tool_calls is None and not self.history:
            raise PydanticCustomError("output-missing", "Field required")
        if self.output is not None and self.tool_calls is None and not is_visible(self.output):
            raise PydanticCustomError("output-blank", NOT_VISIBLE)
        return self
