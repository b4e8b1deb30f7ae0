"""Text forms in TRL's own trainers, without a script in between: they train what our layouts hold, row for row.

`make test-trainers` runs this in an environment of its own. `python -m tests.trainers.test_trl` prints the table.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.options import Config
from tests.support.small_tokenizers import CHATML, TOOLS, save_causal

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
pytest.importorskip("trl", reason="TRL is not installed: make test-trainers installs it")

from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer  # noqa: E402

Rows = list[dict[str, Any]]

CALL = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "서울", "days": 2}'}}]
OTHER = [{"id": "c2", "type": "function", "function": {"name": "clock", "arguments": '{"zone": {"name": "KST"}}'}}]
WEATHER = {"city": {"type": "string"}, "days": {"type": "integer"}}
DEFINED = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": WEATHER}}},
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
]


def said(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


TALKS: Rows = [
    {
        "messages": [
            *([said("system", "짧고 정중하게 답하세요.")] if floor % 2 else []),
            said("user", f"{floor}층에는 무엇이 있나요?"),
            said("assistant", f"{floor}층에는 회의실이 있습니다."),
            said("user", f"그러면 {floor + 100}호는 어디인가요?\n빨리 알려 주세요."),
            said("assistant", f"{floor + 100}호는 복도 끝에 있습니다.\n\n안내도를 보세요."),
        ]
    }
    for floor in range(1, 41)
]
CALLS: Rows = [
    {
        "messages": [
            said("user", f"{day}일의 날씨를 알려 주세요."),
            said("assistant", "", tool_calls=CALL if day % 2 else OTHER),
            said("tool", f"{day}도, 맑음", tool_call_id="c1" if day % 2 else "c2"),
            said("assistant", f"{day}일은 {day}도이고 맑습니다."),
        ],
        "tools": DEFINED,
    }
    for day in range(1, 41)
]
PAIRS: Rows = [
    {
        "prompt": f"{number}에 하나를 더하면 얼마인가요?",
        "chosen": f"{number + 1}입니다. 하나를 더한 값입니다.",
        "rejected": f"{number + 7}쯤 됩니다.",
    }
    for number in range(40)
]
LABELS: Rows = [
    {
        "prompt": f"{month}번째 달에는 무슨 꽃이 피나요?",
        "completion": f"{month}번째 달에는 여러 꽃이 핍니다.",
        "label": month % 2 == 0,
    }
    for month in range(1, 41)
]


class Built:
    """A dataset of one layout and one text form, and the model that both are for."""

    def __init__(self, folder: Path, rows: Rows, template: str, form: str, **tokenize: Any) -> None:
        self.model = save_causal(folder / "model", template)
        (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        config = {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": [str(self.model)], "max_length": 512, **tokenize},
            "dedupe": {"exact": "keep", "near": "keep", "conflict": "keep", "near_prompt": "keep"},
            "export": {"formats": ["parquet", form], "validation": 0},
        }
        plan = plan_of_files([folder / "rows.jsonl"], folder / "mine", Config.model_validate(config))
        self.manifest = run(plan, workers=1)
        assert self.manifest.counts.kept == len(rows)
        assert not self.manifest.forms[form].left_out
        self.layout = tokenize["layout"]
        self.folder = plan.folder

    def form(self, name: str) -> Any:
        return load_dataset(str(self.folder), name, split="train", cache_dir=str(self.folder.parent / "cache"))

    def ours(self) -> Rows:
        rows: Rows = pq.read_table(next((self.folder / self.layout).glob("train*.parquet"))).to_pylist()
        return rows

    def trainer(self, kind: Any, settings: Any, rows: Any, **options: Any) -> Any:
        tokenizer = AutoTokenizer.from_pretrained(self.model)
        small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        LlamaForCausalLM(LlamaConfig(**small, vocab_size=len(tokenizer))).save_pretrained(self.model)
        model = LlamaForCausalLM.from_pretrained(self.model)
        arguments = settings(
            output_dir=str(self.folder.parent / "out"), use_cpu=True, report_to=[], max_length=None, **options
        )
        return kind(model, args=arguments, train_dataset=rows, processing_class=tokenizer)


def learned(row: dict[str, Any]) -> list[bool]:
    return [label != -100 for label in row["labels"]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return tmp_path


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_sft_of_prompt_and_completion(rows: Rows, template: str, folder: Path) -> None:
    built = Built(folder, rows, template, "prompt-completion", layout="causal", answers="last")
    trainer = built.trainer(SFTTrainer, SFTConfig, built.form("prompt-completion"))
    theirs = trainer.train_dataset
    assert len(theirs) == len(rows)
    for ours, row in zip(built.ours(), theirs, strict=True):
        assert row["input_ids"] == ours["input_ids"]
        assert learned(row) == learned(ours)


@pytest.mark.parametrize(("rows", "template"), [(TALKS, CHATML), (CALLS, TOOLS)], ids=["talks", "calls"])
def test_sft_of_messages(rows: Rows, template: str, folder: Path) -> None:
    """Without a mask: TRL learns all tokens of `messages`, but for a template with {% generation %}."""
    built = Built(folder, rows, template, "messages", layout="causal")
    trainer = built.trainer(SFTTrainer, SFTConfig, built.form("messages"))
    assert [row["input_ids"] for row in trainer.train_dataset] == [row["input_ids"] for row in built.ours()]


#: As TRL writes its own templates for training: the line end behind an answer is learned with it.
GENERATION = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content + '<|im_end|>\n' }}{% endgeneration %}"
    "{% else %}{{ message.content + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_sft_of_the_answers_in_messages(folder: Path) -> None:
    built = Built(folder, TALKS, GENERATION, "messages", layout="causal", answers="all")
    trainer = built.trainer(SFTTrainer, SFTConfig, built.form("messages"), assistant_only_loss=True)
    for ours, row in zip(built.ours(), trainer.train_dataset, strict=True):
        assert row["input_ids"] == ours["input_ids"]
        assert learned(row) == learned(ours)


def test_dpo(folder: Path) -> None:
    built = Built(folder, PAIRS, CHATML, "preference", layout="preference")
    theirs = built.trainer(DPOTrainer, DPOConfig, built.form("preference-text")).train_dataset
    for ours, row in zip(built.ours(), theirs, strict=True):
        for name in ("prompt_ids", "chosen_ids", "rejected_ids"):
            assert row[name] == ours[name], name


def test_kto(folder: Path) -> None:
    built = Built(folder, LABELS, CHATML, "unpaired", layout="unpaired")
    theirs = built.trainer(KTOTrainer, KTOConfig, built.form("unpaired-text")).train_dataset
    for ours, row in zip(built.ours(), theirs, strict=True):
        for name in ("prompt_ids", "completion_ids", "label"):
            assert row[name] == ours[name], name
