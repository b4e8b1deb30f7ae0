"""A conversation to exchanges: each answer with its question and all the turns before."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.stages.ingest.parsing import Fault
from pipeline.stages.ingest.transcripts import Turn
from schemas.shapes import Role

#: The roles, by the names that public sets give them (case-folded).
SPEAKERS: dict[Role, tuple[str, ...]] = {
    "system": ("system", "sys", "시스템"),
    "user": (
        *("user", "human", "usr", "prompter", "client", "customer", "patient", "person"),
        *("질문자", "사용자", "고객", "환자", "내담자", "의뢰인"),
    ),
    "assistant": (
        *("assistant", "gpt", "bot", "chatgpt", "bing", "bard", "model", "ai", "chatbot", "gemini", "claude"),
        *("doctor", "therapist", "counselor", "agent", "expert"),
        *("답변자", "챗봇", "상담사", "상담원", "의사", "전문가", "어시스턴트"),
    ),
    "context": ("input", "context", "입력"),
}
ROLES: dict[str, Role] = {name: role for role, names in SPEAKERS.items() for name in names}


class Exchange(NamedTuple):
    """A question and its answer (None: there is no answer), and what led up to them."""

    question: str
    context: str
    answer: str | None
    history: tuple[dict[str, str], ...]
    fixes: tuple[str, ...]


def exchanges(turns: Sequence[Turn], roles: Mapping[str, Role]) -> tuple[str | None, list[Exchange]]:
    """The system prompt and the exchanges of a conversation, in order.

    Repairs, each named in `fixes`: consecutive turns of one role are joined by a newline (joined-turns); answers
    before the first question stay in the history without one (leading-assistant). Raises Fault: no-turns,
    unknown-role, misplaced-system, misplaced-context, no-question.
    """
    system: list[str] = []
    context: list[str] = []
    history: list[dict[str, str]] = []
    found: list[Exchange] = []
    fixes: list[str] = []
    question: str | None = None
    before: Role | None = None

    def repaired(name: str) -> None:
        if name not in fixes:
            fixes.append(name)

    for number, (name, text) in enumerate(turns, 1):
        role = roles.get(name) or ROLES.get(name.strip().casefold())
        if role is None:
            remedy = f'name the role in the shape\'s `roles`, as {{ "{name}" = "user" }}'
            raise Fault("unknown-role", f"turn {number} has the unknown role {name!r}: {remedy}")
        if role == "system":
            if before not in (None, "system"):
                raise Fault(
                    "misplaced-system", f"turn {number} is a system prompt, but the conversation began before it"
                )
            system.append(text)
        elif role == "context":
            context.append(text)
        elif role == "user":
            if question is not None:
                repaired("joined-turns")
            question = text if question is None else f"{question}\n{text}"
        elif question is not None:
            found.append(Exchange(question, "\n".join(context), text, tuple(history), tuple(fixes)))
            history.append({"user": "\n".join([question, *context]), "assistant": text})
            question, context = None, []
        elif context:
            raise Fault("no-question", f"turn {number} answers an input, but no question comes before it")
        elif before == "assistant":
            repaired("joined-turns")
            joined = f"{history[-1]['assistant']}\n{text}"
            history[-1] = {"user": history[-1]["user"], "assistant": joined}
            if found:
                found[-1] = found[-1]._replace(answer=joined, fixes=tuple(fixes))
        else:
            repaired("leading-assistant")
            history.append({"user": "", "assistant": text})
        before = role
    if question is not None:
        found.append(Exchange(question, "\n".join(context), None, tuple(history), tuple(fixes)))
    elif context:
        raise Fault("misplaced-context", "the conversation ends with an input that belongs to no question")
    if not found:
        raise Fault("no-turns", "the conversation holds no question" if turns else "the list of turns is empty")
    return "\n".join(system) or None, found
