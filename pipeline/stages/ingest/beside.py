"""What a record says beside its texts: a thought, tools and calls, whether the answer is good, whether to learn it."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.fields import Record, at, kind, without, yes_or_no
from pipeline.stages.ingest.parsing import Fault
from pipeline.table.thoughts import CLOSING, OPENING, split_thought

#: Words for a good and for a worse answer, beside true and false.
GOOD, WORSE = ("chosen", "good", "desirable"), ("rejected", "bad", "undesirable")


def take_learn(others: Record, names: Sequence[str]) -> tuple[bool | None, Record]:
    """Whether the answer is learned, by the first of these fields that says so, and the record without it.

    Raises Fault: unclear-learn.
    """
    for name in names:
        value = others.get(name)
        if value is None or value == "":
            continue
        learn = yes_or_no(value)
        if learn is None:
            detail = f"`{name}` is {kind(value)}, but an answer is learned (1) or not (0)"
            raise Fault(
                "unclear-learn", f"{detail}: where the field means something else, put `learn = []` into the shape"
            )
        return learn, without(others, [name])
    return None, others


def take_label(others: Record, path: str | None) -> tuple[bool | None, Record]:
    """Whether the answer is a good one, by the field of the label, and the record without it.

    Raises Fault: unclear-label.
    """
    value = at(others, path)
    if value is None or value == "":
        return None, without(others, [path])
    word = value.strip().casefold() if isinstance(value, str) else value
    label = True if word in GOOD else False if word in WORSE else yes_or_no(value)
    if label is None:
        detail = (
            f"`{path}` is {_shown(value)}, which does not say whether the answer is a good one (true) or not (false)"
        )
        raise Fault("unclear-label", f'{detail}: for another meaning, put `label = ""` into the shape of the source')
    return label, without(others, [path])


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else kind(value)


def take_thought(
    output: str | None, others: Record, names: Sequence[str]
) -> tuple[str | None, str | None, Record, tuple[str, ...]]:
    """The thought that leads to an answer, the answer, the record without the thought, and the repairs this took.

    The thought is a field of its own, or is at the beginning of the answer. Marks that this project would not write
    go to `thought_marks`. Of two different thoughts, the second stays where it is.
    """
    reasoning = None
    for name in names:
        value = others.get(name)
        if isinstance(value, str) and value.strip() and reasoning in (None, value):
            reasoning = value
            others = without(others, [name])
    thought = split_thought(output) if output else None
    if thought is None or (reasoning is not None and reasoning.strip() != thought.reasoning.strip()):
        return reasoning, output, others, ()
    marks = [thought.opening, thought.closing]
    if marks != [OPENING, CLOSING]:
        others = {**others, "thought_marks": marks}
    return thought.reasoning, thought.answer, others, ("thought",)
