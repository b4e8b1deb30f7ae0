"""Gates: a mistake in a config or a source does not replace a good dataset."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

LABELLED = [("기쁘다", "긍정"), ("슬프다", "부정"), ("좋아요", "긍정"), ("싫어요", "부정")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with raw/, where the command line runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    return tmp_path


def write(project: Path, name: str, records: list[dict[str, Any]]) -> None:
    (project / "raw" / name).write_text("\n".join(map(json.dumps, records)) + "\n")


def labelled(project: Path) -> None:
    write(project, "a.jsonl", [{"instruction": text, "output": label} for text, label in LABELLED])


def build(project: Path, more: str = "", tokenize: str = "") -> Result:
    """Run a config with a source of a.jsonl. `more`: lines below [[source]]; `tokenize`: of [tokenize]."""
    (project / "pipeline.toml").write_text(
        f'[tokenize]\ntokenizer = "embedded"\n{tokenize}\n[dataset]\nname = "mine"\n'
        f'[[source]]\nname = "a"\nfiles = ["a.jsonl"]\n{more}\n'
    )
    return CliRunner().invoke(main, ["run"], catch_exceptions=False)


def files(project: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (project / "processed").rglob("*") if path.is_file()}


def test_a_label_that_no_row_has(project: Path) -> None:
    labelled(project)
    options = 'layout = "classification"\nlabels = ["긍정", "부정"]'
    assert build(project, tokenize=options).exit_code == 0
    before = files(project / "processed" / "mine")
    wrong = build(project, tokenize=options.replace("부정", "부졍"))
    assert wrong.exit_code == 3
    assert "processed/mine was not changed" in wrong.stderr
    assert "[tokenize] labels: no row has '부졍'; outputs that are not a label: '부정' (2 rows)." in wrong.stderr
    assert files(project / "processed" / "mine") == before
    assert build(project, tokenize=options).exit_code == 0


def test_a_source_of_which_nearly_all_rows_are_rejected(project: Path) -> None:
    write(project, "a.jsonl", [{"instruction": f"질문 {number}", "output": ""} for number in range(10)])
    write(project, "b.jsonl", [{"instruction": "수도는?", "output": "서울"}])
    other = '[[source]]\nname = "b"\nfiles = ["b.jsonl"]'
    stopped = build(project, other)
    assert stopped.exit_code == 3
    assert "processed/mine was not written" in stopped.stderr
    assert "source 'a': 10 of 10 rows are rejected, and max_rejected is 0.9" in stopped.stderr
    assert "Reasons: validate: output-blank (10)" in stopped.stderr
    assert "    a.jsonl:1: `output`: " in stopped.stderr
    assert not (project / "processed" / "mine").exists()
    # The remedy of the message.
    assert build(project, f"[source.gate]\nmax_rejected = 1\n{other}").exit_code == 0


def test_a_dataset_without_rows(project: Path) -> None:
    write(project, "a.jsonl", [{"instruction": "질문", "output": ""}])
    stopped = build(project, "[source.gate]\nmax_rejected = 1")
    assert stopped.exit_code == 3
    assert "0 rows are kept, and [gate] min_rows is 1. Reasons: validate: output-blank (1)" in stopped.stderr
    assert build(project, "[source.gate]\nmax_rejected = 1\n[gate]\nmin_rows = 0").exit_code == 0


def test_duplicates_are_not_counted_as_rejected(project: Path) -> None:
    write(project, "a.jsonl", [{"instruction": "수도는?", "output": "서울"}] * 50)
    assert build(project).exit_code == 0


def test_flags_and_rows_of_a_source(project: Path) -> None:
    write(
        project,
        "a.jsonl",
        [
            {
                "instruction": "어제 산 노트북의 보증 기간을 알려 주세요.",
                "output": "죄송하지만 저는 그 질문에 답변할 수 없습니다.",
            },
            {"instruction": "대한민국의 수도는 어디인가요?", "output": "대한민국의 수도는 서울입니다."},
        ],
    )
    flagged = build(project, "[source.gate]\nmax_flagged = { refusal = 0.1 }")
    assert flagged.exit_code == 3
    assert "source 'a': 1 of 2 kept rows have the flag refusal, and max_flagged.refusal is 0.1" in flagged.stderr
    assert build(project, "[gate]\nmax_flagged = { refusal = 0.1 }").exit_code == 3
    allowed = "[source.gate]\nmax_flagged = { refusal = 0.5 }\n[gate]\nmax_flagged = { refusal = 0.1 }"
    assert build(project, allowed).exit_code == 0
    few = build(project, "[source.gate]\nmin_rows = 3")
    assert few.exit_code == 3
    assert "source 'a': 2 rows are kept, and its gate min_rows is 3" in few.stderr


def test_a_flag_that_does_not_exist(project: Path) -> None:
    labelled(project)
    wrong = build(project, "[gate]\nmax_flagged = { refusals = 0.1 }")
    assert wrong.exit_code == 1
    assert "gate.max_flagged: no flag has the name refusals; allowed: " in wrong.stderr


def test_a_source_with_too_many_unknown_tokens(project: Path) -> None:
    write(project, "a.jsonl", [{"instruction": "가나다?", "output": "뷁쀍 답입니다. 뒤도 있습니다."}])
    known = build(project, tokenize="max_unk_rate = 1")
    assert known.exit_code == 0
    stopped = build(project, "[source.gate]\nmax_unk_rate = 0.01", "max_unk_rate = 1")
    assert stopped.exit_code == 3
    assert "of its tokens are [UNK], and max_unk_rate is 0.01" in stopped.stderr
    assert "\n    a.jsonl:1: " in stopped.stderr
