"""examples/: every script trains a small model from nothing, on this machine, until it has learned something."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.chain import run
from pipeline.kobert import EMBEDDED
from pipeline.plan import plan_of_config, plan_of_files
from schemas.options import Config
from tests.conftest import ROOT
from tests.small_tokenizers import save, save_causal, unigram

pytestmark = [
    pytest.mark.train,
    # The Trainer asks for pinned memory, which is of use with a GPU alone.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),
]

torch = pytest.importorskip("torch", reason="torch is not installed: make test-train installs it")

from transformers import (  # noqa: E402
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
)

SIZE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SETTINGS = {
    "use_cpu": True,
    "learning_rate": 2e-3,
    "per_device_train_batch_size": 8,
    "max_steps": 40,
    "disable_tqdm": True,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads cost more than they give where models are this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(config: str, tmp_path: Path) -> Path:
    """The dataset of examples/<config>.toml, with the vocabulary that ships with the project."""
    shutil.copytree(ROOT / "examples" / "raw", tmp_path / "raw")
    text = (ROOT / "examples" / config).read_text().replace('["skt/kobert-base-v1", "embedded"]', '["embedded"]')
    (tmp_path / config).write_text(text)
    plan = plan_of_config(tmp_path / config)
    run(plan, workers=1)
    return plan.folder


@pytest.fixture(scope="module")
def kobert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as skt/kobert-base-v1's, but small, untrained, and of the embedded vocabulary."""
    folder = tmp_path_factory.mktemp("kobert")
    torch.manual_seed(0)
    BertModel(BertConfig(**SIZE, vocab_size=8002, pad_token_id=1)).save_pretrained(folder)
    shutil.copy(EMBEDDED / "spiece.model", folder)
    return folder


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def falls(trainer: Any, share: float) -> None:
    """The last losses are below this share of the first."""
    values = losses(trainer)
    assert len(values) >= 20
    assert sum(values[-3:]) / 3 < share * values[0], values


def test_sentiment(kobert: Path, tmp_path: Path) -> None:
    dataset = build("sentiment.toml", tmp_path)
    trainer = example("kobert_sentiment").train(
        str(dataset),
        str(kobert),
        str(tmp_path / "out"),
        **SETTINGS | {"max_steps": 60, "per_device_train_batch_size": 16},
    )
    falls(trainer, 0.7)
    assert trainer.model.config.id2label == {0: "부정", 1: "긍정"}
    assert 0 <= trainer.evaluate()["eval_accuracy"] <= 1
    assert {"model.safetensors", "spiece.model"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.filterwarnings("ignore:Version v4.12.0 introduces a better way:FutureWarning")
def test_the_notes_own_flow(kobert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "raw" / "sample" / "study.json"
    trainer = example("notes").train(str(path), str(kobert), str(tmp_path / "out"), **SETTINGS)
    falls(trainer, 0.9)
    assert "validate" in capsys.readouterr().out


def instructions(layout: str, tokenizer: Path, out: Path, **export: Any) -> Path:
    """raw/sample/study.json as a finished dataset of this layout."""
    about = {"dataset": {"name": "x"}, "source": [{"name": "x", "files": ["x"]}], "export": export}
    options = {"tokenizer": [str(tokenizer)], "layout": layout, "max_length": 96}
    config = Config.model_validate(about | {"tokenize": options})
    plan = plan_of_files([ROOT / "raw" / "sample" / "study.json"], out, config)
    run(plan, workers=1)
    return plan.folder


def test_instructions_for_an_encoder_and_decoder(tmp_path: Path) -> None:
    specials = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    folder = save(tmp_path / "model", unigram(), **specials)
    config = BartConfig(
        vocab_size=1500, d_model=64, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=128, decoder_ffn_dim=128, max_position_embeddings=512,
        pad_token_id=0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=1, forced_eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    BartForConditionalGeneration(config).save_pretrained(folder)
    dataset = instructions("seq2seq", folder, tmp_path / "seq2seq")
    module = example("instruct_seq2seq")
    trainer = module.train(str(dataset), str(folder), str(tmp_path / "out"), **SETTINGS)
    falls(trainer, 0.9)
    assert isinstance(module.answer(trainer, trainer.eval_dataset, 0, max_new_tokens=8), str)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_causal(tmp_path_factory.mktemp("llama"))
    size = len(AutoTokenizer.from_pretrained(folder))
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZE, vocab_size=size)).save_pretrained(folder)
    return folder


def test_instructions_for_a_causal_model(llama: Path, tmp_path: Path) -> None:
    dataset = instructions("causal", llama, tmp_path / "causal")
    module = example("instruct_causal")
    trainer = module.train(str(dataset), str(llama), str(tmp_path / "out"), **SETTINGS)
    falls(trainer, 0.9)
    assert isinstance(module.answer(trainer, trainer.eval_dataset, 0, max_new_tokens=8), str)
