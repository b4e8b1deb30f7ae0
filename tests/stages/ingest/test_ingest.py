"""Whatever lies in a file, every record of it is a row."""

import bz2
import gzip
import io
import json
import lzma
import re
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.stages.ingest import IngestError, ingest
from pipeline.stages.ingest.parse import unpacking
from schemas.columns import INGESTED
from schemas.options import IngestOptions, Source
from tests.support.paths import CASES

CASES = [
    json.loads(line)
    for name in ("files", "shapes", "fields", "dialogues", "transcripts", "learning", "published", "nested")
    for line in (CASES / f"ingest/{name}.jsonl").read_text("utf-8").splitlines()
]
GOOD = '{"instruction": "예?", "output": "네."}\n'
ROW = {"instruction": "예?", "output": "네."}


def rows_of(path: Path, **source: Any) -> list[dict[str, Any]]:
    tables = list(ingest(path, path.name, Source(name="source", files=(path.name,), **source)))
    for table in tables:
        assert table.schema == INGESTED
        assert len(table) > 0
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
        assert {key: short(row[key]) for key in fields} == fields
        assert (row["raw"] is None) == (row["reject_reason"] is None)
        if "reject_reason" not in want:
            assert row["reject_reason"] is None


def short(value: Any) -> Any:
    """A value of a row; messages without their fields that are null."""
    if isinstance(value, list):
        return [short(item) for item in value]
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_cases(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case.get("name", "file")
    path.write_bytes(case["data"].encode())
    source = {**case.get("source", {}), **({"shape": case["shape"]} if "shape" in case else {})}
    if "error" in case:
        with pytest.raises(IngestError, match=re.escape(case["error"])):
            rows_of(path, **source)
    else:
        check(rows_of(path, **source), case["rows"], path.name)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_the_members_of_a_tar_archive(pack: Any, tmp_path: Path) -> None:
    whole, path = io.BytesIO(), tmp_path / "all.tar"
    members = (("a/train.jsonl", GOOD), ("a/._train.jsonl", "\x00"), ("b.jsonl.gz", GOOD), ("b.jsonl.gz", ""))
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            content = gzip.compress(data.encode()) if name.endswith(".gz") else data.encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(pack(whole.getvalue()))
    empty = {"place": "!b.jsonl.gz~2:1", "reject_reason": "empty-file"}
    check(rows_of(path), [{"place": "!a/train.jsonl:1", **ROW}, {"place": "!b.jsonl.gz:1", **ROW}, empty], path.name)
    path.write_bytes(pack(whole.getvalue()[:1200]))
    with pytest.raises(IngestError, match=r"all\.tar: .*copy it again"):
        rows_of(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, pa.Codec("zstd").compress])
def test_compressed_files_are_known_by_their_content(pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.json"
    path.write_bytes(pack(GOOD.encode()))
    check(rows_of(path), [{"place": ":1", **ROW}], path.name)


def test_undecodable_record_is_rejected_with_its_bytes(tmp_path: Path) -> None:
    good = '{"instruction": "예?", "output": "네."}\n'.encode()
    path = tmp_path / "bytes.jsonl"
    path.write_bytes(good + b'{"instruction": "\xff", "output": "a"}\n' + good)
    bad = {"place": ":2", "reject_reason": "undecodable", "raw": '{"instruction": "\\xff", "output": "a"}'}
    check(rows_of(path), [{"place": ":1"}, bad, {"place": ":3"}], path.name)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"nowhere\.json.*check that it exists"):
        rows_of(tmp_path / "nowhere.json")


def test_a_zip_is_read_member_by_member(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", GOOD * 2)
        archive.writestr("__MACOSX/a.jsonl", "junk")
        archive.writestr("README.md", "# 안내\n\n이 묶음은 예시입니다.\n")
        archive.writestr("sub/b.csv", "질문,답변\n예?,네.\n")
        archive.writestr("c.json.gz", gzip.compress(f"[{GOOD}]".encode()))
    data = [{"place": place, **ROW} for place in ("!a.jsonl:1", "!a.jsonl:2", "!sub/b.csv:2", "!c.json.gz[0]")]
    note = {"place": "!README.md:1", "reject_reason": "not-data", "detail": "it begins with '# 안내'"}
    check(rows_of(path), [*data[:2], note, *data[2:]], path.name)


def test_members_below_the_current_folder_are_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "dots.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("./a.jsonl", GOOD)
        archive.writestr(".hidden/a.jsonl", GOOD)
    check(rows_of(path), [{"place": "!./a.jsonl:1", **ROW}], path.name)


def test_a_packed_file_that_is_cut_off_gives_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    lines = "".join(json.dumps({"instruction": f"{number}?", "output": "네."}) + "\n" for number in range(5000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    rows = rows_of(path)
    assert rows[-1]["origin"] == "cut.jsonl.gz:end"
    assert rows[-1]["reject_reason"] == "damaged"
    assert len(rows) > 100


def test_a_size_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "BOMB_BYTES", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress((GOOD * 100_000).encode()))
    rows = rows_of(path)
    assert rows[-1]["reject_reason"] == "size-bomb"
    assert len(rows) < 100_000


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "euc-kr", "utf-32", "johab", "iso2022_kr"],
)
@pytest.mark.parametrize("head", ["", "instruction,output\r\n"])
def test_encodings_are_detected(encoding: str, head: str, tmp_path: Path) -> None:
    path = tmp_path / "encoded"
    text = head + "예?,네.\r\n" * 3 if head else GOOD * 3
    path.write_bytes(text.encode(encoding))
    first = 2 if head else 1
    check(rows_of(path), [{"place": f":{number}", **ROW} for number in range(first, first + 3)], path.name)


def test_undecodable_bytes_of_cp949_are_kept_escaped(tmp_path: Path) -> None:
    good = GOOD.encode("cp949")
    path = tmp_path / "windows.jsonl"
    path.write_bytes(good * 3 + b'{"instruction": "\xff", "output": "a"}\n' + good)
    bad = {"place": ":4", "reject_reason": "undecodable", "raw": '{"instruction": "\\xff", "output": "a"}'}
    check(rows_of(path), [*({"place": f":{number}", **ROW} for number in (1, 2, 3)), bad, {"place": ":5"}], path.name)


def test_a_gigabyte_line_is_a_rejected_row_with_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes((GOOD + '{"instruction": "' + "가" * 3_000_000 + '"}\n' + GOOD).encode())
    source = Source(name="source", files=("*",))
    tables = ingest(path, path.name, source, IngestOptions(max_record_bytes=1 << 20))
    rows = pa.concat_tables(tables).to_pylist()
    assert [row["origin"] for row in rows] == ["long.jsonl:1", "long.jsonl:2", "long.jsonl:3"]
    assert [row["reject_reason"] for row in rows] == [None, "too-long", None]
    assert 0 < len(rows[1]["raw"].encode()) < 1 << 18


@pytest.mark.parametrize("bomb", ["[" * 100_000, '{"a":' * 100_000, "[" * 300 + "]" * 300])
def test_a_nesting_bomb_is_one_rejected_row(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl"
    path.write_text(f"{GOOD}{bomb}\n{GOOD}", "utf-8")
    rows = rows_of(path)
    assert [row["reject_reason"] is None for row in rows] == [True, False, True]


def test_a_datasets_folder(tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "saved"
    datasets.Dataset.from_list([ROW, ROW]).save_to_disk(folder)
    check(rows_of(folder), [{"place": "[0]", **ROW}, {"place": "[1]", **ROW}], folder.name)


def test_an_excel_workbook(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    import pandas

    path = tmp_path / "book.xlsx"
    pandas.DataFrame([{"질문": "예?", "답변": "네.", "점수": 3}]).to_excel(path, index=False)
    check(rows_of(path), [{"place": ":2", **ROW, "meta": '{"점수":3}'}], path.name)


# --- found by fuzzing and by damaged copies --------------------------------------------------------------------------

TABLE = pa.Table.from_pylist([ROW, ROW])


def tables_as_bytes() -> dict[str, bytes]:
    files = {kind: io.BytesIO() for kind in ("parquet", "arrow", "arrow-stream")}
    parquet.write_table(TABLE, files["parquet"])
    for kind, new in (("arrow", pa.ipc.new_file), ("arrow-stream", pa.ipc.new_stream)):
        with new(files[kind], TABLE.schema) as sink:
            sink.write_table(TABLE)
    return {kind: file.getvalue() for kind, file in files.items()}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, pa.Codec("zstd").compress])
@pytest.mark.parametrize("kind", tables_as_bytes())
def test_a_packed_table_is_read(kind: str, pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(pack(tables_as_bytes()[kind]))
    check(rows_of(path), [{"place": "[0]", **ROW}, {"place": "[1]", **ROW}], path.name)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("kind", tables_as_bytes())
def test_a_packed_table_that_is_cut_off_is_one_rejected_row(kind: str, pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(pack(tables_as_bytes()[kind])[:-20])
    check(rows_of(path), [{"place": ":end", "reject_reason": "damaged"}], path.name)


@pytest.mark.parametrize("kind", ["arrow", "arrow-stream"])
def test_an_arrow_file_with_broken_offsets_is_one_rejected_row(kind: str, tmp_path: Path) -> None:
    right, wrong = struct.pack("<3i", 0, 4, 8), struct.pack("<3i", 0, -4, 8)
    path = tmp_path / "table"
    path.write_bytes(tables_as_bytes()[kind].replace(right, wrong))
    check(rows_of(path), [{"place": ":end", "reject_reason": "damaged"}], path.name)


def test_a_size_bomb_that_is_a_table_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "BOMB_BYTES", 1 << 10)
    monkeypatch.setattr(unpacking, "BOMB_RATIO", 1)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(tables_as_bytes()["arrow"] + bytes(1 << 20)))
    check(rows_of(path), [{"place": ":end", "reject_reason": "size-bomb"}], path.name)


def test_a_packed_file_that_is_damaged_from_its_beginning_is_not_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "damaged.bz2"
    path.write_bytes(bz2.compress(GOOD.encode())[:30])
    check(rows_of(path), [{"place": ":end", "reject_reason": "damaged"}], path.name)


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_a_workbook_with_a_broken_part_is_one_rejected_row(name: str, tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    whole, path = tmp_path / "whole.xlsx", tmp_path / "broken.xlsx"
    TABLE.to_pandas().to_excel(whole, index=False)
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(path, "w") as written:
        for part in read.namelist():
            data = read.read(part)
            written.writestr(part, data[: len(data) // 2] if part == name else data)
    check(rows_of(path), [{"place": ":end", "reject_reason": "damaged"}], path.name)


def test_undecodable_bytes_in_a_header_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "header.csv"
    path.write_bytes("질문,답변,출처\n".encode()[:-2] + "\n예?,네.,책\n예?,네.,책\n".encode())
    row = {**ROW, "meta": '{"출\\\\xec\\\\xb2":"책"}'}
    check(rows_of(path), [{"place": ":2", **row}, {"place": ":3", **row}], path.name)


def test_members_of_a_zip_that_share_a_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("a.jsonl", GOOD)
        archive.writestr("a.jsonl", GOOD)
    check(rows_of(path), [{"place": "!a.jsonl:1", **ROW}, {"place": "!a.jsonl~2:1", **ROW}], path.name)


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_korean_names_in_a_zip_are_read_whatever_packed_it(encoding: str, tmp_path: Path) -> None:
    # Windows and older macOS tools write names in their own encoding and do not say so.
    path = tmp_path / "names.zip"
    stand_in = "x" * len("대화".encode(encoding)) + ".jsonl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(stand_in, GOOD)
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), "대화.jsonl".encode(encoding)))
    check(rows_of(path), [{"place": "!대화.jsonl:1", **ROW}], path.name)


def test_a_member_of_a_zip_without_a_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "nameless.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("@", GOOD)
    path.write_bytes(path.read_bytes().replace(b"@", b"\0"))
    check(rows_of(path), [{"place": "!:1", **ROW}], path.name)


def test_a_zip_whose_names_are_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("가", GOOD)
    path.write_bytes(path.read_bytes().replace("가".encode(), b"\xff\xff\xff"))
    with pytest.raises(IngestError, match=r"names\.zip: begins like a zip archive"):
        rows_of(path)


def test_an_archive_in_an_archive_is_a_rejected_row_and_packed_once_more_an_error(tmp_path: Path) -> None:
    inner, path = io.BytesIO(), tmp_path / "outer.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.jsonl", GOOD)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("b.jsonl", GOOD)
    nested = {"place": "!inner.zip:1", "reject_reason": "not-data", "detail": "unpack the outer one"}
    check(rows_of(path), [nested, {"place": "!b.jsonl:1", **ROW}], path.name)
    path.write_bytes(gzip.compress(inner.getvalue()))
    with pytest.raises(IngestError, match="unpack the outer one"):
        rows_of(path)


def test_a_text_in_no_known_encoding_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "質問は何ですか,月は衛星です\n"
    path.write_bytes(f"question,answer\n{text * 20}".encode("shift_jis"))
    with pytest.raises(IngestError, match=r"neither in UTF-8 nor in an encoding of Korean") as error:
        rows_of(path)
    (name,) = re.findall(r'`encoding = "(.*)"`', str(error.value))
    rows = rows_of(path, encoding=name)
    assert (rows[0]["instruction"], rows[0]["output"]) == tuple(text.strip().split(","))
