"""How JSON is framed: by its grammar, whatever its size, and without the whole file in memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.ingest import ingest
from pipeline.stages.ingest.parse.json_text import is_json_lines
from schemas.options import IngestOptions, Source
from schemas.shapes import Columns, Conversation
from tests.stages.ingest.test_ingest import rows_of

QUESTIONS = [{"question": f"{number}번 질문은 무엇인가?", "answer": f"{number}번 답입니다."} for number in range(40)]
DOCUMENT = {"info": {"name": "상담"}, "data": QUESTIONS, "version": "1.0"}


def texts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["instruction"], row["input"], row["output"], row["meta"], row["reject_reason"]) for row in rows]


@pytest.mark.parametrize("indent", [None, 0, 1, 4, "\t"])
@pytest.mark.parametrize("longer", [1, 5_000])
@pytest.mark.parametrize(
    "start", ["", "\ufeff", "\n\n  ", "// 만든 날: 2026-11-28\n", "/* 저작권\n */\n# 설명\n", "\ufeff\n"]
)
def test_a_document_is_read_alike_however_it_is_laid_out(indent: Any, longer: int, start: str, tmp_path: Path) -> None:
    records = [{**record, "answer": record["answer"] * longer} for record in QUESTIONS]
    path = tmp_path / "document.json"
    path.write_text(start + json.dumps({**DOCUMENT, "data": records}, ensure_ascii=False, indent=indent), "utf-8")
    meta = '{"info":{"name":"상담"},"version":"1.0"}'
    assert texts(rows_of(path)) == [(record["question"], "", record["answer"], meta, None) for record in records]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("between", ["\n", "\n\n", "", ",\n"])
def test_objects_one_after_another(indent: int | None, between: str, tmp_path: Path) -> None:
    path = tmp_path / "objects.json"
    written = [json.dumps({**record, "note": "나" * 3000}, indent=indent) for record in QUESTIONS]
    path.write_text(between.join(written), "utf-8")
    assert [row["instruction"] for row in rows_of(path)] == [record["question"] for record in QUESTIONS]


LINE = '{"question": "달은?", "answer": "위성"}\n'


@pytest.mark.parametrize(
    "broken",
    [
        *('{"question": "달은?", "ans', '{"question": "달은?", "answer":', '{"question": "달은?",', '{"question"', "{"),
        *(
            '{"question": "달은?" "answer": "위성"}',
            '{"question": "달은?", "answer": ["위성"',
            '{"data": [',
            '{"a": {"b": [1,',
        ),
        *('{"question": "달은?", "answer": "위성"', '{"question": "달은?"} 끝', '{"question": "달"은?", "answer": ""}'),
    ],
)
@pytest.mark.parametrize("times", [1, 3, 2000])
def test_lines_whose_first_one_is_broken_are_lines(broken: str, times: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(broken + "\n" + LINE * times, "utf-8")
    rows = rows_of(path)
    assert [row["origin"] for row in rows] == [f"lines.jsonl:{number}" for number in range(1, times + 2)]
    assert [row["reject_reason"] for row in rows] == ["invalid-json"] + [None] * times


@pytest.mark.parametrize(
    "records",
    [
        [{"conversations": [{"from": "human", "value": "달은?"}, {"from": "gpt", "value": "위성"}] * 900}],
        [{"source": "s", "conversation": [{"input": "달은?", "output": "위성"}, {"input": "해는?", "output": "항성"}]}],
        [{"instruction": "달은?", "output": "위성", "tags": [{"name": "우주"}, {"name": "달"}]}],
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_one_record_alone_is_no_document(records: list[Any], indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(records[0], ensure_ascii=False, indent=indent), "utf-8")
    rows = rows_of(path)
    assert len(rows) == 1
    assert rows[0]["reject_reason"] is None


@given(
    st.recursive(
        st.none() | st.integers() | st.text('a"\\{[,:]}\n '),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('a"{,', max_size=2), inner),
    )
)
@settings(max_examples=100)
def test_an_indented_object_is_one_value_and_an_object_on_a_line_is_a_line(value: Any) -> None:
    record = {"a": value, "b": 1}
    line = json.dumps(record).encode()
    assert is_json_lines(line + b"\n" + line + b"\n")
    for indent in (0, 1, 4):
        assert not is_json_lines(json.dumps(record, indent=indent).encode())


def test_a_document_that_is_cut_off_gives_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    whole = json.dumps(DOCUMENT, ensure_ascii=False, indent=1).encode()
    for end in (whole.index("20번".encode()) + 20, whole.index(b"]") + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        rows = rows_of(path)
        assert [row["reject_reason"] for row in rows][-1] == "invalid-json"
        assert "is it cut off?" in rows[-1]["reject_detail"]
        assert [row["reject_reason"] for row in rows[:20]] == [None] * 20


def test_a_broken_record_in_a_document_is_one_rejected_row(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    whole = json.dumps(DOCUMENT, ensure_ascii=False, indent=1)
    path.write_text(whole.replace('"answer": "7번 답', '"answer" "7번 답'), "utf-8")
    rows = rows_of(path)
    assert [number for number, row in enumerate(rows) if row["reject_reason"]] == [7]
    assert len(rows) == 40
    assert rows[7]["meta"] == '{"info":{"name":"상담"},"version":"1.0"}'


def test_a_document_longer_than_the_longest_record_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    for indent in (None, 1):
        path.write_text(json.dumps({**DOCUMENT, "data": QUESTIONS * 100}, indent=indent), "utf-8")
        tables = ingest(path, path.name, Source(name="s", files=("*",)), IngestOptions(max_record_bytes=1 << 10))
        rows = pa.concat_tables(tables)
        assert len(rows) == 4000
        assert rows["reject_reason"].null_count == 4000


@pytest.mark.long
def test_memory_does_not_grow_with_a_document(tmp_path: Path) -> None:
    long = [{**each, "answer": each["answer"] * 10} for each in QUESTIONS]

    def peak(times: int) -> int:
        path = tmp_path / "large.json"
        path.write_text(json.dumps({**DOCUMENT, "data": long * times}, ensure_ascii=False, indent=1), "utf-8")
        code = (
            "import sys, resource; from pathlib import Path; from pipeline.stages.ingest import ingest\n"
            "from schemas.options import Source\n"
            "rows = sum(map(len, ingest(Path(sys.argv[1]), 'f', Source(name='s', files=('*',)))))\n"
            "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        rows, kilobytes = map(int, done.stdout.split())
        assert rows == 40 * times
        return kilobytes

    assert peak(1_400) < peak(180) + (20 << 10)  # 16 MB in place of 2


@pytest.mark.parametrize(
    ("outer", "record", "want"),
    [
        (
            {"Definition": "반대말을 써라."},
            {"input": "크다", "output": "작다"},
            ("반대말을 써라.", "크다", "작다", None),
        ),
        (
            {"definition": ["반대말을", "써라."]},
            {"input": "크다", "output": "작다"},
            ("반대말을\n써라.", "크다", "작다", None),
        ),
        ({"지시문": "반대말을 써라."}, {"입력": "크다", "출력": "작다"}, ("반대말을 써라.", "크다", "작다", None)),
        ({"system_prompt": "짧게"}, {"question": "달은?", "answer": "위성"}, ("달은?", "", "위성", "짧게")),
        (
            {"passage": "달은 위성이다."},
            {"question": "달은?", "answer": "위성"},
            ("달은?", "달은 위성이다.", "위성", None),
        ),
        ({"지문": "달은 위성이다."}, {"질문": "달은?", "답변": "위성"}, ("달은?", "달은 위성이다.", "위성", None)),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_texts_of_a_document_are_a_part_of_each_task(
    outer: dict[str, Any], record: dict[str, Any], want: tuple[Any, ...], order: int, tmp_path: Path
) -> None:
    fields = [*outer.items(), ("Instances", [record, record]), ("URL", "https://a.kr"), ("n", 4.10)]
    path = tmp_path / "document.json"
    path.write_text(json.dumps(dict(fields[::order]), ensure_ascii=False), "utf-8")
    for row in rows_of(path):
        assert (row["instruction"], row["input"], row["output"], row["system"]) == want
        assert json.loads(row["meta"]) == {"URL": "https://a.kr", "n": 4.1}


def test_a_conversation_gets_the_system_prompt_of_its_document(tmp_path: Path) -> None:
    talk = {"messages": [{"role": "user", "content": "달은?"}, {"role": "assistant", "content": "위성"}]}
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"system_prompt": "짧게", "data": [talk, talk]}), "utf-8")
    assert [(row["system"], row["output"]) for row in rows_of(path)] == [("짧게", "위성")] * 2


def test_names_that_record_and_document_share_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"id": "set", "title": "모음", "data": [{**QUESTIONS[0], "id": "a"}]}), "utf-8")
    [row] = rows_of(path)
    assert json.loads(row["meta"]) == {"id": "a", "title": "모음", "document": {"id": "set"}}


def test_the_split_of_a_document_is_that_of_its_records(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"split": "test", "data": QUESTIONS}), "utf-8")
    assert {row["published_split"] for row in rows_of(path)} == {"test"}


def test_a_long_field_of_a_document_is_left_out_by_name(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    notes = [{"note": "가" * 100} for _ in range(1000)]
    path.write_text(json.dumps({"readme": "나" * 20_000, "notes": notes, "data": QUESTIONS}), "utf-8")
    left_out: set[str] = set()
    rows = pa.concat_tables(ingest(path, path.name, Source(name="s", files=("*",)), left_out=left_out))
    assert len(rows) == 40
    assert rows["meta"].null_count == 40
    assert left_out == {"readme", "notes"}


def test_the_shape_that_a_source_declares_decides_what_a_record_is(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    turns = [{"who": "갑", "what": "달은?"}, {"who": "을", "what": "위성"}]
    shape = Conversation(turns="turns", role="who", text="what", roles={"갑": "user", "을": "assistant"})
    path.write_text(json.dumps({"id": 1, "turns": turns}), "utf-8")
    assert [row["output"] for row in rows_of(path, shape=shape)] == ["위성"]
    path.write_text(json.dumps({"who": "모음", "all": [{"turns": turns}] * 2}), "utf-8")
    assert [row["output"] for row in rows_of(path, shape=shape)] == ["위성"] * 2
    path.write_text(json.dumps({"passage": "달은 위성이다.", "all": [{"물음": "달은?", "대답": "위성"}]}), "utf-8")
    columns = Columns(instruction="물음", input="passage", output="대답")
    assert [row["input"] for row in rows_of(path, shape=columns)] == ["달은 위성이다."]


def test_a_table_of_phpmyadmin_may_be_longer_than_a_record(tmp_path: Path) -> None:
    rows = [{"id": str(number), "question": f"{number}번 질문은?", "answer": "답입니다." * 20} for number in range(200)]
    table = {"type": "table", "name": "faq", "database": "shop", "data": rows}
    more = {"type": "table", "name": "empty", "database": "shop", "data": []}
    export = [{"type": "header", "version": "5.2.1"}, {"type": "database", "name": "shop"}, table, more]
    path = tmp_path / "export.json"
    text = json.dumps(export, ensure_ascii=False)
    path.write_text(text, "utf-8")
    found = rows_with_limit(path, 1 << 10)
    assert [row["instruction"] for row in found] == [row["question"] for row in rows]
    assert [row["origin"] for row in found][:2] == ["export.json[2].data[0]", "export.json[2].data[1]"]
    path.write_text(text[: len(text) // 2], "utf-8")
    cut = rows_with_limit(path, 1 << 10)
    assert [row["reject_reason"] for row in cut if row["reject_reason"]][-1] == "invalid-json"
    assert 50 < sum(row["reject_reason"] is None for row in cut) < 150


def rows_with_limit(path: Path, limit: int) -> list[dict[str, Any]]:
    options = IngestOptions(max_record_bytes=limit)
    return [row for table in ingest(path, path.name, options=options) for row in table.to_pylist()]
