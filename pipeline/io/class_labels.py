"""ClassLabel features of `datasets`: a file has a number in the place of each name that the schema lists."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.io.saved_dataset import INFO


class ClassName(str):
    """The name of a class, in whose place the file has a number."""

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


def names_beside(path: Path) -> Any:
    """The names of the classes by the dataset card (README.md) or the dataset_info(s).json in a file's folder, or in
    the one above it (data/train.parquet); None where they have none.
    """
    folders = [path.parent] if path.parent.name == "raw" else [path.parent, path.parent.parent]
    for folder in folders:
        for name in ("README.md", "dataset_infos.json", INFO):
            if names := _names_of_card(folder / name, path):
                return names
    return None


def _names_of_card(card: Path, path: Path) -> Any:
    if not card.is_file():
        return None
    import yaml

    try:
        text = card.read_text("utf-8")
        if card.suffix == ".md":
            about = yaml.safe_load(text.split("---\n", 2)[1])["dataset_info"] if text.startswith("---\n") else None
        else:
            about = json.loads(text)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None
    if isinstance(about, dict) and "features" not in about:
        about = [{"config_name": name, **info} for name, info in about.items() if isinstance(info, dict)]
    configs = [info for info in (about if isinstance(about, list) else [about]) if isinstance(info, dict)]
    named = [info for info in configs if info.get("config_name") in path.parts] if len(configs) > 1 else configs
    return names_in(_feature(named[0].get("features"))) if len(named) == 1 else None


def _feature(about: Any) -> Any:
    """A feature as a dataset card writes it, as `datasets` writes it into a schema."""
    if isinstance(about, list) and all(map(_has_name, about)):
        return {field["name"]: _feature(field) for field in about}
    if not isinstance(about, dict):
        return about
    if isinstance(about.get("dtype"), dict):
        return _feature(about["dtype"])
    if isinstance(about.get("class_label"), dict):
        names = about["class_label"].get("names")
        numbered = isinstance(names, dict) and {str(number): name for number, name in names.items()}
        in_order = [numbered.get(str(number)) for number in range(len(numbered))] if numbered else names
        return {"_type": "ClassLabel", "names": in_order}
    for key in ("sequence", "list"):
        if key in about:
            return {"_type": "Sequence", "feature": _feature(about[key])}
    return _feature(about["struct"]) if "struct" in about else about


def _has_name(field: Any) -> bool:
    return isinstance(field, dict) and isinstance(field.get("name"), str)


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
