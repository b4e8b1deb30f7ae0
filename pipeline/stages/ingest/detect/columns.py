"""Columns as the shape of a record: a question, its answer, and what the task is about."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.fields.calls import calls_of
from pipeline.stages.ingest.fields.given import is_given
from pipeline.stages.ingest.fields.names import (
    ABOUT,
    ANSWER_KEYS,
    ANSWERING,
    ASKED,
    ASKING,
    CHOICES,
    CONTEXT,
    DIALOGUES,
    DIRECTIVES,
    INPUT,
    INQUIRY,
    INSTRUCTION,
    LABELS,
    LETTERS,
    OUTPUT,
    SPEAKER,
    SYSTEM,
    TEXT_KEYS,
    TOOLS,
    named,
    numbered_choices,
)
from pipeline.stages.ingest.fields.passages import are_documents
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.tool_definitions import tools_at
from pipeline.stages.ingest.fields.written import is_talk
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.printed import opened
from schemas.shapes import (
    Columns,
    Fields,
    Shape,
)


def text_path(record: Record, key: str, names: Sequence[str]) -> str:
    """The path of the text under a key: the key, or the one text of the object that it holds, by one of the names."""
    value = opened(record[key]) if key == "answers" else record[key]
    if isinstance(value, dict):
        inside = [inner for inner in dict.fromkeys((*names, *TEXT_KEYS)) if isinstance(value.get(inner), str)]
        if len(inside) == 1:
            return f"{key}.{inside[0]}"
        if isinstance(value.get("text"), list):
            return f"{key}.text.0"
    return key


def answer_path(record: Record, key: str) -> str:
    """The path of the answer under a key: also of one that is alone in a list."""
    value = record[key]
    return f"{key}.0" if are_texts(value) and len(value) == 1 else text_path(record, key, (*OUTPUT, "contents"))


def are_messages(value: Any) -> bool:
    """Whether it is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and SPEAKER & item.keys() for item in value)
    )


def columns_in(record: Record) -> Iterator[Shape]:
    letters = letters_in(record)
    answers = [key for key in named(record, OUTPUT) or named(record, ANSWER_KEYS) if key not in letters]
    directives, asked = named(record, DIRECTIVES), named(record, ASKED)
    inputs = [key for key in named(record, INPUT) if isinstance(record[key], str | dict | None)]
    listed = opened(record.get("answers"))
    if not answers and isinstance(listed, dict):
        answers = ["answers"]  # SQuAD on the Hub: {"text": ["…"], "answer_start": [0]}
    if not directives and not asked and inputs and answers:
        # An object may hold the question and its input: {"input": {"question": "…", "context": "…"}}.
        directives = inputs[:1]
    if not directives and not asked and not inputs and answers:
        directives = [key for key in named(record, INQUIRY) if isinstance(record[key], str | None)]
    if not answers and not inputs:
        answers = [key for key in named(record, ANSWERING) if isinstance(record[key], str | None)]
        who_asks = [key for key in named(record, ASKING) if isinstance(record[key], str | None)]
        if answers and not (directives or asked):
            directives = who_asks[:1]
        elif who_asks:
            answers = []  # what people and what a model answers
    questions = [key for key in (*directives, *asked) if _may_ask(record, key)]
    if not answers and questions and are_texts(listed):
        yield _columns_of(record, text_path(record, questions[0], INSTRUCTION), "answers.0")  # each of them is right
    if not answers and questions and calls_of(listed):
        instruction = text_path(record, questions[0], INSTRUCTION)  # xLAM
        yield _columns_of(record, instruction, None).model_copy(update={"tool_calls": "answers"})
    # Where there is an instruction and a question, the question is what the instruction is about.
    about = asked[:1] if directives and asked and isinstance(record[asked[0]], str | None) else []
    plain = "instruction" in questions and "output" in answers
    for question in questions[:1] if plain or about else questions:
        for answer in answers[:1] if plain else answers:
            instruction, output = text_path(record, question, INSTRUCTION), answer_path(record, answer)
            yield _columns_of(record, instruction, output, about)


def _may_ask(record: Record, key: str) -> bool:
    """Whether a field can be a question: not an object without a text that is one."""
    return not isinstance(at(record, text_path(record, key, INSTRUCTION)), dict)


def _columns_of(record: Record, instruction: str, output: str | None, about: Sequence[str] = ()) -> Columns:
    """A question and its answer in these fields, with what the record holds beside them. `about`: of its input."""
    systems = named(record, SYSTEM)
    others = [path for path in given_fields(record) if path != instruction and not instruction.startswith(f"{path}.")]
    given = [path for path in dict.fromkeys((*about, *others)) if path != output]
    return Columns(
        instruction=instruction,
        output=output,
        input=one_or_more(given),
        system=systems[0] if systems else None,
        history="history" if isinstance(opened(at(record, "history")), list) else None,
        tools=tools_field(record),
    )


def given_fields(record: Record) -> list[str]:
    """The fields of a record that say what a task is about: a passage and the like, and answers to choose from."""
    contexts = [
        key if are_documents(record[key]) else text_path(record, key, CONTEXT) for key in named(record, CONTEXT)
    ]
    talks = [key for key in named(record, DIALOGUES) if is_talk(record[key])]
    choices = [*named(record, CHOICES), *numbered_choices(record)]
    fields = dict.fromkeys((*contexts, *talks, *choices, *letters_in(record)))
    return [path for path in fields if _is_about(at(record, path), path)]


def _is_about(value: Any, path: str) -> bool:
    """Whether the value of a field can be a part of an input. A number in `input` is left for the shape to reject."""
    is_conversation = are_messages(value) and not is_talk(value)
    return (is_given(value) and not is_conversation) or (
        not isinstance(value, list | dict) and path.strip().casefold() in INPUT
    )


def letters_in(record: Record) -> list[str]:
    """The fields A, B and so on where each is an answer to choose from."""
    if LETTERS[0] not in record:
        return []
    found = [key for key in LETTERS if isinstance(record.get(key), str | int | float | Number)]
    return found if len(found) > 1 and tuple(found) == LETTERS[: len(found)] else []


def one_or_more(paths: Sequence[str]) -> Fields:
    """Fields as a shape names them."""
    return tuple(paths) if len(paths) > 1 else paths[0] if paths else None


def prompts_in(record: Record) -> Iterator[Shape]:
    """A prompt without an answer. A question beside other texts may be anything, and is none."""
    if named(record, LABELS):
        return
    for key in named(record, INSTRUCTION):
        path, known = text_path(record, key, INSTRUCTION), {key, *named(record, (*SYSTEM, *INPUT, *ABOUT))}
        others = [name for name, value in record.items() if isinstance(value, str | list | dict) and name not in known]
        is_prompt = key.strip().casefold() == "prompt" or not others
        if is_prompt and (isinstance(at(record, path), str) or are_messages(at(record, path))):
            yield _columns_of(record, path, None)
            return


def tools_field(record: Record) -> str:
    """The field that declares tools; the usual one where none does."""
    return next((key for key in named(record, TOOLS) if tools_at(record, key).text), TOOLS[0])


def are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)
