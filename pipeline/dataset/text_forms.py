"""A row as a record of texts, in the forms that trainers read: a pure function for each form.

A form that has no place for something in a row refuses the row (`FormError`) and names the column: nothing is lost in
silence. In every form but alpaca, instruction and input are one text, with a newline between them.
An empty thought is written as no thought, and `ingest` reads it so. Columns about the record, such as `origin`,
`source` and `meta`, are in no form.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pipeline.table.messages import THOUGHT, Message, to_messages
from schemas.errors import KoInstructError

Row = Mapping[str, Any]
Record = dict[str, Any]
TextForm = Literal["messages", "prompt-completion", "preference", "unpaired", "alpaca", "sharegpt", "openai"]

#: Who speaks, in the form sharegpt.
SPEAKERS = {"user": "human", "assistant": "gpt"}


class FormError(KoInstructError, ValueError):
    """A row has something that a text form has no place for, or lacks what the form needs."""


def messages(row: Row) -> Record:
    """TRL's conversational form: messages, and tools where there are any.

    >>> messages({"instruction": "하나?", "output": "둘."})
    {'messages': [{'role': 'user', 'content': '하나?'}, {'role': 'assistant', 'content': '둘.'}]}
    """
    _need(row, "messages", "instruction", "output")
    _refuse(row, "messages", "rejected", "label", "learn")
    return {"messages": _unweighted("messages", _spoken(row))} | _tools(row)


def openai(row: Row) -> Record:
    """OpenAI's form of fine-tuning: messages with a weight where the row has one, and tools. It has no thoughts."""
    _need(row, "openai", "instruction", "output")
    _refuse(row, "openai", "rejected", "label")
    spoken = _spoken(row)
    if any(THOUGHT in message for message in spoken):
        raise _no_place("openai", "reasoning")
    return {"messages": spoken} | _tools(row)


def prompt_completion(row: Row) -> Record:
    """TRL's form of a prompt and the completion that is learned, each a list of messages."""
    _need(row, "prompt-completion", "instruction", "output")
    _refuse(row, "prompt-completion", "rejected", "label", "learn")
    *prompt, answer = _unweighted("prompt-completion", _spoken(row))
    return {"prompt": prompt, "completion": [answer]} | _tools(row)


def preference(row: Row) -> Record:
    """TRL's form of DPO: a prompt, a better and a worse answer, each a list of messages."""
    _need(row, "preference", "instruction", "output", "rejected")
    _refuse(row, "preference", "label", "learn", "reasoning", "tool_calls")
    *prompt, chosen = _unweighted("preference", _spoken(row))
    worse = {"role": "assistant", "content": row["rejected"]}
    return {"prompt": prompt, "chosen": [chosen], "rejected": [worse]} | _tools(row)


def unpaired(row: Row) -> Record:
    """TRL's form of KTO: a prompt, an answer, and whether the answer is a good one."""
    _need(row, "unpaired", "instruction", "output", "label")
    _refuse(row, "unpaired", "rejected", "learn")
    *prompt, answer = _unweighted("unpaired", _spoken(row))
    return {"prompt": prompt, "completion": [answer], "label": row["label"]} | _tools(row)


def alpaca(row: Row) -> Record:
    """LLaMA-Factory's alpaca: instruction, input, output, system, and history as pairs of question and answer.

    >>> alpaca({"instruction": "하나?", "output": "둘."})
    {'instruction': '하나?', 'input': '', 'output': '둘.', 'system': '', 'history': []}
    """
    _need(row, "alpaca", "instruction", "output")
    _refuse(row, "alpaca", "rejected", "label", "learn", "tools", "steps", "reasoning", "tool_calls")
    history = _text_only("alpaca", row.get("history") or ())
    if [message["role"] for message in history] != ["user", "assistant"] * (len(history) // 2):
        raise FormError("The form alpaca holds history as pairs of a question and its answer. Use messages instead.")
    texts = [message["content"] for message in history]
    return {
        "instruction": row["instruction"],
        "input": row.get("input") or "",
        "output": row["output"],
        "system": row.get("system") or "",
        "history": [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)],
    }


def sharegpt(row: Row) -> Record:
    """ShareGPT's form: conversations of human and gpt, system, and tools as JSON text; "" where there is none."""
    _need(row, "sharegpt", "instruction", "output")
    _refuse(row, "sharegpt", "rejected", "label", "learn", "steps", "reasoning", "tool_calls")
    spoken = _text_only("sharegpt", _spoken(dict(row) | {"system": None}))
    turns = [{"from": SPEAKERS[message["role"]], "value": message["content"]} for message in spoken]
    return {"conversations": turns, "system": row.get("system") or "", "tools": row.get("tools") or ""}


TEXT_FORMS: dict[TextForm, Callable[[Row], Record]] = {
    "messages": messages,
    "prompt-completion": prompt_completion,
    "preference": preference,
    "unpaired": unpaired,
    "alpaca": alpaca,
    "sharegpt": sharegpt,
    "openai": openai,
}


def _spoken(row: Row) -> list[Message]:
    """The messages of a row, without the mark of where the input begins, and without empty thoughts."""
    return [
        {key: value for key, value in message.items() if key != "input" and (key, value) != (THOUGHT, "")}
        for message in to_messages(row)
    ]


def _tools(row: Row) -> Record:
    return {"tools": json.loads(row["tools"])} if row.get("tools") else {}


def _unweighted(form: TextForm, spoken: list[Message]) -> list[Message]:
    if any("weight" in message for message in spoken):
        raise _no_place(form, "learn")
    return spoken


def _text_only(form: TextForm, spoken: Sequence[Row]) -> Sequence[Row]:
    """The messages, if each is a text of the user or the assistant and nothing else."""
    for message in spoken:
        if message["role"] not in SPEAKERS:
            raise FormError(f"The form {form} has no place for a message of the role {message['role']!r}.")
        for field in message:
            if field not in ("role", "content") and message[field] is not None:
                raise _no_place(form, field)
    return spoken


def _need(row: Row, form: TextForm, *columns: str) -> None:
    for column in columns:
        if row.get(column) is None:
            raise FormError(f"The form {form} needs the column {column!r}, and this row has nothing in it.")


def _refuse(row: Row, form: TextForm, *columns: str) -> None:
    for column in columns:
        if row.get(column) not in (None, [], ""):
            raise _no_place(form, column)


def _no_place(form: TextForm, column: str) -> FormError:
    return FormError(f"The form {form} has no place for {column!r}, which this row has.")
