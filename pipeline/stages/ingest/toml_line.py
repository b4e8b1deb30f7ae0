"""A shape as the line of pipeline.toml that pins it."""

import re
from typing import Any

import orjson

from schemas.shapes import Shape


def toml(shape: Shape) -> str:
    """The line of pipeline.toml that pins a shape.

    >>> from schemas.shapes import Columns
    >>> toml(Columns(output="답", input=("지문", "보기")))
    'shape = { kind = "columns", output = "답", input = ["지문","보기"] }'
    """
    return f"shape = {_toml({'kind': shape.kind, **shape.model_dump(exclude_defaults=True)})}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key(name)} = {_toml(item)}' for name, item in value.items())} }}"
    # A JSON string is a TOML string, but for DEL. There is no null: "" means no field.
    return orjson.dumps("" if value is None else value).decode().replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A key of TOML, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)
