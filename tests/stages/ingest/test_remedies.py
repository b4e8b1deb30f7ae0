"""Every line of toml that a message of ingest offers is tried: it reads what the message is about."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.stages.ingest import IngestError, describe, inspect
from pipeline.stages.ingest.offers.left_out_texts import MEANT
from pipeline.stages.validate import validate
from schemas.options import Source
from schemas.shapes import Columns, Conversation
from tests.stages.ingest.test_ingest import CASES, rows_of, short
from tests.support.lost_texts import lost

#: A line of toml between backticks. Lines that people have to fill in hold "…".
LINE = re.compile(r"`((?:shape|header|recipe|reader|encoding|numbers|skip|splits|escapes) = [^`]*)`")
START = re.compile(r"`(?:shape|header|recipe|reader|encoding|numbers|skip|splits|escapes) = |holds texts|input = ")


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    """The options of the source of a case."""
    return {**case.get("source", {}), **({"shape": case["shape"]} if "shape" in case else {})}


def messages_of(path: Path, options: dict[str, Any]) -> list[str]:
    """What ingest says of a file that it cannot read, or of its records."""
    try:
        rows = rows_of(path, **options)
    except IngestError as error:
        return [str(error)]
    return [row["reject_detail"] for row in rows if row["reject_reason"]]


def offered() -> list[Any]:
    found = []
    for case in CASES:
        texts = [case.get("error", ""), *(row.get("detail", "") for row in case.get("rows", ()))]
        if any(START.search(text) for text in texts):
            found.append(pytest.param(case, id=case["case"]))
    return found


@pytest.mark.parametrize("case", offered())
def test_the_lines_of_a_message_read_the_file(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case.get("name", "file")
    path.write_bytes(case["data"].encode())
    said = messages_of(path, options_of(case))
    found = list(dict.fromkeys(line for text in said for line in LINE.findall(text)))
    lines = [line.replace("…", case.get("fill", "…")) for line in found]
    lines = [line for line in lines if "…" not in line]
    assert lines or any("…" in text for text in said)
    first = []
    for line in lines:
        rows = rows_of(path, **{**case.get("source", {}), **tomllib.loads(line)})
        kept = [row for row in rows if row["reject_reason"] is None and row["instruction"] is not None]
        assert kept, line
        first.append(kept[0])
    if "reads" in case:
        want = case["reads"]
        assert [{key: short(row[key]) for key in each} for row, each in zip(first, want, strict=True)] == want


def test_a_line_to_fill_in_is_refused_as_it_is(tmp_path: Path) -> None:
    (line,) = LINE.findall(messages_of_text(tmp_path, '[{"text": "사과는 과일이다."}, {"text": "배도 과일이다."}]'))
    with pytest.raises(ValidationError, match=r"write in words of your own what is to be done, .* in place of …"):
        rows_of(tmp_path / "file", **tomllib.loads(line))
    (row, _) = rows_of(tmp_path / "file", **tomllib.loads(line.replace("…", "과일을 하나 대라.")))
    assert (row["instruction"], row["output"]) == ("과일을 하나 대라.", "사과는 과일이다.")


def messages_of_text(folder: Path, text: str) -> str:
    (folder / "file").write_text(text, "utf-8")
    return "\n".join(messages_of(folder / "file", {}))


def unmapped() -> list[Any]:
    is_one = re.compile("holds (?:texts|the same text)")
    return [pytest.param(case, id=case["case"]) for case in CASES if is_one.search(case.get("error", ""))]


@pytest.mark.parametrize("case", unmapped())
def test_both_ways_of_an_unmapped_text_keep_it(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(case["data"].encode())
    (said,) = messages_of(path, {})
    *taken, in_meta = LINE.findall(said)
    columns = [column for column, word in MEANT.items() if f"they are {word}" in said]
    assert taken
    assert columns
    records = [json.loads(line) for line in case["data"].splitlines()]
    for line, column in ((taken[0], columns[0]), (in_meta, "meta")):
        for record, row in zip(records, rows_of(path, **tomllib.loads(line)), strict=True):
            assert lost(record, [row], ()) == []
            assert row[column], line


# --- inspect runs what it shows --------------------------------------------------------------------------------------


def looked_at(path: Path, text: str, **source: Any) -> Any:
    path.write_text(text, "utf-8")
    return inspect(path, Source(name="s", files=("*",), **source), check=validate).streams[0]


def test_inspect_does_not_say_that_a_shape_fits_what_it_rejects(tmp_path: Path) -> None:
    text = '{"question": "하나 더하기 하나는?", "answer": 2}\n{"question": "참인가?", "answer": true}\n'
    stream = looked_at(tmp_path / "a.jsonl", text)
    assert (stream.kept, stream.rejected) == (0, {"not-text": 2})
    assert [candidate.share for candidate in stream.candidates] == [0.0]
    assert stream.toml == ()
    shown = describe(inspect(tmp_path / "a.jsonl", Source(name="s", files=("*",)), check=validate))
    assert "100.0% fit" not in shown
    assert "gives     0 rows, and 2 rejected: nothing is kept" in shown
    kept = [
        looked_at(tmp_path / "a.jsonl", text, **tomllib.loads(line)).kept
        for line in LINE.findall(stream.details["not-text"])
    ]
    assert kept == [1, 2]  # numbers alone, and truth values as well


def test_inspect_counts_the_rejects_of_the_contract(tmp_path: Path) -> None:
    text = '{"instruction": "달은?", "output": "위성"}\n{"instruction": "해는?", "output": " "}\n'
    stream = looked_at(tmp_path / "a.jsonl", text)
    assert (stream.kept, stream.rejected) == (1, {"output-blank": 1})
    assert [(candidate.records, candidate.share) for candidate in stream.candidates] == [(1, 0.5)]
    assert stream.examples[1].after[0]["reason"] == "output-blank"


@pytest.mark.long
@pytest.mark.parametrize("shape", [None, Columns(instruction="q", output="a"), Conversation(turns="messages")])
def test_inspect_and_ingest_agree(shape: Any, tmp_path: Path) -> None:
    """For every case file: what inspect keeps and rejects is what ingest keeps and rejects."""
    for number, case in enumerate(CASES):
        path = tmp_path / f"{number}"
        path.write_bytes(case["data"].encode())
        options = {**options_of(case), **({"shape": shape} if shape else {})}
        try:
            rows = rows_of(path, **options)
        except IngestError:
            continue
        streams = inspect(path, Source(name="s", files=("*",), **options)).streams
        rejected = [row["reject_reason"] for row in rows if row["reject_reason"]]
        found = {reason: sum(stream.rejected.get(reason, 0) for stream in streams) for reason in set(rejected)}
        # A file that is cut off has one more row, at its end.
        assert abs(sum(stream.kept for stream in streams) - (len(rows) - len(rejected))) == 0, case["case"]
        assert sum(found.values()) >= len(rejected) - 1, case["case"]


def test_inspect_groups_turns_as_ingest_does(tmp_path: Path) -> None:
    lines = "".join(
        f"D{number // 2},{number},{'고객' if number % 2 == 0 else '상담사'},말 {number}\n" for number in range(40)
    )
    stream = looked_at(tmp_path / "a.csv", "대화ID,순번,발화자,발화\n" + lines)
    assert (stream.records, stream.kept, stream.rejected) == (20, 20, {})
    (line,) = stream.toml
    assert len(rows_of(tmp_path / "a.csv", **tomllib.loads(line))) == 20


def test_the_lines_that_pin_a_shape_hold_all_that_reading_needs(tmp_path: Path) -> None:
    text = "덧셈 문제집,,\n3학년,,\n문제,정답,비고\n3 더하기 4는?,7,쉬움\n10 빼기 6은?,4,쉬움\n"
    names = ["문제", "정답", "비고"]
    options = {"skip": 3, "numbers": "as-text", "header": names, "encoding": "utf-8", "reader": "csv"}
    stream = looked_at(tmp_path / "a.csv", text, **options)
    assert stream.kept == 2
    again = looked_at(tmp_path / "a.csv", text, **tomllib.loads("\n".join(stream.toml)))
    assert (again.kept, again.examples[0].after) == (2, stream.examples[0].after)


def test_a_text_in_a_field_that_comes_late_stops_the_file(tmp_path: Path) -> None:
    """A field that no record of the sample has is judged where it comes first, and both remedies read the file."""
    records = [{"instruction": f"별 {number}개의 이름은?", "output": f"별{number}입니다."} for number in range(5000)]
    late = {"instruction": "그는 왜 울었나?", "상황설명": "그는 어제 친구와 크게 다투었다.", "output": "다투어서요."}
    stops_at_a_late_field(tmp_path / "late.jsonl", [*records, late], "상황설명")


def stops_at_a_late_field(path: Path, records: list[dict[str, Any]], name: str) -> None:
    """The last record alone has the field: the file stops there, and both lines of the message read it."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    with pytest.raises(IngestError, match=rf"{path.name}:{len(records)}: `{name}` holds texts") as error:
        rows_of(path)
    as_input, in_meta = LINE.findall(str(error.value))
    text = records[-1][name]
    assert rows_of(path, **tomllib.loads(as_input))[-1]["input"] == text
    assert json.loads(rows_of(path, **tomllib.loads(in_meta))[-1]["meta"]) == {name: text}


def _is_said(row: dict[str, Any]) -> bool:
    """Whether a row is one that `validate` may keep. (Columns give a row of any object, without texts.)"""
    return not row["reject_reason"] and bool(row["instruction"])


@pytest.mark.long
def test_the_line_that_pins_a_shape_reads_the_same(tmp_path: Path) -> None:
    """For every case file without a shape: the line that inspect shows to pin it gives the kept rows of detection."""
    pinned = 0
    for number, case in enumerate(CASES):
        path = tmp_path / f"{number}"
        path.write_bytes(case["data"].encode())
        try:
            rows = rows_of(path, **options_of(case))
            (stream,) = inspect(path, Source(name="s", files=("*",), **options_of(case))).streams
        except (IngestError, ValueError):
            continue
        if "shape" in case or not stream.toml:
            continue
        pinned += 1
        again = rows_of(path, **tomllib.loads("\n".join(stream.toml)))
        assert [row for row in again if _is_said(row)] == [row for row in rows if _is_said(row)], case["case"]
    assert pinned > 100, pinned


def test_a_scene_that_comes_late_stops_a_file_of_conversations(tmp_path: Path) -> None:
    talks = [_talk(number) for number in range(2000)]
    late = {"상황": "손님이 가게에 들어와 화를 낸다.", **_talk(2000)}
    stops_at_a_late_field(tmp_path / "late.jsonl", [*talks, late], "상황")


def _talk(number: int) -> dict[str, Any]:
    answer = {"role": "assistant", "content": f"{number + 1}입니다."}
    return {"messages": [{"role": "user", "content": f"{number} 다음은?"}, answer]}
