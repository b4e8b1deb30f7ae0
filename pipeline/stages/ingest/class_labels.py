"""ClassLabel features of `datasets`: a number in the file stands for a name that the schema lists."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa


class ClassName(str):
    """The name of a class, which stands in the file as its number."""

    number: int

    @classmethod
    def of(cls, name: str, number: int) -> "ClassName":
        named = cls(name)
        named.number = number
        return named


class Items(NamedTuple):
    """What the items of a list are."""

    each: Any


def names_in_schema(schema: pa.Schema) -> Any:
    """The names of the classes in the columns of a table that `datasets` wrote; None where there are none."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        return names_in(about["info"]["features"])
    except (KeyError, TypeError, ValueError):
        return None


def names_in(feature: Any) -> Any:
    """The names of the classes in a feature: a list of names, or where they are below keys and lists; None: none."""
    if isinstance(feature, list) and len(feature) == 1:
        return _items(names_in(feature[0]))
    if not isinstance(feature, Mapping):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel":
        names = feature.get("names")
        return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
    if kind in ("Sequence", "List", "LargeList"):
        return _items(names_in(feature.get("feature")))
    if isinstance(kind, str):
        return None
    return {key: names for key, inner in feature.items() if (names := names_in(inner)) is not None} or None


def _items(names: Any) -> Items | None:
    return None if names is None else Items(names)


def with_names(value: Any, names: Any) -> Any:
    """A value in which the numbers of classes are their names. A number without a name stays."""
    if isinstance(names, Items):
        if isinstance(value, dict) and isinstance(names.each, dict):  # a list of objects is an object of lists
            return with_names(value, {key: Items(inner) for key, inner in names.each.items()})
        return [with_names(item, names.each) for item in value] if isinstance(value, list) else value
    if isinstance(names, dict):
        if not isinstance(value, dict):
            return value
        return {key: with_names(item, names[key]) if key in names else item for key, item in value.items()}
    if type(value) is int and 0 <= value < len(names):
        return ClassName.of(names[value], value)
    return value
