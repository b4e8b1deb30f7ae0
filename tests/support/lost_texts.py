"""Which texts of a source are found nowhere in the rows that it gave."""

import re
from collections.abc import Collection, Iterator
from typing import Any

import orjson

from pipeline.stages.ingest.fields.no_input import MEANS_NO_INPUT
from pipeline.stages.ingest.fields.roles import ROLES
from pipeline.stages.ingest.shapes.transcripts import is_transcript

HANGUL = re.compile("[가-힣]")


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys left aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def texts_of_row(row: dict[str, Any]) -> Iterator[str]:
    """Every text in a row: in its columns, and in the JSON of `meta`, of tools and calls, and of `raw`."""
    for text in texts_in(row):
        yield text
        if text[:1] in ("{", "[", '"'):
            try:
                yield from texts_in(orjson.loads(text))
            except orjson.JSONDecodeError:
                continue


def lost(source: Any, rows: Collection[dict[str, Any]], left_out: Collection[str]) -> list[str]:
    """The Korean texts of a source that are in no row, and not below a field that is named as left out.

    (A name of a role or of a type is no text: it becomes structure. A text that says "no input" becomes none.)
    """
    found = "\n".join(text for row in rows for text in texts_of_row(row))
    texts = [text for text in texts_in(_without(source, left_out)) if HANGUL.search(text)]
    return [
        text
        for text in texts
        if text not in found and text.strip().casefold() not in ROLES and not MEANS_NO_INPUT.match(text)
    ]


def lost_words(source: Any, rows: Collection[dict[str, Any]], left_out: Collection[str]) -> list[str]:
    """The Korean words of these texts that are in no row, for texts that are cut into a thought and an answer and the
    like. (Of a transcript, the marks of its turns are in no row.)
    """
    found = "\n".join(text for row in rows for text in texts_of_row(row))
    texts = [text for text in lost(source, rows, left_out) if not is_transcript(text)]
    words = [word for text in texts for word in re.findall("[가-힣]+", text)]
    return [word for word in words if word not in found and word not in ROLES]


def _without(value: Any, left_out: Collection[str], path: str = "") -> Any:
    if isinstance(value, dict):
        below = {key: f"{path}.{key}" if path else key for key in value}
        return {
            key: _without(item, left_out, below[key])
            for key, item in value.items()
            if not {key, below[key]} & set(left_out)
        }
    if isinstance(value, list | tuple):
        return [_without(item, left_out, path) for item in value]
    return value
