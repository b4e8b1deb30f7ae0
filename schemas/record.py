"""The contract: what a valid record is. The stage `validate` applies it and adds no rule of its own."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

#: A character that a reader can see: neither white space, control, format (zero-width, bidi), nor unassigned filler.
#: U+115F, U+1160, U+3164, U+FFA0 are the Hangul fillers: letters to Unicode, nothing to the eye.
#: Written so that Python's `re` and Arrow's RE2 read it alike.
VISIBLE = (
    "[^\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u061c\u115f\u1160\u1680\u180b-\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)

NOT_VISIBLE = "The text has no visible character"


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of it."""
    return re.search(VISIBLE, text) is not None


def must_be_visible(text: str) -> str:
    if not is_visible(text):
        raise PydanticCustomError("blank", NOT_VISIBLE)
    return text


def json_list(text: str) -> list[Any] | None:
    """The JSON array in a text, None where it is anything else.

    NaN and infinite numbers are not JSON, and half a character is no text: json.loads takes them, orjson does not.
    """
    try:
        orjson.loads(text)
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def is_call(call: object) -> bool:
    """Whether it is a call of a tool as this project writes it: {"type": "function", "function": {name, arguments}}.

    `id`, a text, may be beside them. `arguments` is an object.

    >>> is_call({"type": "function", "function": {"name": "weather", "arguments": {"city": "부산"}}})
    True
    """
    if not isinstance(call, dict):
        return False
    function = call.get("function")
    return (
        isinstance(function, dict)
        and isinstance(call.get("id", ""), str)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), dict)
    )


def must_be_calls(text: str) -> str:
    calls = json_list(text)
    if not calls or not all(map(is_call, calls)):
        raise PydanticCustomError(
            "not-calls", "Calls of tools are a JSON array of objects with a function, its name and its arguments"
        )
    return text


def must_be_list(text: str) -> str:
    if json_list(text) is None:
        raise PydanticCustomError("not-a-list", "Tools are a JSON array")
    return text


#: Text with something to read.
Visible = Annotated[str, AfterValidator(must_be_visible)]
Calls = Annotated[str, AfterValidator(must_be_calls)]
Tools = Annotated[str, AfterValidator(must_be_list)]


class Message(BaseModel):
    """One message of a conversation. `content` may be "" where a conversation opens with the assistant's greeting
    (an empty message of the user comes before it), where a tool returns nothing, where an assistant's message is calls
    alone, and where it is not to be learned.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    role: Literal["user", "assistant", "tool"]
    content: str = ""
    reasoning: str | None = None
    tool_calls: Calls | None = None
    tool_call_id: str | None = None
    name: str | None = None
    learn: bool | None = None


def must_be_in_turn(messages: Sequence[Message], field: Literal["history", "steps"]) -> None:
    """Hold messages to the order of a conversation: user and assistant in turn, and after an assistant's calls the
    results of tools, at most one for each call. What an assistant says is a text or calls.

    History begins with the user and ends with the assistant; its calls may have no results. Steps begin with calls and
    end with a result.
    """
    history = field == "history"
    expected = {"user"} if history else {"assistant"}
    waiting: list[str | None] = []  # ids of the calls without a result, None where a call has no id
    for number, message in enumerate(messages):
        place = f"Message {number + 1} of {field}"
        if message.role not in expected:
            found = f"{place} has the role {message.role}. The expected role is {' or '.join(sorted(expected))}"
            raise PydanticCustomError(f"{field}-order", found)
        if message.role == "user":
            expected = {"assistant"}
        elif message.role == "tool":
            if not take_call(waiting, message.tool_call_id):
                raise PydanticCustomError(f"{field}-call-id", f"{place} answers a call that the assistant did not make")
            expected = {"tool", "assistant"} if waiting else {"assistant"}
        elif message.tool_calls is not None:
            waiting = [call.get("id") for call in json_list(message.tool_calls) or ()]
            expected = {"tool", "user"} if history else {"tool"}
        elif not history:
            raise PydanticCustomError("steps-order", f"{place} is an answer, where calls of tools are expected")
        else:
            if message.learn is not False and not is_visible(message.content):
                raise PydanticCustomError(f"{field}-blank", f"{place} has no visible character and no call of a tool")
            expected = {"user"}
    if messages and messages[-1].role != ("assistant" if history else "tool"):
        raise PydanticCustomError(f"{field}-order", f"The last message of {field} has the role {messages[-1].role}")


def take_call(waiting: list[str | None], answered: str | None) -> bool:
    """Take the call that a result answers out of the waiting ones: the one of its id, else the first without an id. A
    result without an id answers the first call. False where no call fits.

    >>> take_call(["a", "b"], "b"), take_call(["a", None], "c"), take_call(["a"], None), take_call(["a"], "c")
    (True, True, True, False)
    """
    fits = [call for call in (answered, None) if call in waiting] if answered is not None else waiting[:1]
    if fits:
        waiting.remove(fits[0])
    return bool(fits)


class Record(BaseModel):
    """One record: given `system`, `tools`, `history`, `instruction`, `input` and `steps`, the answer is `output`
    (a text), `tool_calls` (calls of tools), or both, after the thought `reasoning`.

    A record may lack an answer of its own where its history or its steps hold messages of the assistant.
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
        must_be_in_turn(self.history, "history")
        must_be_in_turn(self.steps, "steps")
        if self.output is None and self.tool_calls is None and not self.history and not self.steps:
            raise PydanticCustomError("output-missing", "The record has no answer")
        if self.output is not None and self.tool_calls is None and not is_visible(self.output):
            raise PydanticCustomError("output-blank", NOT_VISIBLE)
        return self
