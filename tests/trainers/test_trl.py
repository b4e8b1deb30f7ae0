"""Text forms in TRL's own trainers, without a script in between: they train what our layouts hold, row for row.

`make test-trainers` runs this in an environment of its own.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from schemas.columns import MASKED
from tests.support.small_tokenizers import CHATML, TOOLS
from tests.trainers.built import CALLS, LABELS, PAIRS, TALKS, Built, Rows, learned, same
from tests.trainers.conftest import Record

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
pytest.importorskip("trl", reason="TRL is not installed: make test-trainers installs it")

from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer  # noqa: E402


def trainer_of(built: Built, kind: Any, settings: Any, rows: Any, **options: Any) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(built.model)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(**small, vocab_size=len(tokenizer))).save_pretrained(built.model)
    model = LlamaForCausalLM.from_pretrained(built.model)
    options = {"max_length": None, **options}
    arguments = settings(output_dir=str(built.folder.parent / "out"), use_cpu=True, report_to=[], **options)
    return kind(model, args=arguments, train_dataset=rows, processing_class=tokenizer)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return tmp_path


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_sft_of_prompt_and_completion(rows: Rows, template: str, folder: Path, record: Record) -> None:
    built = Built(folder, rows, template, "prompt-completion", layout="causal", answers="last")
    trainer = trainer_of(built, SFTTrainer, SFTConfig, built.form("prompt-completion"))
    theirs = trainer.train_dataset
    assert len(theirs) == len(rows)
    for ours, row in zip(built.ours(), theirs, strict=True):
        assert row["input_ids"] == ours["input_ids"]
        assert learned(row) == learned(ours)
    with_ = "conversations" if rows is TALKS else "tools, calls and results"
    record("trl", "TRL SFTTrainer", "prompt-completion", with_, 'causal, answers = "last"', same(rows), same(rows))


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_sft_of_messages(rows: Rows, template: str, folder: Path, record: Record) -> None:
    """Without a mask: TRL learns all tokens of `messages`, but for a template with {% generation %}."""
    built = Built(folder, rows, template, "messages", layout="causal")
    trainer = trainer_of(built, SFTTrainer, SFTConfig, built.form("messages"))
    assert [row["input_ids"] for row in trainer.train_dataset] == [row["input_ids"] for row in built.ours()]
    assert all(all(learned(row)) for row in trainer.train_dataset)
    with_ = "conversations" if rows is TALKS else "tools, calls and results"
    record("trl", "TRL SFTTrainer", "messages", with_, "causal", same(rows), "TRL learns all tokens")


#: As TRL writes its own templates for training: the line end behind an answer is learned with it.
GENERATION = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content + '<|im_end|>\n' }}{% endgeneration %}"
    "{% else %}{{ message.content + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_sft_of_the_answers_in_messages(folder: Path, record: Record) -> None:
    built = Built(folder, TALKS, GENERATION, "messages", layout="causal", answers="all")
    trainer = trainer_of(built, SFTTrainer, SFTConfig, built.form("messages"), assistant_only_loss=True)
    for ours, row in zip(built.ours(), trainer.train_dataset, strict=True):
        assert row["input_ids"] == ours["input_ids"]
        assert learned(row) == learned(ours)
    trainer = "TRL SFTTrainer, assistant_only_loss"
    record("trl", trainer, "messages", "conversations", "causal", same(TALKS), same(TALKS))


def test_dpo(folder: Path, record: Record) -> None:
    built = Built(folder, PAIRS, CHATML, "preference", layout="preference")
    theirs = trainer_of(built, DPOTrainer, DPOConfig, built.form("preference-text")).train_dataset
    for ours, row in zip(built.ours(), theirs, strict=True):
        for name in ("prompt_ids", "chosen_ids", "rejected_ids"):
            assert row[name] == ours[name], name
    record("trl", "TRL DPOTrainer", "preference", "pairs of answers", "preference", same(PAIRS), "–")


def test_kto(folder: Path, record: Record) -> None:
    built = Built(folder, LABELS, CHATML, "unpaired", layout="unpaired")
    theirs = trainer_of(built, KTOTrainer, KTOConfig, built.form("unpaired-text")).train_dataset
    for ours, row in zip(built.ours(), theirs, strict=True):
        for name in ("prompt_ids", "completion_ids", "label"):
            assert row[name] == ours[name], name
    record("trl", "TRL KTOTrainer", "unpaired", "answers with a label", "unpaired", same(LABELS), "–")


#: Rows with ids as TRL takes them: alone, and packed by it or by us.
IDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"packing": True, "max_length": 512}),
    ({"masks": True}, {"packing": True, "max_length": 512}),
    ({"packing": True}, {"padding_free": True}),
]


@pytest.mark.parametrize(("export", "options"), IDS)
def test_sft_of_rows_with_ids(export: dict[str, Any], options: dict[str, Any], folder: Path, record: Record) -> None:
    """The tokens that are learned are those of the dataset, and packed sequences begin at position 0."""
    built = Built(folder, TALKS, CHATML, "messages", export, layout="causal")
    trainer = trainer_of(built, SFTTrainer, SFTConfig, built.form(built.config), **options)
    wanted = sorted(label for row in built.ours() for label in row["labels"] if label != MASKED)
    batches = list(trainer.get_train_dataloader())
    got = sorted(label for batch in batches for label in batch["labels"].flatten().tolist() if label != MASKED)
    name = "TRL SFTTrainer" + "".join(f", {key}={value}" for key, value in options.items())
    if options:
        assert sum(int((batch["position_ids"] == 0).sum()) for batch in batches) >= len(TALKS)
    keeps = Version(version("trl")) >= Version("1.7") or not options.get("packing") or "masks" in export
    assert (got == wanted) == keeps
    layout = built.config + "".join(f", {key}" for key in export if key == "masks")
    record("trl", name, layout, "conversations", "causal", "–", "same tokens" if keeps else "TRL learns all tokens")
