"""The masks of layout causal: what they hold, in which files, and the lines of the card that need them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.dataset.masks import with_masks
from pipeline.dataset.trainers import trainer_lines
from pipeline.dataset.verify import verify
from pipeline.dataset.verify.check import Check
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.columns import MASKED
from schemas.options import Config
from tests.dataset.test_verify import rewrite
from tests.support.paths import ROOT
from tests.support.small_tokenizers import CHATML, save_causal

SOURCE = {"dataset": {"name": "mine"}, "source": [{"name": "x", "files": ["x"]}]}


@given(labels=st.lists(st.lists(st.sampled_from([MASKED, 0, 7]))), start=st.integers(0, 3))
def test_masks_are_those_of_the_labels(labels: list[list[int]], start: int) -> None:
    rows = pa.table({"labels": pa.array(labels, pa.list_(pa.int32()))}).slice(start)
    found = with_masks(rows)
    for row in found.to_pylist():
        assert row["attention_mask"] == [1] * len(row["labels"])
        assert row["assistant_masks"] == [int(label != MASKED) for label in row["labels"]]
    assert found.drop_columns(["attention_mask", "assistant_masks"]) == rows


def build(folder: Path, **export: Any) -> Any:
    model = save_causal(folder / "model", CHATML)
    tokenize = {"tokenizer": [str(model)], "layout": "causal"}
    config = Config.model_validate(SOURCE | {"tokenize": tokenize, "export": export})
    return run(plan_of_files([ROOT / "raw" / "sample" / "office.csv"], folder / "mine", config), workers=1)


def checks_of(folder: Path) -> list[Check]:
    return list(verify(folder / "mine", [str(folder / "model")]))


def test_an_export_with_masks(tmp_path: Path) -> None:
    manifest = build(tmp_path, masks=True, formats=["arrow", "parquet", "jsonl"])
    assert {manifest.columns[name] for name in ("attention_mask", "assistant_masks")} == {"list<item: int8>"}
    for row in load_from_disk(str(tmp_path / "mine"))["train"]:
        assert sum(row["assistant_masks"]) == row["n_learned"]
        assert sum(row["attention_mask"]) == row["n_tokens"]
    checks = checks_of(tmp_path)
    assert not [check for check in checks if check.faults]
    assert "rows encoded again" in next(check.found for check in checks if check.name == "ids")
    assert "axolotl: causal" in [lines.trainer for lines in trainer_lines(manifest)]
    assert "type:\n" in (tmp_path / "mine" / "README.md").read_text()


def test_wrong_masks_are_found(tmp_path: Path) -> None:
    build(tmp_path, masks=True, formats=["parquet"])
    name = "causal/train-00000-of-00001.parquet"
    wrong = pq.read_table(tmp_path / "mine" / name)["attention_mask"]
    rewrite(
        tmp_path / "mine",
        name,
        lambda rows: rows.drop_columns("assistant_masks").append_column("assistant_masks", wrong),
    )
    faults = {check.name: " ".join(check.faults) for check in checks_of(tmp_path) if check.faults}
    assert "column assistant_masks" in faults["ids"]


def test_the_lines_for_rows_with_ids(tmp_path: Path) -> None:
    plain = {lines.trainer: lines.text for lines in trainer_lines(build(tmp_path / "a"))}
    assert list(plain) == ["TRL, unsloth: causal"]
    packed = {lines.trainer: lines.text for lines in trainer_lines(build(tmp_path / "b", packing=True))}
    assert "SFTConfig(padding_free=True, max_length=None)" in packed["TRL, unsloth: causal-packed"]
    assert not trainer_lines(build(tmp_path / "c", formats=["arrow"]))


def test_masks_are_for_rows_of_layout_causal_that_are_not_packed() -> None:
    base = SOURCE | {"export": {"masks": True}}
    with pytest.raises(ValidationError, match=r'\[export\] masks is for layout "causal", and .* is "pair"'):
        Config.model_validate(base)
    causal = {"tokenize": {"layout": "causal"}}
    assert Config.model_validate(base | causal).export.masks
    with pytest.raises(ValidationError, match="Leave one of the two out"):
        Config.model_validate(base | causal | {"export": {"masks": True, "packing": True}})
