"""Tables: delimited text of every dialect, workbooks as Excel shows them, bytes, and the names of classes."""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.stages.ingest import IngestError, ingest, inspect
from schemas.options import Source
from schemas.shapes import Template
from tests.stages.ingest.test_ingest import rows_of


def answers(path: Path, **source: Any) -> list[tuple[str, str]]:
    rows = rows_of(path, **source)
    assert {row["reject_reason"] for row in rows} == {None}
    return [(row["instruction"], row["output"]) for row in rows]


def with_remedy(path: Path, **source: Any) -> dict[str, Any]:
    """The options of the source with the one that the error names."""
    with pytest.raises(IngestError) as error:
        rows_of(path, **source)
    [line] = re.findall(r"`(skip = \d+)`", str(error.value))
    return {**source, **tomllib.loads(line)}


MOON = [("달은?", "위성, 둥글다"), ("해는?", "항성")]


@pytest.mark.parametrize(
    "text",
    [
        '질문, 답변\n"달은?", "위성, 둥글다"\n"해는?", "항성"\n',
        '질문,답변\n달은?,  "위성, 둥글다"\n해는?, 항성\n',
        '질문;답변\n달은?;"위성, 둥글다"\n해는?;항성\n',
        "sep=;\r\n질문;답변\r\n달은?;위성, 둥글다\r\n해는?;항성\r\n",
        "\ufeffsep=;\n질문;답변\n달은?;위성, 둥글다\n해는?;항성\n",
        '"sep=|"\n질문|답변\n달은?|위성, 둥글다\n해는?|항성\n',
        "sep=\t\n질문\t답변\n달은?\t위성, 둥글다\n해는?\t항성\n",
        '질문,답변\r달은?,"위성, 둥글다"\r해는?,항성\r',
        '질문,답변\r달은?,"위성, 둥글다"\r해는?,항성',
        "질문\t답변\r달은?\t위성, 둥글다\r해는?\t항성\r",
        '질문,답변,2026\n달은?,"위성, 둥글다",\n해는?,항성,\n',
        '질문,답변,답변\n달은?,"위성, 둥글다",\n해는?,항성,\n',
        ',질문,답변\n0,달은?,"위성, 둥글다"\n1,해는?,항성\n',
    ],
)
@pytest.mark.parametrize("times", [1, 1500])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_dialects(text: str, times: int, encoding: str, tmp_path: Path) -> None:
    if text.startswith("\ufeff") and encoding != "utf-8":
        return
    path = tmp_path / "table.csv"
    lines = re.findall(r"[^\r\n]*\r?\n?", text)[:-1]
    lines = [line if line.endswith(("\r", "\n")) else line + "\r" for line in lines]
    path.write_bytes("".join(lines[:-2] + lines[-2:] * times).encode(encoding))
    assert answers(path) == MOON * times


def test_a_cell_keeps_its_blanks_where_no_quote_comes_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('질문,답변\n달은?, 위성\n"해, 별",항성\n', "utf-8")
    assert answers(path) == [("달은?", " 위성"), ("해, 별", "항성")]


def test_a_line_feed_in_a_cell_of_a_file_with_lone_cr(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes('질문,답변\r달은?,"위\n성"\r해는?,항성\r'.encode())
    assert answers(path) == [("달은?", "위\n성"), ("해는?", "항성")]


@pytest.mark.parametrize(
    ("above", "skip"),
    [
        ("2026년 상담 자료\n", 1),
        ("2026년, 상담 자료\n단위: 건\n\n", 3),
        ("상담 자료,,\n,,\n", 2),
    ],
)
def test_title_lines_are_named_with_the_remedy(above: str, skip: int, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(above + "번호,질문,답변\n1,달은?,위성\n", "utf-8")
    options = with_remedy(path)
    assert options == {"skip": skip}
    assert answers(path, **options) == [("달은?", "위성")]


def test_a_header_line_is_no_row_where_the_source_names_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("질문,답변\n달은?,위성\n", "utf-8")
    options = with_remedy(path, header=("instruction", "output"))
    assert answers(path, **options) == [("달은?", "위성")]


def test_a_table_without_known_names_is_read_with_header_and_skip(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("물음,물음,2026\n달은?,위성,1\n", "utf-8")
    with pytest.raises(IngestError, match="a `skip` of 1 where line 1 is a header"):
        rows_of(path)
    assert answers(path, header=("question", "answer", "number"), skip=1) == [("달은?", "위성")]


# --- workbooks -------------------------------------------------------------------------------------------------------


def book(path: Path, rows: list[list[Any]], formats: dict[str, str] | None = None) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for place, shown in (formats or {}).items():
        made.active[place].number_format = shown
    made.save(path)
    return path


def test_two_columns_of_one_name_are_not_read_as_one(tmp_path: Path) -> None:
    columns = [pa.array(["예?"]), pa.array(["네."]), pa.array(["아니요."])]
    table = pa.table(columns, names=["instruction", "output", "output"])
    with pa.ipc.new_file(str(tmp_path / "twice.arrow"), table.schema) as writer:
        writer.write_table(table)
    [row] = rows_of(tmp_path / "twice.arrow")
    assert (row["reject_reason"], "two columns `output`" in row["reject_detail"]) == ("duplicate-key", True)


def test_half_a_character_in_a_workbook_stays_as_it_is_written(tmp_path: Path) -> None:
    path = book(tmp_path / "book.xlsx", [["질문", "답변"], ["_xD83D_는 무엇?", "글자의 절반"]])
    assert answers(path) == [("_xD83D_는 무엇?", "글자의 절반")]


def test_a_workbook_gives_its_cells_as_excel_shows_them(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 3, 1, 9, 5)
    rows = [["질문", "답변"], ["줄_x000D_\n바꿈?", "_x005F_x000D_"], ["언제?", day], ["몇 시?", day], ["며칠?", day]]
    formats = {"B3": "yyyy-mm-dd", "B4": '[$-412]AM/PM h"시" mm"분";@', "B5": 'm"월" d"일" aaaa'}
    path = book(tmp_path / "book.xlsx", rows, formats)
    assert answers(path) == [
        ("줄\r\n바꿈?", "_x000D_"),
        ("언제?", "2026-03-01"),
        ("몇 시?", "오전 9시 05분"),
        ("며칠?", "3월 1일 일요일"),
    ]
    assert [row["fixes"] for row in rows_of(path)][:2] == [["excel-escapes"], []]


def test_numbers_of_a_workbook_are_texts_where_the_source_says_so(tmp_path: Path) -> None:
    rows = [["질문", "답변"], ["3 더하기 4는?", 7], ["반은?", 0.5], ["값은?", 12000], ["번호는?", 7], ["참인가?", "네"]]
    path = book(tmp_path / "book.xlsx", rows, {"B3": "0%", "B4": "#,##0", "B5": "000"})
    rejected = [row for row in rows_of(path) if row["reject_reason"]]
    assert [row["reject_reason"] for row in rejected] == ["not-text"] * 4
    assert '`numbers = "as-text"`' in rejected[0]["reject_detail"]
    assert [answer for _, answer in answers(path, numbers="as-text")] == ["7", "50%", "12,000", "007", "네"]


def test_title_rows_of_a_workbook_are_named_with_the_remedy(tmp_path: Path) -> None:
    path = book(
        tmp_path / "book.xlsx", [["상담 자료"], [], ["질문", "답변", None, "답변"], ["달은?", "위성", "돌", "흙"]]
    )
    options = with_remedy(path)
    assert answers(path, **options) == [("달은?", "위성")]
    assert rows_of(path, **options)[0]["meta"] == '{"column3":"돌","답변_2":"흙"}'


def test_a_workbook_without_a_header_gets_the_names_of_the_source(tmp_path: Path) -> None:
    path = book(tmp_path / "book.xlsx", [["달은?", "위성"], ["해는?", "항성"]])
    assert answers(path, header=("question", "answer")) == [("달은?", "위성"), ("해는?", "항성")]
    named = book(tmp_path / "named.xlsx", [["질문", "답변"], ["해는?", "항성"]])
    assert answers(named, **with_remedy(named, header=("question", "answer"))) == [("해는?", "항성")]


HEADER, MOON_AND_SUN = ["질문", "답변"], [["달은?", "위성"], ["해는?", "항성"]]
TITLE = ["이 자료는 상담 자료입니다."]


def sheets(path: Path, **rows: list[list[Any]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, cells in rows.items():
        sheet = made.create_sheet(title)
        for row in cells:
            sheet.append(row)
    made.save(path)
    return path


@pytest.mark.parametrize("title", [[TITLE], [TITLE, [], ["문의: 홍길동"]]])
def test_no_sheet_of_titles_is_lost(title: list[list[Any]], tmp_path: Path) -> None:
    rows = rows_of(sheets(tmp_path / "a.xlsx", 안내=title, 자료=[HEADER, *MOON_AND_SUN]))
    assert [row["reject_reason"] for row in rows] == ["not-data"] * len(list(filter(None, title))) + [None, None]
    assert TITLE[0] in rows[0]["raw"]
    (row,) = rows_of(sheets(tmp_path / "b.xlsx", 안내=[TITLE]))
    assert (row["origin"], row["reject_reason"]) == ("b.xlsx:1", "not-data")


def test_a_skip_that_passes_over_the_header_of_a_workbook_is_named(tmp_path: Path) -> None:
    path = sheets(tmp_path / "a.xlsx", 자료=[TITLE, HEADER, *MOON_AND_SUN])
    options = with_remedy(path, skip=2)
    assert options == {"skip": 1}
    assert answers(path, **options) == [tuple(row) for row in MOON_AND_SUN]
    path = sheets(tmp_path / "b.xlsx", 자료=[HEADER, *MOON_AND_SUN], 둘=[HEADER, *MOON_AND_SUN])
    assert answers(path, **with_remedy(path, skip=9)) == [tuple(row) for row in MOON_AND_SUN * 2]


@pytest.mark.parametrize("skip", [0, 2])
def test_each_sheet_is_read_from_its_own_header(skip: int, tmp_path: Path) -> None:
    """No `skip` leads to headers in several rows. What is above them is rejected, but for what `skip` names."""
    path = sheets(tmp_path / "a.xlsx", 하나=[TITLE, [], HEADER, *MOON_AND_SUN], 둘=[HEADER, *MOON_AND_SUN])
    rows = rows_of(path, skip=skip)
    assert [row["output"] for row in rows if not row["reject_reason"]] == ["위성", "항성"] * 2
    assert [row["origin"] for row in rows if row["reject_reason"]] == ([] if skip else ["a.xlsx!하나:1"])


def test_the_header_of_a_sheet_once_more_is_no_record(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [HEADER, MOON_AND_SUN[0], HEADER, MOON_AND_SUN[1], HEADER[::-1], ["항성", "해?"]])
    rows = rows_of(path)
    assert [row["reject_reason"] for row in rows] == [None, "repeated-header", None, "repeated-header", None]
    assert (rows[-1]["instruction"], rows[-1]["output"]) == ("해?", "항성")


def test_a_workbook_without_a_header_keeps_its_first_record(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["달은 무엇인가?", "위성입니다."], ["해는 무엇인가?", "항성입니다."]])
    with pytest.raises(IngestError, match="column1") as error:
        rows_of(path)
    lines = re.findall(r"`((?:shape|header) = [^`…]*)`", str(error.value))
    assert len(lines) == 2
    for line in lines:
        assert answers(path, **tomllib.loads(line))[0] == ("달은 무엇인가?", "위성입니다.")


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["2", "4.10", "1e400", "12345678901234567890"])
def test_both_remedies_for_a_number_as_an_answer_work(value: str, tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    path.write_text(f'{{"question": "하나?", "answer": {value}, "n": 1}}\n' * 3, "utf-8")
    [detail] = {row["reject_detail"] for row in rows_of(path)}
    assert answers(path, **tomllib.loads(re.findall(r"`(shape = .*)`", detail)[0])) == [("하나?", value)] * 3
    assert answers(path, **tomllib.loads(re.findall(r"`(numbers = [^`]*)`", detail)[0])) == [("하나?", value)] * 3


def test_the_remedy_for_a_truth_value_as_an_answer_works(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text('{"question": "참인가?", "answer": true}\n', "utf-8")
    detail = rows_of(path)[0]["reject_detail"]
    assert answers(path, **tomllib.loads(re.findall(r"`(shape = .*)`", detail)[0])) == [("참인가?", "예")]


# --- bytes -----------------------------------------------------------------------------------------------------------

PICTURE = bytes(range(256)) * 40


def left_out_of(path: Path) -> tuple[list[dict[str, Any]], set[str]]:
    names: set[str] = set()
    tables = list(ingest(path, path.name, Source(name="s", files=("*",)), left_out=names))
    return pa.concat_tables(tables).to_pylist(), names


@pytest.mark.parametrize("value", [PICTURE, b"\xff\xd8", b"text with \0", b"only ASCII"])
def test_bytes_of_an_image_are_left_out_by_name_with_size_and_hash(value: bytes, tmp_path: Path) -> None:
    record = {"question": "무엇인가?", "answer": "고양이", "image": {"bytes": value, "path": "a.png"}}
    pq.write_table(pa.Table.from_pylist([record, {**record, "image": None}]), tmp_path / "images.parquet")
    rows, names = left_out_of(tmp_path / "images.parquet")
    assert names == {"image.bytes"}
    about = {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    assert json.loads(rows[0]["meta"]) == {"image": {"bytes": about, "path": "a.png"}}
    assert rows[1]["meta"] == '{"image":null}'


def test_bytes_that_are_no_text_are_left_out_wherever_they_are(tmp_path: Path) -> None:
    record = {"question": "무엇인가?".encode(), "answer": "고양이".encode(), "raw": PICTURE, "all": [{"b": PICTURE}]}
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "bytes.parquet")
    [row], names = left_out_of(tmp_path / "bytes.parquet")
    assert (row["instruction"], row["output"], names) == ("무엇인가?", "고양이", {"raw", "all.b"})
    assert "\\x" not in row["meta"]


@pytest.mark.long
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    records = [
        {"question": f"{number}?", "answer": "고양이", "image": {"bytes": os.urandom(100_000), "path": None}}
        for number in range(600)
    ]
    pq.write_table(pa.Table.from_pylist(records), path)
    code = (
        "import sys, resource; from pathlib import Path; from pipeline.stages.ingest import ingest\n"
        "from schemas.options import Source; import pyarrow.parquet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(map(len, ingest(Path(sys.argv[1]), 'f', Source(name='s', files=('*',)))))\n"
        "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 600
    assert kilobytes < 200 << 10  # the file holds 60 MB of them


# --- names of classes ------------------------------------------------------------------------------------------------

LABELLED = [{"sentence": "좋다", "label": 1}, {"sentence": "나쁘다", "label": 0}, {"sentence": "?", "label": -1}]
ASK = Template(instruction="감정은?", input="{sentence}", output="{label}")
CARD = """---
license: cc0-1.0
dataset_info:
  features:
  - name: sentence
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': 부정
          '1': 긍정
---
# 감정
"""


def test_the_schema_of_datasets_names_the_classes(tmp_path: Path) -> None:
    import datasets

    label = datasets.ClassLabel(names=["부정", "긍정"])
    features = datasets.Features({"sentence": datasets.Value("string"), "label": label, "all": datasets.List(label)})
    made = datasets.Dataset.from_list([{**record, "all": [0, 1]} for record in LABELLED], features=features)
    made.to_parquet(tmp_path / "a.parquet")
    made.save_to_disk(tmp_path / "saved")
    for path in (tmp_path / "a.parquet", tmp_path / "saved"):
        rows = rows_of(path, shape=ASK)
        assert [row["output"] for row in rows] == ["긍정", "부정", "-1"]
        assert json.loads(rows[0]["meta"]) == {"all": ["부정", "긍정"]}
        words = ASK.model_copy(update={"labels": {"label": {"0": "싫다", "1": "좋다", "-1": "모른다"}}})
        assert [row["output"] for row in rows_of(path, shape=words)] == ["좋다", "싫다", "모른다"]


@pytest.mark.parametrize("folder", ["", "data"])
def test_a_dataset_card_names_the_classes(folder: str, tmp_path: Path) -> None:
    path = tmp_path / "set" / folder / "train.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in LABELLED), "utf-8")
    assert [row["output"] for row in rows_of(path, shape=ASK)] == ["1", "0", "-1"]
    (tmp_path / "set/README.md").write_text(CARD, "utf-8")
    assert [row["output"] for row in rows_of(path, shape=ASK)] == ["긍정", "부정", "-1"]
    (tmp_path / "set/README.md").write_text("---\nlicense: [\n---\n", "utf-8")
    assert [row["output"] for row in rows_of(path, shape=ASK)] == ["1", "0", "-1"]
    info = {"default": {"features": {"label": {"names": ["부정", "긍정"], "_type": "ClassLabel"}}}}
    (tmp_path / "set/dataset_infos.json").write_text(json.dumps(info), "utf-8")
    assert [row["output"] for row in rows_of(path, shape=ASK)] == ["긍정", "부정", "-1"]


def test_nulls_that_pad_the_structs_of_a_table_are_no_arguments(tmp_path: Path) -> None:
    """The struct of a column has all keys of its records. A null in JSON is one that somebody wrote."""

    def record(name: str, arguments: dict[str, str]) -> dict[str, Any]:
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
        tool = {"name": name, "parameters": {"properties": {key: {"type": "string"} for key in arguments}}}
        messages = [{"role": "user", "content": "어때?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
        return {"messages": messages, "tools": [tool], "note": {"a": 1, **dict.fromkeys(arguments)}}

    path = tmp_path / "calls.parquet"
    pq.write_table(pa.Table.from_pylist([record("weather", {"city": "서울"}), record("clock", {"zone": "KST"})]), path)
    weather, clock = rows_of(path)
    assert [call["function"]["arguments"] for call in json.loads(weather["tool_calls"])] == [{"city": "서울"}]
    assert [call["function"]["arguments"] for call in json.loads(clock["tool_calls"])] == [{"zone": "KST"}]
    assert json.loads(clock["tools"])[0]["function"]["parameters"] == {"properties": {"zone": {"type": "string"}}}
    assert clock["fixes"] == ["struct-nulls", "flat-tools"]
    assert json.loads(clock["meta"])["note"] == {"a": 1, "city": None, "zone": None}  # no call, no tool
    path = tmp_path / "calls.jsonl"
    call = {"name": "weather", "arguments": {"city": "서울", "zone": None}}
    path.write_text(json.dumps({"query": "어때?", "answers": [call], "tools": []}) + "\n")
    assert '"zone":null' in rows_of(path)[0]["tool_calls"]


@pytest.mark.parametrize("counter", ["sequence", "window"])
def test_a_record_that_we_wrote_as_several_sequences_is_read_once(counter: str, tmp_path: Path) -> None:
    ours = {"source": "s", "input": "", "output": "답", "fixes": [], "flags": []}
    rows = [
        {"origin": origin, "instruction": f"물음 {origin}", counter: number, **ours}
        for origin, count in (("a:1", 3), ("a:2", 1), ("a:3", 2))
        for number in range(count)
    ]
    for name, written in (("all", rows), ("rest", rows[1:])):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(written), path)
        assert [row["instruction"] for row in rows_of(path)] == ["물음 a:1", "물음 a:2", "물음 a:3"]
        stream = inspect(path, Source(name="s", files=("*",))).streams[0]
        assert (stream.records, stream.kept) == (3, 3)


@pytest.mark.parametrize("text", ["[]", '{"splits": 7}', '{"splits": [7]}', '{"splits": null}', "{}"])
def test_a_saved_folder_whose_description_is_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_dict.json").write_text(text)
    (row,) = rows_of(tmp_path / "saved")
    assert row["reject_reason"] == "damaged"
