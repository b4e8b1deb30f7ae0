"""raw/sample through the whole chain: every planted fault becomes what faults.toml says, all else is kept as it is."""

import json
import tomllib
import unicodedata
from pathlib import Path

import pytest
from datasets import load_dataset, load_from_disk

from pipeline.dataset.manifest_file import read_manifest
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.manifest import UNLISTED
from schemas.options import Config
from tests.support.paths import ROOT

SAMPLE = ROOT / "raw" / "sample"
FILES = [SAMPLE / name for name in ("everyday.jsonl", "study.json", "office.csv")]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processed") / "sample"
    config = Config.model_validate(
        {
            "dataset": {"name": "x"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": ["embedded"]},
            "export": {"formats": ["arrow", "parquet", "jsonl"]},
        }
    )
    run(plan_of_files(FILES, folder, config), workers=2)
    return folder


@pytest.fixture(scope="module")
def kept(built: Path) -> dict[str, dict[str, object]]:
    lines = [line for path in sorted((built / "jsonl").iterdir()) for line in path.read_text().splitlines()]
    return {row["origin"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def rejected(built: Path) -> dict[str, dict[str, object]]:
    return {row["origin"]: row for row in map(json.loads, (built / "rejects.jsonl").read_text().splitlines())}


def faults() -> list[dict[str, object]]:
    found: list[dict[str, object]] = tomllib.loads((SAMPLE / "faults.toml").read_text())["fault"]
    return found


def local(origin: object) -> str:
    """An origin of faults.toml, below raw/, as the origin in a run on the files themselves."""
    return str(origin).removeprefix("sample/")


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: f"{fault['origin']} {fault['what']}")
def test_every_planted_fault_becomes_what_is_said(
    fault: dict[str, object], kept: dict[str, dict[str, object]], rejected: dict[str, dict[str, object]]
) -> None:
    origin = local(fault["origin"])
    if fault["becomes"] == "kept":
        assert kept[origin]["fixes"] == fault["fixes"]
    else:
        row = rejected[origin]
        assert (row["reject_stage"], row["reject_reason"]) == (fault["stage"], fault["reason"])
        assert row["reject_detail"]
        assert (row["duplicate_of"] or "") == local(fault.get("duplicate_of", ""))


def test_all_else_is_kept_as_it_is_written(
    kept: dict[str, dict[str, object]], rejected: dict[str, dict[str, object]]
) -> None:
    planted = {local(fault["origin"]) for fault in faults()}
    assert set(rejected) == {local(fault["origin"]) for fault in faults() if fault["becomes"] == "rejected"}
    assert len(kept) == 640
    lines = FILES[0].read_text().split("\n")
    for number, line in enumerate(lines, 1):
        origin = f"everyday.jsonl:{number}"
        if line and origin not in planted:
            row, record = kept[origin], json.loads(line)
            assert row["fixes"] == []
            assert [row[name] for name in ("instruction", "input", "output")] == [
                record.pop(name) for name in ("instruction", "input", "output")
            ]
            assert json.loads(str(row["meta"])) == record


def test_the_kept_text_is_nfc(kept: dict[str, dict[str, object]]) -> None:
    for row in kept.values():
        for name in ("instruction", "input", "output"):
            assert unicodedata.is_normalized("NFC", str(row[name]))


def test_the_manifest_adds_up(built: Path) -> None:
    manifest = read_manifest(built)
    assert manifest.counts.rows_in == 661
    assert manifest.counts.kept == 640
    assert sum(part.rows for part in manifest.counts.rejected) == 21
    assert set(manifest.raw) == {path.name for path in FILES}
    on_disk = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert on_disk == {*manifest.files, *UNLISTED}


def test_datasets_loads_what_was_written(built: Path, tmp_path: Path) -> None:
    from_disk = load_from_disk(str(built))
    from_parquet = load_dataset(str(built), cache_dir=str(tmp_path))
    assert {name: len(split) for name, split in from_disk.items()} == {"train": 606, "validation": 34}
    for name, split in from_disk.items():
        assert split.to_list() == from_parquet[name].to_list()


def test_no_prompt_stands_on_two_sides(built: Path) -> None:
    sides: dict[tuple[str, str], set[str]] = {}
    for name, split in load_from_disk(str(built)).items():
        for row in split:
            sides.setdefault((row["instruction"], row["input"]), set()).add(name)
    assert all(len(names) == 1 for names in sides.values())
