"""What the command line changes of a config, what `plan` says of a run, and what a program reads."""

import json
from pathlib import Path

from pipeline.run.plan import plan_of_config
from pipeline.run.small_files import tokenize_small_units
from pipeline.run.stamps import write_plan
from pipeline.run.tokenizer import find_tokenizer
from tests.run.test_choose import QUESTIONS, build, command, project, write

__all__ = ["project"]  # the fixture


def test_extends_and_set(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": ""}, "[normalize]\non = ['quotes']")
    (project / "more.toml").write_text(
        'extends = "pipeline.toml"\n[dataset]\nname = "more"\n[tokenize]\nmax_length = 64\n'
    )
    changes = (
        "--set",
        "tokenize.max_length=32",
        "--set",
        "source.a.keep=meta.score > 4",
        "--set",
        "dataset.title=제목",
    )
    done = command("run", "--config", "more.toml", *changes)
    assert done.exit_code == 0, done.output
    manifest = json.loads((project / "processed/more/manifest.json").read_text())
    options = manifest["options"]
    assert (options["tokenize"]["max_length"], options["tokenize"]["tokenizer"]) == (32, ["embedded"])
    assert options["normalize"]["on"] == ["quotes"]
    assert manifest["sources"][0]["keep"] == "meta.score > 4"
    assert manifest["dataset"]["title"] == "제목"
    assert not (project / "pipeline.toml").read_text().count("max_length")


def test_faults_of_extends_and_set(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": ""}, "[screen]\nmin_hangul = 2")
    (project / "more.toml").write_text('extends = "pipeline.toml"\n[tokenize]\nmax_lenght = 64\n')
    wrong = command("check", "--config", "more.toml", "--set", "dedupe.recall=7").stderr
    assert "pipeline.toml, line 2: screen.min_hangul: found 2" in wrong
    assert "line 3: tokenize.max_lenght: unknown name" in wrong
    assert "--set dedupe.recall=7: dedupe.recall: found 7" in wrong
    (project / "pipeline.toml").write_text('extends = "more.toml"')
    assert "it extends itself" in command("check", "--config", "more.toml").stderr
    (project / "more.toml").write_text('extends = "none.toml"')
    assert "none.toml: no such file. Correct `extends`." in command("check", "--config", "more.toml").stderr
    build(project, {"a": ""})
    assert "write it as SECTION.OPTION=VALUE" in command("check", "--set", "max_length").stderr
    assert "no source has this name; sources are a" in command("check", "--set", "source.b.weight=1").stderr
    (project / "pipeline.toml").write_text('[dataset]\nname = "d"\n[source]\nname = "a"\n')
    assert "no source has this name; sources are none" in command("check", "--set", "source.a.weight=1").stderr


def test_set_holds_for_files_that_no_config_names(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    files = ("run", "raw/a.jsonl", "--out", "processed/alone", "--tokenizer", "embedded")
    done = command(*files, "--set", "tokenize.max_length=32")
    assert done.exit_code == 0, done.output
    manifest = json.loads((project / "processed/alone/manifest.json").read_text())
    assert manifest["options"]["tokenize"]["max_length"] == 32
    wrong = command(*files, "--set", "tokenize.max_lenght=32", "--set", "dedupe.recall=7")
    assert wrong.exit_code == 1
    assert "--set tokenize.max_lenght=32: tokenize.max_lenght: unknown name" in wrong.stderr
    assert "--set dedupe.recall=7: dedupe.recall: found 7" in wrong.stderr


def test_a_summary_for_programs(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": "weight = 1"})
    done = command("run", "--json", "--quiet")
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["folder"] == "processed/mine"
    assert summary["counts"]["rows_in"] == 5
    assert summary["mixture"]["sources"][0]["rows"] == summary["counts"]["kept"]
    quiet = command("run", "--quiet")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    wrong = command("run", "--quiet", "--set", "gate.min_rows=99")
    assert wrong.exit_code == 3
    assert "4 rows are kept, and [gate] min_rows is 99" in wrong.stderr


def test_what_a_run_would_do(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    write(project, "b.jsonl", QUESTIONS)
    build(project, {"a": "", "b": ""})
    for path in (project / "processed").glob("*"):
        path.rename(project / path.name)  # what `run` made is not what Make keeps
    assert command("plan").stdout == "processed/mine\n  a run would read 2 raw files, dedupe, write the dataset\n"
    assert not any((project / "processed").iterdir())

    plan = plan_of_config(project / "pipeline.toml")
    write_plan(plan)
    tokenize_small_units(plan, find_tokenizer(plan), 1)
    assert command("dedupe").exit_code == 0
    assert command("export").exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assert command("plan").stdout == "processed/mine\n  is up to date: a run would do nothing\n"

    changed = command("plan", "--set", 'normalize.off=["nfc"]').stdout
    assert '  normalize: option off changed: [] → ["nfc"]\n' in changed
    assert "  a run would read 2 raw files, dedupe, write the dataset" in changed
    ids = command("plan", "--set", "tokenize.max_length=99").stdout
    assert "  tokenize: option max_length changed: 512 → 99\n" in ids
    assert "  a run would tokenize the clean rows of 2 raw files, dedupe, write the dataset" in ids
    share = command("plan", "--set", "source.a.repeat=2").stdout
    assert "  export: [mix] or a share of a source changed\n  a run would write the dataset\n" in share
    kept = command("plan", "--json", "--set", "source.b.keep=n_turns > 1")
    found = json.loads(kept.stdout)
    assert {"what": "b.jsonl", "why": 'option keep changed: "" → "n_turns > 1"'} in found["changes"]
    assert (found["read"], found["tokenize"], found["dedupe"], found["export"]) == (["b.jsonl"], [], True, True)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before

    other = command("export", "--set", "dedupe.threshold=0.9")
    assert other.exit_code == 1
    assert "are on other rows, or by other options or code, than those of now. First run ko-instruct dedupe" in (
        other.stderr
    )
    assert other.stderr.endswith("or: make processed\n")

    write(project, "b.jsonl", QUESTIONS[:2])
    assert "  b.jsonl: has changed\n  a run would read b.jsonl, dedupe, write the dataset" in command("plan").stdout


def test_what_another_version_kept_of_the_tokenizer_is_found_again(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": ""})
    plan = plan_of_config(project / "pipeline.toml")
    plan.tokenizer.parent.mkdir(parents=True, exist_ok=True)
    for text in ("", "{", '{"name": "embedded"}'):
        plan.tokenizer.write_text(text)
        assert find_tokenizer(plan).name == "embedded"
        assert json.loads(plan.tokenizer.read_bytes())["sha256"]
