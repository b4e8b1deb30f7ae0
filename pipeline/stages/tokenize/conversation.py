"""Rows of the table as conversations: their messages, their exchanges, and which answers are to be learned."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.segments import Rows, living
from schemas.columns import MESSAGE
from schemas.errors import TableError
from schemas.options import TokenizeOptions


class Message(NamedTuple):
    """One message. `calls`: the calls of tools that it makes, parsed. Null texts are "" (not `tool_call_id`, `name`).

    `kind`: what a chat template may look at apart from the texts: the role, whether there is a thought, the number of
    calls, and whether a message with calls has no text.
    """

    role: str
    content: str
    reasoning: str = ""
    calls: Sequence[Any] = ()
    tool_call_id: str | None = None
    name: str | None = None
    learn: bool = True

    @property
    def kind(self) -> str:
        if self.role != "assistant":
            return self.role
        if not (self.reasoning or self.calls):
            return "assistant"
        alone = "alone" if self.calls and not self.content else ""
        return f"assistant{' thought' * bool(self.reasoning)} {len(self.calls)}{alone}"


class Conversation(NamedTuple):
    """A conversation that begins with a message of the user. `system`: "" where there is none."""

    system: str
    tools: Sequence[Any]
    messages: tuple[Message, ...]

    @property
    def questions(self) -> list[int]:
        """The numbers of the user's messages: each begins an exchange."""
        return [number for number, message in enumerate(self.messages) if message.role == "user"]

    @property
    def answers(self) -> list[int]:
        return [number for number, message in enumerate(self.messages) if message.role == "assistant"]

    @property
    def has_tools(self) -> bool:
        """Whether only a chat template can write it."""
        return bool(self.tools) or any(message.calls or message.role == "tool" for message in self.messages)

    @property
    def has_blank(self) -> bool:
        """Whether a message has no visible text, at which a chat template may look."""
        return any(not message.content.strip() and not message.kind.endswith("alone") for message in self.messages)

    def up_to(self, answer: int) -> "Conversation":
        """The conversation that ends with this answer."""
        return self if answer == len(self.messages) - 1 else self._replace(messages=self.messages[: answer + 1])

    def without(self, exchanges: int) -> "Conversation":
        """The conversation without its oldest exchanges. The system prompt and the tools stay."""
        return self._replace(messages=self.messages[self.questions[exchanges] :]) if exchanges else self

    @property
    def texts(self) -> Iterator[str]:
        """All texts that a chat template does not write as JSON."""
        yield self.system
        for message in self.messages:
            yield message.content
            yield message.reasoning


def conversations(table: pa.Table, between: str, options: TokenizeOptions) -> list[Conversation | None]:
    """The conversation of each living row, null for the others: history, question, steps, and the answer if there is
    one. `between` joins an instruction and its input. Thoughts are left out with `reasoning` = "drop".
    """
    rows = living(table)
    thoughts = options.reasoning != "drop"
    # Rejected rows may hold calls that are not JSON: their messages are not read.
    history, steps = (_messages(_of_living(table[name], rows), thoughts) for name in ("history", "steps"))
    system, tools, instruction, given, output = (
        table[name].to_pylist() for name in ("system", "tools", "instruction", "input", "output")
    )
    reasoning, calls, learn = (_or_nulls(table, name) for name in ("reasoning", "tool_calls", "learn"))
    found: list[Conversation | None] = []
    for row in range(len(table)):
        if not rows[row]:
            found.append(None)
            continue
        question = f"{instruction[row]}{between}{given[row]}" if given[row] else instruction[row]
        messages = [*history[row], Message("user", question or ""), *steps[row]]
        if output[row] is not None or calls[row] is not None:
            thought = (reasoning[row] or "") if thoughts else ""
            learned = learn[row] is not False
            messages.append(Message("assistant", output[row] or "", thought, _parsed(calls[row]), None, None, learned))
        found.append(Conversation(system[row] or "", _parsed(tools[row]), tuple(_named(messages))))
    return found


def wanted(conversation: Conversation, options: TokenizeOptions) -> list[int]:
    """The numbers of the answers to learn: all, or the last; those with `learn` = false never."""
    answers = conversation.answers if options.answers == "all" else conversation.answers[-1:]
    return [number for number in answers if conversation.messages[number].learn]


def matches(pattern: str, conversations: Sequence[Conversation]) -> list[bool]:
    """Whether one of the texts of each conversation matches (RE2: many words cost no more than one)."""
    texts: list[str] = []
    ends = []
    for conversation in conversations:
        texts += conversation.texts
        ends.append(len(texts))
    hits = pc.indices_nonzero(pc.match_substring_regex(pa.array(texts, pa.large_string()), pattern)).to_pylist()
    found, place = [], 0
    for end in ends:
        before = place
        while place < len(hits) and hits[place] < end:
            place += 1
        found.append(place > before)
    return found


def any_of(words: Sequence[str]) -> str:
    """A pattern for `matches`: one of these words. Without words it matches nothing."""
    return "|".join(map(re.escape, words)) or r"[^\x00-\x{10FFFF}]"


def _named(messages: list[Message]) -> list[Message]:
    """The messages, where results of tools have the name and the id of the call that they answer, if they lack them."""
    calls: list[Any] = []
    for number, message in enumerate(messages):
        if message.role != "tool":
            calls = list(message.calls)
        elif calls:
            call = calls.pop(_answered(calls, message.tool_call_id))
            name, call_id = message.name or call["function"]["name"], message.tool_call_id or call.get("id")
            messages[number] = message._replace(name=name, tool_call_id=call_id)
    return messages


def _answered(calls: Sequence[Any], call_id: str | None) -> int:
    """The place of the call that a result answers: the one of its id, else the first without an id, else the first.

    >>> calls = [{"id": "a"}, {"id": "b"}]
    >>> _answered(calls, "b"), _answered(calls, None), _answered([*calls, {}], "c")
    (1, 0, 2)
    """
    ids = [call.get("id") for call in calls]
    return next((ids.index(wanted) for wanted in (call_id, None) if wanted in ids), 0) if call_id is not None else 0


def _messages(column: pa.ChunkedArray, thoughts: bool) -> list[list[Message]]:
    """The messages of each row of a column of lists."""
    lists = column.combine_chunks()
    offsets = lists.offsets.to_pylist() if len(lists) else [0]
    values = lists.values
    if not len(values):
        return [[] for _ in range(len(lists))]
    fields = {field.name: pc.struct_field(values, field.name).to_pylist() for field in MESSAGE}
    if not thoughts:
        fields["reasoning"] = [None] * len(values)
    flat = [
        Message(role, content or "", reasoning or "", _parsed(calls), call_id, name, learn is not False)
        for role, content, reasoning, calls, call_id, name, learn in zip(*fields.values(), strict=True)
    ]
    return [flat[start:end] for start, end in itertools.pairwise(offsets)]


def _of_living(column: pa.ChunkedArray, rows: Rows) -> pa.ChunkedArray:
    return column if rows.all() else pc.if_else(pa.array(rows), column, pa.scalar(None, column.type))


def _parsed(text: str | None) -> Sequence[Any]:
    """Tools or calls from their JSON. Raises TableError for a row that `validate` would have rejected."""
    if text is None:
        return ()
    try:
        found: Sequence[Any] = json.loads(text)  # orjson rounds a whole number of more than 64 bits
        return found
    except (ValueError, RecursionError):
        raise TableError(f"tools or calls are not JSON: {text[:40]!r}. Run validate first") from None


def json_text(value: Any) -> str:
    """Tools, calls or arguments as compact JSON, whole numbers of any length too."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _or_nulls(table: pa.Table, name: str) -> list[Any]:
    column = table[name]
    return [None] * len(table) if column.null_count == len(table) else column.to_pylist()
