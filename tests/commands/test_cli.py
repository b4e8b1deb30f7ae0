"""The command line: help with examples, pipes of JSON Lines, errors that teach instead of tracebacks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner, Result
from pydantic import BaseModel

from pipeline.cli import PRIVATE, main
from tests.support.paths import ROOT

OFFICE = str(ROOT / "raw" / "sample" / "office.csv")


def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)


def rows_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


COMMANDS = main.list_commands(Context(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    help_text = call(name, "--help").stdout
    assert "Example" in help_text
    assert f"ko-instruct {name}" in help_text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_both_readmes(name: str) -> None:
    for readme in ("README.md", "README.ko.md"):
        assert f"`{name}`" in (ROOT / readme).read_text(encoding="utf-8")


def test_stages_work_as_a_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    ingested = call("ingest", OFFICE)
    assert len(rows_of(ingested)) == 194
    validated = call("validate", stdin=ingested.stdout_bytes)
    assert "194 rows; rejected: 1 by validate" in validated.stderr
    normalized = call("normalize", stdin=validated.stdout_bytes)
    tokenized = call("tokenize", "--tokenizer", "embedded", stdin=normalized.stdout_bytes)
    rows = rows_of(tokenized)
    assert len(rows) == 194
    assert all((row["input_ids"] is None) == (row["reject_stage"] is not None) for row in rows)


@pytest.mark.parametrize(
    ("typed", "says"),
    [("ingst", "Did you mean 'ingest'?"), ("make-pla", "No such command 'make-pla'.\n"), ("ruun", "mean 'run'?")],
)
def test_a_command_that_does_not_exist(typed: str, says: str) -> None:
    done = call(typed)
    assert (done.exit_code, says in done.stderr) == (2, True), done.stderr


def test_what_comes_out_of_a_pipe_is_built_and_what_it_rejected_stays_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ingested = call("ingest", OFFICE)
    Path("piped.jsonl").write_bytes(call("validate", stdin=ingested.stdout_bytes).stdout_bytes)
    done = call("run", "piped.jsonl", "--out", "out", "--tokenizer", "embedded")
    assert "left out" not in done.stderr
    assert re.search(r"rows in +194\n- ingest: rejected-before +3\n- dedupe: exact +1\nkept +190\n", done.stdout)
    assert "options of the stages" not in done.stderr


def test_a_run_of_files_names_the_config_whose_options_it_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(
        '[dataset]\nname = "x"\n[[source]]\nname = "s"\nfiles = ["a"]\n[export]\nformats = ["jsonl"]\n'
    )
    turns = [{"role": role, "content": f"{role}의 말"} for role in ("system", "user", "assistant")]
    Path("a.jsonl").write_text(
        json.dumps({"messages": turns}) + '\n{"prompt": "가", "chosen": "나", "rejected": "다"}\n'
    )
    done = call("run", "a.jsonl", "--out", "out", "--tokenizer", "embedded")
    assert "the options of the stages are those of pipeline.toml" in done.stderr
    assert not list(Path("out").rglob("*.parquet"))
    for left_out in ("the system prompt, the earlier messages, the tools or the thoughts", "the worse answer"):
        assert f"layout pair leaves out {left_out} of 1 of 2 rows" in done.stdout
    done = call("run", "a.jsonl", "--out", "out", "--tokenizer", "embedded", "--layout", "causal")
    assert "context" not in done.stdout
    quiet = call("run", "a.jsonl", "--out", "out", "--tokenizer", "embedded", "--quiet")
    assert quiet.output == ""


def test_a_bare_record_goes_through_a_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    row = rows_of(call("normalize", stdin='{"instruction": "한\u1100\u1161", "output": "네\u00a0네", "점수": 3}\n'))[0]
    assert (row["instruction"], row["input"], row["output"], row["점수"]) == ("한가", "", "네 네", 3)
    assert row["fixes"] == ["nfc", "spaces"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ('[normalize]\non = ["nfkc"]', "normalize.on lists 'nfkc', which is not a fix. Fixes are: "),
        ('[screen]\nmask = ["phne"]', "screen.mask lists 'phne', which is unknown. Known are: "),
        ("[export]\nvalidation = 0.6\ntest = 0.4", "export.validation (0.6) and export.test (0.4) leave nothing"),
    ],
)
def test_an_option_that_a_stage_cannot_go_by(
    options: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    source = '[dataset]\nname = "x"\n\n[[source]]\nname = "x"\nfiles = ["*.csv"]\noptional = true'
    (tmp_path / "pipeline.toml").write_text(f'{source}\n\n[tokenize]\ntokenizer = ["embedded"]\n\n{options}')
    result = call("run", OFFICE, "--out", "out")
    assert result.exit_code == 1
    assert f"ko-instruct: {says}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["validate"], "{broken\n", r"-:1: "),
        (["validate"], '{"text": "가"}\n', "-:1: not a row: `instruction` or `output` is missing"),
        (["run", "--config", "nowhere.toml"], None, "nowhere.toml: no such file"),
        (
            ["run", OFFICE, "--out", "out", "--tokenizer", "./nowhere.model"],
            None,
            "None of the listed tokenizers is available",
        ),
    ],
)
def test_errors_teach(
    arguments: list[str], stdin: str | None, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[dataset\n", "not TOML"),
        ('[dataset]\nname = "a"\n', "source: missing"),
        (
            '[dataset]\nname = "a"\n[[source]]\nname = "a"\nfiles = ["*.json"]\n[dedupe]\nexcat = "drop"\n',
            "dedupe.excat: unknown name; allowed: exact, conflict",
        ),
        (
            '[dataset]\nname = "a"\n[[source]]\nname = "a"\nfiles = ["../*.json"]\n',
            'source[0].files[0]: found "../*.json"; a glob',
        ),
        (
            '[dataset]\nname = "a"\n[[source]]\nname = "a"\nfiles = ["*.json"]\n',
            "source 'a': no file below raw matches",
        ),
        (
            '[dataset]\nname = "a/../b"\n[[source]]\nname = "a"\nfiles = ["*.json"]\n',
            'dataset.name: found "a/../b"; it should match',
        ),
    ],
)
def test_a_config_that_cannot_be_used(toml: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.toml").write_text(toml)
    result = call("run")
    assert result.exit_code == 1
    assert says in result.stderr
    assert "pipeline.toml" in result.stderr or "source 'a'" in result.stderr


def test_the_list_of_commands_imports_neither_arrow_nor_pydantic() -> None:
    code = """
import sys
from pipeline.cli import main
main(["--help"], standalone_mode=False)
print(sorted({"pyarrow", "pydantic", "numpy", "huggingface_hub"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_list_shows_every_command_but_those_of_make() -> None:
    listed = re.findall(r"^  ([a-z][\w-]*)  ", call("--help").stdout.partition("Build a dataset:")[2], re.MULTILINE)
    assert listed == COMMANDS
    assert all(main.get_command(Context(main), name) for name in (*COMMANDS, *PRIVATE.commands))
    assert not set(COMMANDS) & set(PRIVATE.commands)


def test_the_options_of_push_and_self_instruct_are_the_fields_of_their_models() -> None:
    from schemas.meanings import meanings
    from schemas.push import PushOptions
    from schemas.self_instruct import SelfInstructOptions

    models: dict[str, type[BaseModel]] = {"push": PushOptions, "self-instruct": SelfInstructOptions}
    for name, model in models.items():
        command = main.get_command(Context(main), name)
        assert command is not None
        options = {option.name: option for option in command.params}
        for field, about in model.model_fields.items():
            assert field == "family" or options[field].to_info_dict()["default"] == about.default, field
            assert field == "family" or meanings(model)[field], field


def test_the_schema_allows_what_a_config_may_hold() -> None:
    schema = json.loads(call("schema").stdout)
    assert schema["properties"].keys() >= {"dataset", "source", "validate", "tokenize", "export"}
    assert not schema["additionalProperties"]
    tokenizer = schema["$defs"]["TokenizeOptions"]["properties"]["tokenizer"]
    assert [kind["type"] for kind in tokenizer["anyOf"]] == ["string", "array"]


@pytest.mark.long
def test_a_run_imports_nothing_heavy_that_it_does_not_use(tmp_path: Path) -> None:
    code = f"""
import sys
from pipeline.cli import main
main(["run", {OFFICE!r}, "--out", "out/office", "--tokenizer", "embedded"], standalone_mode=False)
print(sorted({{"pandas", "datasets", "transformers", "huggingface_hub", "torch"}} & sys.modules.keys()))
import pandas
import pyarrow
print(pyarrow.array(pandas.Series([1, 2])).to_pylist())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "[1, 2]"]
