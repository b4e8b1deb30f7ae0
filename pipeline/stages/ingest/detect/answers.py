"""The answer to a prompt in a field beside it: known by its name, or one that people must choose."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pipeline.stages.ingest.detect.columns import are_messages, are_texts, given_fields, one_or_more, text_path
from pipeline.stages.ingest.detect.compared_answers import best_of_list, best_of_several, compared, judged_by_name
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import (
    ANSWER_KEYS,
    ASKED,
    CHOSEN,
    NOTES,
    ORIGIN,
    OUTPUT,
    RANKS,
    SCORES,
    SEVERAL,
    TEXT_KEYS,
    may_answer,
    named,
)
from pipeline.stages.ingest.fields.paths import Record, at, number_of
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.fields.speakers import speaker_of
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.turn_lists import turns_in
from pipeline.stages.ingest.fields.unmapped import is_sentence
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.printed import opened
from pipeline.stages.ingest.shapes.preferences import RANK
from schemas.shapes import Choice, Columns, Completions, Conversation, Preference, Shape

#: Names of lists of answers that say who answers.
MORE_ANSWERS = re.compile(r".+_(?:answers|responses|outputs|completions)|.+답변(?:들|목록)", re.IGNORECASE)
#: Fields of an answer. (A server puts its answers under `choices`.)
NAMES = (*OUTPUT, *ANSWER_KEYS, "choices")


def with_answer(record: Record, shape: Shape) -> Shape:
    """The shape; of a conversation that ends with a question, with the field that holds its answer."""
    names = named(record, NAMES) if isinstance(shape, Conversation) else []
    if not isinstance(shape, Conversation) or not names or not _is_open(record, shape):
        return shape
    paths = [path for key in names if (path := _answer_path(record, key))]
    return shape.model_copy(update={"answer": paths[0]}) if paths else shape


def _is_open(record: Record, shape: Conversation) -> bool:
    """Whether the turns of a record end with a question."""
    turns = turns_in(at(record, shape.turns))
    name = speaker_of(turns[-1], shape.role) if isinstance(turns, list) and turns else None
    return name is not None and known_role(name, shape.roles) == "user"


def _answer_path(record: Record, key: str) -> str | None:
    """The path of the one answer in a field: a text, a message, or one in the response of a server; None for none."""
    value = opened(record[key])
    if are_messages([value]):
        return key
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        return f"{key}.choices.0.message" if _is_choice(value["choices"]) else None
    if isinstance(value, dict) and are_messages([value.get("message")]):
        return f"{key}.message"
    if isinstance(value, dict):
        path = text_path(record, key, OUTPUT)
        return path if path != key else None
    if key.strip().casefold() == "choices":
        return f"{key}.0.message" if isinstance(value, list) and _is_choice(value) else None
    if are_texts(value):
        return f"{key}.0" if len(value) == 1 else None
    is_one = (isinstance(value, str) and bool(value.strip())) or are_messages(value)
    return key if is_one or (isinstance(value, int | float | Number) and not isinstance(value, bool)) else None


def _is_choice(choices: list[Any]) -> bool:
    """Whether a list is the one answer of a server that could give several."""
    return len(choices) == 1 and isinstance(choices[0], dict) and are_messages([choices[0].get("message")])


def unanswered(records: Sequence[Record], shape: Shape) -> Fault | None:
    """The fault of prompts whose answer may be in a field that the shape leaves out; None where it is in none."""
    if isinstance(shape, Conversation):
        if shape.answer or "*" in shape.turns or not all(_is_open(record, shape) for record in records):
            return None
        prompt = shape.turns
    elif isinstance(shape, Columns) and shape.output is None and not any(map(_has_calls(shape), records)):
        prompt = shape.instruction
    else:
        return None
    if lines := list(_of_several(records, prompt, shape)):
        return _choose(prompt, lines, shape)
    if remedy := best_of_several(records):
        detail = f"{remedy}, or choose in the source `{toml(shape)}`, so that these are prompts without an answer"
        return Fault("unmapped-text", detail)
    names = [name for name in _may_answer(records, shape) if name != prompt]
    lines = [(toml(_answered(shape, name)), f"so that `{name}` is the answer") for name in names[:2]]
    return _choose(prompt, lines, shape) if lines and isinstance(shape, Conversation) else None


def answered_elsewhere(records: Sequence[Record], shape: Columns) -> Fault | None:
    """The fault of prompts beside a field whose name is that of an answer, in whatever language; None for others."""
    if shape.output is not None:
        return None
    names = [name for name in _may_answer(records, shape) if may_answer(name) and name != shape.instruction]
    lines = [(toml(_answered(shape, name)), f"so that `{name}` is the answer") for name in names[:2]]
    return _choose(shape.instruction, lines, shape) if lines else None


def printed_answers(records: Sequence[Record], shape: Columns) -> Fault | None:
    """The fault of answers to questions that are lists, written as texts; None where most are something else.

    (An instruction may ask for a list.)
    """
    if shape.instruction.strip().casefold() not in ASKED:
        return None
    answers = [answer for record in records if isinstance(answer := at(record, shape.output), str) and answer.strip()]
    if not answers or sum(are_texts(opened(answer)) for answer in answers) <= len(answers) / 2:
        return None
    first = toml(shape.model_copy(update={"output": f"{shape.output}.0"}))
    ways = f"`{first}`, so that the first of them is the answer, or `{toml(shape)}`, so that the whole text is"
    return Fault(
        "ambiguous-shape", f"`{shape.output}` holds lists of answers, written as texts: choose in the source {ways}"
    )


def several_answers(records: Sequence[Record], prompt: str) -> list[str]:
    """The lines of toml that read records of no known shape: a prompt and a list of answers to it."""
    given = [path for path in given_fields(records[0]) if path != prompt]
    shape = Columns(instruction=prompt, output=None, input=one_or_more(given))
    return [line for line, _ in _of_several(records, prompt, shape)]


def _has_calls(shape: Columns) -> Any:
    return lambda record: at(record, shape.tool_calls) is not None


def _choose(prompt: str, lines: Sequence[tuple[str, str]], shape: Shape) -> Fault:
    found = f"no column takes an answer to `{prompt}`, and another field may hold it: choose in the source "
    ways = ", or ".join(f"`{line}`, {meaning}" for line, meaning in lines)
    return Fault("unmapped-text", f"{found}{ways}, or `{toml(shape)}`, so that these are prompts without an answer")


def _answered(shape: Conversation | Columns, path: str) -> Shape:
    return shape.model_copy(update={"answer" if isinstance(shape, Conversation) else "output": path})


def _may_answer(records: Sequence[Record], shape: Shape) -> list[str]:
    """The fields of texts that may answer, those whose names say so first."""
    taken = {path.split(".")[0] for option in shape.model_dump().values() for path in _paths(option)}
    names = [name for name in records[0] if name not in taken and _holds_texts(records, name)]
    likely = [name for name in names if may_answer(name) or name.strip().casefold() in CHOSEN]
    return likely or [name for name in names if _are_sentences(records, name)]


def _paths(option: Any) -> list[str]:
    return [path for path in (option if isinstance(option, tuple) else (option,)) if isinstance(path, str)]


def _holds_texts(records: Sequence[Record], name: str) -> bool:
    values = [record.get(name) for record in records]
    is_note = name.strip().casefold() in {*ORIGIN, *NOTES} and name.strip().casefold() != "label"
    return not is_note and any(values) and all(isinstance(value, str | None) for value in values)


def _are_sentences(records: Sequence[Record], name: str) -> bool:
    texts = [record[name] for record in records if record.get(name)]
    return len(set(texts)) > len(texts) / 2 and sum(map(is_sentence, texts)) > len(texts) / 2


def _of_several(records: Sequence[Record], prompt: str, shape: Conversation | Columns) -> Iterator[tuple[str, str]]:
    """The lines of toml that read a list of answers, each with what it does."""
    more = [key for key in records[0] if MORE_ANSWERS.fullmatch(key.strip()) and not judged_by_name(key)]
    for key in dict.fromkeys((*named(records[0], SEVERAL), *more)):
        lists = [items for record in records if isinstance(items := opened(record.get(key)), list) and items]
        if len(lists) < len(records) or key == prompt:
            continue
        if best_of_list(records, key):
            yield from ((toml(each), _says(each)) for each in compared(records))
        elif all(map(are_texts, lists)):
            last = min(map(len, lists)) - 1
            yield toml(_answered(shape, f"{key}.0")), f"so that the first of `{key}` is the answer"
            scores = [name for name in records[0] if last and _are_scores(records, key, name)]
            yield from (line for name in scores for line in _best(key, None, name, prompt, shape))
            if last and not scores and key not in more:
                pair = Preference(
                    prompt=prompt,
                    chosen=f"{key}.0",
                    rejected=f"{key}.{last}",
                    input=shape.input,
                    system=shape.system,
                )
                yield toml(pair), "where they are ranked, the best one first"
        elif all(isinstance(answer, dict) for answers in lists for answer in answers):
            yield from _of_objects(key, [answer for answers in lists for answer in answers], prompt, shape)


def _says(shape: Shape) -> str:
    first = f", where {shape.first} is the first one" if isinstance(shape, Choice) else ""
    return f"so that the better one is the answer{first}"


def _are_scores(records: Sequence[Record], key: str, name: str) -> bool:
    """Whether a field holds a number for each of the answers."""
    pairs = [(opened(record.get(name)), opened(record[key])) for record in records]
    if not all(isinstance(scores, list) and len(scores) == len(answers) for scores, answers in pairs):
        return False
    return all(number_of(score) is not None for scores, _ in pairs for score in scores)


def _best(
    key: str, text: str | None, score: str, prompt: str, shape: Conversation | Columns
) -> Iterator[tuple[str, str]]:
    """The lines of toml that take the best answer, and the worst one as rejected."""
    best = Completions(instruction=prompt, completions=key, text=text, score=score, system=shape.system)
    ends: tuple[Literal["lowest", "highest"] | None, ...] = ("lowest", "highest") if RANK.fullmatch(score) else (None,)
    for end in ends:
        most = f"the {end or 'highest'} `{score}`"
        yield toml(best.model_copy(update={"best": end})), f"so that the answer is the one with {most}"


def _of_objects(
    key: str, answers: Sequence[Record], prompt: str, shape: Conversation | Columns
) -> Iterator[tuple[str, str]]:
    texts = [name for name in (*OUTPUT, *TEXT_KEYS) if all(isinstance(answer.get(name), str) for answer in answers)]
    scores = [name for name in (*SCORES, *RANKS) if all(answer.get(name) is not None for answer in answers)]
    if texts and scores:
        yield from _best(key, texts[0], scores[0], prompt, shape)
    if texts or all(are_messages([answer]) for answer in answers):
        path = f"{key}.0.{texts[0]}" if texts else f"{key}.0"
        yield toml(_answered(shape, path)), f"so that the first of `{key}` is the answer"
