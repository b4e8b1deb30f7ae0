"""A conversation as one record: its last question and the answer to it, and all that comes before."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.calls import (
    Call,
    Written,
    bracketed,
    calls_in,
    calls_of,
    is_result,
    is_whole,
    json_value,
    repairs_in,
    results_in,
)
from pipeline.stages.ingest.fields import Record
from pipeline.stages.ingest.parsing import Fault, dumps
from pipeline.table.messages import BETWEEN, Message
from pipeline.table.thoughts import marks_of, split_thought
from schemas.shapes import Role

#: The roles, by the names that public sets give them (case-folded).
SPEAKERS: dict[Role, tuple[str, ...]] = {
    "system": ("system", "sys", "developer", "시스템"),
    "user": (
        *("user", "human", "usr", "prompter", "client", "customer", "patient", "person", "caller", "learner", "seeker"),
        *(
            "질문자",
            "사용자",
            "유저",
            "고객",
            "고객님",
            "손님",
            "환자",
            "내담자",
            "의뢰인",
            "민원인",
            "구매자",
            "학습자",
            "이용자",
        ),
    ),
    "assistant": (
        *("assistant", "gpt", "bot", "chatgpt", "bing", "bard", "model", "ai", "chatbot", "gemini", "claude"),
        *("doctor", "therapist", "counselor", "counsellor", "agent", "expert", "operator", "clerk", "staff", "helper"),
        *(
            "답변자",
            "응답자",
            "챗봇",
            "상담사",
            "상담원",
            "상담자",
            "의사",
            "전문가",
            "어시스턴트",
            "직원",
            "점원",
            "판매자",
            "안내원",
            "비서",
        ),
    ),
    "context": ("input", "context", "입력"),
    "tool": (
        *("tool", "function", "observation", "ipython", "environment", "도구"),
        *("tool_response", "tool_result", "tool_results", "tool_output", "tool response", "tool-response"),
        *("function_response", "function_result", "function_output", "function response", "function-response"),
    ),
    "call": ("function_call", "tool_call", "tool_calls", "function-call", "tool-call", "function call"),
}
ROLES: dict[str, Role] = {name: role for role, names in SPEAKERS.items() for name in names}


#: The channel of harmony on which an assistant thinks.
THOUGHT_CHANNEL = "analysis"
#: The repair of `with_agent`.
AGENT = "system-as-assistant"
#: Where the role of an unknown name is declared.
WHERE_ROLES = (
    "name it in `roles` of the shape, as user, assistant, system, context, tool (a result of a tool) or call (a call "
    "of a tool)"
)


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
    rest: Mapping[str, Any] = {}
    #: Repairs that reading it took.
    fixes: Sequence[str] = ()


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


def known_role(name: str, roles: Mapping[str, Role]) -> Role | None:
    """The role of a name; None where it is not known."""
    return roles.get(name) or ROLES.get(name.strip().casefold())


def role_of(name: str, number: int, roles: Mapping[str, Role]) -> Role:
    """The role of a name in turn `number`. Raises Fault: unknown-role."""
    role = known_role(name, roles)
    if role is None:
        raise Fault("unknown-role", f"turn {number} has the unknown role {name!r}: {WHERE_ROLES}")
    return role


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
    talk = _Messages(fixes)
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
        rests[-1]["system"] = "\n".join(talk.orders)
    if not any(turn.role == "user" and not _holds_results_only(turn) for turn in turns):
        raise Fault("no-turns", "the conversation holds no question" if turns else "the list of turns is empty")
    if talk.waiting:
        raise Fault("misplaced-context", "the conversation ends with an input that belongs to no question")
    return _talk(talk, rests)


def _talk(talk: "_Messages", rests: list[Record]) -> Talk:
    """The messages of a conversation as the columns hold them."""
    talk.order_results()
    asked = max(place for place, message in enumerate(talk.messages) if message["role"] == "user")
    question, after = talk.messages[asked], talk.messages[asked + 1 :]
    answer = _written(after.pop()) if after and after[-1]["role"] == "assistant" else {}
    return Talk(
        system="\n".join(talk.system) or None,
        history=[_written(message) for message in talk.messages[:asked]],
        instruction="\n".join(question["texts"]),
        input="\n".join(question["input"]),
        steps=[_written(message) for message in after],
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


class _Messages:
    """The messages of a conversation in the order of the contract (`schemas.record`), as turn after turn is added."""

    def __init__(self, fixes: Sequence[str]) -> None:
        self.system: list[str] = []
        self.messages: list[dict[str, Any]] = []
        #: Inputs of a question that is not asked yet, and what the system says before it.
        self.waiting: list[str] = []
        self.orders: list[str] = []
        self.fixes = [*fixes]

    def repaired(self, name: str) -> None:
        if name not in self.fixes:
            self.fixes.append(name)

    def names_calls_of(self, turn: Turn) -> bool:
        """Whether the system prompt, or a call before, names every tool that an answer calls in brackets."""
        calls = bracketed(turn.text) if turn.role == "assistant" and self.messages else None
        if calls is None:
            return False
        called = [call["function"]["name"] for message in self.messages for call in message.get("calls", ())]
        names = [call["function"]["name"] for call in calls]
        return all(name in called or any(name in text for text in self.system) for name in names)

    def order_results(self) -> None:
        """Put the results of tools in the order of the calls that they answer, where each has the id of one."""
        for place, message in enumerate(self.messages):
            if len(calls := message.get("calls", ())) < 2:
                continue
            ids = [call.get("id") for call in calls]
            end = next((end for end in range(place + 1, len(self.messages)) if self._role(end) != "tool"), None)
            results = self.messages[place + 1 : end]
            answered = [result["tool_call_id"] for result in results]
            if len(set(ids)) < len(ids) or None in answered or not set(answered) <= set(ids):
                continue
            ordered = sorted(results, key=lambda result: ids.index(result["tool_call_id"]))
            if ordered != results:
                self.messages[place + 1 : end] = ordered
                self.repaired("results-in-order")

    def _role(self, place: int) -> str:
        return str(self.messages[place]["role"])

    def add(self, turn: Turn, number: int) -> None:
        if turn.role == "system":
            self._add_system(turn)
        elif turn.role == "context":
            (self.messages[-1]["input"] if self._last() == "user" else self.waiting).append(turn.text)
        elif turn.role == "user":
            self._add_results(turn.results, number)
            self._add_question(turn, number)
        elif turn.role == "tool":
            results = turn.results or [result_of(text, turn.call_id, turn.name) for text in results_in(turn.text)]
            self._add_results(results, number)
        else:
            self._add_answer(turn, number)

    def _last(self) -> str | None:
        return self.messages[-1]["role"] if self.messages else None

    def _add_system(self, turn: Turn) -> None:
        """A system prompt, or in the middle of a conversation a part of the user's message there."""
        if not self.messages:
            self.system.append(turn.text)
        elif self._last() == "user":
            self.repaired("system-in-user")
            self.messages[-1]["texts"].append(turn.text)
        else:
            self.orders.append(turn.text)

    def _add_question(self, turn: Turn, number: int) -> None:
        if self.messages and self.messages[-1].get("calls"):
            raise Fault("call-without-result", f"turn {number} asks, but the call of a tool before it has no result")
        if self.orders:
            self.repaired("system-in-user")
        texts, self.orders = [*self.orders, turn.text], []
        if self._last() == "user":
            self.repaired("joined-turns")
            self.messages[-1]["texts"] += texts
            return
        self.messages.append({"role": "user", "texts": texts, "input": self.waiting})
        self.waiting = []

    def _add_results(self, results: Sequence[Message], number: int) -> None:
        if results and self._last() != "tool" and not (self.messages and self.messages[-1].get("calls")):
            detail = f"turn {number} is the result of a tool, but no call of a tool comes before it"
            raise Fault("result-without-call", f'{detail}: where a person speaks, name its role "user" in `roles`')
        self.messages += results

    def _add_answer(self, turn: Turn, number: int) -> None:
        if self.waiting:
            raise Fault("no-question", f"turn {number} answers an input, but no question comes before it")
        if self._last() != "assistant":
            if not self.messages:
                self.repaired("leading-assistant")
                self.messages.append({"role": "user", "texts": [""], "input": []})
            self.messages.append({"role": "assistant", "texts": [], "thoughts": [], "calls": [], "learn": turn.learn})
        else:
            self.repaired("joined-turns")
        answer = self.messages[-1]
        if answer["calls"] and turn.text:
            raise Fault("call-without-result", f"turn {number} answers, but the call of a tool before it has no result")
        answer["texts"] += [turn.text] if turn.text else []
        answer["thoughts"] += [] if turn.reasoning is None else [turn.reasoning]
        answer["calls"] += turn.calls
        if (answer["learn"] is False) != (turn.learn is False):
            detail = f"turn {number} and the one before are of one role, and one of them is not to be learned"
            raise Fault("mixed-learn", f"{detail}: remove one, or put a message of the user between them")
        answer["learn"] = answer["learn"] if turn.learn is None else turn.learn


def result_of(text: str, call_id: str | None = None, name: str | None = None) -> Message:
    """The message of a tool."""
    return {"role": "tool", "content": text, "tool_call_id": call_id, "name": name}


def _written(message: Mapping[str, Any]) -> Message:
    """A message of `_Messages` as a MESSAGE: its texts joined, the inputs of a question behind it, calls as JSON."""
    if message["role"] == "tool":
        return {"reasoning": None, "tool_calls": None, "learn": None, **message}
    calls, thoughts = message.get("calls"), message.get("thoughts")
    return {
        "role": message["role"],
        "content": BETWEEN.join(["\n".join(message["texts"]), *message.get("input", ())]),
        "reasoning": "\n".join(thoughts) if thoughts else None,
        "tool_calls": dumps(calls) if calls else None,
        "tool_call_id": None,
        "name": None,
        "learn": message.get("learn"),
    }
