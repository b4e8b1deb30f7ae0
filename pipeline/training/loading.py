"""Open a finished dataset: a folder below processed/, or a repository on the Hub."""

from pathlib import Path

from datasets import Dataset, load_dataset
from huggingface_hub import hf_hub_download

from pipeline.dataset.layout import MANIFEST, STATE
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.reader import data_files
from pipeline.training.columns import MODEL_COLUMNS, TRL_COLUMNS
from schemas.errors import DatasetError
from schemas.manifest import Manifest


def load(path_or_hub_id: str | Path, split: str = "train", layout: str | None = None) -> Dataset:
    """One split of a finished dataset. Its rows give the columns that a model takes, as torch tensors (int64).

    `path_or_hub_id`: a folder below processed/, or a repository that `push` has filled. `layout`: which one, if the
    repository has several; the name for packed rows is `causal-packed`. The Arrow files of a folder are mapped into
    memory, not copied; a download is converted to such files once, in the cache of `datasets`. The texts and all other
    columns are in `.with_format(None)`. Rows of the layouts preference, unpaired and prompt are lists, as trainers of
    TRL take them.

    Raises DatasetError for a folder that is not a finished dataset, or does not have the split; ValueError (of
    `datasets`) for a split or layout that a repository does not have.
    """
    folder = Path(path_or_hub_id)
    if (folder / split / STATE).is_file():
        dataset = Dataset.load_from_disk(str(folder / split))
    elif folder.is_dir() and not (folder / MANIFEST).is_file():
        raise DatasetError(f"{folder} has no {MANIFEST}: it is not a finished dataset. Name a folder below processed/.")
    elif folder.is_dir() and not any(file.format == "parquet" for file in data_files(folder)):
        found = ", ".join(path.parent.name for path in sorted(folder.glob(f"*/{STATE}")))
        raise DatasetError(f"{folder} has no split {split!r}. It has {found or 'neither Arrow nor Parquet files'}.")
    else:
        dataset = load_dataset(str(path_or_hub_id), layout, split=split)
    if "prompt_ids" in dataset.column_names:
        # TRL's collators join lists, and do not take tensors. A record may have a label in any layout.
        names = [*TRL_COLUMNS, "label"] if "completion_ids" in dataset.column_names else TRL_COLUMNS
        return dataset.with_format(None, columns=[name for name in names if name in dataset.column_names])
    return dataset.with_format("torch", columns=[name for name in MODEL_COLUMNS if name in dataset.column_names])


def manifest_of(path_or_hub_id: str | Path, layout: str) -> Manifest:
    """The manifest of a finished dataset: its labels, its tokenizer, its counts.

    `path_or_hub_id`: as for `load`. `layout`: which one in a repository. Raises ManifestError, or EntryNotFoundError of
    huggingface_hub.
    """
    folder = Path(path_or_hub_id)
    if not folder.is_dir():
        folder = Path(hf_hub_download(str(path_or_hub_id), f"{layout}/{MANIFEST}", repo_type="dataset")).parent
    return read_manifest(folder)
