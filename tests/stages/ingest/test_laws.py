"""Laws of ingest: no exception escapes, no record is lost, and the way of reading does not show in the rows."""

import csv
import gzip
import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.stages.ingest import IngestError, columnar, describe, ingest, inspect
from pipeline.stages.ingest import _block as block_of
from pipeline.stages.ingest.columnar import plain_rows
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.parse import json_values as json_values_module
from pipeline.stages.ingest.parse.framing import Lines, entries_in, lines_of
from pipeline.stages.ingest.parse.json_values import json_blocks, json_values
from pipeline.stages.ingest.shapes.rows import table
from pipeline.stages.ingest.shapes.to_rows import rows_of as rows_of_entry
from schemas.options import Source
from schemas.shapes import Columns, Conversation, Delimited, Exchanges, Pairs, Shape, Template, Tree
from tests.stages.ingest.test_ingest import rows_of

DATA = Path(os.environ.get("KO_INSTRUCT_DATA", "nowhere"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="KO_INSTRUCT_DATA names no folder of real data")
SOURCE = Source(name="source", files=("*",), shape=Columns())

text = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "nan", "<입력 없음>", "입력 없음", "}", '"', "\\", "}null", '"id"', "\u2028", "가\n나", "\x7f", "\ufeff"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)
names = st.sampled_from(["instruction", "input", "output", "id", "system", "text", "conversations", "label", "가"])
records = st.dictionaries(names, values | text, max_size=5)


# --- the block path and the record path ------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def few_are_enough() -> Iterator[None]:
    """A single record is read as a block is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "FEW", 1)
        patch.setattr(json_values_module, "FEW", 1)
        yield


def both(data: bytes, first: int = 1, shape: Shape = Columns(system="system")) -> tuple[pa.Table, pa.Table]:
    """The rows of a block, and the rows of its records one by one."""
    lines = Lines(first, data)
    quick = block_of(lines, lambda record: shape, "file", SOURCE, set())
    rows = [row for entry in entries_in(lines) for row in rows_of_entry(entry, shape)]
    return pa.concat_tables(quick) if quick else table([], "file", "source"), table(rows, "file", "source")


def is_plain(data: bytes, shape: Shape = Columns(system="system")) -> bool:
    """Whether all records of a block are read at once."""
    read = plain_rows(Lines(1, data), lambda record: shape, "file", "source")
    return read is not None and not len(read[1])


@given(
    st.lists(
        st.fixed_dictionaries({"instruction": text, "input": text, "output": text, "id": text, "출처": text}),
        min_size=1,
    ),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", " \n"]),
    st.booleans(),
)
@settings(max_examples=150)
def test_a_plain_block_gives_the_rows_of_its_records(rows: list[Any], ascii_only: bool, end: str, last: bool) -> None:
    data = end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows) + (end if last else "")
    quick, careful = both(data.encode(), 7)
    assert quick.equals(careful)


def test_the_block_path_is_taken() -> None:
    line = b'{"instruction": "a", "input": "nan", "output": "b", "system": "", "id": "1\\"", "n": "2"}\n'
    number = line.replace(b'"2"', b"-20.50").replace(b'"1\\""', b"true")
    for data in (number * 2, line * 3, line[:-1], line.replace(b"\n", b"\r\n") * 2):
        quick, careful = both(data)
        assert quick.equals(careful)
        assert is_plain(data)


GOOD = b'{"instruction": "a", "input": "", "output": "b", "id": "1", "n": "2"}'
ODD = [
    *(b"null", b"[]", b"42", b"", b"{}", GOOD + b" null", GOOD + GOOD, GOOD + b",", b" " + GOOD, GOOD + b"\x00"),
    *(
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b'"2"', b"2"),
        GOOD.replace(b'"2"', b"null"),
        GOOD.replace(b'n": ', b'id": '),
    ),
    *(
        GOOD.replace(b"2", b"\\ud800"),
        GOOD.replace(b"2", b"\xff"),
        GOOD.replace(b"2", b"\t"),
        GOOD.replace(b"2", b"}null"),
    ),
    *(GOOD.replace(b"2", b"\\u0000"), GOOD.replace(b"2", b"\xed\xa0\x80"), GOOD.replace(b'"n"', b'"\\u006e"')),
    b'{"n": "2", "id": "1", "instruction": "a", "output": "b", "input": ""}',
    *(
        GOOD.replace(b'"2"', number)
        for number in (b"-0", b"1.0", b"1e2", b"9223372036854775808", b"true", b"NaN", b"01")
    ),
    *(GOOD.replace(b'"b"', value) for value in (b"1", b"false", b"null")),
    b'{"instruction": "a",',
    b'"input": "", "output": "b", "id": "1", "n": "2"}',
    b'{"instruction": "a", "output": "b", "id": "1", "n": "2"}',
    b'{"instruction": "a", "input": {"n": "2"}}',
    b'{"instruction": "2026-11-23", "input": "1", "output": "true", "id": "null", "n": "2026-11-23T00:00:00Z"}',
]


NUMBERED = GOOD.replace(b'"2"', b"2")


@given(st.lists(st.sampled_from([GOOD, NUMBERED]) | st.sampled_from(ODD), min_size=1, max_size=4))
@settings(max_examples=300)
def test_an_odd_block_gives_the_rows_of_its_records(lines: list[bytes]) -> None:
    quick, careful = both(b"\n".join(lines) + b"\n")
    assert quick.equals(careful)


@given(st.binary(max_size=6), st.integers(0, len(GOOD)), st.integers(0, 3))
@settings(max_examples=300)
def test_a_damaged_block_gives_the_rows_of_its_records(damage: bytes, at: int, cut: int) -> None:
    quick, careful = both(GOOD + b"\n" + GOOD[:at] + damage + GOOD[at + cut :] + b"\n" + GOOD + b"\n")
    assert quick.equals(careful)


MARKED = st.sampled_from(["<think>음…</think>네.", "[f(x=1)]", "<tool_call>\n{}", "<tool_response>1</tool_response>"])
turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": text | MARKED}, optional={"weight": st.just(0)}
)
talks = st.tuples(
    st.sampled_from([[], [{"role": "system", "content": "짧게."}], [{"role": "system", "content": ""}]]),
    st.lists(st.tuples(text, text | MARKED), min_size=1, max_size=3).map(
        lambda pairs: [
            {"role": role, "content": said}
            for pair in pairs
            for role, said in zip(("user", "assistant"), pair, strict=True)
        ]
    )
    | st.lists(turns, max_size=4),
).map(lambda parts: [*parts[0], *parts[1]])
conversations = st.fixed_dictionaries(
    {"id": text, "messages": talks},
    optional={
        "n": st.integers() | st.floats(allow_nan=False) | st.none(),
        "system": text,
        "label": text,
        "tools": text,
    },
)


@given(st.lists(conversations, min_size=1, max_size=5), st.booleans())
@settings(max_examples=300)
def test_a_block_of_conversations_gives_the_rows_of_its_records(found: list[Any], ascii_only: bool) -> None:
    data = "\n".join(json.dumps(record, ensure_ascii=ascii_only) for record in found).encode()
    quick, careful = both(data, 3, Conversation(turns="messages", role="role", text="content"))
    assert quick.equals(careful)


def test_plain_conversations_are_read_at_once() -> None:
    talk = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": '"네"\n그래요.'}]
    lines = [{"id": 1, "messages": [{"role": "system", "content": "짧게."}, *talk * count]} for count in (1, 2, 1)]
    data = "\n".join(map(json.dumps, lines)).encode()
    assert is_plain(data, Conversation(turns="messages", role="role", text="content"))
    thought = data.replace(b"\\uadf8", b"<think>", 1).replace(b"\\ub798", b"</think>", 1)
    assert not is_plain(thought, Conversation(turns="messages", role="role", text="content"))


@given(
    st.lists(st.dictionaries(names, values, max_size=3) | scalars, max_size=6),
    st.sampled_from([None, 1]),
    st.integers(0, 200),
    st.sampled_from([b"", b"", b'"', b"{", b"}", b"]", b",", b"\\", b"\xff", b"\n"]),
)
@settings(max_examples=300)
def test_an_array_in_blocks_gives_the_same_records(
    found: list[Any], indent: int | None, at: int, damage: bytes
) -> None:
    array = json.dumps(found, indent=indent).encode()
    array = array[:at] + damage + array[at:]
    blocks = [entry for block in json_blocks([array]) for entry in entries_in(block)]
    assert repr(blocks) == repr(list(json_values([array])))


# --- one answer, however it is read ----------------------------------------------------------------------------------


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.lists(records, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]))
@settings(max_examples=80)
def test_block_size_does_not_show(found: list[Any], size: int, indent: int | None) -> None:
    array = json.dumps(found, ensure_ascii=False, indent=indent).encode()
    assert list(json_values(pieces(array, size))) == list(json_values([array]))
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in found)
    by_piece = [entry for some in lines_of(pieces(lines, size)) for entry in entries_in(some)]
    assert by_piece == [entry for some in lines_of([lines]) for entry in entries_in(some)]
    assert len(by_piece) == len(found) == len(list(json_values([array])))


def test_the_same_records_in_every_format_give_the_same_rows(tmp_path: Path) -> None:
    found = [
        {
            "instruction": f"질문 {number}?",
            "input": "nan" if number % 3 else "",
            "output": f'답 "{number}",\n줄',
            "id": f"{number}",
        }
        for number in range(20_000)
    ]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in found).encode()
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.gz").write_bytes(gzip.compress(lines, 1))
    (tmp_path / "c.json").write_text(json.dumps(found), "utf-8")
    (tmp_path / "d.txt").write_bytes(lines.decode().encode("utf-16"))
    (tmp_path / "e.cp949").write_bytes(lines.decode().encode("cp949"))
    pq.write_table(pa.Table.from_pylist(found), tmp_path / "f.parquet")
    with pa.ipc.new_file(str(tmp_path / "g.arrow"), pa.Table.from_pylist(found).schema) as sink:
        sink.write_table(pa.Table.from_pylist(found))
    with (tmp_path / "h.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([found[0], *(record.values() for record in found)])
    read = {
        path.name: pa.concat_tables(ingest(path, path.name, Source(name="s", files=("*",)))).drop_columns("origin")
        for path in sorted(tmp_path.iterdir())
    }
    assert len(read) == 8
    for name, rows in read.items():
        assert rows.equals(read["a.jsonl"]), name


# --- nothing escapes -------------------------------------------------------------------------------------------------


@given(found=st.lists(records, min_size=1, max_size=8))
@settings(max_examples=150)
def test_every_record_is_a_row_or_a_rejected_row(found: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("records") / "file.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in found), "utf-8")
    try:
        rows = rows_of(path)
    except IngestError as error:
        if "in the source" not in str(error):
            raise
        return
    if rows[0]["origin"].startswith("file.jsonl["):  # columns of lists, alone on their line, are a table
        assert len(found) == 1
        return
    starts = {int(row["origin"].removeprefix("file.jsonl:").split("/")[0]) for row in rows}
    assert starts == set(range(1, len(found) + 1))


@given(data=st.binary(max_size=300) | st.text(st.sampled_from('[]{}",:\\ \n가a1'), max_size=60).map(str.encode))
@example(data=b"PK\x03\x04")
@example(data=b"PAR1")
@example(data=b"ARROW1")
@example(data=b"\xff\xff\xff\xff\x00")
@example(data=b"\x1f\x8b\x08")
@example(data=b"\x28\xb5\x2f\xfd")
@example(data=b"\xff\xfe\x00")
@settings(max_examples=300)
def test_any_bytes_are_rows_or_one_error_that_names_the_file(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(data)
    try:
        rows_of(path)
        describe(inspect(path, Source(name="s", files=("*",))))
    except IngestError as error:
        if str(path) not in str(error) and path.name not in str(error):
            raise


# --- real files ------------------------------------------------------------------------------------------------------

#: Concatenated JSON is read on purpose, so that these hold nothing that is broken.
CONCATENATED = {"n_structure_double_array.json", "n_structure_object_with_trailing_garbage.json"}
#: Reasons that mean: this is not JSON.
UNREADABLE = {"invalid-json", "undecodable", "lone-surrogate", "too-deep", "empty-file"}


@needs_data
def test_json_test_suite() -> None:
    files = sorted(DATA.glob("json_test_suite/*/*.json"))
    assert len(files) == 340
    for path in files:
        rows = rows_of(path, reader="json", shape=Columns())
        unreadable = {row["reject_reason"] for row in rows} & UNREADABLE
        if path.name.startswith("y_"):
            assert not unreadable, path.name
        if path.name.startswith("n_") and path.name not in CONCATENATED:
            assert unreadable, path.name
            assert all(row["raw"] is not None for row in rows if row["reject_reason"]), path.name


@needs_data
@pytest.mark.parametrize(
    ("name", "recipe", "rows"),
    [
        ("koalpaca_v1.0_a.json", "", 12761),
        ("koalpaca_v1.0_b.json", "", 11432),
        ("chatbot_data.csv", "", 11823),
        ("kosbi_test.json", "naver-ai/kosbi", 3423),
        ("square_questions.json", "naver-ai/square-questions", 6945),
        ("klue_nli_dev.json", "klue/nli", 3000),
        ("klue_sts_dev.json", "klue/sts", 519),
        ("korsts_train.tsv", "kakaobrain/KorSTS", 5749),
        ("parakqc.tsv", "warnikchow/paraKQC", 10000),
    ],
)
def test_real_files_are_read_whole(name: str, recipe: str, rows: int) -> None:
    read = rows_of(DATA / name, recipe=recipe)
    assert Counter(row["reject_reason"] for row in read) == {None: rows}


@needs_data
def test_questions_without_answers_are_rejected_and_kept() -> None:
    read = rows_of(DATA / "komtbench_questions.jsonl")
    assert Counter(row["reject_reason"] for row in read) == {"no-answer": 80}


# --- what inspect says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        Columns(instruction='질문 "가"', output="답", input=None),
        Conversation(turns="body.messages", role="role", text="content", roles={"의사": "assistant", "a\x7f": "user"}),
        Conversation(turns="messages", tools=None, learn=()),
        Exchanges(turns="대화", user="0", assistant="1", system="system"),
        Tree(paths="best"),
        Delimited(text="chat", tools="functions", roles={"비평가": "assistant"}),
        Pairs(independent=True),
        Template(instruction="분류", input="{문장}", output="{label}", labels={"label": {"0": "부정"}}),
    ],
)
def test_the_lines_of_inspect_pin_the_shape(shape: Any) -> None:
    line = toml(shape)
    read = Source.model_validate({"name": "s", "files": ["*"], **tomllib.loads(line)}).shape
    # There is no null in TOML: "" means no field.
    defaults = {name: field.default for name, field in type(shape).model_fields.items()}
    empty = {name: "" for name, value in shape if value is None and defaults[name] is not None}
    assert read is not None
    assert read.model_dump(exclude_defaults=True) == shape.model_copy(update=empty).model_dump(exclude_defaults=True)


def test_inspect_tells_what_was_decided(tmp_path: Path) -> None:
    path = tmp_path / "대화.csv"
    path.write_bytes("질문,답변\n안녕?,안녕하세요.\n뭐 해?,쉬고 있어요.\n".encode("cp949"))
    told = inspect(path, Source(name="s", files=("*",)))
    stream = told.streams[0]
    assert (stream.encoding, stream.records, stream.readable) == ("cp949", 2, True)
    assert stream.toml == ('shape = { kind = "columns", instruction = "질문", output = "답변", input = "" }',)
    assert stream.examples[0].after[0]["output"] == "안녕하세요."
    assert "100.0% fit" in describe(told)


def test_a_block_that_is_not_plain_is_read_by_record() -> None:
    tables = block_of(Lines(1, GOOD + b"\n42\n"), lambda record: Columns(), "f", SOURCE, set())
    assert pa.concat_tables(tables)["reject_reason"].to_pylist() == [None, "not-an-object"]
