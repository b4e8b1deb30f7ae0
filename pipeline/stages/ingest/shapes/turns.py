"""A conversation as one record: its last question and the answer to it, and all that comes before."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import Written, calls_in, calls_of, is_result, is_whole, repairs_in
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.parse.printed import json_value
from pipeline.stages.ingest.shapes.talk_messages import Messages, written
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.table.messages import Message
from pipeline.table.thoughts import marks_of, split_thought

#: The repair of `with_agent`.
AGENT = "system-as-assistant"


class Talk(NamedTuple):
    """What a conversation gives to the columns of a row, the repairs that it took, and the rest of each turn."""

    system: str | None
    history: list[Message]
    instruction: str
    input: str
    steps: list[Message]
    reasoning: str | None
    output: str | None
    tool_calls: str | None
    learn: bool | None
    fixes: tuple[str, ...]
    rests: list[Record]


def talk_of(turns: Sequence[Turn], tools: bool = False) -> Talk:
    """The record of a conversation: its last question is the instruction, the turns before it are history.

    `tools`: the record declares tools, so that calls without a mark are calls. Repairs, each named in `fixes`: a system
    that answers becomes the assistant (system-as-assistant); consecutive turns of one role are joined by a line end
    (joined-turns); before answers that come before the first question an empty message of the user is put
    (leading-assistant); a system prompt in the middle is joined to the user's message there (system-in-user), after the
    last question it goes to the rest; a thought at the beginning of an answer is taken out of it (thought); results of
    tools are put in the order of their calls (results-in-order).
    Raises Fault: no-turns, misplaced-context, no-question, not-a-call, result-without-call, call-without-result,
    mixed-learn.
    """
    turns, fixes = with_agent(turns)
    talk = Messages(fixes)
    rests: list[Record] = []
    for number, turn in enumerate(turns, 1):
        follows = number < len(turns) and (turns[number].role == "tool" or _holds_results_only(turns[number]))
        bare = tools or follows or talk.names_calls_of(turn)
        turn, repairs = understood(turn, number, bare)
        for fix in (*turn.fixes, *repairs):
            talk.repaired(fix)
        talk.add(turn, number)
        rests.append(dict(turn.rest))
    if talk.orders:  # no question follows
        name = "system"
        while name in rests[-1]:
            name += "_"
        rests[-1][name] = "\n".join(talk.orders)
    if not any(turn.role == "user" and not _holds_results_only(turn) for turn in turns):
        raise Fault("no-turns", "the conversation holds no question" if turns else "the list of turns is empty")
    if talk.waiting:
        raise Fault("misplaced-context", "the conversation ends with an input that belongs to no question")
    return _talk(talk, rests)


def _talk(talk: Messages, rests: list[Record]) -> Talk:
    """The messages of a conversation as the columns hold them."""
    talk.order_results()
    asked = max(place for place, message in enumerate(talk.messages) if message["role"] == "user")
    question, after = talk.messages[asked], talk.messages[asked + 1 :]
    answer = written(after.pop()) if after and after[-1]["role"] == "assistant" else {}
    return Talk(
        system="\n".join(talk.system) or None,
        history=[written(message) for message in talk.messages[:asked]],
        instruction="\n".join(question["texts"]),
        input="\n".join(question["input"]),
        steps=[written(message) for message in after],
        reasoning=answer.get("reasoning"),
        output=answer.get("content"),
        tool_calls=answer.get("tool_calls"),
        learn=answer.get("learn"),
        fixes=tuple(talk.fixes),
        rests=rests,
    )


def with_agent(turns: Sequence[Turn]) -> tuple[Sequence[Turn], tuple[str, ...]]:
    """The turns and the repair that this took: where no assistant speaks and `system` answers the user, as in data of
    dialogue systems, it is the assistant.

    >>> turns = [Turn("user", "예약해 줘."), Turn("system", "예약했습니다.")]
    >>> [turn.role for turn in with_agent(turns)[0]]
    ['user', 'assistant']
    """
    roles = [turn.role for turn in turns]
    if not {"user", "system"} <= set(roles) <= {"user", "system", "context"}:
        return turns, ()
    if "system" not in roles[roles.index("user") :]:
        return turns, ()
    return [turn._replace(role="assistant") if turn.role == "system" else turn for turn in turns], (AGENT,)


def understood(turn: Turn, number: int, bare: bool) -> tuple[Turn, tuple[str, ...]]:
    """A turn as what it is: a thought and calls taken out of an answer, results of tools out of a user's message; and
    the repairs that this took.

    `bare`: calls without a mark are calls. Raises Fault: not-a-call.
    """
    fixes: tuple[str, ...] = ()
    if _holds_results_only(turn):
        return turn._replace(role="tool"), fixes
    if turn.role not in ("assistant", "call"):
        return turn, fixes
    thought = split_thought(turn.text)
    if thought and turn.reasoning is not None and turn.reasoning.strip() != thought.reasoning.strip():
        thought = None  # another thought: it stays where it is
    if thought:
        marks = marks_of(thought)
        rest = {**turn.rest, "thought_marks": marks} if marks else turn.rest
        turn = turn._replace(text=thought.answer, reasoning=thought.reasoning, rest=rest)
        fixes = ("thought",)
    if turn.calls:
        return turn, fixes
    written = calls_of(turn.text) if turn.role == "call" or bare else None
    read = Written("", written, json_value(turn.text), repairs_in(turn.text)) if written else calls_in(turn.text, bare)
    if read is None:
        if turn.role == "call":
            detail = f"turn {number} is a call of a tool, but its text is not an object with a name and arguments"
            raise Fault("not-a-call", f'{detail}: where it is an answer, name its role "assistant" in `roles`')
        return turn, fixes
    rest = turn.rest if is_whole(read.source) else {**turn.rest, "tool_calls": read.source}
    return turn._replace(text=read.text, calls=read.calls, rest=rest), (*fixes, *read.fixes)


def _holds_results_only(turn: Turn) -> bool:
    """Whether a message of the user is results of tools, as some chat templates and interfaces write them."""
    return turn.role == "user" and (is_result(turn.text) or bool(turn.results and not turn.text))
