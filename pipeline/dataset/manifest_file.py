"""manifest.json, read and written: here alone."""

import json
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from pipeline.dataset.layout import MANIFEST
from pipeline.io.atomic_files import sync
from schemas.errors import KoInstructError, problems
from schemas.manifest import Manifest

#: The faults that another version of ko-instruct explains, by pydantic's names for them.
OTHER_VERSION = ("extra_forbidden", "missing")


class ManifestError(KoInstructError, ValueError):
    """A folder has no manifest.json that this version can read. `faults`: what is wrong with it, one line each."""

    def __init__(self, folder: Path, faults: list[str], remedy: str) -> None:
        super().__init__(f"{folder / MANIFEST}: {'; '.join(faults)}. {remedy}")
        self.faults, self.remedy = faults, remedy


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a finished dataset. Raises ManifestError, which says what to do."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ManifestError(folder, [f"cannot be read ({error.strerror})"], other_folder(folder)) from None
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        faults = problems(error, Manifest)
        other_version = any(fault["type"] in OTHER_VERSION for fault in error.errors())
    raise ManifestError(
        folder,
        faults,
        f"The dataset was made by {_maker(data)}: use that version, or build the dataset again with this one."
        if other_version
        else "Build the dataset again (make processed).",
    )


def other_folder(folder: Path) -> str:
    """What to name in place of a folder that is no dataset: the one around it, or one in it."""
    for number, around in enumerate(folder.absolute().parents[:2]):
        if (around / MANIFEST).is_file():
            as_written = around if folder.is_absolute() or len(folder.parents) <= number else folder.parents[number]
            return f"This is a folder in a dataset. Name the dataset: {as_written}"
    configs = ", ".join(sorted(str(path.parent) for path in folder.glob(f"*/{MANIFEST}")))
    if configs:
        return f"There are datasets in this folder. Name one: {configs}"
    return "This is not a finished dataset: build it (make processed), and name its folder below processed/."


def read_any_manifest(path: Path) -> dict[str, Any]:
    """What the manifest of a dataset says, of whatever version; {} where it has none, or is a file.

    Raises ManifestError where it is damaged.
    """
    try:
        found = orjson.loads((path / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        why = str(error)
    else:
        if isinstance(found, dict):
            return found
        why = "it is not a JSON object"
    raise ManifestError(path, [why], "Build the dataset again (make processed), or download it again.")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, and flush it to the disk."""
    text = orjson.dumps(
        manifest.model_dump(mode="json", by_alias=True), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )
    (folder / MANIFEST).write_bytes(text)
    sync(folder / MANIFEST)


def _maker(data: bytes) -> str:
    try:
        return f"ko-instruct {json.loads(data)['versions']['ko-instruct']}"
    except (ValueError, KeyError, TypeError):
        return "another version of ko-instruct"
