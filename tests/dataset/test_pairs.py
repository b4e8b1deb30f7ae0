"""Datasets of pairs, labelled answers and prompts: whole by every check, shown with their answers, records not torn."""

import json
from pathlib import Path

import pytest

from pipeline.dataset.show import sequences_of
from pipeline.dataset.verify import verify
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from pipeline.table.messages import to_messages
from schemas.options import Config
from tests.support import small_tokenizers as small
from tests.support.paths import ROOT

PAIRS = ROOT / "examples" / "raw" / "politeness.jsonl"


def build(layout: str, folder: Path) -> Path:
    config = Config.model_validate(
        {
            "dataset": {"name": "x"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": [str(small.save_causal(folder / "model"))], "layout": layout},
            "export": {"formats": ["arrow", "parquet", "jsonl"], "validation": 0},
        }
    )
    plan = plan_of_files([PAIRS], folder / layout, config)
    run(plan, workers=1)
    return plan.folder


@pytest.mark.parametrize("layout", ["preference", "unpaired", "prompt"])
def test_every_check_passes(layout: str, tmp_path: Path) -> None:
    faults = {check.name: check.faults for check in verify(build(layout, tmp_path)) if check.faults}
    assert not faults


@pytest.mark.parametrize("layout", ["preference", "unpaired", "prompt"])
def test_json_lines_hold_each_record_once(layout: str, tmp_path: Path) -> None:
    written = [
        json.loads(line)
        for path in sorted((build(layout, tmp_path) / "jsonl").iterdir())
        for line in path.read_text().splitlines()
    ]
    source = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    found = [(to_messages(row)[0]["content"], row["output"], row["rejected"]) for row in written]
    assert sorted(found) == sorted((row["prompt"], row["chosen"], row["rejected"]) for row in source)


def test_a_row_is_shown_with_its_answers() -> None:
    pair = {"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4, 5]}
    assert [(one.title, one.ids, one.kinds) for one in sequences_of(pair)] == [
        ("chosen", [1, 2, 3], ["given", "given", "trained"]),
        ("rejected", [1, 2, 4, 5], ["given", "given", "trained", "trained"]),
    ]
    (labelled,) = sequences_of({"prompt_ids": [1], "completion_ids": [2], "label": False})
    assert (labelled.title, labelled.ids) == ("label False", [1, 2])
    (prompt,) = sequences_of({"prompt_ids": [1, 2], "prompt": "하나"})
    assert (prompt.title, prompt.ids, prompt.kinds) == ("prompt", [1, 2], ["given", "given"])
