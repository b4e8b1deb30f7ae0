"""What a task gives beside its question: a passage, choices, and so on, from the fields that a shape names."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import CHOICES, LETTERS, LISTS, leaf
from pipeline.stages.ingest.fields.no_input import MEANS_NO_INPUT
from pipeline.stages.ingest.fields.passages import hold_answers, notes_of, read_of
from pipeline.stages.ingest.fields.paths import Record, at, kind, without
from pipeline.stages.ingest.fields.verdicts import is_right
from pipeline.stages.ingest.fields.written import is_scalar, lines_of
from pipeline.stages.ingest.parse.printed import opened
from schemas.shapes import Fields

#: Names of tables: the numbers and days in them are what is asked about.
TABLES = ("table", "tables", "표", "표자료")
#: The numbers of answers to choose from, beside LETTERS.
NUMBERS = ("1", "2", "3", "4", "5")


def paths_of(fields: Fields) -> tuple[str, ...]:
    """The fields that are named, whether one, several or none."""
    return fields if isinstance(fields, tuple) else (fields,) if fields else ()


def may_be_printed(path: str) -> bool:
    """Whether a list under this name is also read where it is printed into a text."""
    return path.strip().casefold() in (*CHOICES, *LISTS)


def choices_at(record: Record, path: str) -> list[Any] | None:
    """The list of answers to choose from in a field, each a text or a number; None where it holds something else."""
    value = opened(at(record, path)) if path.strip().casefold() in CHOICES else None
    return value if isinstance(value, list) and all(map(is_scalar, value)) else None


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
    values = {path: _value(record, path) for path in paths}
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


def without_given(record: Record, fields: Fields, others: Sequence[str | None] = ()) -> Record:
    """The record without what is given in the fields. The notes about documents stay: their ids, scores and marks.

    `others`: other fields that are taken.

    >>> without_given({"글": "고래는 젖을 먹인다.", "문서": [{"text": "고래", "score": 0.9}]}, ("글", "문서"))
    {'문서': [{'score': 0.9}]}
    """
    paths = paths_of(fields)
    if not any(_may_be_list(at(record, path)) for path in paths):
        return without(record, (*others, *paths))
    notes = {path: notes_of(value) for path in paths if _may_have_notes(value := _value(record, path), path)}
    left = without(record, [*others, *(path for path in paths if notes.get(path) is None)])
    for path, note in notes.items():
        if note is not None:
            left = _with(left, path, note)
    return left


def _may_be_list(value: Any) -> bool:
    """Whether a value is a list or an object, or the text of one."""
    return isinstance(value, list | dict) or (isinstance(value, str) and value.lstrip()[:1] in ("[", "{"))


def _may_have_notes(value: Any, path: str) -> bool:
    return isinstance(value, list | dict) and leaf(path) not in (*CHOICES, *TABLES)


def _with(record: Record, path: str, value: Any) -> Record:
    """The record with another value at the path."""
    head, _, rest = path.partition(".")
    if path in record or not isinstance(record.get(head), dict):
        return {**record, path: value}
    return {**record, head: _with(record[head], rest, value)}


def _value(record: Record, path: str) -> Any:
    return opened(at(record, path)) if may_be_printed(path) else at(record, path)


def _gap(text: str) -> str:
    return "\n" if "\n" in text else " "


def is_given(value: Any) -> bool:
    """Whether a value can be written as a text: a text itself, or what `lines_of` writes."""
    return isinstance(value, str | None) or (not hold_answers(value) and bool(lines_of(read_of(value))))


def text_of(value: Any, path: str) -> str | None:
    """A text as it is; a list as a numbered list; an object with a line for each of its keys. Raises Fault: not-text.

    >>> text_of(["서울", "부산"], "보기"), text_of({"A": "서울", "B": "부산"}, "보기")
    ('1. 서울\\n2. 부산', 'A. 서울\\nB. 부산')
    """
    if value is None or isinstance(value, str):
        return value
    word = leaf(path)
    lines = lines_of(_unmarked(value) if word in CHOICES else value if word in TABLES else read_of(value))
    if lines is None or (word not in CHOICES and hold_answers(value)):
        detail = f"`{path}` is {kind(value)}, not text: write it in quotes in the source file, or map another field"
        raise Fault("not-text", detail)
    return "\n".join(lines) or None


def _unmarked(choices: Any) -> Any:
    """Answers to choose from without the marks of the right one, which would give it away."""
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        return choices
    return [{key: item for key, item in choice.items() if not is_right(key, item)} for choice in choices]
