"""New rows against a dataset that exists already: in one process, and from every format it may come in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from datasets import load_from_disk

from pipeline.cli import main
from pipeline.dataset.reference import ExistingError, read_existing
from pipeline.run.chain import run
from pipeline.run.config import ConfigError
from pipeline.run.plan import plan_of_config
from pipeline.run.stamps import write_plan

CONFIG = """
[dataset]
name = "{name}"

[[source]]
name = "a"
files = ["{name}.jsonl"]

[tokenize]
tokenizer = ["embedded"]

[dedupe]
against = {against}
conflict = "drop"

[export]
formats = ["arrow", "parquet", "jsonl"]
validation = 0.5
"""
OLD = [
    {"instruction": "대한민국의 수도는 어디인가요?", "output": "서울입니다."},
    {"instruction": "가장 높은 산은 어디인가요?", "output": "한라산입니다."},
    {
        "messages": [
            {"role": "user", "content": "안녕하세요?"},
            {"role": "assistant", "content": "네, 안녕하세요!"},
            {"role": "user", "content": "오늘 기분이 어때요?"},
            {"role": "assistant", "content": "아주 좋아요."},
        ]
    },
]
NEW = [
    {"instruction": "가장 긴 강은 어디인가요?", "output": "압록강입니다."},
    {"instruction": "대한민국의  수도는 어디인가요", "output": "서울입니다."},
    {"instruction": "가장 높은 산은 어디인가요?", "output": "백두산입니다."},
    OLD[2],
]


def write(folder: Path, name: str, rows: list[dict], against: list[str]) -> Path:
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "raw" / f"{name}.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    config = folder / f"{name}.toml"
    config.write_text(CONFIG.format(name=name, against=json.dumps(against)))
    return config


@pytest.fixture
def old(tmp_path: Path) -> Path:
    run(plan_of_config(write(tmp_path, "old", OLD, [])), workers=1)
    return tmp_path / "processed" / "old"


def ko(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_what_was_there_stays_and_what_repeats_it_goes(old: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    plan = plan_of_config(write(tmp_path, "new", NEW, ["processed/old"]))
    manifest = run(plan, workers=2)
    assert (manifest.counts.rows_in, manifest.counts.kept) == (4, 1)
    rejects = [json.loads(line) for line in (plan.folder / "rejects.jsonl").read_text().splitlines()]
    assert [(row["origin"], row["reject_reason"], row["duplicate_of"]) for row in rejects] == [
        ("new.jsonl:2", "near", "processed/old#old.jsonl:1"),
        ("new.jsonl:3", "conflict", "processed/old#old.jsonl:2"),
        ("new.jsonl:4", "exact", "processed/old#old.jsonl:3"),
    ]
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    first = (plan.folder / "manifest.json").read_bytes()
    run(plan, workers=1)
    assert (plan.folder / "manifest.json").read_bytes() == first


def test_it_comes_in_any_of_its_formats(old: Path) -> None:
    folder = read_existing(old, "x")
    assert len(folder) == 3

    def rows(table: pa.Table) -> list[dict]:
        return sorted(table.to_pylist(), key=lambda row: row["origin"])

    for pattern in ("*/*.arrow", "pair/*.parquet", "jsonl/*.jsonl"):
        files = sorted(old.glob(pattern))
        assert files
        parts = pa.concat_tables([read_existing(file, "x") for file in files])
        assert rows(parts) == rows(folder)
    stage = old.parent / ".stages" / "old" / "rows.arrow"
    with pa.ipc.new_file(stage, folder.schema) as sink:
        sink.write_table(folder)
    assert rows(read_existing(stage, "y"))[0]["origin"] == "y#x#old.jsonl:1"


def test_rows_without_origins_go_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"instruction": "가", "output": "나"}\n{"instruction": "다", "output": "라"}\n')
    assert read_existing(tmp_path / "a.jsonl", "a")["origin"].to_pylist() == ["a#0", "a#1"]
    assert read_existing(tmp_path / "a.jsonl", "a")["input"].to_pylist() == ["", ""]
    (tmp_path / "a.jsonl").write_text('{"instruction": "가", "output": "", "reject_stage": "validate"}\n')
    assert len(read_existing(tmp_path / "a.jsonl", "a")) == 0
    (tmp_path / "b.jsonl").touch()
    assert len(read_existing(tmp_path / "b.jsonl", "b")) == 0


def test_from_the_command_line(old: Path, tmp_path: Path) -> None:
    config = write(tmp_path, "new", NEW, [])
    done = ko("run", "--config", config, "--against", old)
    assert done.exit_code == 0, done.output
    assert "dedupe: conflict" in done.output
    manifest = json.loads((tmp_path / "processed" / "new" / "manifest.json").read_bytes())
    assert manifest["options"]["dedupe"]["against"] == ["processed/old"]
    file = tmp_path / "raw" / "new.jsonl"
    done = ko("run", file, "--out", tmp_path / "out" / "x", "--tokenizer", "embedded", "--against", old)
    assert done.exit_code == 0, done.output
    train = load_from_disk(str(tmp_path / "out" / "x"))
    kept = {row["instruction"] for split in train.values() for row in split}
    assert kept == {NEW[0]["instruction"], NEW[2]["instruction"]}  # without the config, a conflict is flagged


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone", None, "no file or folder"),
        ("a.csv", "instruction,output\n가,나\n", "rows are read from .arrow, .parquet and .jsonl"),
        ("a.jsonl", '{"question": "가"}\n', "a.jsonl:1: not a row: `instruction` or `output` is missing"),
        ("a.arrow", "no Arrow at all", "a.arrow: "),
        ("a.parquet", "no Parquet at all", "a.parquet: "),
        ("processed/new", None, "is the dataset that this run builds"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    (tmp_path / "processed" / "new").mkdir(parents=True)
    if content is not None:
        (tmp_path / name).write_text(content)
    config = write(tmp_path, "new", NEW, [name])
    with pytest.raises((ExistingError, ConfigError), match=message):
        run(plan_of_config(config), workers=1)


def test_a_table_of_other_columns_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ExistingError, match="is not a dataset: name a file of rows, or a folder"):
        read_existing(tmp_path, "x")
    table = pa.table({"instruction": ["가"], "answer": ["나"]})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as sink:
        sink.write_table(table)
    with pytest.raises(ExistingError, match=r"a\.arrow: the column output is missing; .* instruction, answer"):
        read_existing(tmp_path, "x")


def test_the_stamp_of_dedupe_alone_changes_with_it(old: Path, tmp_path: Path) -> None:
    config = write(tmp_path, "new", NEW, ["processed/old"])

    def stamps() -> dict[str, str]:
        folder = write_plan(plan_of_config(config)).parent / "stamps"
        return {path.stem: path.read_text() for path in folder.iterdir()}

    before = stamps()
    assert stamps() == before
    (old / "README.md").write_text("다시 만든 데이터")
    after = stamps()
    assert [name for name in before if after[name] != before[name]] == ["dedupe"]


def test_a_column_that_is_written_as_never_null(tmp_path: Path) -> None:
    fields = [pa.field(name, pa.string(), nullable=False) for name in ("instruction", "output")]
    pq.write_table(pa.table([["가?"], ["네."]], schema=pa.schema(fields)), tmp_path / "a.parquet")
    assert read_existing(tmp_path / "a.parquet", "x")["output"].to_pylist() == ["네."]
