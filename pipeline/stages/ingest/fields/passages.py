"""Lists of documents that a question is about: their texts and titles are read, and the rest is notes about them."""

import functools
import re
from collections.abc import Sequence
from typing import Any, Literal

from pipeline.stages.ingest.fields.names import ANSWER_KEYS, MEASURE, ORIGIN, OUTPUT, SPEAKER, named
from pipeline.stages.ingest.fields.paths import Record, as_objects, yes_or_no
from pipeline.stages.ingest.fields.written import FOUND_NAMES, TEXT_NAMES, is_scalar, spelled

#: Names of what says how well a document fits the question, or whether it does.
FITS = re.compile(
    r"(?:is|has|was)_.+|.*(?:relevan|similarity|distance|confidence|probability|url|uri|link).*"
    r"|.*(?:여부|관련도|유사도|링크|주소)"
)
#: Names of a number: any other value is a part of the text, such as that of an article of a law.
NUMBERED = ("no", "key", "number", "page", "page_no", "쪽", "페이지", "번호", "조문번호", "조번호", "항번호")
#: Names of an answer, or of a mark of the document that holds it.
ANSWERS = (*OUTPUT, *ANSWER_KEYS, "answers")
ADDRESS = re.compile(r"\s*(?:[a-z]+://|www\.)\S+\s*")


def read_of(value: Any) -> Any:
    """Documents without the notes about them; any other value as it is.

    >>> read_of([{"id": "a-1", "title": "달", "text": "달은 위성이다.", "score": 0.9, "is_relevant": True}])
    [{'title': '달', 'text': '달은 위성이다.'}]
    >>> read_of({"text": ["달은 위성이다."], "url": ["https://a.kr/1"]})
    [{'text': '달은 위성이다.'}]
    """
    found = None if _is_plain(value) else _documents(value)
    return value if found is None else [_read(each) for item in found for each in _flat(item)]


def notes_of(value: Any) -> Any:
    """The notes about documents, in their places; None where there are none.

    >>> notes_of([{"title": "달", "text": "달은 위성이다.", "score": 0.9}, {"title": "해", "text": "해는 항성이다."}])
    [{'score': 0.9}, {}]
    """
    found = None if _is_plain(value) else _documents(value)
    notes = [] if found is None else [_notes(item) for item in found]
    return notes if any(notes) else None


def hold_answers(value: Any) -> bool:
    """Whether a document in a list has an answer beside its text: with it in the input, the answer is given away."""
    if not isinstance(value, list | dict) or _is_plain(value):
        return False
    found = _documents(value) or []
    return any(
        item[key] is not None and not _is_note(key, item[key])
        for document in found
        for item in _flat(document)
        for key in named(item, ANSWERS)
    )


def _is_plain(value: Any) -> bool:
    """Whether a list holds nothing but texts with their titles, as most lists do."""
    if not isinstance(value, list):
        return False
    for item in value:
        titles = _titles_among(tuple(item)) if isinstance(item, dict) else None
        if titles is None:
            return False
        for key in titles:
            if not isinstance(item[key], str) or ADDRESS.fullmatch(item[key]):
                return False
    return True


# Most documents of a file have the same keys.
@functools.lru_cache(4096)
def _titles_among(keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of titles among those of a document; None where there is no text, or another name."""
    sorts = {key: _sort_of(key) for key in keys}
    is_plain = "text" in sorts.values() and set(sorts.values()) <= {"text", "title"}
    return tuple(key for key, sort in sorts.items() if sort == "title") if is_plain else None


def are_documents(value: Any) -> bool:
    """Whether a value holds documents, each with a text."""
    return _documents(value) is not None


def _documents(value: Any) -> list[Record] | None:
    """The documents of a list, or of an object of lists; None where a value is something else."""
    if isinstance(value, dict):
        value = as_objects(value) if len(_texts(value)) == 1 else None
    is_list = isinstance(value, list) and bool(value)
    return value if is_list and all(isinstance(item, dict) and _is_document(item) for item in value) else None


def _is_document(item: Record) -> bool:
    texts = _texts(item)
    if texts:
        return not SPEAKER & item.keys() and any(isinstance(item[key], str) for key in texts)
    return not SPEAKER & item.keys() and _inside(item) is not None


def _texts(item: Record) -> tuple[str, ...]:
    return _texts_among(tuple(item))


# Most documents of a file have the same keys.
@functools.lru_cache(4096)
def _texts_among(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if key in TEXT_NAMES or key in FOUND_NAMES)


def _inside(item: Record) -> str | None:
    """The one list of documents in a document that has no text of its own: its pages."""
    if _texts(item):
        return None
    lists = [key for key, value in item.items() if isinstance(value, list) and _documents(value) is not None]
    return lists[0] if len(lists) == 1 else None


def _flat(item: Record) -> Sequence[Record]:
    """The document; or its pages, each with what the document says of all of them."""
    pages = _inside(item)
    if pages is None:
        return [item]
    above = {key: value for key, value in _read(item).items() if key != pages}
    found = [each for page in item[pages] for each in _flat(page)]
    # (Two titles have no place in a line: such pages stay in their list, which nobody can read.)
    return [item] if any(above.keys() & page.keys() for page in found) else [{**above, **page} for page in found]


def _read(item: Record) -> Record:
    return {key: value for key, value in item.items() if value is not None and not _is_note(key, value)}


def _notes(item: Record) -> Record:
    pages = _inside(item)
    notes = {key: value for key, value in item.items() if key != pages and _is_note(key, value)}
    inside = [*map(_notes, item[pages])] if pages else []
    return {**notes, pages: inside} if pages and any(inside) else notes


def _is_note(key: str, value: Any) -> bool:
    """Whether a field of a document is a mark, a measure, an id, a day or an address, and no part of its text."""
    sort = _sort_of(key)
    if sort == "text":
        return False
    if isinstance(value, bool) or (isinstance(value, str) and ADDRESS.fullmatch(value)):
        return True
    if sort == "answer":
        return yes_or_no(value) is not None
    if sort == "number":
        return is_scalar(value) and spelled(value).strip().isdecimal()
    return sort == "note"


@functools.lru_cache(4096)
def _sort_of(key: str) -> Literal["text", "answer", "number", "note", "title"]:
    """What a field of this name holds in a document."""
    word = key.strip().casefold()
    if key in TEXT_NAMES or key in FOUND_NAMES:
        return "text"
    if word in ANSWERS:
        return "answer"
    if word in NUMBERED:
        return "number"
    is_note = word in ORIGIN or MEASURE.fullmatch(word) is not None or FITS.fullmatch(word) is not None
    return "note" if is_note else "title"
