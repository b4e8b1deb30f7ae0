"""Verdicts in a whole run: the file that a source names is obeyed, counted, and part of what Make looks at."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.dataset.manifest_file import read_manifest
from pipeline.run.changes import changes_of
from pipeline.run.plan import plan_of_config
from pipeline.run.small_files import tokenize_small_units
from pipeline.run.stamps import write_plan
from pipeline.run.tokenizer import find_tokenizer
from pipeline.table.verdicts import digest_of

CONFIG = """
[dataset]
name = "mine"
[screen]
reject = ["refusal"]
mask = ["pii-phone"]
[tokenize]
tokenizer = "embedded"
[export]
formats = ["arrow", "jsonl"]
validation = 0
[[source]]
name = "a"
files = ["a.jsonl", "b.jsonl"]
{verdicts}
"""
RECORDS = [
    {"instruction": "서울의 날씨는 어때?", "output": "오늘은 맑고 따뜻합니다."},
    {"instruction": "시를 써 줘.", "output": "죄송하지만 저는 그 요청을 들어드릴 수 없습니다."},
    {"instruction": "겨울 음식을 추천해 줘.", "output": ""},
    {"instruction": "번호를 알려 줘.", "output": "번호는 010-2345-6789입니다."},
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw/a.jsonl", RECORDS)
    write(tmp_path / "raw/b.jsonl", [{"instruction": "바다는 왜 파란가요?", "output": "빛이 흩어지기 때문입니다."}])
    return tmp_path


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def build(project: Path, verdicts: str = 'verdicts = "v.jsonl"') -> Result:
    (project / "pipeline.toml").write_text(CONFIG.format(verdicts=verdicts))
    return CliRunner().invoke(main, ["run"])


def rows(project: Path) -> dict[str, dict[str, Any]]:
    files = [*(project / "processed/mine/jsonl").glob("*"), project / "processed/mine/rejects.jsonl"]
    return {row["origin"]: row for file in files for row in map(json.loads, file.read_text().splitlines())}


def test_verdicts_are_obeyed_counted_and_the_same_again(project: Path) -> None:
    assert build(project, "").exit_code == 0
    shown = rows(project)

    def verdict(origin: str, what: str, **more: Any) -> dict[str, Any]:
        return {"origin": origin, "digest": digest_of(shown[origin]), "verdict": what, **more}

    write(
        project / "v.jsonl",
        [
            verdict("a.jsonl:1", "drop", note="날씨는 바뀐다"),
            verdict("a.jsonl:2", "keep"),
            verdict("a.jsonl:3", "fix", texts={"output": "어묵탕이 좋습니다. 문의: 010-9876-5432"}),
            verdict("a.jsonl:4", "fix", texts={"output": "번호는 비밀입니다."}),
            {"origin": "b.jsonl:1", "digest": "0" * 32, "verdict": "drop"},
            {"origin": "gone.jsonl:9", "digest": "0" * 32, "verdict": "drop"},
        ],
    )
    done = build(project)
    assert done.exit_code == 0, done.output
    assert (
        "verdicts of v.jsonl: keep 1, drop 1, fix 2; 2 match no row, or one with other texts: b.jsonl:1, gone.jsonl:9"
        in done.output
    )
    after = rows(project)
    assert [after[origin].get("reject_reason") for origin in sorted(after)] == ["verdict", None, None, None, None]
    assert after["a.jsonl:1"]["reject_detail"] == "날씨는 바뀐다"
    assert after["a.jsonl:2"]["flags"] == ["refusal", "kept-by-verdict"]
    assert after["a.jsonl:3"]["output"] == "어묵탕이 좋습니다. 문의: <전화번호>"
    assert after["a.jsonl:4"]["fixes"] == ["mask", "verdict"]
    manifest = read_manifest(project / "processed/mine")
    (used,) = manifest.verdicts
    assert (used.keep, used.drop, used.fix, used.without_effect) == (1, 1, 2, 0)
    assert used.unmatched == ["b.jsonl:1", "gone.jsonl:9"]
    assert manifest.counts.rows_in == 5
    before = (project / "processed/mine/manifest.json").read_bytes()
    assert build(project).exit_code == 0
    assert (project / "processed/mine/manifest.json").read_bytes() == before


def test_a_verdict_hits_no_other_record_that_takes_the_place(project: Path) -> None:
    build(project, "")
    write(
        project / "v.jsonl",
        [{"origin": "a.jsonl:1", "digest": digest_of(rows(project)["a.jsonl:1"]), "verdict": "drop"}],
    )
    write(project / "raw/a.jsonl", [RECORDS[3], *RECORDS])
    done = build(project)
    assert rows(project)["a.jsonl:1"].get("reject_reason") is None
    assert "none changed a row; 1 match no row, or one with other texts: a.jsonl:1" in done.output


def test_a_missing_file_and_a_wrong_line_are_named(project: Path) -> None:
    done = build(project)
    assert done.exit_code == 1
    assert "source 'a': no file of verdicts v.jsonl" in done.output
    assert build(project, "").exit_code == 0  # the remedy: leave `verdicts` out
    (project / "v.jsonl").write_text("{}\n")
    assert "v.jsonl, line 1: origin: missing" in build(project).output
    checked = CliRunner().invoke(main, ["check"])
    assert "v.jsonl, line 1: origin: missing" in checked.output


@pytest.mark.parametrize("path", ["/etc/v.jsonl", "../v.jsonl", "a/../../v.jsonl", "~/v.jsonl"])
def test_the_file_is_below_the_config(project: Path, path: str) -> None:
    done = build(project, f'verdicts = "{path}"')
    assert "a file of verdicts is relative to the folder of pipeline.toml, and below it" in done.output


def test_a_new_verdict_redoes_its_raw_file_alone(project: Path) -> None:
    (project / "pipeline.toml").write_text(CONFIG.format(verdicts='verdicts = "v.jsonl"'))
    (project / "v.jsonl").write_text("")

    def planned() -> Any:
        return plan_of_config(project / "pipeline.toml")

    write_plan(planned())
    tokenize_small_units(planned(), find_tokenizer(planned()), 1)
    assert changes_of(planned()).read == []
    write(project / "v.jsonl", [{"origin": "b.jsonl:1", "digest": "0" * 32, "verdict": "drop"}])
    changes = changes_of(planned())
    assert changes.read == ["b.jsonl"]
    assert ("b.jsonl", "verdicts on its rows changed") in changes.changes
    marker = planned().file(planned().units[0], "source.json")
    time = marker.stat().st_mtime_ns
    write_plan(planned())
    assert marker.stat().st_mtime_ns == time
