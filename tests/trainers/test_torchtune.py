"""torchtune's chat_dataset, with the lines of the card: it trains the text that our layout causal trains.

It has no chat templates of its own, and here the tokenizer of Qwen 2.5 with the vocabulary of our small one. That one
cuts words in another way, so texts are compared, and not ids. torchtune is in an environment of its own
(benchmarks/trainers.md).
"""

from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.dataset.trainers import trainer_lines
from tests.support.small_tokenizers import CHATML
from tests.trainers.built import TALKS, Built, learned
from tests.trainers.conftest import Record

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
pytest.importorskip("torchtune", reason="torchtune is not installed", exc_type=ImportError)

from omegaconf import OmegaConf  # noqa: E402
from torchtune.config import instantiate  # noqa: E402
from torchtune.models.qwen2_5 import qwen2_5_tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

#: torchtune learns it with each answer, and writes no line end behind the last answer.
HEADER = "<|im_start|>assistant\n"


def rows_of(built: Built, tokenizer: Any) -> Any:
    lines = next(text for trainer, _, text in trainer_lines(built.manifest) if trainer == "torchtune: messages")
    return instantiate(OmegaConf.create(yaml.safe_load(lines)["dataset"]), tokenizer)


def test_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Record) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.chdir(tmp_path)
    built = Built(tmp_path, TALKS, CHATML, "messages", layout="causal")
    our_tokenizer = AutoTokenizer.from_pretrained(built.model)
    our_tokenizer.backend_tokenizer.model.save(str(tmp_path))
    tokenizer = qwen2_5_tokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    theirs = rows_of(built, tokenizer)
    assert len(theirs) == len(TALKS)
    for ours, row in zip(built.ours(), theirs, strict=True):
        whole = our_tokenizer.decode(ours["input_ids"])
        answers = [HEADER + text for text in answers_of(our_tokenizer, ours)]
        assert tokenizer.decode(row["tokens"], skip_special_tokens=False) + "\n" == whole
        labels = [int(label) for label in row["labels"] if label != -100]
        assert tokenizer.decode(labels, skip_special_tokens=False) + "\n" == "".join(answers)
    trainer = "torchtune chat_dataset, Qwen 2.5"
    record(
        "torchtune", trainer, "messages", "conversations", "causal", "same text, 40 of 40", "answers and their headers"
    )


def answers_of(tokenizer: Any, row: dict[str, Any]) -> list[str]:
    """The texts that are learned of a row, one for each answer."""
    runs = groupby(zip(row["input_ids"], learned(row), strict=True), key=itemgetter(1))
    return [tokenizer.decode([token for token, _ in run]) for is_learned, run in runs if is_learned]
