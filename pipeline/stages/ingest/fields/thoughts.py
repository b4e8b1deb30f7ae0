"""The thought that leads to an answer, in a field of its own or at the beginning of the answer."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.fields.paths import Record, without
from pipeline.table.thoughts import marks_of, split_thought


def take_thought(
    output: str | None, others: Record, names: Sequence[str]
) -> tuple[str | None, str | None, Record, tuple[str, ...]]:
    """The thought that leads to an answer, the answer, the record without the thought, and the repairs this took.

    The thought is a field of its own, or is at the beginning of the answer. Marks that this project would not write
    go to `thought_marks`. Of two different thoughts, the second stays where it is.
    """
    reasoning = None
    for name in names:
        thought, left = thought_of(others.get(name))
        if thought is not None and thought.strip() and reasoning in (None, thought):
            reasoning = thought
            others = {**others, name: left} if left else without(others, [name])
    found = split_thought(output) if output else None
    if found is None or (reasoning is not None and reasoning.strip() != found.reasoning.strip()):
        return reasoning, output, others, ()
    if marks := marks_of(found):
        others = {**others, "thought_marks": marks}
    return found.reasoning, found.answer, others, ("thought",)


#: The keys of a thought's text in an object.
THOUGHT_KEYS = ("text", "content", "summary", "thinking", "reasoning", "thought")


def thought_of(value: Any) -> tuple[str | None, Any]:
    """The thought in a field and what is left of the field: a text, the text of an object, or a list of these.

    >>> thought_of(["하나", "둘"]), thought_of({"content": "셋", "tokens": 1})
    (('하나\\n둘', None), ('셋', {'tokens': 1}))
    >>> thought_of([{"type": "reasoning.text", "text": "넷"}])
    ('넷', [{'type': 'reasoning.text'}])
    """
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict):
        key = next((key for key in THOUGHT_KEYS if isinstance(value.get(key), str)), None)
        return (value[key], without(value, [key])) if key else (None, value)
    if not isinstance(value, list):
        return None, value
    found = [thought_of(item) for item in value]
    texts = [text for text, _ in found if text is not None]
    left = [rest for _, rest in found]
    return "\n".join(texts) if texts else None, left if any(left) else None
