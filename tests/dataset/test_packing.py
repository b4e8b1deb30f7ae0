"""Packing: best-fit decreasing as the paper has it, packs that keep their sequences apart, and an export of them."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import dedupe, export, tokenize
from pipeline.dataset.packing import PACKED, best_fit_decreasing, pack_rows
from pipeline.stages.split import split
from pipeline.stages.tokenize import Tokenizer
from schemas.columns import MASKED
from schemas.manifest import Packing, config_name
from schemas.options import Config, ExportOptions, StageOptions, TokenizeOptions
from tests.dataset.test_export import about, lines_of
from tests.stages.tokenize.test_tokenize import embedded
from tests.support import small_tokenizers as small
from tests.support.tables import table_of


def one_by_one(lengths: list[int], capacity: int) -> list[int]:
    """What each pack holds, by best-fit decreasing as it is told: one sequence at a time."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        fits = [(left, pack) for pack, left in enumerate(room) if left >= length]
        if fits:
            room[min(fits)[1]] -= length
        else:
            room.append(capacity - length)
    return sorted(capacity - left for left in room)


@given(data=st.data(), capacity=st.integers(1, 40))
def test_packs_are_those_of_best_fit_decreasing(data: st.DataObject, capacity: int) -> None:
    lengths = data.draw(st.lists(st.integers(1, capacity), max_size=60))
    pack = best_fit_decreasing(np.array(lengths, np.int64), capacity)
    held = np.bincount(pack, lengths).astype(int).tolist() if lengths else []
    assert sorted(held) == one_by_one(lengths, capacity)
    assert list(dict.fromkeys(pack.tolist())) == list(range(len(held)))  # numbered by their first sequences


def test_a_sequence_that_no_pack_can_hold() -> None:
    with pytest.raises(ValueError, match="a sequence of 9 tokens does not fit into a pack of 8"):
        best_fit_decreasing(np.array([3, 9]), 8)


sequences = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=8), max_size=30)


@given(rows=sequences, cuts=st.lists(st.integers(1, 29), max_size=4))
def test_sequences_stay_whole_and_apart(rows: list[list[int]], cuts: list[int]) -> None:
    labels = [[MASKED if token % 2 else token for token in row] for row in rows]
    origins = [f"a.jsonl:{number}" for number in range(len(rows))]
    kind = pa.list_(pa.int32())
    table = pa.table({"input_ids": pa.array(rows, kind), "labels": pa.array(labels, kind), "origin": origins})
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    batches = [batch for start, end in pairwise(edges) for batch in table.slice(start, end - start).to_batches()]
    packs = [pack for part in pack_rows(batches, 8) for pack in part.to_pylist()]
    seen: list[str] = []
    for pack in packs:
        assert pack["n_tokens"] == len(pack["input_ids"]) == sum(pack["seq_lengths"]) <= 8
        at = 0
        for length, origin in zip(pack["seq_lengths"], pack["origins"], strict=True):
            number = int(origin.partition(":")[2])
            assert pack["input_ids"][at : at + length] == rows[number]
            assert pack["labels"][at : at + length] == [MASKED, *labels[number][1:]]
            assert pack["position_ids"][at : at + length] == list(range(length))
            seen.append(origin)
            at += length
    assert sorted(seen) == sorted(origins)
    assert packs == [pack for part in pack_rows(table.to_batches(), 8) for pack in part.to_pylist()]


def test_packs_that_are_laid_out_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = pa.list_(pa.int32())
    ids = pa.array([[number] * (number % 7 + 1) for number in range(100)], kind)
    batches = pa.table({"input_ids": ids, "labels": ids, "origin": list(map(str, range(100)))}).to_batches(13)
    at_once = pa.concat_tables(pack_rows(batches, 16))
    monkeypatch.setattr("pipeline.dataset.packing.TOKENS_AT_A_TIME", 50)
    in_turns = list(pack_rows(batches, 16))
    assert len(in_turns) > 5
    assert pa.concat_tables(in_turns).to_pylist() == at_once.to_pylist()
    assert at_once.schema == PACKED


# In an export.

ROWS: list[dict[str, Any]] = [
    {
        "source": "가",
        "instruction": f"{number}의 다음 수는?",
        "input": "",
        "output": f"{number + 1}입니다.",
        "reject": None,
    }
    for number in range(40)
]


def exported(folder: Path, tokenizer: Tokenizer, layout: TokenizeOptions, options: ExportOptions, **rows: Any) -> Any:
    table = dedupe(tokenize(table_of(rows.get("rows", ROWS)), tokenizer, layout))
    table = table.append_column("split", split(table, options))
    stages = {"tokenize": layout.model_dump(mode="json"), "export": options.model_dump(mode="json")}
    return export([table.slice(0, 25), table.slice(25)], folder, options, about(options=stages))


def test_an_export_of_packs(tmp_path: Path) -> None:
    options = ExportOptions(formats=("arrow", "parquet", "jsonl"), packing=True, validation=0.2, shard_rows=4)
    layout = TokenizeOptions(layout="causal", max_length=96)
    folder = tmp_path / "표본"
    manifest = exported(folder, small.causal(), layout, options)
    sets = load_from_disk(str(folder))
    assert sets["train"].column_names == PACKED.names
    assert manifest.columns == {field.name: str(field.type) for field in PACKED}
    assert manifest.examples == {name: len(rows) for name, rows in sets.items()}
    assert sum(manifest.counts.splits.values()) == manifest.counts.kept == 40
    origins = [origin for rows in sets.values() for row in rows for origin in row["origins"]]
    assert sorted(origins) == sorted(f"file.jsonl:{number}" for number in range(1, 41))
    packs = sum(manifest.examples.values())
    assert manifest.packing == Packing(length=96, packs=packs, fill=round(manifest.tokens.total / packs / 96, 4))
    lines = [json.loads(line) for path in folder.glob("jsonl/*") for line in lines_of(path)]
    assert {line["instruction"] for line in lines} == {row["instruction"] for row in ROWS}
    assert sum(len(pq.read_table(path)) for path in folder.glob("causal-packed/train-*")) == manifest.examples["train"]
    assert not [path for path in folder.iterdir() if "rows" in path.name]
    assert f"Packed: 40 sequences in {packs} rows" in (folder / "README.md").read_text()


def test_an_export_of_packs_in_parquet_alone(tmp_path: Path) -> None:
    options = ExportOptions(formats=("parquet",), packing=True)
    manifest = exported(tmp_path / "표본", small.causal(), TokenizeOptions(layout="causal"), options)
    assert manifest.packing.packs == sum(manifest.examples.values()) < 40
    assert {path.parent.name for path in (tmp_path / "표본").rglob("*-of-*")} == {"causal-packed"}
    assert config_name(manifest.options) == "causal-packed"
    assert config_name(StageOptions(tokenize=manifest.options.tokenize)) == "causal"


def test_an_export_of_nothing_has_no_packs(tmp_path: Path) -> None:
    options = ExportOptions(packing=True)
    layout = TokenizeOptions(layout="causal", max_length=8, truncation="drop")
    manifest = exported(tmp_path / "표본", small.causal(), layout, options)
    assert manifest.packing == Packing(length=8, packs=0, fill=0)


def test_an_export_of_windows(tmp_path: Path) -> None:
    rows = [
        {"source": "가", "instruction": f"{city}은?", "input": f"{city}은 크다. " * 12, "output": city, "reject": None}
        for city in ("서울", "부산", "없는 곳")
    ]
    rows[2]["input"] = "다른 글"
    options = ExportOptions(formats=("arrow", "jsonl"), validation=0)
    layout = TokenizeOptions(layout="qa", max_length=32, stride=8)
    folder = tmp_path / "표본"
    manifest = exported(folder, embedded(), layout, options, rows=rows)
    windows = load_from_disk(str(folder))["train"]
    assert (manifest.counts.kept, manifest.examples) == (2, {"train": len(windows)})
    assert len(windows) > 4
    assert {"input_ids", "token_type_ids", "start_positions", "end_positions"} <= set(windows.column_names)
    assert "windows" not in windows.column_names
    for row in windows:
        if row["end_positions"]:
            start, end = row["offset_starts"][row["start_positions"]], row["offset_ends"][row["end_positions"]]
            assert row["output"] in row["input"][start:end]
    assert len([line for path in folder.glob("jsonl/*") for line in lines_of(path)]) == 2


def test_packing_is_for_one_layout() -> None:
    base = {"dataset": {"name": "a"}, "source": [{"name": "a", "files": ["a"]}], "export": {"packing": True}}
    with pytest.raises(ValidationError, match=r'\[export\] packing is for layout "causal", and .* is "pair"'):
        Config.model_validate(base)
    assert Config.model_validate(base | {"tokenize": {"layout": "causal"}}).export.packing
