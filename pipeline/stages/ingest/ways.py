"""The lines of toml that read records of no known shape, for the message that asks for one."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.columns import labelled
from pipeline.stages.ingest.conversations import each_record, turns_at
from pipeline.stages.ingest.detect import given_fields, one_or_more, role_key, shapes_of, text_key
from pipeline.stages.ingest.fields import Record, at
from pipeline.stages.ingest.given import paths_of
from pipeline.stages.ingest.names import (
    INSTRUCTION,
    LABELS,
    NOTES,
    ORIGIN,
    OUTPUT,
    named,
)
from pipeline.stages.ingest.recipes import recipes
from pipeline.stages.ingest.shapes import FIELD
from pipeline.stages.ingest.speakers import SPOKEN, speaker_of
from pipeline.stages.ingest.toml_line import toml
from pipeline.stages.ingest.unmapped import NO_TEXT, is_sentence
from schemas.shapes import (
    Columns,
    Conversation,
    Delimited,
    Instances,
    Shape,
    Template,
    TurnFields,
    TurnRecords,
)


def ways(record: Record) -> Iterator[str]:
    """The lines of toml that read a record of no known shape."""
    likely = _likely_conversation(record)
    if likely and _is_of_two(record, likely):
        yield toml(likely)
    yield from _headers(record)
    for name, recipe in recipes().items():
        if recipe.shape and _has_all(record, recipe.shape):
            yield f'recipe = "{name}"'
    yield from map(toml, _inside(record))
    yield from map(toml, _marked(record))
    asked, answers = named(record, INSTRUCTION), named(record, (*OUTPUT, *LABELS))
    if answers and not likely:
        taken = (*asked[:1], answers[0])
        given = [path for path in dict.fromkeys((*given_fields(record), *_texts(record))) if path not in taken]
        template = labelled(asked[0] if asked else "…", given, answers[0])
        yield toml(template if asked else template.model_copy(update={"instruction": "…"}))


def made_of_another(record: Record) -> Iterator[str]:
    """The line of toml that reads a text and what is made of it: a summary, a translation."""
    texts = _texts(record)
    if len(texts) == 2 and all(is_sentence(record[name]) for name in texts):
        yield toml(labelled("", texts[:1], texts[1]).model_copy(update={"instruction": "…"}))


def _inside(record: Record) -> Iterator[Shape]:
    """The shape of an object in the record."""
    for key, value in record.items():
        shapes = shapes_of(value) if isinstance(value, dict) else []
        shape = shapes[0] if len(shapes) == 1 else None
        if isinstance(shape, Instances):
            names = {"instruction": f"{key}.{shape.instruction}", "instances": f"{key}.{shape.instances}"}
            yield shape.model_copy(update=names)
        elif isinstance(shape, Columns) and shape.output and isinstance(at(value, shape.instruction), str):
            inside = [f"{key}.{path}" for path in paths_of(shape.input)]
            texts = {"instruction": shape.instruction, "output": shape.output, "system": shape.system}
            paths = {name: f"{key}.{path}" if path else None for name, path in texts.items()}
            yield shape.model_copy(update={**paths, "input": one_or_more(inside)})


#: A word before a colon at the beginning of a line.
SPEAKS = re.compile(r"^([^\s:：][^:：\n]{0,19})[:：](?=[ \t]*\S)", re.MULTILINE)


def _marked(record: Record) -> Iterator[Delimited]:
    """A text in which two names take turns, each before a colon."""
    for key, value in record.items():
        names = list(dict.fromkeys(SPEAKS.findall(value))) if isinstance(value, str) else []
        if len(names) == 2 and SPEAKS.match(value):
            yield Delimited(text=key, marks={f"{name}:": role for name, role in zip(names, SPOKEN, strict=True)})


def _texts(record: Record) -> list[str]:
    """The fields of a record that hold texts and are no notes about it."""
    return [
        key
        for key, value in record.items()
        if isinstance(value, str) and key.strip().casefold() not in {*ORIGIN, *NOTES} and not NO_TEXT.fullmatch(value)
    ]


def _headers(record: Record) -> Iterator[str]:
    """The lines of toml that read a table without a header line, or whose first record was taken for one."""
    texts = {name: value for name, value in record.items() if isinstance(value, str)}
    if "column1" in texts:
        longest = sorted(sorted(texts, key=lambda name: -len(texts[name]))[:2], key=list(texts).index)
        if any(NO_TEXT.fullmatch(texts[name]) for name in longest):
            return
        yield toml(Columns(instruction=longest[0], output=longest[-1], input=None))
    elif len(texts) == len(record) == 2 and any(is_sentence(name) for name in texts):
        yield 'header = ["instruction", "output"]'


def _is_of_two(record: Record, talk: Conversation) -> bool:
    """Whether no more than two people speak in a conversation."""
    first, path = each_record(record, talk.turns)[0]
    return len({speaker_of(turn, talk.role) for turn in turns_at(first, path)}) <= 2


def conversation_of_people(record: Record) -> Conversation | None:
    """A list of objects that name a speaker and what is said, at any depth; None where no list is one."""
    for path, turns in _lists_in(record, ""):
        role, text = role_key(turns), text_key(turns)
        if len(turns) > 1 and role and text:
            return Conversation(turns=path, role=role, text=text, speakers="in-order")
    return None


def _likely_conversation(record: Record) -> Conversation | None:
    """A list of turns under known names, else under names that may mean that: of two people with the shortest texts as
    their names, and what is said is longest. None where no list is one.
    """
    if people := conversation_of_people(record):
        return people
    for path, turns in _lists_in(record, ""):
        if shapes_of(turns[0]):
            continue  # records, and no turns
        texts = [name for name in turns[0] if all(isinstance(turn.get(name), str) for turn in turns)]
        texts = [name for name in texts if name.strip().casefold() not in ORIGIN]
        texts.sort(key=lambda name: sum(len(turn[name]) for turn in turns))
        speakers = [name for name in texts[:-1] if len({turn[name] for turn in turns}) == 2]
        if len(turns) > 1 and speakers:
            return Conversation(turns=path, role=speakers[0], text=texts[-1], speakers="in-order")
    return None


def _lists_in(value: Any, path: str) -> Iterator[tuple[str, list[Record]]]:
    """The lists of objects in a value with their paths: of lists in lists, those of the first object with a `*`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists_in(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        yield path, value
        if path.count("*") == 0:
            yield from _lists_in(value[0], f"{path}.*")


def _has_all(record: Record, shape: Shape) -> bool:
    """Whether all the fields of a template, or of turns in fields or in records of their own, are there."""
    asked: Sequence[str]
    if isinstance(shape, Template):
        asked = FIELD.findall(shape.instruction + shape.input + shape.output)
    elif isinstance(shape, TurnFields):
        asked = shape.turns
    elif isinstance(shape, TurnRecords):
        asked = [shape.group, shape.role, *([shape.text] if isinstance(shape.text, str) else shape.text)]
    else:
        return False
    return all(at(record, path) is not None for path in asked)
