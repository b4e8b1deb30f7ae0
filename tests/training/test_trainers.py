"""TRL's trainers on exported folders, with no script in between: the batches hold the ids of the dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.columns import MASKED
from schemas.errors import DatasetError
from schemas.options import Config
from tests.support.paths import ROOT
from tests.support.small_tokenizers import save_causal

torch = pytest.importorskip("torch", reason="torch is not installed: make test-train installs it")
pytest.importorskip("trl", reason="TRL is not installed: make test-train installs it")

from datasets import load_from_disk  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import DPOConfig, GRPOConfig, GRPOTrainer, KTOConfig, SFTConfig, SFTTrainer  # noqa: E402

from pipeline.training import check_tokenizer, load  # noqa: E402
from pipeline.training.trl_trainers import PreferenceTrainer, UnpairedTrainer  # noqa: E402
from tests.training.test_train_examples import SETTINGS, SIZE, example, falls  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),
    # TRL's own default, in the words of an older transformers.
    pytest.mark.filterwarnings(r"ignore:`(is_)?gradient_checkpointing\w*` is deprecated:FutureWarning"),
]
PAIRS = ROOT / "examples" / "raw" / "politeness.jsonl"
TRL = {
    **{name: SETTINGS[name] for name in ("use_cpu", "per_device_train_batch_size", "disable_tqdm")},
    "max_length": None,
    "learning_rate": 1e-3,
    "max_steps": 30,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "bf16": False,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_causal(tmp_path_factory.mktemp("llama"))
    torch.manual_seed(0)
    config = LlamaConfig(**SIZE, vocab_size=len(AutoTokenizer.from_pretrained(folder)), pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def exported(layout: str, llama: Path, folder: Path, file: Path = PAIRS, **options: Any) -> Path:
    """The example's pairs as a finished dataset of this layout."""
    config = Config.model_validate(
        {
            "dataset": {"name": "x"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": [str(llama)], "layout": layout, "max_length": 128} | options,
            "export": {"validation": 0.2},
        }
    )
    plan = plan_of_files([file], folder / layout, config)
    run(plan, workers=1)
    return plan.folder


def opened(llama: Path) -> dict[str, Any]:
    return {
        "model": AutoModelForCausalLM.from_pretrained(llama),
        "processing_class": AutoTokenizer.from_pretrained(llama),
    }


def padded(lists: list[list[int]]) -> list[list[int]]:
    longest = max(map(len, lists))
    return [ids + [0] * (longest - len(ids)) for ids in lists]


def test_pairs_train_a_model_and_its_batches_hold_our_ids(llama: Path, tmp_path: Path) -> None:
    rows = load_from_disk(str(exported("preference", llama, tmp_path)))["train"]
    trainer = PreferenceTrainer(**opened(llama), args=DPOConfig(str(tmp_path / "out"), **TRL), train_dataset=rows)
    first = [trainer.train_dataset[number] for number in range(4)]
    batch = trainer.data_collator(first)
    wanted = [row["prompt_ids"] + row["chosen_ids"] for row in rows.select(range(4))]
    wanted += [row["prompt_ids"] + row["rejected_ids"] for row in rows.select(range(4))]
    length = batch["input_ids"].shape[1]
    assert batch["input_ids"].tolist() == [ids + [0] * (length - len(ids)) for ids in wanted]
    assert batch["completion_mask"].sum().item() == sum(row["n_learned"] for row in rows.select(range(4)))
    trainer.train()
    falls(trainer, 0.5)


def test_labelled_answers_train_a_model_and_its_batches_hold_our_ids(llama: Path, tmp_path: Path) -> None:
    rows = load_from_disk(str(exported("unpaired", llama, tmp_path)))["train"].shuffle(seed=0)
    assert sorted(rows["label"]) == [False] * (len(rows) // 2) + [True] * (len(rows) // 2)
    trainer = UnpairedTrainer(**opened(llama), args=KTOConfig(str(tmp_path / "out"), **TRL), train_dataset=rows)
    batch = trainer.data_collator([trainer.train_dataset[number] for number in range(8)])
    wanted = [row["prompt_ids"] + row["completion_ids"] for row in rows.select(range(8))]
    length = batch["input_ids"].shape[1]
    assert batch["input_ids"].tolist() == [ids + [0] * (length - len(ids)) for ids in wanted]
    assert batch["label"].tolist() == rows["label"][:8]
    others = [rows["completion_ids"][number - 1 if number else 7] for number in range(8)]
    given = [row["prompt_ids"] for row in rows.select(range(8))]
    length = batch["KL_input_ids"].shape[1]
    mismatched = [ids + other for ids, other in zip(given, others, strict=True)]
    assert batch["KL_input_ids"].tolist() == [ids + [0] * (length - len(ids)) for ids in mismatched]
    trainer.train()
    falls(trainer, 0.9)


def test_conversations_train_a_model_with_trls_own_trainer(llama: Path, tmp_path: Path) -> None:
    rows = load_from_disk(str(exported("causal", llama, tmp_path)))["train"]
    trainer = SFTTrainer(**opened(llama), args=SFTConfig(str(tmp_path / "out"), **TRL), train_dataset=rows)
    batch = trainer.data_collator([trainer.train_dataset[number] for number in range(4)])
    length = batch["input_ids"].shape[1]
    for name, fill in (("input_ids", 0), ("labels", MASKED)):
        wanted = [ids + [fill] * (length - len(ids)) for ids in rows[name][:4]]
        assert batch[name].tolist() == wanted
    trainer.train()
    falls(trainer, 0.9)


def test_prompts_are_answered_by_the_model_and_hold_our_ids(llama: Path, tmp_path: Path) -> None:
    rows = load_from_disk(str(exported("prompt", llama, tmp_path)))["train"]
    seen: list[Any] = []

    def reward(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        seen.extend(zip(prompts, columns["prompt_ids"], strict=True))
        return [float(len(text)) for text in completions]

    more = {name: value for name, value in TRL.items() if name != "max_length"}
    arguments = GRPOConfig(str(tmp_path / "out"), **more | {"max_steps": 2}, max_completion_length=8, num_generations=4)
    trainer = GRPOTrainer(**opened(llama), reward_funcs=reward, args=arguments, train_dataset=rows)
    encode = trainer.processing_class
    trainer.train()
    assert seen
    assert all(encode(text=[prompt])["input_ids"] == [ids] for prompt, ids in seen)


def test_the_rows_of_another_layout_are_refused(llama: Path, tmp_path: Path) -> None:
    rows = load(exported("causal", llama, tmp_path))
    for trainer, arguments in ((PreferenceTrainer, DPOConfig), (UnpairedTrainer, KTOConfig)):
        with pytest.raises(DatasetError, match="the rows have no prompt_ids and no"):
            trainer(**opened(llama), args=arguments(str(tmp_path / "out"), **TRL), train_dataset=rows)


@pytest.mark.parametrize("layout", ["preference", "unpaired", "prompt"])
def test_rows_are_opened_as_lists(layout: str, llama: Path, tmp_path: Path) -> None:
    rows = load(exported(layout, llama, tmp_path))
    check_tokenizer(rows, AutoTokenizer.from_pretrained(llama))
    names = {
        "preference": {"prompt_ids", "chosen_ids", "rejected_ids"},
        "unpaired": {"prompt_ids", "completion_ids", "label"},
        "prompt": {"prompt", "prompt_ids"},
    }
    assert set(rows[0]) == names[layout]
    assert isinstance(rows[0]["prompt_ids"], list)


@pytest.mark.parametrize(("name", "layout", "share"), [("dpo", "preference", 0.5), ("kto", "unpaired", 0.9)])
def test_the_examples_train(name: str, layout: str, share: float, llama: Path, tmp_path: Path) -> None:
    dataset = exported(layout, llama, tmp_path)
    settings = {name: value for name, value in TRL.items() if name in SETTINGS}
    trainer = example(name).train(str(dataset), str(llama), str(tmp_path / "out"), **settings)
    falls(trainer, share)
    assert (tmp_path / "out/model.safetensors").is_file()


@pytest.mark.parametrize(("name", "layout"), [("dpo", "preference"), ("kto", "unpaired")])
def test_the_commands_of_the_examples(name: str, layout: str, llama: Path, tmp_path: Path) -> None:
    dataset = exported(layout, llama, tmp_path)
    arguments = [str(dataset), "--model", str(llama), "--out", str(tmp_path / "out"), "--epochs", "0.2"]
    done = CliRunner().invoke(example(name).main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "on validation: " in done.output
