"""Text forms as files: every kept row is in a form or counted, columns are typed, and damage is found."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from datasets import load_dataset

from pipeline.cli import main
from pipeline.dataset.card import CardError, merge
from pipeline.dataset.form_files import BATCH_ROWS
from pipeline.dataset.layout import form_file, form_folder, in_repository, kind_of
from pipeline.dataset.text_forms import TEXT_FORMS, FormError
from pipeline.dataset.trainers import llama_factory_datasets, trainer_lines
from pipeline.dataset.verify import verify
from pipeline.hub.publishable import select
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from pipeline.run.summary import report
from schemas.manifest import Manifest
from schemas.options import Config
from schemas.push import PushOptions
from schemas.text_forms import TextForm
from tests.support import small_tokenizers as small

FORMS: tuple[TextForm, ...] = get_args(TextForm)
CALL = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "서울"}'}}]
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "서울의 날씨는 어떤가요?"},
    {"role": "assistant", "content": "", "tool_calls": CALL},
    {"role": "tool", "content": "맑음", "tool_call_id": "c1"},
    {"role": "assistant", "content": "서울은 지금 맑습니다."},
]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
RECORDS: list[dict[str, Any]] = [
    {"messages": TALK, "tools": TOOLS},
    {"messages": [{"role": "user", "content": "인사해 줘."}, {"role": "assistant", "content": "안녕하세요!"}]},
    {
        "messages": [
            {"role": "user", "content": "하나에 둘을 더하면?"},
            {"role": "assistant", "content": "셋입니다.", "reasoning_content": "하나, 둘, 셋."},
        ]
    },
    {"prompt": "바다는 무슨 색인가요?", "chosen": "파란색으로 보입니다.", "rejected": "글쎄요, 잘 모르겠어요."},
    {"prompt": "봄에 피는 꽃은 무엇인가요?", "completion": "개나리와 진달래입니다.", "label": True},
    {"prompt": "겨울에 피는 꽃은 무엇인가요?", "completion": "아무것도 없습니다.", "label": False},
]


def build(folder: Path, forms: tuple[str, ...] = FORMS, **export: Any) -> Manifest:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for record in RECORDS:
        by_kind.setdefault("-".join(record), []).append(record)
    folder.mkdir(parents=True)
    files = [folder / f"{kind}.jsonl" for kind in by_kind]
    for file, records in zip(files, by_kind.values(), strict=True):
        file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    config = Config.model_validate(
        {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": "embedded", "layout": "prompt"},
            "gate": {"max_rejected": 1},
            "export": {"formats": ["parquet", *forms], "validation": 0, **export},
        }
    )
    return run(plan_of_files(files, folder / "mine", config), workers=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("forms") / "x"
    return folder / "mine", build(folder)


def lines_of(folder: Path, form: TextForm) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / form_file(form, "train", "jsonl")).read_bytes().splitlines()]


def test_every_kept_row_is_in_a_form_or_counted_by_a_reason(built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    rows = pq.read_table(next((folder / "prompt").iterdir())).to_pylist()
    assert len(rows) == manifest.counts.kept
    for form in FORMS:
        records, reasons = [], []
        for row in rows:
            try:
                records.append(TEXT_FORMS[form](row))
            except FormError as error:
                reasons.append(error.reason)
        counts = manifest.forms[form]
        assert lines_of(folder, form) == records
        assert counts.rows == {"train": len(records)}
        assert counts.left_out == {reason: reasons.count(reason) for reason in set(reasons)}
    assert manifest.forms["preference"].left_out == {"nothing in rejected": manifest.counts.kept - 1}
    shown = report(manifest, folder)
    assert f"\npreference: 1 rows; {manifest.counts.kept - 1} rows are left out (nothing in rejected " in shown


@pytest.mark.parametrize("form", [form for form in FORMS if form != "openai"])
def test_parquet_holds_the_same_records_with_types(built: tuple[Path, Manifest], form: TextForm) -> None:
    folder, _ = built
    schema = pq.read_schema(folder / form_file(form, "train", "parquet"))
    assert "null" not in str(schema)
    dataset = load_dataset(str(folder), form_folder(form), split="train", cache_dir=str(folder.parent / "cache"))
    assert [present(row) for row in dataset] == [present(with_arguments(row)) for row in lines_of(folder, form)]


def present(value: Any) -> Any:
    """A value without the nulls that a typed column has where a record has nothing."""
    if isinstance(value, dict):
        return {key: present(item) for key, item in value.items() if item is not None}
    return [present(item) for item in value] if isinstance(value, list) else value


def with_arguments(value: Any) -> Any:
    """A record with the arguments of calls as objects, as `datasets` gives JSON of Parquet."""
    if isinstance(value, dict):
        return {k: json.loads(v) if k == "arguments" else with_arguments(v) for k, v in value.items()}
    return [with_arguments(item) for item in value] if isinstance(value, list) else value


def test_a_field_that_no_record_has_is_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    build(folder, ("alpaca", "preference"))
    schema = pq.read_schema(folder / "mine" / form_file("preference", "train", "parquet"))
    assert schema.names == ["prompt", "chosen", "rejected"]
    assert schema.field("chosen").type.value_type.names == ["role", "content"]
    history = pq.read_schema(folder / "mine" / "alpaca/train.parquet").field("history")
    assert history.type == pa.list_(pa.field("element", pa.list_(pa.field("element", pa.string()))))


def test_llama_factory_finds_each_split_as_a_dataset(built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    written = json.loads((folder / "dataset_info.json").read_bytes())
    assert written == llama_factory_datasets(manifest)
    assert set(written) == {"mine-alpaca-train", "mine-sharegpt-train"}
    for entry in written.values():
        columns = pq.read_schema(folder / entry["file_name"]).names
        assert set(entry["columns"].values()) <= set(columns)


def test_a_form_without_rows_to_train_has_files_and_no_lines(tmp_path: Path) -> None:
    """The source publishes some of its rows as validation, and only these fit into most forms."""
    thought = {"messages": [{"role": "user", "content": "몇?"}, {"role": "assistant", "content": "<think>셋</think>3"}]}
    published = {"train": thought, "validation": {"instruction": "수도는?", "output": "서울입니다."}}
    files = [tmp_path / f"{split}.jsonl" for split in published]
    for file, record in zip(files, published.values(), strict=True):
        file.write_text(json.dumps(record, ensure_ascii=False) + "\n")
    config = Config.model_validate(
        {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": "embedded", "layout": "causal"},
            "export": {"formats": ["parquet", *FORMS]},
        }
    )
    manifest = run(plan_of_files(files, tmp_path / "mine", config), workers=1)
    assert {form: [*manifest.forms[form].rows] for form in ("messages", "alpaca", "sharegpt", "openai")} == {
        "messages": ["train", "validation"],
        "alpaca": ["validation"],
        "sharegpt": ["validation"],
        "openai": ["validation"],
    }
    found = {lines.trainer.rpartition(" ")[2] for lines in trainer_lines(manifest)}
    assert found == {"causal", "messages", "prompt-completion"}
    assert set(llama_factory_datasets(manifest)) == {"mine-alpaca-validation", "mine-sharegpt-validation"}
    assert not [check for check in verify(tmp_path / "mine") if check.faults]


#: Values in the arguments of a call, and how far they come: into every form, not into Parquet, or into no layout.
NUMBERS = {
    "1.50": "forms",
    "18446744073709551615": "forms",
    "-9223372036854775808": "forms",
    "18446744073709551616": "openai",
    "-9223372036854775809": "openai",
    "12345678901234567890123": "openai",
    "1e400": "rejected",
    "-1e400": "rejected",
    "NaN": "forms",  # null, by a repair
    "-Infinity": "rejected",
    "9" * 400: "rejected",
    r'"\ud800"': "rejected",
    "{1, 2}": "rejected",
    "{1: 2}": "rejected",
    "0x1ffffffffffffffff": "rejected",
}


def test_a_value_that_readers_do_not_take_stops_no_run(tmp_path: Path) -> None:
    """`datasets` stops at a whole number of more than 64 bits in JSON of Parquet, others at an infinite one."""
    records = []
    for place, number in enumerate(NUMBERS):
        function = {"name": "weather", "arguments": f'{{"n": {number}}}'}
        call = TALK[1] | {"tool_calls": [CALL[0] | {"function": function}]}
        records.append({"messages": [TALK[0] | {"content": f"{place}번 질문"}, call, *TALK[2:]], "tools": TOOLS})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, records)))
    config = Config.model_validate(
        {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": [str(small.save_causal(tmp_path / "model", small.TOOLS))], "layout": "causal"},
            "dedupe": {"near": "keep", "near_prompt": "keep", "exact": "flag"},
            "export": {"formats": ["parquet", "messages", "prompt-completion", "openai"], "validation": 0},
        }
    )
    folder = tmp_path / "mine"
    manifest = run(plan_of_files([tmp_path / "rows.jsonl"], folder, config), workers=1)
    reach = list(NUMBERS.values())
    assert manifest.counts.kept == reach.count("forms") + reach.count("openai")
    assert manifest.forms["openai"].left_out == {}
    for form in ("messages", "prompt-completion"):
        left_out = manifest.forms[form].left_out
        assert left_out == {"a number of more than 64 bits in a call": reach.count("openai")}
        dataset = load_dataset(str(folder), form, split="train", cache_dir=str(tmp_path / "cache"))
        assert len(list(dataset)) == reach.count("forms")
    ids = pq.read_table(next((folder / "causal").iterdir()))["n_learned"]
    assert None not in ids.to_pylist()


def test_bad_answers_that_the_layout_rejected_are_missed_by_kto(tmp_path: Path) -> None:
    def lines_for_kto(layout: str) -> str:
        records = [{"prompt": f"{n}번 질문", "completion": f"{n}번 답입니다.", "label": n != 1} for n in range(3)]
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, records)))
        config = Config.model_validate(
            {
                "dataset": {"name": "mine"},
                "source": [{"name": "x", "files": ["x"]}],
                "tokenize": {"tokenizer": "embedded", "layout": layout},
                "export": {"formats": ["unpaired"], "validation": 0},
            }
        )
        manifest = run(plan_of_files([tmp_path / "rows.jsonl"], tmp_path / layout, config), workers=1)
        assert manifest.forms["unpaired"].rows["train"] == (3 if layout == "unpaired" else 2)
        return next(lines.text for lines in trainer_lines(manifest) if "KTOTrainer" in lines.text)

    assert "# bad answers left out: 1 (layout seq2seq rejects them" in lines_for_kto("seq2seq")
    assert "bad answers" not in lines_for_kto("unpaired")


def test_an_earlier_answer_that_is_not_learned_keeps_its_weight_in_parquet(tmp_path: Path) -> None:
    from pipeline.dataset.form_files import FormFiles

    history = [{"role": "user", "content": "하나?"}, {"role": "assistant", "content": "셋.", "learn": False}]
    files = FormFiles(tmp_path, "prompt-completion")
    row = {"history": history, "instruction": "다시.", "output": "하나."}
    files.write("train", pa.Table.from_pylist([row]))
    files.finish()
    (prompt,) = pq.read_table(tmp_path / "prompt-completion/train.parquet")["prompt"].to_pylist()
    assert [message["weight"] for message in prompt] == [None, 0, None]


def test_the_files_keep_their_path_in_a_repository(built: tuple[Path, Manifest]) -> None:
    _, manifest = built
    published = {in_repository(path, "prompt") for path in select(manifest, "prompt", PushOptions())}
    for form in FORMS:
        assert form_file(form, "train", "jsonl") in published
    assert {"messages/train.parquet", "prompt/README.md", "dataset_info.json"} <= published
    assert kind_of("messages/notes.txt") is kind_of("other/train.parquet") is None


def test_two_layouts_share_a_form_with_the_same_splits(built: tuple[Path, Manifest], tmp_path: Path) -> None:
    build(tmp_path / "x", ("messages",), validation=0.4)
    one, other = ((folder / "README.md").read_text() for folder in (built[0], tmp_path / "x" / "mine"))
    joined = merge({"prompt": one, "pair": one.replace("config_name: prompt", "config_name: pair")})
    assert joined.count("config_name: messages\n") == 1
    assert "messages/validation.parquet" in other
    with pytest.raises(CardError, match="two layouts have the text form messages, and not with the same splits"):
        merge({"prompt": one, "pair": other.replace("config_name: prompt", "config_name: pair")})


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_lost_record_is_found(built: tuple[Path, Manifest], tmp_path: Path, kind: Any) -> None:
    folder = Path(shutil.copytree(built[0], tmp_path / "mine"))
    file = folder / form_file("messages", "train", kind)
    if kind == "jsonl":
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    else:
        pq.write_table(pq.read_table(file).slice(1), file)
    faults = {check.name: " ".join(check.faults) for check in verify(folder) if check.faults}
    name = file.relative_to(folder).as_posix()
    assert name in faults["files"]
    assert f"{name} has " in faults["forms"]


def test_packs_and_forms_together(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder).mkdir()
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps({"instruction": f"{n}번 질문", "output": f"{n}번 답입니다."}) + "\n" for n in range(30))
    )
    config = Config.model_validate(
        {
            "dataset": {"name": "mine"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": "embedded", "layout": "causal"},
            "export": {"formats": ["parquet", "messages"], "packing": True, "validation": 0.3},
        }
    )
    manifest = run(plan_of_files([folder / "rows.jsonl"], folder / "mine", config), workers=1)
    assert manifest.forms["messages"].rows == manifest.counts.splits
    assert not [check for check in verify(folder / "mine") if check.faults]


def test_a_row_beyond_the_first_batch_decides_the_type_for_all(tmp_path: Path) -> None:
    """A field that only a late record has: `load_dataset` reads the file whole."""
    from pipeline.dataset.form_files import FormFiles

    plain = {"instruction": "하나?", "output": "둘."}
    rows = [plain] * BATCH_ROWS + [plain | {"reasoning": "하나 다음은 둘이다."}]
    files = FormFiles(tmp_path, "messages")
    files.write("train", pa.Table.from_pylist(rows, pa.schema([(n, pa.string()) for n in (*plain, "reasoning")])))
    files.finish()
    table = pq.read_table(tmp_path / "messages/train.parquet")
    assert len(table) == len(rows)
    assert table["messages"][-1].as_py()[1]["reasoning_content"] == "하나 다음은 둘이다."


def test_export_adds_formats_from_stage_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command reads the tokenised rows and the decisions, and runs nothing before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text('{"instruction": "인사해 줘.", "output": "안녕하세요!"}\n')
    (tmp_path / "pipeline.toml").write_text(
        '[dataset]\nname = "mine"\n[[source]]\nname = "a"\nfiles = ["a.jsonl"]\n[tokenize]\ntokenizer = "embedded"\n'
    )

    def command(*arguments: str, exit_code: int = 0) -> str:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == exit_code, done.output
        return done.output

    command("make-rows", "raw/a.jsonl")
    command("dedupe")
    command("export")
    before = sorted(path.name for path in (tmp_path / "processed" / "mine").iterdir())
    (tmp_path / "raw" / "a.jsonl").write_text("this is read by no one")
    shown = command("export", "--formats", "messages,alpaca")
    assert "\nmessages: 1 rows\nalpaca: 1 rows\n" in shown
    after = sorted(path.name for path in (tmp_path / "processed" / "mine").iterdir())
    assert after == sorted([*before, "alpaca", "messages", "dataset_info.json"])
    assert not [check for check in verify(tmp_path / "processed" / "mine") if check.faults]
    wrong = command("export", "--formats", "mesages", exit_code=2)
    assert "no format has the name mesages; allowed: parquet, arrow, jsonl, messages, " in " ".join(wrong.split())
