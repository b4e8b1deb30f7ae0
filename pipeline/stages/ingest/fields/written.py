"""Lists and objects of a record as lines of text: choices, documents, what people say, tables."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.fields.names import ROLE_KEYS, SPEAKER, TEXT_KEYS, named
from pipeline.stages.ingest.fields.paths import Record, as_objects
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.parse.exact_json import Number

#: The keys of a text beside its label, and of a text that was found or quoted, beside its title.
TEXT_NAMES = {"text", "content", "value", "내용", "텍스트", "문장"}
FOUND_NAMES = {
    *("snippet", "passage", "paragraph", "body", "contents", "sentence", "excerpt", "document", "context"),
    *("page_content", "passage_text", "paragraph_text", "document_text", "doc_text", "chunk", "chunk_text"),
    *("본문", "발췌", "발췌문", "요약", "단락", "지문", "원문", "본문내용", "문서내용"),
}
CELLS = " | "


def lines_of(value: Any) -> list[str] | None:
    """A line for each item of a list or an object; None where an item is more than these lines can say.

    An item may be a text or a number, a text beside its label (so may the lists of an object be), what somebody says,
    or a row of a table.

    >>> lines_of([{"label": "A", "text": "서울"}]), lines_of({"text": ["서울", "부산"], "label": ["가", "나"]})
    (['A. 서울'], ['가. 서울', '나. 부산'])
    >>> lines_of([{"화자": "민수", "발화": "어디야?"}]), lines_of([["품목", "개수"], ["배", 3]])
    (['민수: 어디야?'], ['품목 | 개수', '배 | 3'])
    """
    if isinstance(value, dict):
        return _of_object(value)
    if not isinstance(value, list):
        return None
    if all(map(is_scalar, value)):
        return [f"{number}. {spelled(item)}" for number, item in enumerate(value, 1) if item is not None]
    if all(isinstance(item, dict) and item for item in value):
        return _of_objects(value)
    return _of_lists(value) if all(isinstance(item, list) and item for item in value) else None


def _of_object(value: Record) -> list[str] | None:
    if isinstance(value.get("text"), list):
        return lines_of(as_objects(value))
    if all(map(is_scalar, value.values())):
        return [f"{name}. {spelled(item)}" for name, item in value.items() if item is not None]
    return _of_table(value)


def _of_objects(items: Sequence[Record]) -> list[str] | None:
    """A line for each object: a text behind its label, what is said behind a name, or else the rows of a table."""
    if any(SPEAKER & item.keys() for item in items):
        return [_said(item) for item in items] if is_said(items) else None
    for names in (TEXT_NAMES, FOUND_NAMES):
        if all(_is_labelled(item, names) for item in items):
            return [". ".join(spelled(item[key]) for key in sorted(item, key=names.__contains__)) for item in items]
    keys = [*dict.fromkeys(key for item in items for key in item)]
    rows = [[item.get(key) for key in keys] for item in items]
    return [CELLS.join(keys), *map(_row, rows)] if all(map(_is_row, rows)) else None


def _of_lists(rows: Sequence[list[Any]]) -> list[str] | None:
    """The rows of a table; or titles, each with the sentences below it."""
    if all(map(_is_row, rows)):
        return [*map(_row, rows)]
    if all(len(row) == 2 and isinstance(row[0], str) and is_row_of_texts(row[1]) for row in rows):
        return [f"{title}. {' '.join(map(str.strip, sentences))}" for title, sentences in rows]
    return None


def _of_table(value: Record) -> list[str] | None:
    """A table that is an object: what is said of it, the names of its columns, and its rows; or titles, and the
    sentences below each of them. None for other objects.
    """
    lists = {key: items for key, items in value.items() if isinstance(items, list)}
    rows = [key for key, items in lists.items() if items and all(isinstance(row, list) for row in items)]
    rest = {key: cell for key, cell in value.items() if key not in lists}
    if len(rows) != 1 or len(lists) > 2 or not all(map(is_scalar, rest.values())):
        return None
    above = [f"{key}. {spelled(cell)}" for key, cell in rest.items() if cell is not None]
    cells = value[rows[0]]
    heads = [items for key, items in lists.items() if key != rows[0]]
    if heads and len(heads[0]) == len(cells) and any(len(row) != len(cells) for row in cells):
        titled = _of_lists([*map(list, zip(heads[0], cells, strict=True))])
        return None if titled is None else [*above, *titled]
    return [*above, *map(_row, [*heads, *cells])] if all(map(_is_row, [*heads, *cells])) else None


def is_talk(items: Any) -> bool:
    """Whether a list is what people say, each under his name: of a user and an assistant it is a conversation."""
    return is_said(items) and all(known_role(spelled(item[_speaks(item)[0]]), {}) is None for item in items)


def is_said(items: Any) -> bool:
    """Whether a list is what somebody says, each text under a name."""
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return False
    role, text = _speaks(items[0])
    if not role or not text or not all(all(map(is_scalar, item.values())) for item in items):
        return False
    return all(isinstance(item.get(text), str) and item.get(role) is not None for item in items)


def _speaks(item: Record) -> tuple[str, str]:
    """The keys of who speaks and of what is said; "" where there is none."""
    role = next(iter(named(item, ROLE_KEYS)), "")
    return role, next((key for key in named(item, TEXT_KEYS) if key != role), "")


def _said(item: Record) -> str:
    role, text = _speaks(item)
    before = [spelled(cell) for key, cell in item.items() if key not in (role, text) and cell is not None]
    return f"{'. '.join([*before, spelled(item[role])])}: {item[text]}"


def _is_labelled(item: Record, names: set[str]) -> bool:
    """Whether an item is a text beside its label or its title."""
    return len(names & item.keys()) == 1 and all(is_scalar(cell) and cell is not None for cell in item.values())


def _row(cells: Sequence[Any]) -> str:
    return CELLS.join("" if cell is None else spelled(cell) for cell in cells)


def _is_row(cells: Sequence[Any]) -> bool:
    """Whether some values fit on the line of a table."""
    return all(is_scalar(cell) and not (isinstance(cell, str) and "\n" in cell) for cell in cells)


def is_row_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | Number | None)


def spelled(value: Any) -> str:
    """A text, a number or a truth value as the file spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)
