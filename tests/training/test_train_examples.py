"""examples/: every script trains a small model from nothing, on this machine, until it has learned something."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from huggingface_hub import close_session

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config, plan_of_files
from pipeline.tokenizers.kobert import EMBEDDED
from schemas.options import Config
from tests.support import hub_server
from tests.support.paths import ROOT
from tests.support.small_tokenizers import save, save_causal, unigram

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

from pipeline.training import PaddingCollator, load, packed_collator  # noqa: E402

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


def test_question_answering(kobert: Path, tmp_path: Path) -> None:
    dataset = build("qa.toml", tmp_path)
    module = example("kobert_qa")
    more = {"max_steps": 60, "per_device_train_batch_size": 16}
    trainer = module.train(str(dataset), str(kobert), str(tmp_path / "out"), **SETTINGS | more)
    falls(trainer, 0.9)
    found = module.answers(trainer, trainer.eval_dataset)
    rows = {row["origin"]: row for row in trainer.eval_dataset.with_format(None)}
    assert set(found) == set(rows)
    for origin, (question, answer, wanted) in found.items():
        row = rows[origin]
        assert (question, wanted) == (row["instruction"], row["output"])
        assert answer
        assert answer in row["input"]


def test_an_answer_is_read_off_its_tokens() -> None:
    """The likeliest pair is start 4, end 2: no answer ends before it begins, and none is outside of the context."""
    row = {"input": "서울은 수도이다.", "offset_starts": [-1, -1, 0, 2, 4, -1], "offset_ends": [-1, -1, 2, 3, 6, -1]}
    start, end = [9.0, 0, 1, 2, 5, 0], [9.0, 0, 6, 4, 0, 0]
    assert example("kobert_qa").span(row, np.array(start), np.array(end)) == (7.0, "서울")


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


def test_packed_instructions_for_a_causal_model(llama: Path, tmp_path: Path) -> None:
    dataset = instructions("causal", llama, tmp_path / "packed", packing=True)
    module = example("instruct_causal")
    trainer = module.train(str(dataset), str(llama), str(tmp_path / "out"), **SETTINGS)
    assert next(iter(trainer.get_train_dataloader()))["attention_mask"].ndim == 4
    falls(trainer, 0.9)
    assert isinstance(module.answer(trainer, trainer.eval_dataset, 0, max_new_tokens=8), str)


def test_the_loss_of_packed_rows_is_that_of_the_rows(llama: Path, tmp_path: Path) -> None:
    """Packing changes how much is padded, and nothing that is learned."""
    model = LlamaForCausalLM.from_pretrained(llama).eval()
    loss = {}
    for packing in (False, True):
        rows = load(instructions("causal", llama, tmp_path / str(packing), packing=packing), "validation")
        batch = (packed_collator(model, 0) if packing else PaddingCollator(0))(list(rows))
        with torch.no_grad():
            loss[packing] = model(**batch).loss.item()
    assert loss[True] == pytest.approx(loss[False], rel=1e-5)


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_a_trained_model_is_published(kobert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build("sentiment.toml", tmp_path)
    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        settings = SETTINGS | {"max_steps": 1, "hub_model_id": "tester/kobert-sentiment", "hub_private_repo": True}
        example("kobert_sentiment").train(
            str(dataset), str(kobert), str(tmp_path / "out"), push_to_hub=True, **settings
        )
        close_session()
    repo = hub.repos["tester/kobert-sentiment"]
    assert repo.private
    assert {"README.md", "config.json", "model.safetensors", "spiece.model"} <= set(repo.files)


def test_the_command_of_an_example(kobert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("kobert_sentiment")
    monkeypatch.chdir(tmp_path)
    dataset = build("sentiment.toml", tmp_path)
    arguments = [str(dataset), "--model", str(kobert), "--epochs", "0.1", "--batch-size", "32"]
    done = CliRunner().invoke(module.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "accuracy on validation: " in done.output
    assert (tmp_path / "runs/sentiment/config.json").is_file()


@pytest.mark.parametrize("packing", [False, True])
def test_the_command_for_a_causal_model(packing: bool, llama: Path, tmp_path: Path) -> None:
    """With Parquet alone, as a repository of the Hub has it."""
    dataset = instructions("causal", llama, tmp_path / "mine", packing=packing, formats=["parquet"])
    arguments = [str(dataset), "--model", str(llama), "--out", str(tmp_path / "out"), "--epochs", "0.1"]
    arguments += ["--layout", "causal-packed"] if packing else []
    done = CliRunner().invoke(example("instruct_causal").main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "  answer: " in done.output


def test_every_example_has_help_with_an_example() -> None:
    for path in (ROOT / "examples").glob("*.py"):
        if path.name == "spark_rows.py":  # tests/ray runs it, where Spark is
            continue
        done = CliRunner().invoke(example(path.stem).main, ["--help"])
        assert f"Example: python examples/{path.name} " in done.output
