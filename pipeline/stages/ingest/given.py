"""What a task gives beside its question: a passage, choices, and so on, from the fields that a shape names."""

from typing import Any

from pipeline.stages.ingest.fields import Record, at, kind
from pipeline.stages.ingest.parsing import Fault, Number
from pipeline.stages.ingest.rows import MEANS_NO_INPUT
from schemas.shapes import Fields


def paths_of(fields: Fields) -> tuple[str, ...]:
    """The fields that are named, whether one, several or none."""
    return fields if isinstance(fields, tuple) else (fields,) if fields else ()


def given_at(record: Record, fields: Fields) -> tuple[str | None, tuple[str, ...]]:
    r"""The text in the fields, and the repairs that this took: of several texts, each is under its name.

    Raises Fault: not-text.

    >>> given_at({"지문": "고래는 젖을 먹인다.", "보기": ["참", "거짓"]}, ("지문", "보기"))
    ('지문: 고래는 젖을 먹인다.\n보기:\n1. 참\n2. 거짓', ())
    """
    paths = paths_of(fields)
    if len(paths) < 2:
        return (text_of(at(record, paths[0]), paths[0]), ()) if paths else (None, ())
    texts = {path: text for path in paths if (text := text_of(at(record, path), path))}
    given = {path: text for path, text in texts.items() if not MEANS_NO_INPUT.match(text)}
    fixes = ("no-input",) if len(given) < len(texts) else ()
    if len(given) < 2:
        return "".join(given.values()) or None, fixes
    return "\n".join(f"{path}:{_gap(text)}{text}" for path, text in given.items()), fixes


def _gap(text: str) -> str:
    return "\n" if "\n" in text else " "


def is_given(value: Any) -> bool:
    """Whether a value can be written as a text: a text itself, texts or numbers in a list or in an object."""
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return bool(value) and all(isinstance(item, str | int | float | Number | None) for item in items)
    return isinstance(value, str | None)


def text_of(value: Any, path: str) -> str | None:
    """A text as it is; a list as a numbered list; an object with a line for each of its keys. Raises Fault: not-text.

    >>> text_of(["서울", "부산"], "보기"), text_of({"A": "서울", "B": "부산"}, "보기")
    ('1. 서울\\n2. 부산', 'A. 서울\\nB. 부산')
    """
    if value is None or isinstance(value, str):
        return value
    if not is_given(value) or not isinstance(value, list | dict):
        detail = f"`{path}` is {kind(value)}, not text: write it in quotes in the source file, or map another field"
        raise Fault("not-text", detail)
    items = value.items() if isinstance(value, dict) else enumerate(value, 1)
    return "\n".join(f"{name}. {spelled(item)}" for name, item in items if item is not None) or None


def spelled(value: Any) -> str:
    """A text, a number or a truth value as the file spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)
