"""explain: the way of a record through the stages, as it is printed, and that it is the way of the run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.dataset.whereabouts import find_record
from pipeline.run.chain import run
from pipeline.run.explain import explain
from pipeline.run.plan import plan_of_config
from tests.support.folders import digests
from tests.support.paths import CASES, ROOT

LINES = [json.loads(line) for line in (CASES / "explain.jsonl").read_text(encoding="utf-8").splitlines()]
CONFIG = """
[dataset]
name = "mine"

[[source]]
name = "mine"
files = ["{files}"]
{keep}

[tokenize]
tokenizer = ["embedded"]
max_unk_rate = 1

[export]
validation = 0
"""
KEEP = {"": "", "keep": 'keep = "len(output) > 100"'}


def project(folder: Path, data: list[str], keep: str = "") -> Path:
    (folder / "raw").mkdir()
    (folder / "raw" / "a.jsonl").write_text("\n".join(data), encoding="utf-8")
    config = folder / "pipeline.toml"
    config.write_text(CONFIG.format(files="a.jsonl", keep=KEEP[keep]))
    return config


def call(folder: Path, *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(main, ["explain", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["case"])
def test_what_is_printed(tmp_path: Path, case: dict[str, Any]) -> None:
    run(plan_of_config(project(tmp_path, case["data"], case.get("config", ""))), workers=1)
    result = call(tmp_path, case["origin"], *case.get("arguments", ()))
    if "error" in case:
        assert result.exit_code == 1
        assert case["error"] in result.stderr
        return
    assert result.exit_code == 0, result.stderr
    lines = iter(result.stdout.splitlines())
    for shown in case["shown"]:
        assert any(line.startswith(shown) for line in lines), f"{shown} is not there, or not at this place"
    assert not [text for text in case.get("absent", ()) if text in result.stdout]


@pytest.mark.long
def test_the_way_is_that_of_the_run(tmp_path: Path) -> None:
    """Every record of the sample ends as it ended in the run, and nothing is written."""
    shutil.copytree(ROOT / "raw" / "sample", tmp_path / "raw" / "sample")
    config = tmp_path / "pipeline.toml"
    config.write_text(CONFIG.format(files="sample/*.[cj]s*", keep=""))
    plan = plan_of_config(config)
    run(plan, workers=1)
    before = digests(tmp_path)
    rejects = [json.loads(line) for line in (plan.folder / "rejects.jsonl").read_text().splitlines()]
    planted = [row["origin"] for row in rejects]
    for origin in [*planted, "sample/study.json[0]", "sample/everyday.jsonl:9", "sample/office.csv:36"]:
        found = explain(plan, origin)
        row = find_record(plan.folder, origin).row
        assert row is not None
        assert found.dataset is not None
        stage = row.get("reject_stage")
        assert found.last["reject_stage"] == (None if stage == "dedupe" else stage)
        for name in ("instruction", "input", "output", "meta", "fixes"):
            assert found.last[name] == row[name], (origin, name)
        assert found.raw
        text = call(tmp_path, origin).stdout
        assert "note:" not in text
        assert f"# {origin}, source mine" in text
    assert digests(tmp_path) == before


def test_a_dataset_of_another_state(tmp_path: Path) -> None:
    record = {"instruction": "사과의\u200b 맛을 설명해 줘.", "output": "사과는 달콤합니다."}
    config = project(tmp_path, [json.dumps(record)])
    assert "because the dataset is not built" in call(tmp_path, "a.jsonl:1").stdout
    run(plan_of_config(config), workers=1)
    assert "note:" not in call(tmp_path, "a.jsonl:1").stdout
    shown = call(tmp_path, "a.jsonl:1", "--set", 'normalize.off=["zero-width"]').stdout
    assert "note: the dataset has this record in another state (instruction)" in shown
    (tmp_path / "raw" / "a.jsonl").write_text("\n" + json.dumps(record))
    assert "because the dataset does not have this record" in call(tmp_path, "a.jsonl:2").stdout


def test_a_copy_that_repeat_added(tmp_path: Path) -> None:
    config = project(tmp_path, [json.dumps({"instruction": "사과의 맛을 설명해 줘.", "output": "사과는 달콤합니다."})])
    config.write_text(config.read_text().replace('files = ["a.jsonl"]', 'files = ["a.jsonl"]\nrepeat = 2'))
    run(plan_of_config(config), workers=1)
    for origin in ("a.jsonl:1", "a.jsonl:1#2"):
        shown = call(tmp_path, origin).stdout
        assert "split: train" in shown
        assert "note:" not in shown


def test_a_text(tmp_path: Path) -> None:
    project(tmp_path, ["{}"])
    result = call(tmp_path, "--text", "전화는\u200b 010-2345-6789 입니다")
    assert result.stdout.splitlines() == [
        "normalize: zero-width",
        "  output: 전화는[-\\u200b-] <전화번호> 입니다",
        "screen",
        "  flag pii-phone; output: 1 found",
        "tokens: not shown, because the texts hold personal data that screen does not mask (--raw shows them)",
    ]
    lines = call(tmp_path, "--text", "서울은 큰 도시입니다.").stdout.splitlines()
    assert lines[:3] == ["normalize: no change", "screen: no change", "tokenize: 9 tokens"]
    assert lines[3].count("⟨") == 9
    (tmp_path / "pipeline.toml").unlink()
    assert call(tmp_path, "--text", "서울은 큰 도시입니다.", "--tokenizer", "embedded").stdout.splitlines() == lines
    assert call(tmp_path).exit_code == call(tmp_path, "a:1", "--text", "가").exit_code == 2


def test_without_the_tokenizer_the_other_stages_are_shown(tmp_path: Path) -> None:
    project(tmp_path, ['{"instruction": "사과는?", "output": "달콤합니다."}'])
    shown = call(tmp_path, "a.jsonl:1", "--set", 'tokenize.tokenizer=["./none.model"]')
    assert shown.exit_code == 0
    assert "screen: no change" in shown.stdout
    assert "tokens: none: None of the listed tokenizers is available" in shown.stdout


@pytest.mark.parametrize("command", [("explain", "--text", "가\udcff"), ("explain", "가\udcff:1")])
def test_a_text_that_is_not_utf_8(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "this is not UTF-8: 가\\udcff" in result.stderr


def test_an_origin_and_a_text(tmp_path: Path) -> None:
    assert "not both" in call(tmp_path, "a:1", "--text", "가").stderr
