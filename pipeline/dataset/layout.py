"""The layout of an exported folder: the one place that names its files and recognises them.

    processed/mine/
        manifest.json                        what the dataset is (`schemas.manifest`)
        README.md                            the card
        rejects.jsonl                        the rejected rows
        pair/train-00000-of-00002.parquet    Parquet, in a folder of the config's name (`config_name`)
        jsonl/train-00000-of-00002.jsonl     JSON Lines: the texts
        train/data-00000-of-00002.arrow      Arrow, with the files that `load_from_disk` reads beside them:
        train/state.json, train/dataset_info.json, dataset_dict.json

In a repository on the Hub all files of a config are below the folder of its name. The Parquet files have that folder in
their name already: `inside_config`.
"""

import re
from typing import Literal

from pipeline.io.saved_dataset import INFO, SPLIT_NAMES, STATE
from schemas.manifest import MANIFEST

__all__ = [
    "CARD",
    "DATA_FILES",
    "INFO",
    "MANIFEST",
    "REJECTS",
    "SPLIT_NAMES",
    "STATE",
    "Format",
    "Kind",
    "data_file",
    "format_and_split",
    "inside_config",
    "kind_of",
    "shard_number",
]

CARD = "README.md"
REJECTS = "rejects.jsonl"

Format = Literal["parquet", "arrow", "jsonl"]
Kind = Literal["parquet", "arrow", "jsonl", "rejects", "card", "manifest"]

#: The data files of a split below the folder of the config. {shard}: `shard_number`.
DATA_FILES: dict[Format, str] = {
    "parquet": "{split}-{shard}.parquet",
    "arrow": "{split}/data-{shard}.arrow",
    "jsonl": "jsonl/{split}-{shard}.jsonl",
}
DATA_PATTERNS: dict[Format, re.Pattern[str]] = {
    kind: re.compile(re.escape(name).replace(r"\{split\}", r"(\w+)").replace(r"\{shard\}", r"[^/]+"))
    for kind, name in DATA_FILES.items()
}
OTHER_FILES: dict[Kind, re.Pattern[str]] = {
    "arrow": re.compile(rf"{re.escape(SPLIT_NAMES)}|\w+/({re.escape(STATE)}|{re.escape(INFO)})"),
    "rejects": re.compile(re.escape(REJECTS)),
    "card": re.compile(re.escape(CARD)),
    "manifest": re.compile(re.escape(MANIFEST)),
}


def shard_number(number: int, count: int | None = None) -> str:
    """The number of a data file in its name: 00001-of-00003, and 00001 as long as the count is not known."""
    return f"{number:05}" if count is None else f"{number:05}-of-{count:05}"


def data_file(kind: Format, split: str, config: str) -> str:
    """The name of a split's data files in an exported folder, with {shard} to fill in.

    >>> data_file("parquet", "train", "pair").format(shard=shard_number(0, 2))
    'pair/train-00000-of-00002.parquet'
    """
    name = DATA_FILES[kind].format(split=split, shard="{shard}")
    return f"{config}/{name}" if kind == "parquet" else name


def inside_config(name: str, config: str) -> str:
    """The name of a file of an exported folder, as seen from the folder of its config in a repository."""
    return name.removeprefix(f"{config}/")


def kind_of(name: str) -> Kind | None:
    """What a file is, by its name inside the folder of the config (`inside_config`); None: not a file of an export.

    >>> kind_of("train-00000-of-00002.parquet"), kind_of("train/state.json"), kind_of("notes.txt")
    ('parquet', 'arrow', None)
    """
    patterns: list[tuple[Kind, re.Pattern[str]]] = [*DATA_PATTERNS.items(), *OTHER_FILES.items()]
    return next((kind for kind, pattern in patterns if pattern.fullmatch(name)), None)


def format_and_split(name: str) -> tuple[Format, str] | None:
    """The format and the split of a data file, by its name in an exported folder or inside the folder of its config.

    >>> format_and_split("pair/train-00000-of-00002.parquet"), format_and_split("rejects.jsonl")
    (('parquet', 'train'), None)
    """
    for kind, pattern in DATA_PATTERNS.items():
        inside = re.sub(r"^[\w-]+/", "", name) if kind == "parquet" else name
        if found := pattern.fullmatch(inside):
            return kind, found[1]
    return None
