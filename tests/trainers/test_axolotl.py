"""axolotl's own config and dataset code, with the lines of the card: it trains what our layout causal holds.

axolotl asks for other versions of our libraries, and has an environment of its own (benchmarks/trainers.md).
"""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.dataset.trainers import trainer_lines
from tests.support.small_tokenizers import CHATML, TOOLS
from tests.trainers.built import CALLS, TALKS, Built, Rows, learned, same
from tests.trainers.conftest import Record

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
os.environ["AXOLOTL_DO_NOT_TRACK"] = "1"  # read when it is imported
pytest.importorskip("axolotl", reason="axolotl is not installed")

from axolotl.cli.config import load_cfg  # noqa: E402
from axolotl.common.datasets import load_datasets  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig  # noqa: E402

#: What a config has beside the lines of the card.
SETTINGS = """\
base_model: {model}
sequence_len: 512
micro_batch_size: 1
gradient_accumulation_steps: 1
num_epochs: 1
learning_rate: 0.0001
val_set_size: 0
output_dir: {folder}/out
dataset_prepared_path: {folder}/prepared
dataset_num_proc: 1
special_tokens:
  pad_token: <|endoftext|>
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(built: Built, form: str, folder: Path) -> Any:
    lines = next(text for trainer, _, text in trainer_lines(built.manifest) if trainer == f"axolotl: {form}")
    LlamaConfig(vocab_size=4000).save_pretrained(built.model)
    config = folder / "axolotl.yml"
    config.write_text(SETTINGS.format(model=built.model, folder=folder) + lines)
    return load_datasets(cfg=load_cfg(str(config))).train_dataset


def by_ids(built: Built) -> dict[tuple[int, ...], list[bool]]:
    """What is learned of each row: axolotl shuffles the rows."""
    found = {tuple(row["input_ids"]): learned(row) for row in built.ours()}
    assert len(found) == len(built.ours())
    return found


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_messages(rows: Rows, template: str, folder: Path, record: Record) -> None:
    """All but the line end behind the end of an answer, which axolotl does not learn."""
    built = Built(folder, rows, template, "messages", layout="causal")
    theirs, ours = rows_of(built, "messages", folder), by_ids(built)
    tokenizer = AutoTokenizer.from_pretrained(built.model)
    [line_end] = tokenizer.encode("\n")
    assert len(theirs) == len(ours)
    for row in theirs:
        ids = row["input_ids"]
        behind = [False, *(pair == (tokenizer.eos_token_id, line_end) for pair in pairwise(ids))]
        wanted = ours[tuple(ids)]
        assert learned(row) == [one and not line for one, line in zip(wanted, behind, strict=True)]
        assert sum(wanted) - sum(learned(row)) == 2  # two answers
    with_ = "conversations" if rows is TALKS else "tools, calls and results"
    record("axolotl", "axolotl", "messages", with_, "causal", same(rows), "same but for the line end, 40 of 40")


def test_rows_with_ids(folder: Path, record: Record) -> None:
    built = Built(folder, TALKS, CHATML, "messages", {"masks": True}, layout="causal")
    theirs, ours = rows_of(built, "causal", folder), by_ids(built)
    assert {tuple(row["input_ids"]): learned(row) for row in theirs} == ours
    record("axolotl", "axolotl", "causal, masks", "conversations", "causal", same(TALKS), same(TALKS))
