"""Open a finished dataset: a folder below processed/, or a repository on the Hub."""

from pathlib import Path
from typing import Literal, overload

from datasets import Dataset, IterableDataset, load_dataset
from huggingface_hub import hf_hub_download

from pipeline.dataset.layout import MANIFEST, STATE
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.reader import data_files
from pipeline.training.columns import MODEL_COLUMNS, TRL_COLUMNS
from schemas.errors import DatasetError
from schemas.manifest import Manifest, config_name


@overload
def load(
    path_or_hub_id: str | Path, split: str = ..., layout: str | None = ..., streaming: Literal[False] = ...
) -> Dataset: ...


@overload
def load(
    path_or_hub_id: str | Path, split: str = ..., layout: str | None = ..., *, streaming: Literal[True]
) -> IterableDataset: ...


def load(
    path_or_hub_id: str | Path, split: str = "train", layout: str | None = None, streaming: bool = False
) -> Dataset | IterableDataset:
    """One split of a finished dataset. Its rows give the columns that a model takes, as torch tensors (int64).

    `path_or_hub_id`: a folder below processed/, or a repository that `push` has filled. `layout`: which one, if the
    repository has several; the name for packed rows is `causal-packed`. The Arrow files of a folder are mapped into
    memory, not copied; a download is converted to such files once, in the cache of `datasets`. The texts and all other
    columns are in `.with_format(None)`. Rows of the layouts preference, unpaired and prompt are lists, as trainers of
    TRL take them.

    `streaming`: read the rows one after another, and download a repository as far as it is read. The rows then hold the
    columns for the model alone.

    Raises DatasetError for a folder that is not a finished dataset, or does not have the split; ValueError (of
    `datasets`) for a split or layout that a repository does not have.
    """
    folder = Path(path_or_hub_id)
    if (folder / split / STATE).is_file():
        dataset = Dataset.load_from_disk(str(folder / split))
        dataset = dataset.to_iterable_dataset() if streaming else dataset
    elif folder.is_dir() and not (folder / MANIFEST).is_file():
        raise DatasetError(f"{folder} has no {MANIFEST}: it is not a finished dataset. Name a folder below processed/.")
    elif folder.is_dir() and not any(file.format == "parquet" for file in data_files(folder)):
        found = ", ".join(path.parent.name for path in sorted(folder.glob(f"*/{STATE}")))
        raise DatasetError(f"{folder} has no split {split!r}. It has {found or 'neither Arrow nor Parquet files'}.")
    else:
        # A folder may hold text forms too, each a config: the layout is the one of its manifest.
        name = layout or (config_name(read_manifest(folder).options) if folder.is_dir() else None)
        dataset = load_dataset(str(path_or_hub_id), name, split=split, streaming=streaming)
    names: tuple[str, ...] = MODEL_COLUMNS
    kind: str | None = "torch"
    if "prompt_ids" in dataset.column_names:
        # TRL's collators join lists, and do not take tensors. A record may have a label in any layout.
        names, kind = ((*TRL_COLUMNS, "label") if "completion_ids" in dataset.column_names else TRL_COLUMNS), None
    columns = [name for name in names if name in dataset.column_names]
    if isinstance(dataset, IterableDataset):
        return dataset.select_columns(columns).with_format(kind)
    return dataset.with_format(kind, columns=columns)


def manifest_of(path_or_hub_id: str | Path, layout: str) -> Manifest:
    """The manifest of a finished dataset: its labels, its tokenizer, its counts.

    `path_or_hub_id`: as for `load`. `layout`: which one in a repository. Raises ManifestError, or EntryNotFoundError of
    huggingface_hub.
    """
    folder = Path(path_or_hub_id)
    if not folder.is_dir():
        folder = Path(hf_hub_download(str(path_or_hub_id), f"{layout}/{MANIFEST}", repo_type="dataset")).parent
    return read_manifest(folder)
