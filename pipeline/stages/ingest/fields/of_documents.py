"""Fields of a document around its records: which of them are a part of each task, and which are notes about all."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.stages.ingest.fields.names import (
    BODY,
    CHOICES,
    CONTEXT,
    DEFINITIONS,
    DESCRIPTIONS,
    DIALOGUES,
    INSTRUCTION,
    SYSTEM,
)
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.unmapped import LONG

#: What names the list of a record in `meta`, where a document has several: it may be a category.
LIST = "list"
#: The name that a record has for a text of its document; None where records have none.
TaskName = Callable[[str], str | None]
#: Fields of a document that are a part of each task, and the names that records have for them.
TASK = {
    "instruction": (*INSTRUCTION, *DEFINITIONS),
    "system": SYSTEM,
    "input": (*CONTEXT, *CHOICES, *DIALOGUES, *BODY),
}
KNOWN = {"instruction": INSTRUCTION, "system": SYSTEM, "input": (*CONTEXT, *CHOICES, *DIALOGUES)}


def known_task_name(key: str) -> str | None:
    """The name by which detection knows a part of the task, by the name that a document gives it."""
    plain = key.strip().casefold()
    role = next((role for role, names in TASK.items() if plain in names), None)
    return key if role and plain in KNOWN[role] else role


def of_the_task(outers: Sequence[Record | None]) -> list[Record]:
    """What documents say around each of some records, without what is said of the records as a whole.

    >>> of_the_task([{"description": "질문을 모았다.", "글": "비가 왔다."}] * 2)
    [{'글': '비가 왔다.'}, {'글': '비가 왔다.'}]
    """
    first = next(filter(None, outers), {})
    notes = [name for name, value in first.items() if _is_note(name, value) and _all_have(outers, name, value)]
    return [{name: value for name, value in (outer or {}).items() if name not in (*notes, LIST)} for outer in outers]


def _all_have(outers: Sequence[Record | None], name: str, value: Any) -> bool:
    return all(outer is not None and outer.get(name) == value for outer in outers)


def _is_note(name: str, value: Any) -> bool:
    """Whether a field of a document tells of its records as a whole: by its name, or with nothing but short texts."""
    if name.strip().casefold() in DESCRIPTIONS:
        return True
    return isinstance(value, dict) and all(_is_note(key, item) or _is_short(item) for key, item in value.items())


def _is_short(value: Any) -> bool:
    return not isinstance(value, list | dict) and len(str(value)) < LONG
