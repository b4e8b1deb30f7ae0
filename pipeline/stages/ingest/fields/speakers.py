"""Who speaks in a conversation, where the names of a source do not say it plainly."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import at
from pipeline.stages.ingest.fields.roles import WHERE_ROLES, known_role
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.exact_json import Number
from schemas.shapes import Conversation, Role

#: The roles of people in a conversation.
SPOKEN: tuple[Role, Role] = ("user", "assistant")
#: The numbers in a counter. (Python reads none of more than 4,300 digits.)
NUMBERS = re.compile(r"\d{1,4000}")


def speaker_of(turn: Any, role: str) -> str | None:
    """The name of the speaker of a turn; numbers as they are spelled; None where there is no name.

    >>> speaker_of({"speaker": {"id": 1}}, "speaker.id")
    '1'
    """
    value = turn[role] if type(turn) is dict and role in turn else at(turn, role)
    if isinstance(value, str):
        return value
    return spelled(value) if isinstance(value, int | Number) and not isinstance(value, bool) else None


def by_turns(names: Sequence[str]) -> dict[str, Role]:
    """A guess at the roles of more than two people: who answers most often, or last, is the assistant.

    >>> by_turns(["사회자", "교수", "기자", "교수"])
    {'사회자': 'user', '교수': 'assistant', '기자': 'user'}
    """
    count, last = Counter(names[1:]), {name: place for place, name in enumerate(names)}
    answers = max(last, key=lambda name: (count[name], last[name]))
    return {name: "assistant" if name == answers else "user" for name in dict.fromkeys(names)}


def in_order(names: Sequence[str | None], shape: Conversation) -> dict[str, Role]:
    """The roles of two people by who speaks first, beside those of the shape. Raises Fault: too-many-speakers.

    >>> in_order(["SD2", "SD1", "SD2"], Conversation())
    {'SD2': 'user', 'SD1': 'assistant'}
    """
    known = [name for name in names if name is not None]
    found = [name for name in dict.fromkeys(known) if name not in shape.roles]
    if len(found) <= 2:
        return {**dict(zip(found, SPOKEN, strict=False)), **shape.roles}
    guess = shape.model_copy(update={"speakers": "named", "roles": {**by_turns(known), **shape.roles}})
    detail = f"{len(found)} people speak ({', '.join(found[:5])}), and only two can be user and assistant"
    raise Fault("too-many-speakers", f"{detail}: leave the record out, or give each a role, such as `{toml(guess)}`")


def must_go_on(counters: Sequence[Any], order: str) -> None:
    """Hold turns to their order: their counters never go back. Raises Fault: turns-out-of-order.

    >>> must_go_on(["U1", "U2", "U10"], "utteranceID")
    """
    before: list[int] = []
    for number, counter in enumerate(counters, 1):
        now = [int(digits) for digits in NUMBERS.findall(spelled(counter))] if counter is not None else before
        if now < before:
            detail = f"`{order}` goes back to {spelled(counter)} in turn {number}: were parts joined in a wrong order?"
            raise Fault("turns-out-of-order", f"{detail} Sort the source by its conversations and `{order}`")
        before = now


def unknown_role(names: Sequence[str], shape: Conversation) -> Fault | None:
    """The fault of the first name whose role is not known, with the shape that declares the roles that are left."""
    roles = shape.roles
    found_roles = {name: known_role(name, roles) for name in dict.fromkeys(names)}
    known, unknown = set(found_roles.values()), [name for name, role in found_roles.items() if role is None]
    if not unknown:
        return None
    open_roles: list[Role] = [role for role in SPOKEN if role not in known]
    found = f"turn {names.index(unknown[0]) + 1} has the unknown role {unknown[0]!r}"
    if len(unknown) == len(open_roles):
        guess = shape.model_copy(update={"roles": {**roles, **dict(zip(unknown, open_roles, strict=True))}})
        return Fault("unknown-role", f"{found}: if that fits, choose in the source `{toml(guess)}`")
    return Fault("unknown-role", f"{found}: {WHERE_ROLES}")
