"""The folder that `datasets.save_to_disk` writes, by the names of the files in it."""

from pathlib import Path

#: Of a set of splits: their names. Of each split: the names of its Arrow files, and what `datasets` knows about it.
SPLIT_NAMES, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def is_saved_dataset(path: Path) -> bool:
    """Whether `datasets` saved this folder: `ingest` takes it as one raw file."""
    return (path / STATE).is_file() or (path / SPLIT_NAMES).is_file()
