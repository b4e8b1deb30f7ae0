"""Whether a folder holds the rows that its manifest lists: a reader that looks only at what is there would not know."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.dataset.layout import REJECTS, Format, format_and_split, inside_config
from schemas.errors import DatasetError
from schemas.manifest import Manifest, config_name

REMEDY = "Build the dataset again (make processed), or download it again."


def need_files(folder: Path, manifest: Manifest, formats: set[Format]) -> None:
    """Raises DatasetError where a data file of these formats is not in the folder, nor beside its manifest as in a
    repository. No formats: no rows were found, and all that are listed are needed."""
    config = config_name(manifest.options)
    for name in manifest.files:
        known = format_and_split(name)
        if known is None or known[0] not in (formats or {"arrow", "parquet"}):
            continue
        if not any((folder / place).is_file() for place in (name, inside_config(name, config))):
            raise DatasetError(f"{folder / name}: the manifest lists this file, and it is not there. {REMEDY}")


def need_rows(folder: Path, manifest: Manifest, splits: Mapping[str, int], rejected: int) -> None:
    """Raises DatasetError where a split, or rejects.jsonl if it is there, has another number of rows than listed."""
    for split, listed in manifest.examples.items():
        if splits.get(split, 0) != listed:
            raise DatasetError(
                f"{folder}: {split} has {splits.get(split, 0):,} rows, and the manifest counts {listed:,}. {REMEDY}"
            )
    listed = sum(each.rows for each in manifest.counts.rejected)
    if (folder / REJECTS).is_file() and rejected != listed:
        raise DatasetError(
            f"{folder / REJECTS}: it has {rejected:,} rows, and the manifest counts {listed:,}. {REMEDY}"
        )
