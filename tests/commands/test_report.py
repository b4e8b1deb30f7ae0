"""ko-instruct report: what a run wrote, written again, elsewhere, or without texts; and what it says of damage."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.dataset.report.test_report import exported, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exported([record(1, output="고유낱말입니다."), record(2, output="")], tmp_path / "a")
    return tmp_path / "a"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments])


def test_it_writes_what_the_run_wrote(folder: Path) -> None:
    written = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    result = run(str(folder))
    assert (result.exit_code, result.output) == (0, f"written to {folder / 'report.html'}\n")
    assert (folder / "report.html").read_bytes() == written


def test_without_samples_elsewhere(folder: Path, tmp_path: Path) -> None:
    before = (folder / "report.html").read_bytes()
    assert run(str(folder), "--no-samples", "--out", str(tmp_path / "b.html")).exit_code == 0
    assert "고유낱말" not in (tmp_path / "b.html").read_text()
    assert "고유낱말".encode() in before == (folder / "report.html").read_bytes()


def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "manifest.json: cannot be read" in result.output


@pytest.mark.parametrize("name", ["rejects.jsonl", "train/data-00000-of-00001.arrow"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b'{"origin": [1, 2]}\n{"ori')
    result = run(str(folder))
    assert result.exit_code == 1
    assert f"{folder / name}: it does not hold rows, or is damaged" in result.output


def test_a_downloaded_dataset_has_one(folder: Path, tmp_path: Path) -> None:
    """As in a repository: Parquet beside the manifest, and nothing else."""
    there = tmp_path / "pair"
    there.mkdir()
    for path in (folder / "manifest.json", *folder.glob("pair/*.parquet")):
        shutil.copy(path, there / path.name)
    assert run(str(there)).exit_code == 0
    html = (there / "report.html").read_text()
    assert "고유낱말" in html
    assert "rejects.jsonl is not in this folder" in html
