"""A row as a record of texts, in the forms that trainers read: a pure function for each form.

A form that has no place for something in a row refuses the row (`FormError`) and names the column: nothing is lost in
silence. In every form but alpaca, instruction and input are one text, with a newline between them.
An empty thought is written as no thought, and `ingest` reads it so. Columns about the record, such as `origin`,
`source` and `meta`, are in no form. `learn = true` and `label = true` are in the forms that have a place for them;
the others are of answers to be learned anyway.

The arguments of a call are JSON text, and so are `tools`: objects of different keys have no common type in Parquet.
openai alone has `tools` as a list, since its service takes no text for them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.table.messages import SPOKEN, THOUGHT, Message, to_messages
from schemas.errors import KoInstructError
from schemas.text_forms import TextForm

Row = Mapping[str, Any]
Record = dict[str, Any]

#: The columns of a row that the forms hold.
FORM_COLUMNS = (*SPOKEN, "tools", "rejected", "label")
#: Who speaks, in the form sharegpt.
SPEAKERS = {"user": "human", "assistant": "gpt"}


class FormError(KoInstructError, ValueError):
    """A row has something that a text form has no place for, or lacks what the form needs. `reason`: which, briefly."""

    def __init__(self, form: TextForm, reason: str) -> None:
        super().__init__(f"The form {form} does not take this row: {reason}. Use another form for it.")
        self.reason = reason


def messages(row: Row) -> Record:
    """TRL's conversational form: messages, and tools where there are any.

    >>> messages({"instruction": "하나?", "output": "둘."})
    {'messages': [{'role': 'user', 'content': '하나?'}, {'role': 'assistant', 'content': '둘.'}]}
    """
    _need(row, "messages", "instruction", "output")
    _refuse(row, "messages", "rejected")
    return {"messages": _typed("messages", _learned("messages", row))} | _tools(row)


def openai(row: Row) -> Record:
    """OpenAI's form of fine-tuning: messages with a weight where the row has one, and tools. It has no thoughts."""
    _need(row, "openai", "instruction", "output")
    _refuse(row, "openai", "rejected")
    _refuse_bad(row, "openai", "label")
    spoken = _spoken(row)
    if any(THOUGHT in message for message in spoken):
        raise _no_place("openai", "reasoning")
    if _has_long_number(row.get("tools") or "[]"):
        raise FormError("openai", "a number of more than 64 bits in tools")
    return {"messages": spoken} | ({"tools": json.loads(row["tools"])} if row.get("tools") else {})


def prompt_completion(row: Row) -> Record:
    """TRL's form of a prompt and the completion that is learned, each a list of messages."""
    _need(row, "prompt-completion", "instruction", "output")
    _refuse(row, "prompt-completion", "rejected")
    *prompt, answer = _typed("prompt-completion", _last_learned("prompt-completion", row))
    return {"prompt": prompt, "completion": [answer]} | _tools(row)


def preference(row: Row) -> Record:
    """TRL's form of DPO: a prompt, a better and a worse answer, each a list of messages."""
    _need(row, "preference", "instruction", "output", "rejected")
    *prompt, chosen = _typed("preference", _last_learned("preference", row))
    worse = {"role": "assistant", "content": row["rejected"]}
    return {"prompt": prompt, "chosen": [chosen], "rejected": [worse]} | _tools(row)


def unpaired(row: Row) -> Record:
    """TRL's form of KTO: a prompt, an answer, and whether the answer is a good one."""
    _need(row, "unpaired", "instruction", "output", "label")
    _refuse(row, "unpaired", "rejected")
    *prompt, answer = _typed("unpaired", _last_learned("unpaired", dict(row) | {"label": None}))
    return {"prompt": prompt, "completion": [answer], "label": row["label"]} | _tools(row)


def alpaca(row: Row) -> Record:
    """LLaMA-Factory's alpaca: instruction, input, output, system, and history as pairs of question and answer.

    >>> alpaca({"instruction": "하나?", "output": "둘."})
    {'instruction': '하나?', 'input': '', 'output': '둘.', 'system': '', 'history': []}
    """
    _need(row, "alpaca", "instruction", "output")
    _refuse(row, "alpaca", "rejected", "tools", "steps", "reasoning", "tool_calls")
    _refuse_bad(row, "alpaca", "label", "learn")
    history = row.get("history") or ()
    for message in history:
        _refuse_bad(message, "alpaca", "learn")
        _refuse(message, "alpaca", "reasoning", "tool_calls", "name")
    if [message["role"] for message in history] != ["user", "assistant"] * (len(history) // 2):
        raise FormError("alpaca", "history is not pairs of a question and its answer")
    texts = [message["content"] for message in history]
    return {
        "instruction": row["instruction"],
        "input": row.get("input") or "",
        "output": row["output"],
        "system": row.get("system") or "",
        "history": [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)],
    }


def sharegpt(row: Row) -> Record:
    """ShareGPT's form: conversations, system, and tools as JSON text; "" where there is none.

    LLaMA-Factory takes turns in strict alternation: human or observation, then gpt or function_call. So a call is a
    turn without text, followed by its one result, and the result has no id and no name.
    """
    _need(row, "sharegpt", "instruction", "output")
    _refuse(row, "sharegpt", "rejected")
    spoken = _learned("sharegpt", dict(row) | {"system": None})
    turns = [_turn(message) for message in spoken]
    asks = [turn["from"] in ("human", "observation") for turn in turns]
    calls = [before["from"] == "function_call" for before in turns]
    results = [turn["from"] == "observation" for turn in turns]
    if asks != [True, False] * (len(turns) // 2):
        raise FormError("sharegpt", "user and assistant do not take turns")
    if calls[:-1] != results[1:]:
        raise FormError("sharegpt", "a call and its result are not next to each other")
    return {"conversations": turns, "system": row.get("system") or "", "tools": row.get("tools") or ""}


def _turn(message: Message) -> Record:
    if THOUGHT in message:
        raise _no_place("sharegpt", "reasoning")
    if message["role"] == "tool":
        return {"from": "observation", "value": message["content"]}
    if "name" in message:
        raise _no_place("sharegpt", "name")
    if "tool_calls" not in message:
        return {"from": SPEAKERS[message["role"]], "value": message["content"]}
    if message["content"] or len(message["tool_calls"]) > 1:
        raise FormError("sharegpt", "text beside a call, or several calls at once")
    function = message["tool_calls"][0]["function"]
    called = {"name": function["name"], "arguments": json.loads(function["arguments"])}
    return {"from": "function_call", "value": json.dumps(called, ensure_ascii=False)}


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
    spoken = [
        {key: value for key, value in message.items() if key != "input" and (key, value) != (THOUGHT, "")}
        for message in to_messages(row)
    ]
    for message in spoken:
        if "tool_calls" in message:
            message["tool_calls"] = list(map(_with_arguments_as_text, message["tool_calls"]))
    return spoken


def _with_arguments_as_text(call: Mapping[str, Any]) -> Record:
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "function": {"name": function["name"], "arguments": arguments}}


def _typed(form: TextForm, spoken: list[Message]) -> list[Message]:
    """The messages, if `datasets` reads the arguments of their calls in Parquet: it stops at longer numbers."""
    calls = [call for message in spoken for call in message.get("tool_calls", ())]
    if any(_has_long_number(call["function"]["arguments"]) for call in calls):
        raise FormError(form, "a number of more than 64 bits in a call")
    return spoken


def _has_long_number(text: str) -> bool:
    numbers: list[int] = []
    json.loads(text, parse_int=lambda digits: numbers.append(int(digits)))
    return any(not -(2**63) <= number < 2**64 for number in numbers)


def _learned(form: TextForm, row: Row) -> list[Message]:
    """The messages of a row, if all its answers are to be learned: the form has no place for a weight."""
    spoken = _last_learned(form, row)
    if any("weight" in message for message in spoken):
        raise _no_place(form, "learn = false")
    return spoken


def _last_learned(form: TextForm, row: Row) -> list[Message]:
    """The messages of a row, if its last answer is to be learned. Of the others none is, and a weight of 0 stays."""
    _refuse_bad(row, form, "label", "learn")
    return [{key: value for key, value in message.items() if (key, value) != ("weight", 1)} for message in _spoken(row)]


def _tools(row: Row) -> Record:
    return {"tools": row["tools"]} if row.get("tools") else {}


def _need(row: Row, form: TextForm, *columns: str) -> None:
    for column in columns:
        if row.get(column) is None:
            raise FormError(form, f"nothing in {column}")


def _refuse(row: Row, form: TextForm, *columns: str) -> None:
    for column in columns:
        if row.get(column) not in (None, [], ""):
            raise _no_place(form, column)


def _refuse_bad(row: Row, form: TextForm, *columns: str) -> None:
    """Refuse an answer that is not to be learned: `label = false`, `learn = false`."""
    for column in columns:
        if row.get(column) is False:
            raise _no_place(form, f"{column} = false")


def _no_place(form: TextForm, column: str) -> FormError:
    return FormError(form, f"no place for {column}")
