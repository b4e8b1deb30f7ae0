"""Better and worse answers as the shape of a record."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.detect.columns import are_messages, given_fields, one_or_more, text_path, tools_field
from pipeline.stages.ingest.fields.names import (
    BETTER,
    CHOSEN,
    COMPLETIONS,
    INSTRUCTION,
    LABELS,
    OUTPUT,
    REJECTED,
    SCORES,
    SPEAKER,
    SYSTEM,
    TEXT_KEYS,
    TURNS,
    TWO_ANSWERS,
    named,
)
from pipeline.stages.ingest.fields.paths import Record, at, yes_or_no
from pipeline.stages.ingest.fields.verdicts import good_or_bad
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.exact_json import Number
from schemas.shapes import (
    Choice,
    Columns,
    Completions,
    Preference,
    Shape,
)


def may_judge(value: Any, number: bool = True) -> bool:
    """Whether a label may say that an answer is good or bad. `number`: also 0 and 1."""
    is_number = isinstance(value, int | float | Number) and not isinstance(value, bool)
    return good_or_bad(value) is not None and value not in ("0", "1") and (number or not is_number)


def judged_by(records: Sequence[Record], shape: Columns) -> str | None:
    """The field of a label 0 or 1 that may say whether an answer is a good one; None where none may.

    (A label that each answer words, such as 0 and 부정, is that of a class.)
    """
    names = named(records[0], LABELS) if shape.output and not shape.label else []
    for name in names:
        labels = [yes_or_no(record.get(name)) for record in records]
        answers = {spelled(at(record, shape.output)) for record in records}
        if set(labels) == {True, False} and len(answers) > len(set(labels)):
            return name
    return None


def preferences_in(record: Record) -> Iterator[Shape]:
    chosen = named(record, CHOSEN)
    others = [key for key in named(record, REJECTED) if chosen or isinstance(record[key], str | list | dict)]
    chosen = chosen or named(record, OUTPUT)
    if not chosen or not others:
        return
    prompts = [*named(record, INSTRUCTION), *(key for key in named(record, TURNS) if are_messages(record[key]))]
    systems = named(record, SYSTEM)
    prompt = prompts[0] if prompts else None
    taken = (prompt, chosen[0], others[0])
    better, worse = (_path_of_answer(record, key) for key in (chosen[0], others[0]))
    given = one_or_more([path for path in given_fields(record) if path not in taken]) if prompts else None
    tools = tools_field(record)
    if are_messages(at(record, "input.messages")):  # OpenAI
        prompt, given = "input.messages", None
        tools = "input.tools"
    shape = Preference(
        prompt=prompt,
        chosen=better,
        rejected=worse,
        context="context" if isinstance(record.get("context"), list) else None,
        input=given,
        system=systems[0] if systems else None,
        tools=tools,
    )
    labels = [key for key in named(record, LABELS) if may_judge(record[key])]
    if labels:
        yield shape.model_copy(update={"label": labels[0]})
    yield shape


def _path_of_answer(record: Record, key: str) -> str:
    """The path of an answer: also in an object that is no message, beside a model and a score."""
    value = record[key]
    return text_path(record, key, OUTPUT) if isinstance(value, dict) and not SPEAKER & value.keys() else key


def two_answers_in(record: Record) -> Iterator[Choice]:
    """Two answers, and fields with the number of the better one: a shape for each of them (PKU-SafeRLHF)."""
    prompts = named(record, INSTRUCTION)
    for answers in TWO_ANSWERS if prompts else ():
        if len(found := named(record, answers)) == 2:
            yield from (
                Choice(prompt=prompts[0], answers=(found[0], found[1]), better=key) for key in named(record, BETTER)
            )


def completions_in(record: Record) -> Iterator[Shape]:
    questions, systems = named(record, INSTRUCTION), named(record, SYSTEM)
    for key in named(record, COMPLETIONS):
        answers = record[key]
        if (
            not questions
            or not isinstance(answers, list)
            or not answers
            or not all(isinstance(a, dict) for a in answers)
        ):
            continue
        texts = [name for name in (*OUTPUT, *TEXT_KEYS) if all(isinstance(answer.get(name), str) for answer in answers)]
        scores = [name for name in SCORES if any(answer.get(name) is not None for answer in answers)]
        if texts and scores:
            yield Completions(
                instruction=questions[0],
                completions=key,
                text=texts[0],
                score=scores[0],
                input=one_or_more([path for path in given_fields(record) if path not in (questions[0], key)]),
                system=systems[0] if systems else None,
            )
