"""axolotl's own config and dataset code, with the lines of the card: it trains what our layout causal holds, row for row.

axolotl asks for other versions of our libraries, and has an environment of its own (benchmarks/trainers.md).
"""

from pathlib import Path
from typing import Any

import pytest

from pipeline.dataset.trainers import trainer_lines
from tests.support.small_tokenizers import CHATML, TOOLS
from tests.trainers.built import CALLS, TALKS, Built, Rows, learned

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
pytest.importorskip("axolotl", reason="axolotl is not installed")

from axolotl.cli.config import load_cfg  # noqa: E402
from axolotl.common.datasets import load_datasets  # noqa: E402
from transformers import LlamaConfig  # noqa: E402

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
    monkeypatch.setenv("AXOLOTL_DO_NOT_TRACK", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(built: Built, form: str, folder: Path) -> Any:
    lines = next(text for trainer, _, text in trainer_lines(built.manifest) if trainer == f"axolotl: {form}")
    LlamaConfig(vocab_size=4000).save_pretrained(built.model)
    config = folder / "axolotl.yml"
    config.write_text(SETTINGS.format(model=built.model, folder=folder) + lines)
    return load_datasets(cfg=load_cfg(config)).train_dataset


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_messages(rows: Rows, template: str, folder: Path) -> None:
    built = Built(folder, rows, template, "messages", layout="causal")
    theirs = rows_of(built, "messages", folder)
    same(built, theirs)


def same(built: Built, theirs: Any) -> None:
    ours = {tuple(row["input_ids"]): learned(row) for row in built.ours()}
    assert len(theirs) == len(ours)  # in another order: it shuffles the rows
    for row in theirs:
        assert learned(row) == ours[tuple(row["input_ids"])]
