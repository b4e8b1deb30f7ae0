"""export: conservation is checked, splits are whole, formats are chosen, nothing old or half-written stays."""

import errno
import json
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_from_disk
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import dedupe, export, tokenize, validate
from pipeline.dataset.layout import Format
from pipeline.dataset.shard_writer import WRITERS, Shards, name_shards
from pipeline.stages.split import split
from pipeline.tokenizers.load import load_tokenizer
from schemas.manifest import Counts, File, Manifest, Provenance
from schemas.options import ExportOptions
from tests.support.tables import rows, table_of


def about(**changes: Any) -> Provenance:
    """What the exports of these tests are made of."""
    values = {
        "dataset": {"name": "표본"},
        "sources": [{"name": "가", "files": ["*"]}, {"name": "나", "files": ["*"]}],
        "tokenizer": {"name": "embedded", "kind": "embedded", "sha256": "0" * 64},
        "options": {"tokenize": {"layout": "pair"}},
        "versions": {"ko-instruct": "0"},
        "raw": {},
    }
    return Provenance.model_validate(values | changes)


ABOUT = about()


def finished(records: list[dict[str, object]], options: ExportOptions = ExportOptions()) -> pa.Table:
    table = dedupe(tokenize(validate(table_of(records)), load_tokenizer(["embedded"]).tokenizer))
    return table.append_column("split", split(table, options))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


@given(records=st.lists(rows, max_size=8), validation=st.sampled_from([0, 0.5]), shard_rows=st.integers(1, 5))
def test_every_row_is_in_one_place(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], validation: float, shard_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("export") / "표본"
    options = ExportOptions(formats=("parquet", "jsonl"), validation=validation, shard_rows=shard_rows)
    manifest = export([finished(records, options)], folder, options, ABOUT)
    lines = lines_of(folder / "rejects.jsonl")
    for path in folder.glob("jsonl/*.jsonl"):
        part = lines_of(path)
        assert len(part) <= shard_rows
        lines += part
    assert sorted(json.loads(line)["origin"] for line in lines) == sorted(
        f"file.jsonl:{number}" for number in range(1, len(records) + 1)
    )
    parquet = [row for path in sorted(folder.glob("pair/*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len(parquet) == manifest.tokens.sequences
    assert len({row["origin"] for row in parquet}) == manifest.counts.kept
    assert manifest == Manifest.model_validate_json((folder / "manifest.json").read_bytes())


def test_lost_rows_are_an_error() -> None:
    with pytest.raises(ValidationError, match=r"3 rows came in, but 1 were kept .* and 1 rejected"):
        Counts(
            rows_in=3,
            kept=1,
            rejected=[{"source": "가", "stage": "ingest", "reason": "invalid-json", "rows": 1}],
            sources={"가": 1},
            splits={"train": 1},
            fixes={},
            flags={},
        )


def test_a_row_that_is_neither_kept_nor_rejected_stops_the_export(tmp_path: Path) -> None:
    table = finished([RECORD, RECORD | {"output": "반가워!"}])
    lost = table.set_column(table.column_names.index("split"), "split", pa.array([None, "train"], pa.string()))
    lost = lost.set_column(lost.column_names.index("reject_stage"), "reject_stage", pa.nulls(len(lost), pa.string()))
    with pytest.raises(ValidationError, match="2 rows came in, but 1 were kept"):
        export([lost], tmp_path / "표본", ExportOptions(), ABOUT)
    assert not (tmp_path / "표본").exists()


RECORD = {"source": "가", "history": [], "instruction": "인사해 줘.", "input": "", "output": "안녕!", "reject": None}


@pytest.mark.parametrize("formats", [("arrow",), ("parquet",), ("jsonl",), ("arrow", "jsonl")])
def test_formats_are_chosen(tmp_path: Path, formats: tuple[str, ...]) -> None:
    folder = tmp_path / "표본"
    export([finished([RECORD])], folder, ExportOptions.model_validate({"formats": formats}), ABOUT)
    kinds = {path.suffix for path in folder.rglob("*-of-*")}
    assert kinds == {f".{name}" for name in formats}


def test_a_new_export_takes_the_place_of_the_old(tmp_path: Path) -> None:
    folder = tmp_path / "표본"
    export([finished([RECORD, RECORD | {"output": "반가워!"}])], folder, ExportOptions(), ABOUT)
    old = folder.parent / ".stages" / "표본.old"
    folder.rename(old)  # killed between the two renames
    (old / "메모.txt").write_text("메모")
    export([finished([RECORD])], folder, ExportOptions(), ABOUT)
    assert (folder / "메모.txt").read_text() == "메모"
    assert not old.exists()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert on_disk == {*manifest["files"], "manifest.json", "report.html", "메모.txt"}


def test_a_shard_ends_when_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = finished([RECORD | {"instruction": f"{number}번을 외쳐 줘."} for number in range(10)])
    monkeypatch.setattr(import_module("pipeline.dataset.shard_writer"), "SHARD_BYTES", 1)
    places: dict[Format, str] = {"parquet": "pair/train-{shard}.parquet"}
    with Shards(tmp_path, places, shard_rows=6) as shards:
        for batch in (table.slice(0, 4), table.slice(4, 6)):
            shards.write(batch)
    files = [shard["parquet"].path for shard in name_shards(tmp_path, places, shards.written())]
    rows = {file.relative_to(tmp_path).as_posix(): pq.read_metadata(file).num_rows for file in files}
    assert rows == {f"pair/train-{number:05}-of-00002.parquet": count for number, count in enumerate([4, 6])}


def test_a_shard_ends_at_its_rows(tmp_path: Path) -> None:
    table = finished([RECORD | {"instruction": f"{number}번을 외쳐 줘."} for number in range(10)])
    export([table], tmp_path / "표본", ExportOptions(formats=("arrow", "parquet"), validation=0, shard_rows=4), ABOUT)
    shards = sorted((tmp_path / "표본").glob("pair/*.parquet"))
    assert [pq.read_metadata(shard).num_rows for shard in shards] == [4, 4, 2]
    assert load_from_disk(str(tmp_path / "표본"))["train"]["instruction"][:] == table["instruction"].to_pylist()


def test_text_of_a_source_cannot_become_markup(tmp_path: Path) -> None:
    dataset = {"name": "표본", "description": "<script>|x|</script> [링크](a)"}
    export([finished([RECORD])], tmp_path / "표본", ExportOptions(), about(dataset=dataset))
    card = re.sub("\n```.*?\n```", "", (tmp_path / "표본" / "README.md").read_text(), flags=re.DOTALL)
    assert "<script>" not in card
    assert r"\|x\|" in card
    assert r"\[링크\]" in card


def test_a_file_that_cannot_be_written_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
        next(batches)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(WRITERS, "parquet", full)
    rows = [RECORD | {"instruction": f"{word} 인사해 줘."} for word in ("한 번", "크게", "작게", "다시")]
    with pytest.raises(OSError, match="No space left"):
        export([finished(rows)], tmp_path / "표본", ExportOptions(shard_rows=1), ABOUT)
    assert not (tmp_path / "표본").exists()
