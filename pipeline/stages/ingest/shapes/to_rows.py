"""Records to rows: one small pure function per shape (`schemas.shapes` says what each is)."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.io.class_labels import ClassName
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.given import given_at, is_given, may_be_printed, text_of, without_given
from pipeline.stages.ingest.fields.marks import UnclearLearn
from pipeline.stages.ingest.fields.names import BODY, CHOICES, CONTEXT, named
from pipeline.stages.ingest.fields.paths import Record, at, kind, list_at, not_an_object, text_at, without
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.unanswerable import marked_unanswerable, no_answer
from pipeline.stages.ingest.fields.unmapped import is_sentence
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.printed import opened
from pipeline.stages.ingest.shapes.columns import columns
from pipeline.stages.ingest.shapes.conversations import conversation, delimited, turn_records
from pipeline.stages.ingest.shapes.exchanges import exchanges, pairs, questions, turn_fields
from pipeline.stages.ingest.shapes.exported import exported
from pipeline.stages.ingest.shapes.multiple_choice import multiple_choice
from pipeline.stages.ingest.shapes.nodes import nodes
from pipeline.stages.ingest.shapes.preferences import choice, completions, preference
from pipeline.stages.ingest.shapes.rows import Row, around, numbered, rejected, row, with_outer
from pipeline.stages.ingest.shapes.trees import tree, tree_records
from schemas.shapes import Articles, Instances, Shape, Template

#: The shape of a record. Raises Fault where it has none, or several.
Choose = Callable[[Record], Shape]


def rows_of(entry: Entry, shape: Shape) -> list[Row]:
    """The rows of one entry: at least one, rejected where the entry is faulty or the shape does not fit it."""
    return rows_or_rejects(entry, lambda record: shape)


def rows_or_rejects(entry: Entry, choose: Choose) -> list[Row]:
    """The rows of one entry in the shape that is chosen for it."""
    return with_outer(_rows(entry, choose), entry.outer)


def _rows(entry: Entry, choose: Choose) -> list[Row]:
    if entry.fault or not isinstance(entry.value, dict):
        return [rejected(entry, entry.fault or not_an_object(entry.value))]
    try:
        shape = choose(entry.value)
        rows: list[Row] = SHAPES[shape.kind](entry, shape)
    except UnclearLearn as fault:
        raise FileFault(f"{entry.place}: {fault}; {_ways_to_learn(fault, shape)}") from None
    except FileFault as fault:
        raise FileFault(f"{entry.place}: {fault}") from None
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows


def _ways_to_learn(fault: UnclearLearn, shape: Shape) -> str:
    """The lines of toml that decide which answers are learned."""
    none = toml(shape.model_copy(update={"learn": ()}))
    if fault.name == "label":
        named = toml(shape.model_copy(update={"learn": (*getattr(shape, "learn", ()), "label")}))
        return f"where 0 marks an answer that is not learned write in the source `{named}`, for another label `{none}`"
    if fault.weight is None:
        return f"where the field means something else, write in the source `{none}`"
    least = toml(shape.model_copy(update={"learn_from": fault.weight}))
    return f"to learn answers of this weight and more write in the source `{least}`, to learn all `{none}`"


def instances(entry: Entry, shape: Instances) -> list[Row]:
    record = entry.value
    tasks = list_at(record, shape.instances)
    if not tasks:
        raise Fault("no-turns", f"`{shape.instances}` is empty")
    _must_be_objects(tasks, shape.instances)
    given, fixes = given_at(record, shape.input)
    definition = at(record, shape.instruction)
    is_parts = isinstance(definition, list) and all(isinstance(part, str) for part in definition)
    instruction = "\n".join(definition) if is_parts else text_at(record, shape.instruction)
    rest = without_given(without(record, [shape.instruction, shape.instances]), shape.input)
    return [
        row(
            entry,
            _in(rest, without(task, ["input", path])),
            instruction,
            "\n".join(text for text in (given, text_at(task, "input")) if text),
            text_at(task, path),
            place=numbered(number, len(tasks)),
            fixes=fixes,
        )
        for number, task in enumerate(tasks, 1)
        # Of several answers that are right (Super-NaturalInstructions) the first one; all of them stay in `meta`.
        for path in ["output.0" if isinstance(at(task, "output"), list) else "output"]
    ]


def _must_be_objects(items: Sequence[Any], name: str) -> None:
    """Hold a list to objects: the texts of anything else would be lost. Raises Fault: not-an-object."""
    for item in items:
        if not isinstance(item, dict):
            raise Fault("not-an-object", f"`{name}` holds {kind(item)}, not an object with named fields")


def _in(outer: Record, inner: Record) -> Record:
    """The fields of a record in another one, behind those of the other."""
    free, taken = around(outer, inner)
    return {**free, **inner, **taken}


#: The text that questions are about, and the paths of an answer to one, as SQuAD, KorQuAD and AI-Hub name them.
CONTEXTS = dict.fromkeys(("context", "passage", "paragraph", "지문", "본문", *CONTEXT, *BODY))
ANSWERS = (
    *("answers.0.text", "answers.text.0", "answers.text", "answers.0", "answers"),
    *("answer.text", "answer.0.text", "answer.0", "answer"),
)


def articles(entry: Entry, shape: Articles) -> list[Row]:
    record = entry.value
    found: list[Asked | Unasked] = []
    is_article = at(record, shape.paragraphs) is not None
    outer = without(record, [shape.paragraphs]) if is_article else {}
    paragraphs = list_at(record, shape.paragraphs) if is_article else [record]
    _must_be_objects(paragraphs, shape.paragraphs)
    for paragraph in paragraphs:
        named_so = shape.context or context_name(paragraph) or "context"
        context, _ = given_at(paragraph, named_so)
        rest = _in(outer, without_given(without(paragraph, ["qas"]), named_so))
        qas = list_at(paragraph, "qas")
        _must_be_objects(qas, "qas")
        for question in qas:
            texts = (at(question, path) for path in ANSWERS)
            answer = next((text for text in texts if text and isinstance(text, str)), None)
            found.append(Asked(question, context, answer, rest))
        if not qas:
            found.append(Unasked(paragraph, context))
    if not any(isinstance(each, Asked) for each in found):
        raise Fault("no-turns", f"`{shape.paragraphs}` hold no question (`qas`)")
    places = [numbered(number, len(found)) for number in range(1, len(found) + 1)]
    return [
        _asked(entry, each, place, shape) if isinstance(each, Asked) else _unasked(entry, each, place)
        for each, place in zip(found, places, strict=True)
    ]


def context_name(paragraph: Any) -> str | None:
    """The field of the text that questions are about; None where none has a known name."""
    names = named(paragraph, tuple(CONTEXTS)) if isinstance(paragraph, dict) else []
    return next((name for name in names if isinstance(paragraph[name], str)), None)


class Asked(NamedTuple):
    """A question of an article, the text that it is about, its answer and the fields around it."""

    question: Record
    context: str | None
    answer: str | None
    rest: Record


class Unasked(NamedTuple):
    """A paragraph of an article about which nothing is asked, and its text."""

    paragraph: Record
    context: str | None


def _unasked(entry: Entry, unasked: Unasked, place: str) -> Row:
    alone = entry._replace(place=entry.place + place, value=unasked.paragraph, raw=None)
    fault = Fault("no-turns", "the paragraph holds no question (`qas`): add one to the source file, or remove it")
    return rejected(alone, fault, input=unasked.context or "")


def _asked(entry: Entry, asked: Asked, place: str, shape: Articles) -> Row:
    question, context, answer, rest = asked
    text, others = text_at(question, "question"), _in(rest, without(question, ["question"]))
    unanswerable = marked_unanswerable(question)
    if unanswerable and not shape.no_answer:
        alone = entry._replace(place=entry.place + place, value=_in(rest, {"context": context, **question}), raw=None)
        fault = no_answer(unanswerable, shape)
        return rejected(alone, fault, instruction=text, input=context or "")
    return row(entry, others, text, context, shape.no_answer if unanswerable else answer, place=place)


FIELD = re.compile(r"\{([^{}]+)\}")


def template(entry: Entry, shape: Template) -> list[Row]:
    record = entry.value
    used: list[str] = []

    def word(match: re.Match[str]) -> str:
        path = match[1]
        value = at(record, path)
        if value is None:
            raise Fault("missing-field", f"`{path}`, which the template asks for, is missing or null")
        if isinstance(value, str) and path not in shape.labels:
            used.append(path)
        return _worded(value, path, shape)

    instruction = FIELD.sub(word, shape.instruction)
    given, output = FIELD.sub(word, shape.input), FIELD.sub(word, shape.output)
    return [row(entry, without(record, used), instruction, given, output)]


def _worded(value: Any, path: str, shape: Template) -> str:
    """A value as the template's `labels` or `items` word it. Raises Fault: unknown-label, not-a-list, not-text."""
    value = opened(value) if may_be_printed(path) else value
    if path in shape.items:
        return "\n".join(_items(value, path, shape.items[path]))
    text = _spelled(value, path)
    if path not in shape.labels:
        return text
    if isinstance(value, ClassName) and text not in shape.labels[path]:
        text = str(value.number)
    if text not in shape.labels[path]:
        known = ", ".join(shape.labels[path])
        raise Fault("unknown-label", f"`{path}` is {text!r}: the template has words only for {known}")
    return shape.labels[path][text]


def _items(value: Any, path: str, words: str) -> Iterator[str]:
    """The objects of a list, and of the lists in it, each as the template words it."""
    if not isinstance(value, list):
        raise Fault("not-a-list", f"`{path}` is {kind(value)}, not a list: put no `items` for it into the template")
    for item in value:
        if isinstance(item, list):
            yield from _items(item, path, words)
        else:
            yield FIELD.sub(lambda match, item=item: _item(item, match[1], path), words)  # type: ignore[misc]


def _item(item: Any, key: str, path: str) -> str:
    value = at(item, key)
    if value is None:
        raise Fault("missing-field", f"an item of `{path}` lacks `{key}`, which the template asks for")
    return _spelled(value, f"{path}.{key}")


def _spelled(value: Any, path: str) -> str:
    if isinstance(value, list) and is_given(value) and path.strip().casefold() not in CHOICES:
        texts = [spelled(item) for item in value if item is not None]
        return ("\n" if any(map(is_sentence, texts)) else ", ").join(texts)
    if isinstance(value, list | dict) and not is_given(value):
        raise Fault("not-text", f"`{path}` is {kind(value)}: name a field inside it, or word it in `items`")
    return text_of(value, path) or "" if isinstance(value, str | list | dict) else dumps(value)


SHAPES: dict[str, Callable[..., list[Row]]] = {
    "columns": columns,
    "conversation": conversation,
    "exchanges": exchanges,
    "turn-records": turn_records,
    "turn-fields": turn_fields,
    "tree": tree,
    "tree-records": tree_records,
    "nodes": nodes,
    "delimited": delimited,
    "preference": preference,
    "choice": choice,
    "completions": completions,
    "exported": exported,
    "instances": instances,
    "pairs": pairs,
    "articles": articles,
    "questions": questions,
    "multiple-choice": multiple_choice,
    "template": template,
}
