"""Sources of many files: some are left out, and one that cannot be read stops the run or not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

ROW = '{{"instruction": "{0}의 색은 무엇인가요?", "input": "", "output": "{0}은 빨갛습니다."}}\n'
CONFIG = """
[dataset]
name = "x"

[[source]]
name = "s"
files = ["*/*.jsonl"]
{0}

[tokenize]
tokenizer = "embedded"

[export]
formats = ["jsonl"]
"""


@pytest.fixture(autouse=True)
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw" / "s"
    raw.mkdir(parents=True)
    for name in ("사과", "감"):
        (raw / f"{name}.jsonl").write_text(ROW.format(name), "utf-8")
    (raw / "notes.jsonl").write_text("이 폴더의 파일은 손으로 고쳤습니다.\n", "utf-8")
    return raw


def run(line: str = "") -> Result:
    Path("pipeline.toml").write_text(CONFIG.format(line), "utf-8")
    return CliRunner().invoke(main, ["run"], catch_exceptions=False)


def test_a_file_that_cannot_be_read_stops_the_run() -> None:
    done = run()
    assert done.exit_code == 1
    assert "notes.jsonl: neither JSON nor a table" in done.stderr
    assert not Path("processed/x").exists()


def test_a_file_that_is_excluded_is_not_read() -> None:
    done = run('exclude = ["s/notes*"]')
    assert done.exit_code == 0
    assert "notes" not in done.stdout + done.stderr
    done = run('exclude = ["s/nots*"]')  # a typo
    assert done.exit_code == 1
    assert "source 's': no file below raw matches 's/nots*'" in done.stderr
    assert CliRunner().invoke(main, ["check"]).exit_code == 1


def test_a_file_that_is_skipped_is_counted_and_named(raw: Path) -> None:
    (raw / "cut.jsonl").write_text(
        ROW.format("배") + '{"instruction": "귤의 색은?", "output": "노랗습니다.", "split": "a"}\n'
    )
    done = run('on_error = "skip"')
    assert done.exit_code == 0
    assert "- ingest: unreadable-file" in done.stdout
    assert "skipped: 2 of 4 files could not be read\n  " in done.stdout
    rejects = [json.loads(line) for line in Path("processed/x/rejects.jsonl").read_text("utf-8").splitlines()]
    assert [row["origin"] for row in rejects] == ["s/cut.jsonl", "s/notes.jsonl"]
    for row in rejects:
        assert f"\n  {row['reject_detail']}\n" in done.stdout
    manifest = json.loads(Path("processed/x/manifest.json").read_text("utf-8"))
    assert [name for name, file in manifest["raw"].items() if file["skipped"]] == ["s/cut.jsonl", "s/notes.jsonl"]
    assert CliRunner().invoke(main, ["verify", "processed/x"]).exit_code == 0
