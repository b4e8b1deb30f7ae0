"""What a task gives beside its question: a passage, choices, and so on, from the fields that a shape names."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.fields import Record, at, kind
from pipeline.stages.ingest.names import CHOICES, LETTERS, LISTS, SPEAKER
from pipeline.stages.ingest.parsing import Fault, Number
from pipeline.stages.ingest.printed import opened
from pipeline.stages.ingest.rows import MEANS_NO_INPUT
from schemas.shapes import Fields

#: The numbers of answers to choose from, beside LETTERS.
NUMBERS = ("1", "2", "3", "4", "5")
#: The keys of a text beside its label.
TEXT_NAMES = {"text", "content", "value", "내용", "텍스트", "문장"}


def paths_of(fields: Fields) -> tuple[str, ...]:
    """The fields that are named, whether one, several or none."""
    return fields if isinstance(fields, tuple) else (fields,) if fields else ()


def may_be_printed(path: str) -> bool:
    """Whether a list under this name is also read where it is printed into a text."""
    return path.strip().casefold() in (*CHOICES, *LISTS)


def choices_at(record: Record, path: str) -> list[Any] | None:
    """The list of answers to choose from in a field, each a text or a number; None where it holds something else."""
    value = opened(at(record, path)) if path.strip().casefold() in CHOICES else None
    return value if isinstance(value, list) and all(map(_is_scalar, value)) else None


def lettered_choices(paths: Sequence[str]) -> tuple[str, ...]:
    """The fields A, B and so on among some: each holds an answer to choose from."""
    found = tuple(path for path in paths if path in LETTERS)
    return found if len(found) > 1 and found == LETTERS[: len(found)] else ()


def given_at(record: Record, fields: Fields, answer: Any = None) -> tuple[str | None, tuple[str, ...]]:
    r"""The text in the fields, and the repairs that this took: of several texts, each is under its name.

    `answer`: what the task ends in. The letter, or the number, of a choice: then the choices are named like that.
    Raises Fault: not-text.

    >>> given_at({"지문": "고래는 젖을 먹인다.", "보기": ["참", "거짓"]}, ("지문", "보기"))
    ('지문: 고래는 젖을 먹인다.\n보기:\n1. 참\n2. 거짓', ())
    >>> given_at({"A": "참", "B": "거짓"}, ("A", "B"), "2")
    ('1: 참\n2: 거짓', ())
    """
    paths = paths_of(fields)
    values = {path: opened(at(record, path)) if may_be_printed(path) else at(record, path) for path in paths}
    letters, names = lettered_choices(paths), {path: path for path in paths}
    if answer in LETTERS:
        lists = {path: items for path in paths if (items := choices_at(record, path)) and len(items) <= len(LETTERS)}
        values |= {path: dict(zip(LETTERS, items, strict=False)) for path, items in lists.items()}
    elif letters and answer in NUMBERS[: len(letters)]:
        names |= dict(zip(letters, NUMBERS, strict=False))
    if len(paths) < 2:
        return (text_of(values[paths[0]], paths[0]), ()) if paths else (None, ())
    texts = {path: text for path in paths if (text := text_of(values[path], path))}
    given = {path: text for path, text in texts.items() if not MEANS_NO_INPUT.match(text)}
    fixes = ("no-input",) if len(given) < len(texts) else ()
    if len(given) < 2:
        return "".join(given.values()) or None, fixes
    return "\n".join(f"{names[path]}:{_gap(text)}{text}" for path, text in given.items()), fixes


def _gap(text: str) -> str:
    return "\n" if "\n" in text else " "


def is_given(value: Any) -> bool:
    """Whether a value can be written as a text: a text itself, or what `_lines` writes."""
    return isinstance(value, str | None) or bool(_lines(value))


def text_of(value: Any, path: str) -> str | None:
    """A text as it is; a list as a numbered list; an object with a line for each of its keys. Raises Fault: not-text.

    >>> text_of(["서울", "부산"], "보기"), text_of({"A": "서울", "B": "부산"}, "보기")
    ('1. 서울\\n2. 부산', 'A. 서울\\nB. 부산')
    """
    if value is None or isinstance(value, str):
        return value
    lines = _lines(value)
    if lines is None:
        detail = f"`{path}` is {kind(value)}, not text: write it in quotes in the source file, or map another field"
        raise Fault("not-text", detail)
    return "\n".join(lines) or None


def _lines(value: Any) -> list[str] | None:
    """A line for each item of a list or an object; None where an item is more than a text or a number.

    An item may be a text with its label, as may the lists of an object be.

    >>> _lines([{"label": "A", "text": "서울"}]), _lines({"text": ["서울", "부산"], "label": ["가", "나"]})
    (['A. 서울'], ['가. 서울', '나. 부산'])
    """
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        lists = list(value.values())
        if not all(isinstance(items, list) and len(items) == len(lists[0]) for items in lists):
            return None
        return _lines([dict(zip(value, items, strict=True)) for items in zip(*lists, strict=True)])
    if isinstance(value, list) and value and all(map(_is_labelled, value)):
        return [". ".join(spelled(item[key]) for key in sorted(item, key=TEXT_NAMES.__contains__)) for item in value]
    if not isinstance(value, list | dict) or not all(map(_is_scalar, _items(value))):
        return None
    named = value.items() if isinstance(value, dict) else enumerate(value, 1)
    return [f"{name}. {spelled(item)}" for name, item in named if item is not None]


def _items(value: list[Any] | dict[str, Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | Number | None)


def _is_labelled(item: Any) -> bool:
    """Whether an item is a text beside its label or its title, and no message of a speaker."""
    if not isinstance(item, dict) or len(TEXT_NAMES & item.keys()) != 1 or SPEAKER & item.keys():
        return False
    return all(_is_scalar(value) and value is not None for value in item.values())


def spelled(value: Any) -> str:
    """A text, a number or a truth value as the file spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)
