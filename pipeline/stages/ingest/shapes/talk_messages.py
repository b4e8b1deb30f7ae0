"""The messages of a conversation in the order of the contract, as turn after turn is added."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import bracketed, results_in
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.shapes.turn import Turn, result_of
from pipeline.table.messages import BETWEEN, Message


class Messages:
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
            if turn.given:
                self.messages[-1]["input"].append(turn.given)
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


def written(message: Mapping[str, Any]) -> Message:
    """A message of `Messages` as a MESSAGE: its texts joined, the inputs of a question behind it, calls as JSON."""
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
