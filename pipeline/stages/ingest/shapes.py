"""Records to rows: one small pure function per shape (`schemas.shapes` says what each is)."""

import re
from collections.abc import Callable
from typing import Any

from pipeline.stages.ingest.conversations import (
    conversation,
    delimited,
    earlier_turns,
    exchanges,
    pairs,
    questions,
    row_of_talk,
    tree,
)
from pipeline.stages.ingest.fields import Record, at, kind, list_at, not_an_object, text_at, without
from pipeline.stages.ingest.parsing import Fault, FileFault, dumps
from pipeline.stages.ingest.readers import Entry
from pipeline.stages.ingest.rows import Row, numbered, rejected, row
from pipeline.stages.ingest.transcripts import turns_of
from pipeline.stages.ingest.turn_objects import turn_of
from pipeline.stages.ingest.turns import Turn, talk_of
from pipeline.table.messages import Message
from schemas.shapes import LEARN, Articles, Columns, Instances, Preference, Role, Shape, Template

#: The shape of a record. Raises Fault where it has none, or several.
Choose = Callable[[Record], Shape]


def rows_of(entry: Entry, shape: Shape) -> list[Row]:
    """The rows of one entry: at least one, rejected where the entry is faulty or the shape does not fit it."""
    if entry.fault or not isinstance(entry.value, dict):
        return [rejected(entry, entry.fault or not_an_object(entry.value))]
    try:
        rows: list[Row] = SHAPES[shape.kind](entry, shape)
    except FileFault as fault:
        raise FileFault(f"{entry.place}: {fault}") from None
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows


def rows_or_rejects(entry: Entry, choose: Choose) -> list[Row]:
    """The rows of one entry in the shape that is chosen for it."""
    if entry.fault or not isinstance(entry.value, dict):
        return [rejected(entry, entry.fault or not_an_object(entry.value))]
    try:
        shape = choose(entry.value)
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows_of(entry, shape)


def columns(entry: Entry, shape: Columns) -> list[Row]:
    """One row: each text from its own field."""
    record = entry.value
    texts: dict[str, str | None] = {}
    fault = None
    for name in ("instruction", "input", "output", "system"):
        try:
            texts[name] = text_at(record, getattr(shape, name))
        except Fault as found:
            fault = fault or found
    if fault:
        texts["input"] = texts.get("input") or ""
        return [rejected(entry, fault, **texts)]
    others = without(record, [shape.instruction, shape.input, shape.output, shape.system, shape.history])
    history: list[Message] = []
    fixes: tuple[str, ...] = ()
    if shape.history:
        earlier = talk_of(
            [*earlier_turns(record, shape.history, shape.roles), Turn("user", texts["instruction"] or "")]
        )
        history, fixes = earlier.history, earlier.fixes
        texts["instruction"] = earlier.instruction if texts["instruction"] is not None else None
        texts["input"] = "\n".join(text for text in (earlier.input, texts["input"]) if text)
        texts["system"] = "\n".join(text for text in (texts["system"], earlier.system) if text)
        if any(earlier.rests):
            others[shape.history] = earlier.rests[:-1]
    return [
        row(
            entry,
            others,
            texts["instruction"],
            texts["input"],
            texts["output"],
            system=texts["system"],
            history=history,
            fixes=fixes,
        )
    ]


def _turns_at(value: Any, role: Role, path: str | None) -> list[Turn]:
    """The turns in one field of a preference record: a text, a {from, value}, a list of those."""
    if value is None:
        return []
    if isinstance(value, str):
        cut = turns_of(value)
        return cut[1] if cut else [Turn(role, value)]
    turns = [value] if isinstance(value, dict) else value
    if not isinstance(turns, list):
        raise Fault("not-text", f"`{path}` is {kind(value)}: neither a text nor turns")
    names = ("role", "content") if turns and "role" in turns[0] else ("from", "value")
    return [turn_of(turn, number, *names, {}, LEARN) for number, turn in enumerate(turns, 1)]


def preference(entry: Entry, shape: Preference) -> list[Row]:
    """One row: the chosen answer, and what comes before it."""
    record = entry.value
    prompt = _turns_at(at(record, shape.prompt), "user", shape.prompt)
    chosen = _turns_at(at(record, shape.chosen), "assistant", shape.chosen)
    rejected_turns = _turns_at(at(record, shape.rejected), "assistant", shape.rejected)
    if len(chosen) > 1:
        # The answer comes with its whole conversation: the prompt is what both begin with.
        if rejected_turns and chosen[0] != rejected_turns[0]:
            raise Fault(
                "different-prompts",
                f"`{shape.chosen}` and `{shape.rejected}` do not begin alike: one has another prompt",
            )
        prompt = []
    elif not prompt:
        raise Fault("no-prompt", f"`{shape.chosen}` is an answer alone: name the field of its prompt in the shape")
    context = _turns_at(at(record, shape.context), "user", shape.context) if shape.context else []
    others = without(record, [shape.chosen, shape.context, shape.system])
    turns = [*context, *prompt, *chosen]
    return [row_of_talk(entry, turns, others, shape.chosen, system=text_at(record, shape.system))]


def instances(entry: Entry, shape: Instances) -> list[Row]:
    record = entry.value
    tasks = list_at(record, shape.instances)
    if not tasks:
        raise Fault("no-turns", f"`{shape.instances}` is empty")
    instruction = text_at(record, shape.instruction)
    rest = without(record, [shape.instruction, shape.instances])
    return [
        row(
            entry,
            {**rest, **without(task, ["input", "output"])} if isinstance(task, dict) else rest,
            instruction,
            text_at(task, "input"),
            text_at(task, "output"),
            place=numbered(number, len(tasks)),
        )
        for number, task in enumerate(tasks, 1)
    ]


def articles(entry: Entry, shape: Articles) -> list[Row]:
    record = entry.value
    found = []
    paragraphs = list_at(record, shape.paragraphs) if at(record, shape.paragraphs) is not None else [record]
    for paragraph in paragraphs:
        context = text_at(paragraph, "context")
        for question in list_at(paragraph, "qas"):
            answer = at(question, "answers.0.text") or at(question, "answer.text") or at(question, "answer")
            found.append((question, context, answer if isinstance(answer, str) else None))
    if not found:
        raise Fault("no-turns", f"`{shape.paragraphs}` hold no question (`qas`)")
    rest = without(record, [shape.paragraphs, "context", "qas"])
    return [
        row(
            entry,
            {**rest, **without(question, ["question"])},
            text_at(question, "question"),
            context,
            answer,
            place=numbered(number, len(found)),
        )
        for number, (question, context, answer) in enumerate(found, 1)
    ]


FIELD = re.compile(r"\{([^{}]+)\}")


def template(entry: Entry, shape: Template) -> list[Row]:
    record = entry.value
    used: list[str] = []

    def word(match: re.Match[str]) -> str:
        path = match[1]
        value = at(record, path)
        if value is None:
            raise Fault("missing-field", f"`{path}`, which the template asks for, is missing or null")
        spelled = _spelled(value, path)
        if path in shape.labels:
            if spelled not in shape.labels[path]:
                known = ", ".join(shape.labels[path])
                raise Fault("unknown-label", f"`{path}` is {spelled!r}: the template has words only for {known}")
            return shape.labels[path][spelled]
        if isinstance(value, str):
            used.append(path)
        return spelled

    instruction = FIELD.sub(word, shape.instruction)
    given, output = FIELD.sub(word, shape.input), FIELD.sub(word, shape.output)
    return [row(entry, without(record, used), instruction, given, output)]


def _spelled(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, list | dict):
        raise Fault("not-text", f"`{path}` is {kind(value)}: name a field inside it")
    return dumps(value)


SHAPES: dict[str, Callable[..., list[Row]]] = {
    "columns": columns,
    "conversation": conversation,
    "exchanges": exchanges,
    "tree": tree,
    "delimited": delimited,
    "preference": preference,
    "instances": instances,
    "pairs": pairs,
    "articles": articles,
    "questions": questions,
    "template": template,
}
