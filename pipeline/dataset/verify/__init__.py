"""verify: whether a dataset's folder is what its manifest describes, and whether its content keeps the laws.

Every check is one pass over the files, batch by batch; of a row only a hash of its origin is held.
Works on what `export` wrote, and on a snapshot of the Hub, which may hold Parquet alone.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline.dataset.layout import MANIFEST, inside_config
from pipeline.dataset.manifest_file import ManifestError, read_manifest
from pipeline.dataset.reader import data_files
from pipeline.dataset.verify.check import UNREADABLE, Check
from pipeline.dataset.verify.files import check_columns, check_files
from pipeline.dataset.verify.forms import check_forms
from pipeline.dataset.verify.ids import check_ids, find_tokenizer
from pipeline.dataset.verify.rows import check_counts, check_rows
from pipeline.dataset.verify.splits import check_clusters, check_records
from schemas.manifest import Manifest, config_name

__all__ = ["Check", "verify"]


def verify(folder: Path, tokenizers: Sequence[str] = ()) -> Iterator[Check]:
    """The checks in order. `tokenizers`: where to find the one that the manifest names, if not by that name."""
    try:
        manifest = with_local_names(read_manifest(folder), folder)
    except ManifestError as error:
        yield Check("manifest", "", [f"{MANIFEST}: {fault}" for fault in error.faults], [error.remedy])
        return
    yield Check("manifest", f"{manifest.counts.rows_in:,} rows in = {manifest.counts.kept:,} kept + the rejected")
    checked, damaged = check_files(folder, manifest)
    yield checked
    files = data_files(folder, [name for name in manifest.files if name not in damaged and (folder / name).is_file()])
    tokenizer, found = find_tokenizer(folder, manifest, tokenizers)
    checks: dict[str, Callable[[], Check]] = {
        "columns": lambda: check_columns(files, manifest),
        "rows": lambda: check_rows(folder, files, manifest),
        "counts": lambda: check_counts(files, manifest),
        "records": lambda: check_records(files, manifest),
        "clusters": lambda: check_clusters(files, manifest),
        **({"forms": lambda: check_forms(folder, manifest)} if manifest.forms else {}),
        "tokenizer": lambda: found,
        "ids": lambda: check_ids(files, manifest, tokenizer),
    }
    for name, check in checks.items():
        if damaged and name in ("rows", "counts"):
            yield Check(name, "not counted, because files are damaged or missing")
            continue
        try:
            yield check()
        except UNREADABLE as error:
            yield Check(name, "", [f"cannot be checked: {type(error).__name__}: {error}"])


def with_local_names(manifest: Manifest, folder: Path) -> Manifest:
    """With the names that the files have here: in a repository of the Hub, Parquet files are beside their manifest."""
    config = config_name(manifest.options)
    inside = {name: inside_config(name, config) for name in manifest.files}
    if not any((folder / here).is_file() for name, here in inside.items() if here != name):
        return manifest
    return manifest.model_copy(update={"files": {inside[name]: file for name, file in manifest.files.items()}})
