"""A question with answers to choose from, and the number or the letter of the right one: each record to one row."""

import functools
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import given_at, paths_of, without_given
from pipeline.stages.ingest.fields.names import CHOICES, LETTERS, NUMBERED_CHOICE, leaf
from pipeline.stages.ingest.fields.paths import Record, as_objects, at, kind, text_at
from pipeline.stages.ingest.fields.thoughts import take_thought
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.verdicts import is_right, judged
from pipeline.stages.ingest.fields.written import TEXT_NAMES, spelled
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.printed import opened
from pipeline.stages.ingest.shapes.rows import Row, row
from pipeline.stages.ingest.shapes.talk_rows import system_at
from schemas.shapes import Fields, MultipleChoice

#: Numbers in circles, as Korean tests write them.
CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
#: The letter or the number of a choice has fewer signs.
SHORT = 4
#: A number of more digits is none of a choice or a class. (Of some thousand Python reads none.)
MOST_DIGITS = 18


def multiple_choice(entry: Entry, shape: MultipleChoice) -> list[Row]:
    """One row: the output is the text of the right choice. Raises Fault: no-choices, unknown-choice."""
    record = entry.value
    choices, answer = choices_in(record, shape.choices), answer_at(record, shape.answer)
    if not choices:
        raise Fault("no-choices", f"`{' and '.join(paths_of(shape.choices))}` hold no texts to choose from")
    output = "\n".join(_right(shape, each, choices) for each in right_ones(answer))
    paths = (*paths_of(shape.input), *paths_of(shape.choices))
    given, fixes = given_at(record, paths, answer)
    others = without_given(record, paths, [shape.instruction, shape.system])
    reasoning, text, others, thought = take_thought(output, others, shape.reasoning)
    instruction, system = text_at(record, shape.instruction), system_at(record, shape.system)
    found = row(entry, others, instruction, given, text, system=system, fixes=(*fixes, *thought))
    return [found._replace(reasoning=reasoning)]


def right_ones(answer: Any) -> list[Any]:
    """The numbers or letters of the right choices: one, or several in a list.

    >>> right_ones(2), right_ones([0, 2]), right_ones([])
    ([2], [0, 2], [None])
    """
    return (answer or [None]) if isinstance(answer, list) else [answer]


def _right(shape: MultipleChoice, answer: Any, choices: Sequence[tuple[str, str]]) -> str:
    """The text of a right choice. Raises Fault: unknown-choice."""
    number = number_in(answer)
    if number is None or shape.first is None:
        output = _named(answer, choices)
    else:
        output = choices[place][1] if 0 <= (place := number - shape.first) < len(choices) else None
    if output is None and number is not None and shape.first is None:
        raise Fault("unknown-choice", f"`{shape.answer}` is {kind(answer)}: {counted_from(shape)}")
    if output is None and ".*." in shape.answer:
        raise Fault("unknown-choice", f"`{shape.answer}` does not mark one choice as right")
    if output is None:
        known = f"{len(choices)} choices" + ("" if shape.first is None else f", and {shape.first} is the first of them")
        raise Fault("unknown-choice", f"`{shape.answer}` is {spelled(answer)!r}, and there are {known}")
    return output


def answer_at(record: Record, path: str) -> Any:
    """The answer of a record: the value of a field, or the number of the one choice that is marked as right.

    >>> answer_at({"보기": [{"text": "부산", "정답여부": 0}, {"text": "서울", "정답여부": 1}]}, "보기.*.정답여부")
    2
    """
    choices, star, mark = path.partition(".*.")
    if not star:
        return at(record, path)
    items = opened(at(record, choices))
    marks = [judged(mark, at(item, mark)) for item in items] if isinstance(items, list) else []
    return marks.index(True) + 1 if marks.count(True) == 1 else None


def counted_from(shape: MultipleChoice) -> str:
    """The lines of toml of a shape whose answers are numbers that may count from 0 or from 1."""
    ways = (f"`{toml(shape.model_copy(update={'first': first}))}`" for first in (1, 0))
    return "where 1 is the first of the choices use {}, where it is 0 use {}".format(*ways)


def first_number(numbers: Sequence[int], counts: Sequence[int]) -> int | None:
    """The number of the first choice, 0 or 1, where the numbers of the right ones show it; None where they do not.

    `counts`: how many choices each record has.

    >>> first_number([1, 2], [4, 4]), first_number([1, 4], [4, 4]), first_number([1, 0], [4, 4])
    (None, 1, 0)
    """
    is_last = any(number == count for number, count in zip(numbers, counts, strict=True))
    return int(is_last) if is_last != (0 in numbers) else None


def number_in(answer: Any) -> int | None:
    """The number that an answer is, also where it is a text; None for other answers, and for one of too many digits to
    count choices.

    >>> number_in("2"), number_in(2.0), number_in("둘"), number_in("9" * 5000)
    (2, 2, None, None)
    """
    if isinstance(answer, bool) or not isinstance(answer, int | float | str | Number):
        return None
    text = spelled(answer).strip().removesuffix(".0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None


def choices_in(record: Record, fields: Fields) -> list[tuple[str, str]]:
    """The answers to choose from, each with its label: [] where the fields hold something else.

    >>> choices_in({"보기": ["참", "거짓"]}, "보기"), choices_in({"A": "참", "B": 1}, ("A", "B"))
    ([('1', '참'), ('2', '거짓')], [('A', '참'), ('B', '1')])
    >>> choices_in({"보기": {"text": ["참", "거짓"], "개수": 2}}, "보기")
    []
    >>> choices_in({"보기": [{"text": None}]}, "보기")
    []
    """
    paths = paths_of(fields)
    value = {path: at(record, path) for path in paths} if len(paths) > 1 else opened(at(record, paths[0]))
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value = as_objects(value) or []
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        named = [_label_and_text(item) for item in value]
        return [] if None in named else [pair for pair in named if pair]
    if not isinstance(value, list | dict):
        return []
    items = list(value.items() if isinstance(value, dict) else enumerate(value, 1))
    texts = [(str(name), spelled(item)) for name, item in items if isinstance(item, str | int | float | Number)]
    return texts if len(texts) == len(items) else []


def _label_and_text(item: Record) -> tuple[str, str] | None:
    texts = [key for key in item if key in TEXT_NAMES]
    if len(texts) != 1 or not isinstance(item[texts[0]], str | int | float | Number):
        return None
    labels = [spelled(value) for key, value in item.items() if key not in texts and not is_right(key, value)]
    return labels[0] if labels else "", spelled(item[texts[0]])


def _named(answer: Any, choices: Sequence[tuple[str, str]]) -> str | None:
    """The text of the choice with this text, else of the one with this label, else with this letter; None for none."""
    said = spelled(answer).strip()
    labels = {label: text for label, text in choices if not label.isdecimal()}
    if said in [text.strip() for _, text in choices]:
        return said
    if said in labels:
        return labels[said]
    letters = [signs.index(said.upper()) for signs in (LETTERS, tuple(CIRCLED)) if said.upper() in signs]
    return choices[letters[0]][1] if letters and letters[0] < len(choices) else None


def beyond_choices(record: Record, fields: Fields, answer: Any) -> Fault | None:
    """The fault of an answer that is the letter, or the number, of a choice that is not there; None for other answers.

    >>> beyond_choices({"A": "참", "B": "거짓"}, ("A", "B"), "C").detail
    "the answer is 'C', and there are 2 choices"
    >>> beyond_choices({"보기": ["참", "거짓"]}, "보기", "2")
    """
    said = answer.strip() if isinstance(answer, str) and len(answer) < SHORT else ""
    paths = _choices_among(paths_of(fields)) if said else ()
    place = _place(said) if paths else None
    if place is None or (len(paths) > 1 and place < len(paths) and at(record, paths[place]) not in (None, "")):
        return None
    choices = [
        (label, text) for label, text in choices_in(record, paths if len(paths) > 1 else paths[0]) if text.strip()
    ]
    is_one = any(said == label or said in text for label, text in choices)
    if not choices or place < len(choices) or is_one:
        return None
    return Fault("unknown-choice", f"the answer is {said!r}, and there are {len(choices)} choices")


@functools.lru_cache(4096)
def _choices_among(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The fields among some that hold answers to choose from."""
    return tuple(
        path
        for path in paths
        if leaf(path) in CHOICES or path in LETTERS or NUMBERED_CHOICE.fullmatch(path.strip()) is not None
    )


def _place(sign: str) -> int | None:
    """The place of the choice that a letter, a number or a number in a circle means; None for others."""
    if sign.isascii() and sign.isdecimal():
        return int(sign) - 1
    signs = next((signs for signs in (ascii_uppercase, CIRCLED) if sign.upper() in signs), "")
    return signs.index(sign.upper()) if signs else None
