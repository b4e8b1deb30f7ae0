"""verify: every kind of damage is found and told with its place; what is whole passes, whatever it holds."""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.dataset.reader import DataFile
from pipeline.dataset.show import show
from pipeline.dataset.verify import verify
from pipeline.dataset.verify.rows import check_rows
from pipeline.dataset.verify.splits import check_records
from pipeline.io.hashed_files import describe_file
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.manifest import Counts, Manifest, Packing
from schemas.options import Config
from tests.support import small_tokenizers as small
from tests.support.paths import ROOT

TRAIN = "pair/train-00000-of-00001.parquet"
VALIDATION = "pair/validation-00000-of-00001.parquet"


def build(
    folder: Path, files: Iterable[str | Path] = ("office.csv", "study.json"), **options: dict[str, object]
) -> Path:
    tokenize = {"tokenizer": ["embedded"], **options.pop("tokenize", {})}
    export = {"formats": ["arrow", "parquet", "jsonl"], "validation": 0.2, **options.pop("export", {})}
    options = {"dedupe": {"near": "flag"}, **options}
    about = {"dataset": {"name": "x"}, "source": [{"name": "x", "files": ["x"]}]}
    config = Config.model_validate({**about, "tokenize": tokenize, "export": export, **options})
    run(plan_of_files([ROOT / "raw" / "sample" / name for name in files], folder, config), workers=2)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("processed") / "sample")


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "sample"))


def faults(folder: Path) -> dict[str, str]:
    return {check.name: "\n".join(check.faults) for check in verify(folder) if check.faults}


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the manifest."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def describe_again(folder: Path) -> None:
    """The damage of someone who knows the manifest: sizes and sha256 of the files as they are now."""

    def change(manifest: Any) -> None:
        manifest["files"] = {name: describe_file(folder / name).model_dump() for name in manifest["files"]}

    edit(folder, change)


def rewrite(folder: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(folder / name)), folder / name)
    describe_again(folder)


def test_a_whole_dataset_passes(folder: Path) -> None:
    checks = list(verify(folder))
    assert [check.name for check in checks] == [
        "manifest", "files", "columns", "rows", "counts", "records", "clusters", "tokenizer", "ids",
    ]  # fmt: skip
    assert not [check for check in checks if check.faults or check.notes]


@pytest.mark.parametrize(
    "options",
    [
        {"export": {"formats": ["arrow"], "shard_rows": 50}},
        {"export": {"formats": ["jsonl"], "validation": 0}},
        {"export": {"formats": ["parquet"], "test": 0.1}, "tokenize": {"layout": "fields", "padding": True}},
        {"tokenize": {"max_length": 96, "truncation": "drop", "padding": True}},
        {"tokenize": {"layout": "seq2seq"}},
        {"tokenize": {"layout": "causal", "max_length": 256}},
        {"tokenize": {"layout": "causal", "max_length": 256}, "export": {"packing": True}},
        {
            "tokenize": {"layout": "causal", "max_length": 256},
            "export": {"formats": ["arrow", "parquet", "jsonl"], "packing": True, "shard_rows": 20},
        },
    ],
    ids=str,
)
def test_datasets_of_other_options_pass(options: dict[str, Any], tmp_path: Path) -> None:
    assert not faults(build(tmp_path / "다른_것", files=["office.csv"], **options))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Layout qa: records whose context is longer than a window."""
    with (tmp_path / "qa.jsonl").open("w") as file:
        for number in range(12):
            context = " ".join(f"{place}번째 방에는 {place * 7 + number}개의 상자가 있다." for place in range(30))
            row = {"instruction": f"{number}번째 방에는 몇 개가 있나요?", "input": context, "output": f"{number * 8}개"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return build(
        tmp_path / "qa",
        files=[tmp_path / "qa.jsonl"],
        tokenize={"layout": "qa", "max_length": 96, "stride": 16, "max_unk_rate": 1},
        dedupe={"near": "keep", "near_prompt": "keep", "shared_output": "keep"},
    )


def test_windows_of_questions_pass_and_their_damage_is_found(questions: Path) -> None:
    manifest = json.loads((questions / "manifest.json").read_text())
    assert sum(manifest["examples"].values()) > manifest["counts"]["kept"] > 1
    assert not faults(questions)
    train = TRAIN.replace("pair", "qa")
    rewrite(questions, train, lambda table: table.slice(0, len(table) - 1))
    assert re.search(r"train has \d+ rows in parquet, and the manifest counts \d+", faults(questions)["rows"])
    table = pq.read_table(questions / train)
    starts = table["start_positions"].to_pylist()
    rewrite(questions, train, lambda table: set_column(table, "start_positions", [starts[0] + 1, *starts[1:]]))
    assert f"{train}, column start_positions: 1 of" in faults(questions)["ids"]


def test_damage_of_packs_is_found(tmp_path: Path) -> None:
    folder = build(
        tmp_path / "packed",
        files=["office.csv"],
        tokenize={"layout": "causal", "max_length": 256},
        export={"packing": True, "formats": ["parquet"]},
    )
    assert not faults(folder)
    rewrite(folder, TRAIN.replace("pair", "causal-packed"), lambda table: table.slice(1))
    found = faults(folder)
    assert "rows in parquet, and the manifest counts" in found["rows"]
    assert "records in parquet, and the manifest counts" in found["rows"]
    assert "the packs hold" in found["counts"]


def test_a_record_in_packs_of_two_files_is_one_record(tmp_path: Path) -> None:
    files = []
    for number, packs in enumerate([[["a:1", "a:2"]], [["a:1"]]]):
        name = f"train-0000{number}-of-00002.parquet"
        pq.write_table(pa.table({"origins": pa.array(packs, pa.list_(pa.string()))}), tmp_path / name)
        files.append(DataFile("parquet", "train", name, tmp_path / name))
    counts = Counts(rows_in=2, kept=2, rejected=[], sources={"a": 2}, splits={"train": 2}, fixes={}, flags={})
    packing = Packing(length=8, packs=2, fill=1)
    manifest = Manifest.model_construct(counts=counts, examples={"train": 2}, packing=packing)
    assert not check_rows(tmp_path, files, manifest).faults
    assert not check_records(files, manifest).faults


def test_a_dataset_without_rows_passes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"instruction": "", "output": ""}\n')
    allowed = {"min_rows": 0, "max_rejected": 1}
    config = Config.model_validate(
        {
            "dataset": {"name": "x"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": "embedded"},
            "gate": allowed,
        }
    )
    run(plan_of_files([tmp_path / "a.jsonl"], tmp_path / "none", config), 1)
    assert not faults(tmp_path / "none")


def test_a_snapshot_of_the_hub_passes_and_says_what_it_lacks(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "snapshot" / "pair"
    config.mkdir(parents=True)
    for name in ("README.md", "manifest.json", TRAIN, VALIDATION):
        (config / Path(name).name).symlink_to(built / name)  # as push and huggingface_hub lay them out
    (config.parent / ".gitattributes").write_text("*.parquet filter=lfs\n")
    assert not faults(config)
    notes = [note for check in verify(config) for note in check.notes]
    assert notes == [
        "no jsonl files here, as in a snapshot of the Hub",
        "no arrow files here, as in a snapshot of the Hub",
        "no rejects files here, as in a snapshot of the Hub",
        "without rejects.jsonl the rejected rows cannot be counted",
    ]
    (repository,) = verify(config.parent)
    assert repository.faults == ["manifest.json: cannot be read (No such file or directory)"]
    assert repository.notes == [f"There are datasets in this folder. Name one: {config}"]


def test_files_of_the_user_and_an_edited_card_are_no_faults(folder: Path) -> None:
    (folder / "메모.txt").write_text("메모")
    with (folder / "README.md").open("a") as card:
        card.write("덧붙인 말\n")
    (files,) = [check for check in verify(folder) if check.name == "files"]
    assert not files.faults
    assert files.notes == ["README.md was edited after it was generated", "메모.txt is not a file of this dataset"]


def flip(folder: Path) -> None:
    data = bytearray((folder / TRAIN).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / TRAIN).write_bytes(data)


def cut(folder: Path) -> None:
    path = folder / "train" / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-100])


def lose(folder: Path) -> None:
    (folder / "jsonl" / "validation-00000-of-00001.jsonl").unlink()


def lose_all_data(folder: Path) -> None:
    for name in ("pair", "jsonl", "train", "validation"):
        shutil.rmtree(folder / name)
    (folder / "dataset_dict.json").unlink()


def add_a_shard(folder: Path) -> None:
    shutil.copy(folder / VALIDATION, folder / TRAIN.replace("00000-of", "00001-of"))


def add_a_split(folder: Path) -> None:
    shutil.copytree(folder / "validation", folder / "test")


def swap_shards(folder: Path) -> None:
    (folder / TRAIN).rename(folder / "x")
    (folder / VALIDATION).rename(folder / TRAIN)
    (folder / "x").rename(folder / VALIDATION)


def name_another_split(folder: Path) -> None:
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test"]}')


def swap_the_files_in_the_manifest(folder: Path) -> None:
    swap_shards(folder)
    describe_again(folder)


def drop_a_row(folder: Path) -> None:
    rewrite(folder, TRAIN, lambda table: table.slice(1))


def drop_every_row(folder: Path) -> None:
    with pq.ParquetWriter(folder / TRAIN, pq.read_schema(folder / TRAIN)):
        pass
    describe_again(folder)


def double_a_row(folder: Path) -> None:
    rewrite(folder, TRAIN, lambda table: pa.concat_tables([table.slice(1), table.slice(5, 1)]))


def move_a_row(folder: Path) -> None:
    train = pq.read_table(folder / TRAIN)
    several = [
        each["values"] for each in pc.value_counts(train["cluster"].drop_null()).to_pylist() if each["counts"] > 1
    ]
    moved = pc.index_in(pa.scalar(several[0]), train["cluster"].combine_chunks()).as_py()
    rewrite(folder, VALIDATION, lambda table: pa.concat_tables([table, train.slice(moved, 1)]))
    rewrite(folder, TRAIN, lambda table: pa.concat_tables([train.slice(0, moved), train.slice(moved + 1)]))


def lose_a_reject(folder: Path) -> None:
    lines = (folder / "rejects.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "rejects.jsonl").write_bytes(b"".join(lines[1:]))
    describe_again(folder)


def miscount(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["counts"].update(kept=manifest["counts"]["kept"] + 1))


def miscount_a_reason(folder: Path) -> None:
    def change(manifest: Any) -> None:
        manifest["counts"]["rows_in"] += 1
        manifest["counts"]["rejected"][0]["rows"] += 1

    edit(folder, change)


def miscount_tokens(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["tokens"].update(unknown=77))


def miscount_a_source(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["counts"].update(sources={"나": 1}))


def rename_a_column(folder: Path) -> None:
    rewrite(folder, TRAIN, lambda table: table.rename_columns({"system": "체계"}))


def change_a_type(folder: Path) -> None:
    rewrite(folder, VALIDATION, lambda table: table.cast(table.schema.set(0, pa.field("origin", pa.large_string()))))


def change_a_key(folder: Path) -> None:
    path = folder / "jsonl" / "train-00000-of-00001.jsonl"
    path.write_text(path.read_text().replace('"output":', '"answer":', 1))
    describe_again(folder)


def set_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    at = table.column_names.index(name)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def invent_an_id(folder: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        return set_column(table, "input_ids", [[2, 8002, 3], *table["input_ids"].to_pylist()[1:]])

    rewrite(folder, TRAIN, change)


def change_a_text(folder: Path) -> None:
    rewrite(folder, TRAIN, lambda table: set_column(table, "output", ["다른 답", *table["output"].to_pylist()[1:]]))


def swap_the_tokenizer(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["tokenizer"].update(sha256="0" * 64))


def break_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def forget_a_field(folder: Path) -> None:
    edit(folder, lambda manifest: manifest.pop("tokens"))


DAMAGES: list[tuple[Callable[[Path], None], str, str]] = [
    (flip, "files", f"{TRAIN} has the sha256"),
    (cut, "files", "train/data-00000-of-00001.arrow has"),
    (lose, "files", "jsonl/validation-00000-of-00001.jsonl is missing"),
    (lose_all_data, "files", f"{TRAIN} is missing"),
    (add_a_shard, "files", "pair/train-00001-of-00001.parquet would be read with the dataset"),
    (add_a_split, "files", "test/data-00000-of-00001.arrow would be read with the dataset"),
    (swap_shards, "files", f"{TRAIN} has"),
    (swap_the_files_in_the_manifest, "rows", "train has"),
    (name_another_split, "files", "dataset_dict.json has"),
    (drop_a_row, "rows", "rows in parquet, and the manifest counts"),
    (drop_a_row, "counts", "kept: "),
    (drop_every_row, "rows", "train has 0 rows in parquet, and the manifest counts 334"),
    (double_a_row, "rows", "1 origins appear more than once among the rows of parquet"),
    (move_a_row, "rows", "validation has"),
    (move_a_row, "clusters", "1 clusters are in train and in validation: study.json["),
    (lose_a_reject, "rows", "rejects.jsonl has"),
    (miscount, "manifest", "rows came in, but"),
    (miscount_a_reason, "rows", "rejects.jsonl has"),
    (miscount_tokens, "counts", "unknown: "),
    (miscount_a_source, "counts", "sources: "),
    (rename_a_column, "columns", f"{TRAIN}, column 체계: string, and the manifest says missing"),
    (change_a_type, "columns", f"{VALIDATION}, column origin: large_string, and the manifest says string"),
    (change_a_key, "columns", "jsonl/train-00000-of-00001.jsonl:1 has other keys"),
    (invent_an_id, "ids", f"{TRAIN}, column input_ids: 1 values are not in 0 to 3999"),
    (change_a_text, "ids", f"{TRAIN}, column input_ids: 1 of 200 rows differ from what their texts give: office.csv:"),
    (swap_the_tokenizer, "tokenizer", "embedded has the sha256"),
    (break_the_manifest, "manifest", "manifest.json"),
    (lose_the_manifest, "manifest", "cannot be read"),
    (forget_a_field, "manifest", "tokens: missing, and has no default"),
]


@pytest.mark.parametrize(("damage", "check", "says"), DAMAGES, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_found(damage: Callable[[Path], None], check: str, says: str, folder: Path) -> None:
    damage(folder)
    found = faults(folder)
    assert says in found.get(check, ""), found


def test_the_command_shows_every_check_and_fails_for_faults(folder: Path) -> None:
    whole = CliRunner().invoke(main, ["verify", str(folder)])
    assert whole.exit_code == 0
    assert [line.split()[0] for line in whole.stdout.splitlines()] == ["ok"] * 9
    flip(folder)
    broken = CliRunner().invoke(main, ["verify", str(folder)])
    assert broken.exit_code == 1
    assert f"       - {TRAIN} has the sha256" in broken.stdout
    assert "1 fault: build it again" in broken.stderr


def test_a_tokenizer_of_this_machine_is_found_again_and_its_path_is_not_shown(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "토크나이저")
    names = [str(tmp_path / "없는" / "spiece.model"), str(tmp_path / "토크나이저")]
    folder = build(tmp_path / "mine", files=["office.csv"], tokenize={"tokenizer": names, "layout": "causal"})
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["tokenizer"]["name"] == "./토크나이저"
    assert manifest["tokenizer"]["tried"] == [["./spiece.model", "no such file or folder"]]
    assert manifest["options"]["tokenize"]["tokenizer"] == ["./spiece.model", "./토크나이저"]
    told = [path.name for path in folder.rglob("*") if path.is_file() and bytes(tmp_path) in path.read_bytes()]
    assert told == []

    checks = {check.name: check for check in verify(folder)}
    assert checks["tokenizer"].found.startswith("./토크나이저, sha256")
    assert "rows encoded again" in checks["ids"].found
    assert "[" in show(folder)

    shutil.rmtree(folder.parent / ".stages")  # as on another machine
    assert "no such file or folder" in list(verify(folder))[-2].notes[0]
    assert "rows encoded again" in list(verify(folder, names))[-1].found


def test_a_tokenizer_that_is_not_available_is_no_fault(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["tokenizer"].update(name="./없는/spiece.model"))
    checks = {check.name: check for check in verify(folder)}
    assert not checks["tokenizer"].faults
    assert "no such file or folder" in checks["tokenizer"].notes[0]
    assert checks["ids"].found == "not checked without the tokenizer"
    assert "rows encoded again" in list(verify(folder, ["embedded"]))[-1].found


def test_a_file_that_is_another_vocabulary_is_a_fault(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(b"no vocabulary")
    checks = {check.name: check for check in verify(folder, [str(tmp_path / "spiece.model")])}
    assert "not a SentencePiece model" in checks["tokenizer"].faults[0]
