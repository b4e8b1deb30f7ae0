"""ko-instruct report: what a run wrote, written again, elsewhere, or without texts; and what it says of damage."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.run import chain
from pipeline.run.plan import plan_of_config
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


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A dataset with its raw file: a text to fix, and one with personal data to mask."""
    rows = [
        {
            "instruction": "빨래 냄새를 없애는 법을 알려 주세요.",
            "output": "볕에\u200b 말리세요.  \n창문을 여세요.",
        },
        {"instruction": "연락처를 정리해 주세요.", "output": "\u200b전화는 010-2345-6789입니다."},
    ]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "pipeline.toml").write_text(
        '[dataset]\nname = "small"\n[[source]]\nname = "a"\nfiles = ["a.jsonl"]\n'
        '[screen]\nmask = ["pii-phone"]\n[tokenize]\ntokenizer = ["embedded"]\n'
    )
    chain.run(plan_of_config(tmp_path / "pipeline.toml"), workers=1)
    return tmp_path / "processed" / "small"


def test_texts_before_fixes_are_read_from_raw(built: Path) -> None:
    assert "U+200B" not in (built / "report.html").read_text(), "a run reads no raw file again"
    assert run(str(built)).exit_code == 0
    html = (built / "report.html").read_text()
    assert "볕에<del>[U+200B]</del> 말리세요." in html
    assert not re.search("2345.?6789", html)


def test_a_raw_file_that_has_changed_is_not_the_text_before(built: Path) -> None:
    with (built.parent.parent / "raw" / "a.jsonl").open("a") as file:
        file.write("\n")
    assert run(str(built)).exit_code == 0
    assert "U+200B" not in (built / "report.html").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_raw_file_that_cannot_be_read_is_no_fault_of_the_dataset(built: Path) -> None:
    (built.parent.parent / "raw" / "a.jsonl").chmod(0)
    assert run(str(built)).exit_code == 0
    assert "U+200B" not in (built / "report.html").read_text()


@pytest.mark.parametrize("name", ["manifest.json", "rejects.jsonl", "train/data-00000-of-00001.arrow", "README.md"])
def test_no_file_of_the_dataset_is_written_over(folder: Path, name: str) -> None:
    before = (folder / name).read_bytes()
    result = run(str(folder), "--out", str(folder / name))
    assert result.exit_code == 1
    assert f"{folder / name} is a file of the dataset, and it stays as it is. Name another file with --out." in (
        result.output.replace("\n", " ")
    )
    assert (folder / name).read_bytes() == before


def test_only_a_report_is_written_over(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "notes.html"
    out.write_text("my notes")
    result = run(str(folder), "--out", str(out))
    assert (result.exit_code, out.read_text()) == (1, "my notes")
    assert "is not a report of ko-instruct" in result.output
    out.unlink()
    for _ in range(2):
        assert run(str(folder), "--out", str(out)).exit_code == 0


def test_a_missing_folder_is_named_and_a_dash_is_standard_output(folder: Path, tmp_path: Path) -> None:
    result = run(str(folder), "--out", str(tmp_path / "no" / "b.html"))
    assert result.exit_code == 1
    assert f"there is no folder {tmp_path / 'no'}. Make it first" in result.output
    assert run(str(folder), "--out", "-").stdout_bytes == (folder / "report.html").read_bytes()


def test_a_pipe_in_the_place_of_run_json_is_an_error(folder: Path) -> None:
    os.mkfifo(folder / "run.json")
    result = run(str(folder))
    assert result.exit_code == 1
    assert "run.json: it is not a regular file. Remove it." in result.output


def test_counts_that_do_not_add_up_are_a_damaged_file(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(re.sub(r'"rows_in": \d+', '"rows_in": 99', text))
    result = run(str(folder))
    assert result.exit_code == 1
    assert "do not add up. Build the dataset again (make processed)." in result.output


def test_a_missing_file_of_rows_is_named(folder: Path) -> None:
    path = folder / "train" / "data-00000-of-00001.arrow"
    content = path.read_bytes()
    path.unlink()
    assert run(str(folder)).exit_code == 0, "the same rows are in Parquet"
    (parquet,) = folder.glob("pair/train*.parquet")
    parquet.unlink()
    for command in ("report", "browse"):
        result = CliRunner().invoke(main, [command, str(folder)])
        assert result.exit_code == 1
    assert f"{parquet}: the manifest lists this file, and it is not there" in run(str(folder)).output
    path.write_bytes(content)
    (folder / "rejects.jsonl").write_text("")
    for command in ("report", "browse"):
        result = CliRunner().invoke(main, [command, str(folder)])
        assert result.exit_code == 1
        assert "rejects.jsonl: it has 0 rows, and the manifest counts 1." in result.output
