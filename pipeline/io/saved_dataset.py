"""The folder that `datasets.save_to_disk` writes, by the names of the files in it."""

import json
from collections.abc import Iterator
from pathlib import Path

#: Of a set of splits: their names. Of each split: the names of its Arrow files, and what `datasets` knows about it.
SPLIT_NAMES, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def is_saved_dataset(path: Path) -> bool:
    """Whether `datasets` saved this folder: `ingest` takes it as one raw file."""
    return (path / STATE).is_file() or (path / SPLIT_NAMES).is_file()


def is_set_of_splits(path: Path) -> bool:
    """Whether such a folder holds a folder for each split, and is not one split itself."""
    return (path / SPLIT_NAMES).exists()


def splits_of(path: Path) -> Iterator[str]:
    """The splits of a set of splits: the names of the folders in it."""
    yield from json.loads((path / SPLIT_NAMES).read_text("utf-8"))["splits"]


def files_of(path: Path) -> Iterator[str]:
    """The names of the Arrow files of a split."""
    yield from (data["filename"] for data in json.loads((path / STATE).read_text("utf-8"))["_data_files"])
