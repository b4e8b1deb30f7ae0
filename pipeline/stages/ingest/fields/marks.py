"""What a record says of its answer: whether it is a good one, and whether to learn it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.paths import Record, at, kind, number_of, without, yes_or_no
from pipeline.stages.ingest.fields.verdicts import good_or_bad, judged, verdicts_in
from pipeline.stages.ingest.parse.exact_json import dumps
from schemas.shapes import LEARN, NOT_LEARNED


class Marks(NamedTuple):
    """The fields that may say whether an answer is learned, and the least weight of an answer that is."""

    names: Sequence[str] = LEARN
    least: float | None = None


class UnclearLearn(FileFault):
    """A field does not say whether an answer is learned. `shapes` adds the lines of toml that decide it."""

    def __init__(self, what: str, name: str, value: Any) -> None:
        super().__init__(f"`{name}` of {what} is {dumps(value)}: an answer is learned (1) or not (0)")
        self.name = name
        self.weight = number_of(value)


def take_learn(others: Record, marks: Marks, what: str = "the record") -> tuple[bool | None, Record]:
    """Whether the answer is learned, by the first of these fields that says so, and the record without it.

    Raises UnclearLearn.
    """
    for name in marks.names:
        value = others.get(name)
        if value is None or value == "":
            continue
        learn = good_or_bad(value) if name == "label" else yes_or_no(value)
        weight = number_of(value)
        if name in NOT_LEARNED:
            if learn is None:
                continue  # a mask of another kind
            learn = not learn
        elif marks.least is not None and weight is not None:
            learn = weight >= marks.least
        if learn is None:
            raise UnclearLearn(what, name, value)
        return learn, without(others, [name])
    return None, others


def take_turn_label(rest: Record, marks: Marks, what: str) -> tuple[bool | None, Record]:
    """Whether an answer is learned, by the word or the truth value in `label` of its message, or in `is_correct`
    and the like.

    Other labels, such as those of emotions, are no such mark. Raises UnclearLearn for 0 and 1, which may be either.
    """
    if marks.names and (said := verdicts_in(rest)):
        return all(said.values()), without(rest, [*said])
    value = rest.get("label")
    if not marks.names or value is None:
        return None, rest
    if isinstance(value, bool) or (isinstance(value, str) and good_or_bad(value) is not None):
        return good_or_bad(value), without(rest, ["label"])
    if yes_or_no(value) is not None:
        raise UnclearLearn(what, "label", value)
    return None, rest


def take_label(others: Record, path: str | None) -> tuple[bool | None, Record]:
    """Whether the answer is a good one, by the field of the label, and the record without it.

    Raises Fault: unclear-label.
    """
    value = at(others, path)
    if value is None or value == "":
        return None, without(others, [path])
    label = judged(path or "", value)
    if label is None:
        detail = (
            f"`{path}` is {_shown(value)}, which does not say whether the answer is a good one (true) or not (false)"
        )
        raise Fault("unclear-label", f'{detail}: for another meaning, put `label = ""` into the shape of the source')
    return label, without(others, [path])


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else kind(value)
