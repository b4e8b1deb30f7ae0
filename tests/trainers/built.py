"""Datasets of one layout and one text form, and small models that both are for."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import load_dataset

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.manifest import config_name
from schemas.options import Config
from tests.support.small_tokenizers import save_causal

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

    def __init__(
        self, folder: Path, rows: Rows, template: str, form: str, export: dict[str, Any] | None = None, **tokenize: Any
    ) -> None:
        self.model = save_causal(folder / "model", template)
        (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        config = {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": [str(self.model)], "max_length": 512, **tokenize},
            "dedupe": {"exact": "keep", "near": "keep", "conflict": "keep", "near_prompt": "keep"},
            "export": {"formats": ["parquet", form], "validation": 0, **(export or {})},
        }
        plan = plan_of_files([folder / "rows.jsonl"], folder / "mine", Config.model_validate(config))
        self.manifest = run(plan, workers=1)
        assert self.manifest.counts.kept == len(rows)
        assert not self.manifest.forms[form].left_out
        self.config = config_name(self.manifest.options)
        self.folder = plan.folder

    def form(self, name: str) -> Any:
        return load_dataset(str(self.folder), name, split="train", cache_dir=str(self.folder.parent / "cache"))

    def ours(self) -> Rows:
        rows: Rows = pq.read_table(next((self.folder / self.config).glob("train*.parquet"))).to_pylist()
        return rows


def learned(row: dict[str, Any]) -> list[bool]:
    """Of each token whether it is learned: by its label, and up to TRL 1.6 by a mask, without which all are."""
    if "labels" in row:
        return [label != -100 for label in row["labels"]]
    mask = row.get("completion_mask") or row.get("assistant_masks")
    return list(map(bool, mask)) if mask else [True] * len(row["input_ids"])


def same(rows: Rows) -> str:
    """The cell of a comparison in which all rows were the same."""
    return f"same, {len(rows)} of {len(rows)}"
