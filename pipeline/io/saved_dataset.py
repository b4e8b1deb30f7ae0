"""The folder that `datasets.save_to_disk` writes, by the names of the files in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Of a set of splits: their names. Of each split: the names of its Arrow files, and what `datasets` knows about it.
SPLIT_NAMES, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def is_saved_dataset(path: Path) -> bool:
    """Whether `datasets` saved this folder: `ingest` takes it as one raw file."""
    return (path / STATE).is_file() or (path / SPLIT_NAMES).is_file()


def is_set_of_splits(path: Path) -> bool:
    """Whether such a folder holds a folder for each split, and is not one split itself."""
    return (path / SPLIT_NAMES).exists()


def splits_of(path: Path) -> Iterator[str]:
    """The splits of a set of splits: the names of the folders in it. Raises ValueError where it is not as written."""
    for name in _list_in(path / SPLIT_NAMES, "splits"):
        yield _name(name, SPLIT_NAMES)


def files_of(path: Path) -> Iterator[str]:
    """The names of the Arrow files of a split. Raises ValueError where it is not as `datasets` wrote it."""
    for data in _list_in(path / STATE, "_data_files"):
        yield _name(data.get("filename") if isinstance(data, dict) else None, STATE)


def _list_in(file: Path, key: str) -> list[Any]:
    value = json.loads(file.read_text("utf-8"))
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"{file.name} holds no list `{key}`")
    return found


def _name(value: object, file: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{file} lists something that is no name")
    return value
