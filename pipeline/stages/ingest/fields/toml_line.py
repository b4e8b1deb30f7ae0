"""A shape as the line of pipeline.toml that pins it."""

import re
from typing import Any

import orjson

from schemas.options import Source
from schemas.shapes import Shape


def toml(shape: Shape) -> str:
    """The line of pipeline.toml that pins a shape.

    >>> from schemas.shapes import Columns
    >>> toml(Columns(output="답", input=("지문", "보기")))
    'shape = { kind = "columns", output = "답", input = ["지문","보기"] }'
    """
    return f"shape = {_toml({'kind': shape.kind, **shape.model_dump(exclude_defaults=True)})}"


#: Options of a source that say how its files are read.
HOW_READ = ("reader", "encoding", "skip", "header", "escapes", "numbers", "splits")


def how_read(source: Source) -> list[str]:
    """The lines of pipeline.toml for the options of a source that say how its files are read, but for the defaults.

    >>> how_read(Source(name="a", files=(), skip=2, numbers="as-text"))
    ['skip = 2', 'numbers = "as-text"']
    """
    fields = type(source).model_fields
    given = {name: getattr(source, name) for name in HOW_READ if getattr(source, name) != fields[name].default}
    return [f"{name} = {_toml(value)}" for name, value in given.items()]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key(name)} = {_toml(item)}' for name, item in value.items())} }}"
    # A JSON string is a TOML string, but for DEL. There is no null: "" means no field.
    return orjson.dumps("" if value is None else value).decode().replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A key of TOML, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)
