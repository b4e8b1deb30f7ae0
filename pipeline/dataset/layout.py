"""The layout of an exported folder: the one place that names its files and recognises them.

    processed/mine/
        manifest.json                        what the dataset is (`schemas.manifest`)
        run.json                             how long the run took; not listed in the manifest, and not published
        README.md                            the card
        rejects.jsonl                        the rejected rows
        pair/train-00000-of-00002.parquet    Parquet, in a folder of the config's name (`config_name`)
        jsonl/train-00000-of-00002.jsonl     JSON Lines: the texts
        train/data-00000-of-00002.arrow      Arrow, with the files that `load_from_disk` reads beside them:
        train/state.json, train/dataset_info.json, dataset_dict.json
        messages/train.parquet               a text form, in a folder of its name (`form_folder`),
        messages/train/messages.jsonl        and as JSON Lines, alone in a folder: a file for each split
        dataset_info.json                    the text forms that LLaMA-Factory reads, in its own words

In a repository on the Hub all files of a config are below the folder of its name. The Parquet files have that folder in
their name already: `inside_config`. The files of text forms have the same path there as here: `in_repository`.
"""

import re
from typing import Literal, get_args

from pipeline.io.saved_dataset import INFO, SPLIT_NAMES, STATE
from schemas.formats import Format
from schemas.layouts import Layout
from schemas.manifest import MANIFEST, UNLISTED
from schemas.run_times import RUN
from schemas.text_forms import TextForm

__all__ = [
    "CARD",
    "DATA_FILES",
    "INFO",
    "LLAMA_FACTORY",
    "MANIFEST",
    "REJECTS",
    "RUN",
    "SPLIT_NAMES",
    "STATE",
    "UNLISTED",
    "Format",
    "Kind",
    "data_file",
    "form_file",
    "form_folder",
    "format_and_split",
    "in_repository",
    "inside_config",
    "kind_of",
    "shard_number",
]

CARD = "README.md"
REJECTS = "rejects.jsonl"
#: What LLaMA-Factory looks for in its `dataset_dir`.
LLAMA_FACTORY = "dataset_info.json"

Kind = Format | Literal["forms", "rejects", "card", "manifest", "run"]

#: The data files of a split below the folder of the config. {shard}: `shard_number`.
DATA_FILES: dict[Format, str] = {
    "parquet": "{split}-{shard}.parquet",
    "arrow": "{split}/data-{shard}.arrow",
    "jsonl": "jsonl/{split}-{shard}.jsonl",
}
#: The file of a text form's split. JSON Lines are alone in their folder, so that a folder given whole is one split.
FORM_FILES: dict[Format, str] = {"parquet": "{folder}/{split}.parquet", "jsonl": "{folder}/{split}/{form}.jsonl"}
DATA_PATTERNS: dict[Format, re.Pattern[str]] = {
    kind: re.compile(re.escape(name).replace(r"\{split\}", r"(\w+)").replace(r"\{shard\}", r"[^/]+"))
    for kind, name in DATA_FILES.items()
}


def form_folder(form: TextForm) -> str:
    """The folder of a text form, and its name in `load_dataset(repository, name)`.

    It is the name of the form. A layout of the same name has that folder already: then `-text` is added.

    >>> form_folder("messages"), form_folder("preference")
    ('messages', 'preference-text')
    """
    return f"{form}-text" if form in get_args(Layout) else form


_FOLDERS = "|".join(map(form_folder, get_args(TextForm)))
OTHER_FILES: dict[Kind, re.Pattern[str]] = {
    "arrow": re.compile(rf"{re.escape(SPLIT_NAMES)}|\w+/({re.escape(STATE)}|{re.escape(INFO)})"),
    "forms": re.compile(rf"({_FOLDERS})/\w+(\.parquet|/[\w-]+\.jsonl)|{re.escape(LLAMA_FACTORY)}"),
    "rejects": re.compile(re.escape(REJECTS)),
    "card": re.compile(re.escape(CARD)),
    "manifest": re.compile(re.escape(MANIFEST)),
    "run": re.compile(re.escape(RUN)),
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


def form_file(form: TextForm, split: str, kind: Format) -> str:
    """The name of a split's file of a text form in an exported folder.

    >>> form_file("messages", "train", "parquet"), form_file("messages", "train", "jsonl")
    ('messages/train.parquet', 'messages/train/messages.jsonl')
    """
    return FORM_FILES[kind].format(folder=form_folder(form), split=split, form=form)


def in_repository(name: str, config: str) -> str:
    """The path in a repository of a file of an exported folder."""
    inside = inside_config(name, config)
    return name if kind_of(inside) == "forms" else f"{config}/{inside}"


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
