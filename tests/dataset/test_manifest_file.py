"""manifest.json: what is written is read again, and what cannot be read says why and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import export
from pipeline.dataset.manifest_file import ManifestError, read_manifest
from schemas.options import ExportOptions, TokenizeOptions
from tests.dataset.test_export import RECORD, about, finished


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export([finished([RECORD])], tmp_path / "표본", ExportOptions(), about())
    return tmp_path / "표본"


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_sections_have_the_names_of_pipeline_toml(folder: Path) -> None:
    written = json.loads((folder / "manifest.json").read_text())
    assert list(written) == [
        "dataset", "sources", "tokenizer", "options", "versions", "raw", "steps", "verdicts", "mixture",
        "counts", "tokens", "examples", "packing", "forms", "columns", "files",
    ]  # fmt: skip
    assert list(written["options"]) == [
        "ingest", "validate", "normalize", "screen", "tokenize", "dedupe", "mix", "export",
    ]  # fmt: skip
    assert list(written["tokenizer"]) == ["name", "kind", "revision", "sha256", "tried"]


def test_an_older_manifest_lacks_options_that_have_a_default(folder: Path) -> None:
    def older(manifest: Any) -> None:
        del manifest["options"]["screen"], manifest["options"]["dedupe"]["numbers"], manifest["examples"]

    now = read_manifest(folder)
    edit(folder, older)
    assert read_manifest(folder) == now.model_copy(update={"examples": {}})


def test_a_manifest_of_another_version_names_the_keys_and_the_version(folder: Path) -> None:
    def newer(manifest: Any) -> None:
        manifest["options"]["tokenize"]["unheard"] = "all"
        manifest["versions"]["ko-instruct"] = "9.9"
        del manifest["counts"]

    edit(folder, newer)
    with pytest.raises(ManifestError) as error:
        read_manifest(folder)
    assert sorted(error.value.faults) == [
        "counts: missing, and has no default",
        "options.tokenize.unheard: unknown name; allowed: " + ", ".join(TokenizeOptions.model_fields),
    ]
    assert "was made by ko-instruct 9.9: use that version, or build the dataset again" in str(error.value)


def test_a_damaged_manifest_does_not_blame_the_version(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["counts"].update(rows_in=7))
    with pytest.raises(ManifestError, match=r"7 rows came in, .* Build the dataset again \(make processed\)\."):
        read_manifest(folder)
    for count in (-7, 2**63):
        edit(folder, lambda manifest, count=count: manifest["counts"]["sources"].update(새것=count))
        with pytest.raises(ManifestError, match=r"counts\.sources\.새것: .* Build the dataset again"):
            read_manifest(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ManifestError, match=r"Invalid JSON.* Build the dataset again"):
        read_manifest(folder)


def test_a_folder_without_a_manifest(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"There are datasets in this folder. Name one: .*표본"):
        read_manifest(tmp_path)
    (folder / "manifest.json").unlink()
    with pytest.raises(ManifestError, match=r"cannot be read \(No such file.*This is not a finished dataset"):
        read_manifest(folder)
