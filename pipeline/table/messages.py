"""A row as the messages of a conversation (OpenAI's form), and the messages of a conversation as a row."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import TableError
from schemas.record import json_list

Message = dict[str, Any]

#: Who speaks in messages, and what a message may hold.
ROLES = ("system", "user", "assistant", "tool")
KEYS = {"role", "content", "input", "reasoning_content", "tool_calls", "tool_call_id", "name", "weight"}
#: What the system prompt, the user's last message and the answer at the end may hold: they become columns.
OF_SYSTEM, OF_QUESTION = {"role", "content"}, {"role", "content", "input"}
OF_ANSWER = {"role", "content", "reasoning_content", "tool_calls", "weight"}
#: The field of a thought, and its other names.
THOUGHT, THOUGHTS = "reasoning_content", ("reasoning", "thinking")
#: Between an instruction and its input where both are one text.
BETWEEN = "\n"
#: The columns of a record that messages hold.
SPOKEN = ("system", "history", "instruction", "input", "steps", "reasoning", "output", "tool_calls", "learn")


def to_messages(row: Mapping[str, Any]) -> list[Message]:
    r"""The messages of a row, in OpenAI's form: role, content, and where there is any, reasoning_content, tool_calls,
    tool_call_id, name, weight (1: to be learned, 0: not). The row's `tools` are not among them.

    The user's last message is instruction, newline, input. Beside the content `input` says which part of it is the
    input, so that `from_messages` gives the row back. Of a row that `validate` rejects, `tool_calls` that are no calls
    are given as the text that they are.

    >>> to_messages({"system": None, "instruction": "영어로 옮겨라.", "input": "사과", "output": "apple"})
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'role': 'user', 'content': '영어로 옮겨라.\n사과', 'input': '사과'},
     {'role': 'assistant', 'content': 'apple'}]
    """
    messages: list[Message] = []
    if row.get("system"):
        messages.append({"role": "system", "content": row["system"]})
    messages += map(_openai, filter(None, row.get("history") or ()))
    if row.get("instruction") is not None:
        messages.append(_question(row["instruction"], row.get("input") or ""))
    messages += map(_openai, filter(None, row.get("steps") or ()))
    if row.get("output") is not None or row.get("tool_calls") is not None:
        answer = {name: row.get(name) for name in ("reasoning", "tool_calls", "learn")}
        messages.append(_openai({"role": "assistant", "content": row.get("output") or "", **answer}))
    return messages


def from_messages(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of SPOKEN from messages as `to_messages` writes them: the inverse. (`ingest` reads messages of other
    forms.) Raises TableError for a message that is not of this form: nothing in it is left out.

    The instruction is the user's last message, the answer an assistant's message at the end. The messages between
    them are steps, those before them are history. Without a message of the user the instruction is null, without an
    answer at the end the output. Calls are compact JSON.

    >>> row = from_messages([{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "안녕하세요."}])
    >>> row["instruction"], row["output"], row["history"]
    ('안녕?', '안녕하세요.', [])
    """
    row: dict[str, Any] = dict.fromkeys(SPOKEN)
    row |= {"history": [], "input": "", "steps": []}
    question = max((number for number, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    spoken = [
        _checked(message, number, _held(message.get("role"), number == question, number == len(messages) - 1))
        for number, message in enumerate(messages)
    ]
    if spoken and spoken[0]["role"] == "system":
        row["system"] = spoken.pop(0)["content"]
    users = [place for place, message in enumerate(spoken) if message["role"] == "user"]
    asked = users[-1] if users else -1
    if users:
        content, given = spoken[asked]["content"], spoken[asked].get("input", "")
        row["instruction"] = content.removesuffix(BETWEEN + given) if given else content
        row["input"] = given
        row["history"] = [_message(message) for message in spoken[:asked]]
    after = spoken[asked + 1 :]
    if after and after[-1]["role"] == "assistant":
        answer = _message(after.pop())
        row |= {name: answer[name] for name in ("reasoning", "tool_calls", "learn")} | {"output": answer["content"]}
    row["steps"] = [_message(message) for message in after]
    return row


def _held(role: Any, is_question: bool, is_last: bool) -> set[str]:
    """The keys of a message that have a place in a row. `is_question`: it is the user's last one."""
    if role in ("system", "developer"):
        return OF_SYSTEM
    if role == "user":
        return OF_QUESTION if is_question else KEYS
    return OF_ANSWER if role == "assistant" and is_last else KEYS - {"input"}


def _checked(message: Mapping[str, Any], number: int, held: set[str]) -> Message:
    """The message with its field of a thought, and its role, under the names that `to_messages` gives them. `held`: the
    keys that have a place in a row."""
    given = {key: value for key, value in message.items() if value is not None}
    thoughts = [given[key] for key in (THOUGHT, *THOUGHTS) if key in given]
    checked = {THOUGHT if key in THOUGHTS else key: value for key, value in given.items()}
    if checked.get("role") == "developer":
        checked["role"] = "system"
    checked.setdefault("content", "")
    role, wrong = checked.get("role"), sorted(checked.keys() - held)
    if role not in ROLES or (role == "system" and number):
        found = f"the role {role!r} at this place"
    elif wrong:
        found = f"the key {wrong[0]!r}, which has no column"
    elif any(thought != thoughts[0] for thought in thoughts):
        found = "two different thoughts"
    elif not isinstance(checked["content"], str):
        found = f"content that is not text: {checked['content']!r:.40}"
    elif not isinstance(checked.get("input", ""), str):
        found = f"an input that is not text: {checked['input']!r:.40}"
    elif checked.get("weight", 1) not in (0, 1):
        found = f"the weight {checked['weight']!r}; it is 0 or 1"
    else:
        return checked
    raise TableError(f"message {number}: {found}. Read records of other forms with `ingest`.")


def _question(instruction: str, given: str) -> Message:
    if not given:
        return {"role": "user", "content": instruction}
    return {"role": "user", "content": instruction + BETWEEN + given, "input": given}


def _openai(message: Mapping[str, Any]) -> Message:
    """A MESSAGE in OpenAI's form."""
    written = {"role": message["role"], "content": message["content"]}
    if message.get("reasoning") is not None:
        written[THOUGHT] = message["reasoning"]
    if message.get("tool_calls") is not None:
        written["tool_calls"] = _calls(message["tool_calls"])
    for name in ("tool_call_id", "name"):
        if message.get(name) is not None:
            written[name] = message[name]
    if message.get("learn") is not None:
        written["weight"] = int(message["learn"])
    return written


def _calls(text: str) -> Any:
    """The calls in a text; the text where it holds none."""
    calls = json_list(text)
    functions = [call.get("function") if isinstance(call, dict) else None for call in calls or ()]
    return calls if all(isinstance(function, dict) and "name" in function for function in functions or [None]) else text


def _message(written: Mapping[str, Any]) -> Message:
    """A message in OpenAI's form as a MESSAGE."""
    calls, weight = written.get("tool_calls"), written.get("weight")
    return {
        "role": written["role"],
        "content": written["content"],
        "reasoning": written.get(THOUGHT),
        "tool_calls": calls if calls is None or isinstance(calls, str) else _compact(calls),
        "tool_call_id": written.get("tool_call_id"),
        "name": written.get("name"),
        "learn": None if weight is None else bool(weight),
    }


def _compact(calls: Any) -> str:
    return json.dumps(calls, ensure_ascii=False, separators=(",", ":"))
