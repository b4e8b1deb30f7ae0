"""Nothing is lost: every text of a source record is in the row, in a column or in `meta`, or is named as left out."""

import csv
import itertools
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline.stages.ingest import IngestError, ingest
from pipeline.stages.ingest.readers.streams import SAMPLE
from schemas.options import IngestOptions, Source
from tests.stages.ingest.test_ingest import rows_of
from tests.support.lost_texts import lost

NAMES = st.sampled_from(
    [
        "id",
        "title",
        "source",
        "url",
        "notes",
        "info",
        "설명",
        "topic",
        "weight",
        "label",
        "split",
        "speaker_id",
        "image",
    ]
)
LEAVES = st.sampled_from(["text", "text", 1, 0, 2.50, True, None, ""])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)
#: Fields beside the texts of a record.
EXTRAS = st.dictionaries(NAMES, VALUES, max_size=3)
Write = Callable[[], str]

USER, ANSWER = {"role": "user", "content": "text"}, {"role": "assistant", "content": "text"}
CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "w", "arguments": {"at": "text"}}}]}
RESULT = {"role": "tool", "content": "text", "name": "w"}
HUMAN, GPT = {"from": "human", "value": "text"}, {"from": "gpt", "value": "text"}
PAIR = {"input": "text", "output": "text"}
SCORED = {"response": "text", "model": "text"}
ASKED = {"question": "text", "answers": [{"text": "text"}, {"text": "text"}]}
REPLY = {"role": "assistant", "text": "text", "replies": []}
NODE = {"parent": "a", "message": {"author": {"role": "user"}, "content": {"parts": ["text"], "result": "text"}}}
#: Records of every shape, with "text" where a text is.
SHAPES: dict[str, Any] = {
    "columns": {"instruction": "text", "input": "text", "output": "text", "system": "text"},
    "question": {"question": "text", "answer": "text"},
    "korean": {"질문": "text", "답변": "text"},
    "history": {"instruction": "text", "output": "text", "history": [["text", "text"], ["text", "text"]]},
    "reasoning": {"question": "text", "reasoning": "text", "answer": "text"},
    "nested": {"input": {"question": "text", "context": "text"}, "output": {"answer": "text"}},
    "sharegpt": {"conversations": [HUMAN, GPT, HUMAN, GPT]},
    "messages": {"messages": [{"role": "system", "content": "text"}, USER, ANSWER, USER, ANSWER]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "text"}]}, ANSWER]},
    "calls": {"messages": [USER, CALL, RESULT, ANSWER], "tools": [{"name": "w", "description": "text"}]},
    "exchanges": {"conversation": [PAIR, PAIR]},
    "preference": {"prompt": "text", "chosen": "text", "rejected": "text"},
    "kto": {"prompt": "text", "completion": "text", "label": True},
    "completions": {"instruction": "text", "completions": [SCORED | {"overall_score": n} for n in (1, 2, 3)]},
    "instances": {"instruction": "text", "instances": [PAIR, PAIR]},
    "articles": {"title": "text", "paragraphs": [{"context": "text", "qas": [ASKED, ASKED]}]},
    "squad": {"context": "text", "question": "text", "answers": {"text": ["text", "text"], "answer_start": [0, 1]}},
    "pairs": {"questions": ["text", "text"], "outputs": ["text", "text"]},
    "tree": {"prompt": {"role": "prompter", "text": "text", "replies": [REPLY, REPLY]}},
    "numbers": {"question": "text", "answer": 2},
    "answered": {"messages": [USER, ANSWER, USER], "response": "text", "persona": "text"},
    "several answers": {"prompt": "text", "responses": ["text", "text"]},
    "turns by number": {"질문1": "text", "답변1": "text", "질문2": "text", "답변2": "text", "지문": "text"},
    "choices": {"question": "text", "options": ["text", "text"], "answer_index": 0, "passage": "text"},
    "letters": {"question": "text", "A": "text", "B": "text", "answer": 2},
    "unanswerable": {"context": "text", "question": "text", "answers": {"text": ["text"]}, "is_impossible": True},
    "speakers": {"user": "text", "chip2": "text"},
    "nodes": {"mapping": {"a": NODE | {"parent": None}, "b": NODE, "c": NODE | {"parent": "b"}}, "title": "text"},
}


def texts() -> Write:
    """A function that gives another text at each call."""
    numbers = itertools.count()
    return lambda: f"글 {next(numbers)} 끝"


def written(value: Any, write: Write) -> Any:
    """The value with a text of its own in the place of each "text"."""
    if isinstance(value, dict):
        return {key: item if key == "type" else written(item, write) for key, item in value.items()}
    if isinstance(value, list):
        return [written(item, write) for item in value]
    return write() if value == "text" else value


def lines(path: Path, records: list[Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


def array(path: Path, records: list[Any]) -> None:
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf-8")


def objects(path: Path, records: list[Any]) -> None:
    path.write_text("\n".join(json.dumps(record, indent=1) for record in records), "utf-8")


def parquet(path: Path, records: list[Any]) -> None:
    names = dict.fromkeys(name for record in records for name in record)
    pq.write_table(pa.Table.from_pylist([{name: record.get(name) for name in names} for record in records]), path)


def read(path: Path, **options: Any) -> tuple[list[dict[str, Any]], set[str]] | None:
    left_out: set[str] = set()
    try:
        tables = list(ingest(path, "file", Source(name="s", files=("*",)), IngestOptions(**options), left_out))
    except IngestError as error:
        event(str(error)[:40])
        return None
    return [row for table in tables for row in table.to_pylist()], left_out


@given(
    shape=st.sampled_from(sorted(SHAPES)),
    more=st.lists(EXTRAS, min_size=1, max_size=3),
    write_file=st.sampled_from([lines, array, objects, parquet]),
    meta=st.sampled_from(["all", "none", ("id", "info")]),
)
@settings(max_examples=150)
def test_every_text_of_a_record_is_in_its_rows(
    shape: str,
    more: list[Any],
    write_file: Callable[[Path, list[Any]], None],
    meta: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    write = texts()
    records = [written({**extra, **SHAPES[shape]}, write) for extra in more]
    path = tmp_path_factory.mktemp("nothing") / "file"
    try:
        write_file(path, records)
    except pa.ArrowException:
        return  # values of different types in one column
    found = read(path, meta=meta)
    assert found is None or lost(records, *found) == []


TASKS: list[dict[str, str]] = [
    {},
    *({name: "text"} for name in ("Definition", "system_prompt", "passage", "instruction")),
]


@given(
    shape=st.sampled_from(sorted(SHAPES.keys() - {"numbers"})),
    more=st.lists(EXTRAS, min_size=1, max_size=3),
    outer=EXTRAS,
    task=st.sampled_from(TASKS),
    indent=st.sampled_from([None, 2]),
    is_last=st.booleans(),
)
@settings(max_examples=150)
def test_every_text_of_a_document_is_in_its_rows(
    shape: str,
    more: list[Any],
    outer: Any,
    task: Any,
    indent: int | None,
    is_last: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    write = texts()
    records = [written({**extra, **SHAPES[shape]}, write) for extra in more]
    fields = [*written({**outer, **task}, write).items(), ("data", records)]
    document = dict(fields if is_last else fields[::-1])
    path = tmp_path_factory.mktemp("nothing") / "file"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=indent), "utf-8")
    found = read(path)
    if found is not None:
        assert lost(document, *found) == []
        assert len({row["origin"].split("/")[0] for row in found[0]}) == len(records)


CELLS = st.sampled_from(["text", "", "1", "네, 그래요", '답 "하나"', "줄\n바꿈", " 빈칸 "])


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5),
    end=st.sampled_from(["\r", "\n", "\r\n"]),
)
@settings(max_examples=100)
def test_every_cell_of_a_table_is_in_its_row(
    rows: list[list[str]], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write = texts()
    names = ("질문", "답변", "출처")
    records = [dict(zip(names, written(row, write), strict=True)) for row in rows]
    path = tmp_path_factory.mktemp("nothing") / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(records)
    found = read(path)
    assert found is not None
    assert lost(records, *found) == []


@pytest.mark.parametrize("name", ["status", "검수결과"])
def test_a_bad_answer_far_behind_the_sample_stops_its_file(name: str, tmp_path: Path) -> None:
    """The first bad word of a field of judging comes after the sample, among records that are read by the block."""
    bad = {"question": "달은?", "answer": "항성입니다.", name: "반려"}
    good = [{"question": f"{number}은 짝수인가?", "answer": "예.", name: "승인"} for number in range(SAMPLE + 500)]
    path = tmp_path / "later.jsonl"
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in [*good, bad, good[0]]), "utf-8")
    with pytest.raises(IngestError, match=f"{len(good) + 1}: `{name}` calls an answer bad") as error:
        rows_of(path)
    labelled, learned = re.findall(r"`(shape = [^`]*)`", str(error.value))
    assert [rows_of(path, **tomllib.loads(line))[-2]["label"] for line in (labelled, learned)] == [False, None]
