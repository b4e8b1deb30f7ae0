"""A question, answers to choose from, and which of them is right, as the shape of a record."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.detect.columns import given_fields, letters_in, one_or_more
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import (
    ANSWER_KEYS,
    CHOICES,
    CONTEXT,
    INSTRUCTION,
    LABELS,
    ORIGIN,
    OUTPUT,
    RIGHT,
    SYSTEM,
    is_index,
    named,
    numbered_choices,
)
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.verdicts import judged
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.printed import opened
from pipeline.stages.ingest.shapes.multiple_choice import choices_in, counted_from, first_number, number_in, right_ones
from schemas.shapes import MultipleChoice


def chosen_in(record: Record) -> Iterator[MultipleChoice]:
    """A question whose answer is the number of a choice, or a letter in a field that is named so."""
    letters = letters_in(record)
    marked = [] if named(record, (*OUTPUT, *ANSWER_KEYS)) else marked_choices(record, CHOICES)
    if marked:
        yield from (each.model_copy(update={"first": 1}) for each in _of(record, marked[0], named(record, INSTRUCTION)))
        return
    answers = [key for key in named(record, (*OUTPUT, *ANSWER_KEYS)) if key not in letters]
    numbers = [key for key in answers if all(map(_is_number, right_ones(record[key])))]
    if len(numbers) < len(answers):
        return  # the answer is written out, or has the form that other shapes read
    likely = [key for key in record if is_index(key) and isinstance(record[key], int | float | Number | str)]
    for key in [*likely, *numbers][:1]:
        yield from _of(record, key, named(record, INSTRUCTION))


def marked_choices(record: Record, names: Sequence[str]) -> list[str]:
    """The paths of what marks each of several answers as right or wrong: `choices.*.is_correct`."""
    lists = {key: items for key in named(record, names) if isinstance(items := opened(record[key]), list) and items}
    return [
        f"{key}.*.{mark}"
        for key, items in lists.items()
        if isinstance(items[0], dict)
        for mark in named(items[0], (*RIGHT, *LABELS))
        if all(isinstance(item, dict) and judged(mark, item.get(mark)) is not None for item in items)
    ]


def labelled_choice(records: Sequence[Record]) -> list[str]:
    """The lines of toml that read a label as the number of a choice."""
    record = records[0]
    numbers = [key for key in record if number_in(record[key]) is not None and key.strip().casefold() not in ORIGIN]
    for key in [key for key in numbers if key in named(record, LABELS)] or numbers:
        for shape in _of(record, key, named(record, (*INSTRUCTION, *CONTEXT, "ctx", "premise", "goal"))):
            if not all(_is_of_choices(each, shape) for each in records):
                continue
            first = first_of(records, shape)
            ways = (0, 1) if first is None else (first,)
            return [toml(shape.model_copy(update={"first": way})) for way in ways]
    return []


def decided(records: Sequence[Record], shapes: Sequence[MultipleChoice]) -> dict[str, int]:
    """By the field of the answer, the number of the first choice. Raises Fault (ambiguous-shape) where none is sure."""
    found = {}
    for shape in {shape.answer: shape for shape in shapes}.values():
        if ".*." in shape.answer:
            found[shape.answer] = 1
            continue
        if not any(_needs_a_number(record, shape) for record in records):
            continue
        first = first_of(records, shape)
        if first is None:
            raise Fault("ambiguous-shape", f"`{shape.answer}` is the number of a choice: {counted_from(shape)}")
        found[shape.answer] = first
    return found


def _needs_a_number(record: Record, shape: MultipleChoice) -> bool:
    """Whether an answer is the number of a choice, and not a choice itself."""
    texts = [text for _, text in choices_in(record, shape.choices)]
    answers = right_ones(at(record, shape.answer))
    return any(number_in(answer) is not None and spelled(answer) not in texts for answer in answers)


def _is_of_choices(record: Record, shape: MultipleChoice) -> bool:
    """Whether an answer is a number that a choice can have."""
    numbers = list(map(number_in, right_ones(at(record, shape.answer))))
    most = len(choices_in(record, shape.choices))
    return all(number is not None and number <= most for number in numbers)


def first_of(records: Sequence[Record], shape: MultipleChoice) -> int | None:
    """The number of the first choice, where the records show it."""
    pairs = [
        (number_in(answer), len(choices_in(record, shape.choices)))
        for record in records
        for answer in right_ones(at(record, shape.answer))
    ]
    known = [(number, count) for number, count in pairs if number is not None]
    return first_number(*map(list, zip(*known, strict=True))) if known else None


def _of(record: Record, answer: str, asked: Sequence[str]) -> Iterator[MultipleChoice]:
    fields = choice_fields(record)
    questions = [key for key in asked if isinstance(record[key], str) and key not in fields]
    if not fields or not questions or not choices_in(record, one_or_more(fields)):
        return
    taken = (*fields, questions[0], answer)
    premise = [key for key in named(record, ("premise", "ctx")) if isinstance(record[key], str)]
    given = [path for path in dict.fromkeys((*premise, *given_fields(record))) if path not in taken]
    systems = named(record, SYSTEM)
    yield MultipleChoice(
        instruction=questions[0],
        choices=one_or_more(fields),
        answer=answer,
        input=one_or_more(given),
        system=systems[0] if systems else None,
    )


def choice_fields(record: Record) -> list[str]:
    """The fields of answers to choose from: one with all of them, or one for each."""
    whole = [key for key in named(record, CHOICES) if choices_in(record, key)]
    return whole[:1] or list(numbered_choices(record)) or letters_in(record)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Number) and not isinstance(value, bool)
