"""Whatever lies in a file, every record of it is a row."""

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.ingest import IngestError, ingest
from schemas.columns import INGESTED
from schemas.options import Source

CASES = [
    json.loads(line) for line in (Path(__file__).parent / "cases/ingest/files.jsonl").read_text("utf-8").splitlines()
]


def rows_of(path: Path, **source: Any) -> list[dict[str, Any]]:
    tables = list(ingest(path, path.name, Source(name="source", files=(path.name,), **source)))
    for table in tables:
        assert table.schema == INGESTED
        assert 0 < len(table) <= 8192
        table.validate(full=True)
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist() if tables else []
    assert len({row["origin"] for row in rows}) == len(rows)
    return rows


def check(rows: list[dict[str, Any]], expected: list[dict[str, Any]], name: str) -> None:
    """`place` stands for the end of `origin`, `detail` for a part of `reject_detail`, every other key for itself."""
    assert [row["origin"] for row in rows] == [name + want["place"] for want in expected]
    for row, want in zip(rows, expected, strict=True):
        assert want.get("detail", "") in (row["reject_detail"] or "")
        fields = {key: value for key, value in want.items() if key not in ("place", "detail")}
        assert {key: row[key] for key in fields} == fields
        assert (row["raw"] is None) == (row["reject_reason"] is None)
        if "reject_reason" not in want:
            assert row["reject_reason"] is None


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_cases(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(case["data"].encode())
    check(rows_of(path), case["rows"], path.name)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_known_by_their_content(pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.json"
    path.write_bytes(pack('{"instruction": "예?", "output": "네."}\n'.encode()))
    check(rows_of(path), [{"place": ":1", "instruction": "예?", "output": "네."}], path.name)


def test_undecodable_record_is_rejected_with_its_bytes(tmp_path: Path) -> None:
    good = '{"instruction": "예?", "output": "네."}\n'.encode()
    path = tmp_path / "bytes.jsonl"
    path.write_bytes(good + b'{"instruction": "\xff", "output": "a"}\n' + good)
    bad = {"place": ":2", "reject_reason": "undecodable", "raw": '{"instruction": "\\xff", "output": "a"}'}
    check(rows_of(path), [{"place": ":1"}, bad, {"place": ":3"}], path.name)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"nowhere\.json.*check that it exists"):
        rows_of(tmp_path / "nowhere.json")
