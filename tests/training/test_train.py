"""From processed/ to training: what a training script does with torch."""

from pathlib import Path

import pytest
from datasets import Dataset, load_from_disk

from pipeline import normalize
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.options import Config
from tests.support.paths import ROOT

RUN = {"dataset": {"name": "x"}, "source": [{"name": "x", "files": ["x"]}], "tokenize": {"tokenizer": ["embedded"]}}


def test_stages_run_inside_datasets_map() -> None:
    rows = [{"instruction": "한국의 수도는?", "input": "", "output": "서울\u200b입니다.", "점수": 3}] * 3
    dataset = Dataset.from_list(rows).with_format("arrow").map(normalize, batched=True)
    row = dataset.with_format(None)[0]
    assert (row["output"], row["fixes"], row["점수"]) == ("서울입니다.", ["zero-width"], 3)


@pytest.mark.train
def test_processed_rows_come_as_tensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: make test-train installs it")
    plan = plan_of_files([ROOT / "raw" / "sample" / "study.json"], tmp_path / "study", Config.model_validate(RUN))
    run(plan, workers=1)
    dataset = load_from_disk(str(plan.folder))["train"].select_columns(["input_ids", "token_type_ids"])
    first = next(iter(dataset.with_format("torch")))
    assert first["input_ids"].dtype == torch.int64
    assert first["input_ids"].shape == first["token_type_ids"].shape
    assert first["input_ids"][0] == 2
