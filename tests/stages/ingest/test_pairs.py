"""Pairs, labels, thoughts beside an answer, published splits, meta by choice, and our own rows read back."""

import json
import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.io.json_lines import json_lines
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from pipeline.stages.ingest import IngestError, describe, ingest, inspect
from pipeline.table.reject_and_flag import complete
from pipeline.table.thoughts import CLOSING, OPENING
from schemas.columns import INGESTED
from schemas.options import Config, IngestOptions, Source
from tests.stages.ingest.test_ingest import check
from tests.support.paths import CASES

CASES_OF_PAIRS = [json.loads(line) for line in (CASES / "ingest/pairs.jsonl").read_text("utf-8").splitlines()]


def read(path: Path, options: dict[str, Any], **source: Any) -> tuple[list[dict[str, Any]], set[str]]:
    """The rows of a file, and the fields that are left out."""
    left_out: set[str] = set()
    declared = Source(name="source", files=(path.name,), **source)
    tables = list(ingest(path, path.name, declared, IngestOptions(**options), left_out))
    for table in tables:
        assert table.schema == INGESTED
        table.validate(full=True)
    return pa.concat_tables(tables).to_pylist(), left_out


@pytest.mark.parametrize("case", CASES_OF_PAIRS, ids=[case["case"] for case in CASES_OF_PAIRS])
def test_cases(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case.get("name", "file.jsonl")
    path.write_bytes(case["data"].encode())
    if "error" in case:
        with pytest.raises(IngestError, match=re.escape(case["error"])):
            read(path, {})
        return
    rows, left_out = read(path, case.get("options", {}), **case.get("source", {}))
    for row in rows:
        if row["reject_reason"] == "left-out-split":
            row["raw"] = "its texts are in their columns"
    check(rows, case["rows"], path.name)
    assert sorted(left_out) == case.get("left_out", sorted(left_out) if rows[0]["reject_reason"] else [])


def test_the_splits_of_a_saved_dataset_are_marked(tmp_path: Path) -> None:
    data = {
        name: datasets.Dataset.from_dict({"question": [f"{name}?"], "answer": ["네."]})
        for name in ("train", "dev", "ko")
    }
    datasets.DatasetDict(data).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(IngestError, match=r"in the split 'ko'.*`splits = \{ ko = \"test\" \}`"):
        read(tmp_path / "saved", {})
    rows, _ = read(tmp_path / "saved", {}, splits={"ko": "train"})
    assert [(row["instruction"], row["published_split"]) for row in rows] == [
        ("train?", "train"),
        ("dev?", "validation"),
        ("ko?", "train"),
    ]
    rows, _ = read(tmp_path / "saved", {}, splits={"ko": "test", "validation": "leave-out"})
    assert [(row["published_split"], row["reject_reason"]) for row in rows] == [
        ("train", None),
        ("validation", "left-out-split"),
        ("test", None),
    ]


def test_the_folder_of_a_file_and_the_member_of_an_archive_name_a_split(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"instruction": "예?", "output": "네."}\n', "utf-8")
    source = Source(name="s", files=("*",))
    for origin, split in (
        ("set/Validation/a.jsonl", "validation"),
        ("test/train/a.jsonl", "train"),
        ("a/b.jsonl", None),
    ):
        (found,) = ingest(path, origin, source)
        assert found["published_split"].to_pylist() == [split]


def test_inspect_shows_what_was_heard(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"prompt": "예?", "completion": "네.", "label": false, "weight": 0}\n', "utf-8")
    inspection = inspect(path, Source(name="s", files=("*",)))
    (after,) = inspection.streams[0].examples[0].after
    assert (after["label"], after["learn"], after["published_split"]) == (False, False, "test")
    assert "'label': False" in describe(inspection)


# --- closure: what is written is read back as it was -----------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=10) | st.sampled_from(["nan", "<think>음</think>네", "\n", '"'])
calls = st.sampled_from(['[{"type":"function","function":{"name":"날씨","arguments":{"곳":"부산"}}}]'])
truth = st.none() | st.booleans()
messages = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool"]),
        "content": texts,
        "reasoning": st.none() | texts,
        "tool_calls": st.none() | calls,
        "tool_call_id": st.none() | texts,
        "name": st.none() | texts,
        "learn": truth,
    }
)
#: Columns that are the same after a row is written and read.
KEPT = (
    *("system", "tools", "history", "instruction", "input", "steps", "reasoning", "output", "tool_calls"),
    *("rejected", "label", "learn", "published_split", "fixes"),
)
own_rows = st.fixed_dictionaries(
    {
        "origin": texts,
        "source": texts,
        "system": st.none() | texts,
        "tools": st.none() | st.just("[]"),
        "history": st.lists(messages, max_size=3),
        "instruction": texts,
        "input": texts,
        "steps": st.lists(messages, max_size=2),
        "reasoning": st.none() | texts,
        "output": st.none() | texts,
        "tool_calls": st.none() | calls,
        "rejected": st.none() | texts,
        "label": truth,
        "learn": truth,
        "published_split": st.sampled_from([None, "train", "test", "validation"]),
        "meta": st.none() | st.dictionaries(texts, texts | st.integers(0, 9), max_size=2).map(json.dumps),
        "fixes": st.lists(st.sampled_from(["no-input", "thought"]), max_size=2, unique=True),
        "flags": st.lists(st.just("refusal"), max_size=1),
    }
)


@given(found=st.lists(own_rows, min_size=1, max_size=4))
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_back(found: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("own")
    written = complete(pa.Table.from_pylist(found, schema=pa.schema([INGESTED.field(name) for name in found[0]])))
    metas = [json.loads(row["meta"] or "{}") for row in found]
    first = [{"origin": row["origin"], "source": row["source"]} for row in found]
    for generation in range(2):
        path = folder / f"{generation}.jsonl"
        path.write_bytes(json_lines(written))
        (again,) = ingest(path, path.name, Source(name="s", files=("*",)))
        assert [{name: row[name] for name in KEPT} for row in again.to_pylist()] == [
            {name: row[name] for name in KEPT} for row in written.to_pylist()
        ]
        read_meta = [json.loads(text) for text in again["meta"].to_pylist()]
        assert [meta.pop("ko_instruct") for meta in read_meta] == first
        assert read_meta == metas
        written = again


@given(
    reasoning=texts,
    output=texts,
    marks=st.sampled_from([(OPENING, CLOSING), (" <THINK>", "</think>"), ("<thought>\n", "\n</thought>\n")]),
)
def test_a_thought_in_an_answer_is_restored_exactly(
    reasoning: str, output: str, marks: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("thought") / "a.jsonl"
    answer = marks[0] + reasoning + marks[1] + output
    path.write_text(json.dumps({"instruction": "예?", "output": answer}) + "\n", "utf-8")
    ((row,), _) = read(path, {})
    opening, closing = json.loads(row["meta"] or "{}").get("thought_marks", (OPENING, CLOSING))
    assert opening + row["reasoning"] + closing + row["output"] == answer


def test_a_dataset_that_was_exported_is_a_source_with_splits(tmp_path: Path) -> None:
    row = {"origin": "a:1", "source": "a", "instruction": "예?", "output": "네.", "fixes": [], "flags": []}
    data = datasets.DatasetDict({name: datasets.Dataset.from_list([row]) for name in ("train", "validation")})
    data.save_to_disk(str(tmp_path / "own"))
    rows, _ = read(tmp_path / "own", {})
    assert [(row["instruction"], row["published_split"]) for row in rows] == [("예?", "train"), ("예?", "validation")]


def test_a_run_says_what_is_left_out_and_which_splits_are_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"instruction": "예?", "output": "네.", "id": 1, "split": "train"}\n' * 2, "utf-8")
    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "ingest": {"meta": "none"},
        "tokenize": {"tokenizer": ["embedded"]},
    }
    manifest = run(plan_of_files([path], tmp_path / "out", Config.model_validate(config)), workers=1)
    assert manifest.raw["test.jsonl"].left_out == ["id"]
    said = capsys.readouterr().err
    assert "test.jsonl: fields that are left out: id\n" in said
    assert "test.jsonl: published splits: train (2 rows)\n" in said
