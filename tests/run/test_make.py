"""The Make graph on a small project: what is redone when something changes, and that the bytes are always the same."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from datasets import load_from_disk

from pipeline.cli import main
from pipeline.dataset.run_file import read_run
from pipeline.io import stage_files
from pipeline.io.arrow_files import read_tables, write_tables
from pipeline.run.plan import plan_of_config
from pipeline.run.stamps import write_plan
from schemas.columns import MASKED
from schemas.run_times import StepTimes
from tests.support import small_tokenizers as small
from tests.support.folders import digests
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONFIG = """
[dataset]
name = "small"

[[source]]
name = "가나"
files = ["a (~1200)#$1.jsonl"]

[[source]]
name = "c"
files = ["c/*.csv"]

[tokenize]
tokenizer = ["embedded"]

[export]
formats = ["arrow", "parquet", "jsonl"]
"""
ROW = '{{"instruction": "{0}을(를) 설명해 줘.", "input": "", "output": "{0}은(는) 이런 것입니다."}}'

Make = Callable[..., str]
#: The command as it is installed.
INSTALLED = Path(sys.executable).parent / "ko-instruct"


@pytest.fixture(scope="module")
def raw_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which nothing is built."""
    folder = tmp_path_factory.mktemp("raw_project")
    shutil.copy(ROOT / "Makefile", folder)
    raw = folder / "raw"
    (raw / "c").mkdir(parents=True)
    (raw / "a (~1200)#$1.jsonl").write_text("\n".join(ROW.format(word) for word in ("사과", "배", "사과")))
    (raw / "c" / "c.csv").write_text("instruction,input,output\n인사해 줘.,,안녕하세요.\n인사해 줘.,,\n")
    (folder / "pipeline.toml").write_text(CONFIG)
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    (folder / "venv" / "bin").mkdir(parents=True)
    use(INSTALLED, folder)
    (folder / "venv" / ".installed").touch()
    return folder


def use(command: Path, project: Path) -> None:
    """Let Make run this command as `ko-instruct`."""
    link = project / "venv" / "bin" / "ko-instruct"
    link.unlink(missing_ok=True)
    link.symlink_to(command)


class Built(NamedTuple):
    folder: Path
    #: What the first `make` wrote to standard error, and the sha256 of each file that it made.
    said: str
    files: dict[str, str]


@pytest.fixture(scope="module")
def built(raw_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The project after its first `make`, with the installed command."""
    folder = copy(raw_project, tmp_path_factory.mktemp("built"))
    said = run_make(folder, PYTHONHASHSEED="1")
    return Built(folder, said, digests(folder / "processed" / "small"))


@pytest.fixture
def project(built: Built, warm_command: Path, tmp_path: Path) -> Path:
    """A copy of the built project, for Make as new as that: no raw file is another because its copy is another file.
    Make runs a command that takes a fraction of the time of the installed one."""
    project = copy(built.folder, tmp_path)
    use(warm_command, project)
    times = {path: path.stat().st_mtime_ns for path in (project / "processed").rglob("*")}
    write_plan(plan_of_config(project / "pipeline.toml"))
    for path, time in times.items():
        os.utime(path, ns=(time, time))
    return project


def copy(project: Path, to: Path) -> Path:
    """With the times of the files."""
    return shutil.copytree(project, to, symlinks=True, dirs_exist_ok=True)


@pytest.fixture
def make(project: Path) -> Make:
    return partial(run_make, project)


def outside_make() -> dict[str, str]:
    """The environment without what `make test` adds to it."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}


def run_make(project: Path, *arguments: str, **environment: str) -> str:
    command = ["make", "processed", "VENV=venv", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=outside_make() | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def run_here(project: Path, *arguments: str) -> Result:
    """`ko-instruct` in this process, which takes a fraction of the time of a new one."""
    with contextlib.chdir(project):
        return CliRunner().invoke(main, arguments)


def redone(stderr: str) -> list[str]:
    """The stages that ran: `stage` for a stage over all, `stage file` for one of a file."""
    names = [line.split(":")[0].split() for line in stderr.splitlines()]
    return sorted({" ".join([stage, *what]).replace("--", "/") for stage, *what in names if stage.isalpha()})


def steps_of(project: Path) -> dict[str, StepTimes]:
    """What run.json says of each step; one that Make did not redo has the times of the run that did."""
    times = read_run(project / "processed" / "small")
    assert times is not None
    return {f"{step.step} {step.file}": step for step in times.steps}


def test_only_what_changed_is_redone(project: Path, make: Make, built: Built) -> None:
    assert redone(built.said) == [
        "dedupe all sources",
        "export processed/small",
        "tokenize a (~1200)#$1.jsonl",
        "tokenize c/c.csv",
    ]
    assert digests(project / "processed" / "small") == built.files

    assert redone(make()) == []

    before = steps_of(project)
    assert list(before) == ["rows a (~1200)#$1.jsonl", "rows c/c.csv", "dedupe ", "export "]
    (project / "raw" / "c" / "c.csv").touch()
    assert redone(make()) == ["dedupe all sources", "export processed/small", "tokenize c/c.csv"]
    assert digests(project / "processed" / "small") == built.files
    after = steps_of(project)
    assert list(after) == list(before)
    assert [name for name in after if after[name] == before[name]] == ["rows a (~1200)#$1.jsonl"]


def test_a_step_that_fails_leaves_what_was_finished(project: Path, make: Make) -> None:
    first = digests(project / "processed")
    (project / "pipeline.toml").write_text(CONFIG + '[normalize]\non = ["nfkc"]\n')
    with pytest.raises(AssertionError, match="which is not a fix"):
        make()
    left = digests(project / "processed")
    assert {name: left.get(name) for name in first if name.endswith(".arrow")} == {
        name: digest for name, digest in first.items() if name.endswith(".arrow")
    }


def test_a_change_of_dedupe_or_of_an_existing_dataset_redoes_dedupe_and_export(
    project: Path, make: Make, built: Built
) -> None:
    old = project / "old.jsonl"
    old.write_text(ROW.format("배"))
    (project / "pipeline.toml").write_text(CONFIG + '[dedupe]\nagainst = ["old.jsonl"]\n')
    assert redone(make()) == ["dedupe all sources", "export processed/small"]
    rejects = project / "processed" / "small" / "rejects.jsonl"
    assert '"duplicate_of":"old.jsonl#0"' in rejects.read_text()
    assert redone(make()) == []
    old.write_text(ROW.format("감"))
    assert redone(make()) == ["dedupe all sources", "export processed/small"]
    assert "old.jsonl#0" not in rejects.read_text()

    decided = project / "processed" / ".stages" / "small" / "dedupe.arrow"
    before = decided.read_bytes()
    (project / "more.jsonl").write_text(ROW.format("배"))
    tried = run_here(project, "dedupe", "--against", "more.jsonl", "--explain")
    assert tried.exit_code == 0, tried.output
    assert "duplicates rejected: 2 exact" in tried.stdout
    assert '"duplicate_of":"more.jsonl#0"' in decided.with_name("duplicates-against.jsonl").read_text()
    assert decided.read_bytes() == before

    (project / "pipeline.toml").write_text(CONFIG)
    assert redone(make()) == ["dedupe all sources", "export processed/small"]
    assert digests(project / "processed" / "small") == built.files


def test_stage_files_of_an_older_version_are_refused_until_make_has_written_them_again(
    project: Path, make: Make, built: Built
) -> None:
    plan = plan_of_config(project / "pipeline.toml")
    for unit in plan.units:
        path = plan.file(unit, stage_files.OF_MAKE.fingerprints)
        write_tables(path, [table := pa.concat_tables(read_tables(path)).drop_columns("input_bag")], table.schema)
    plan.stamp("tokenize").write_text("of the older version")
    for arguments in ([], ["--explain"]):
        refused = run_here(project, "dedupe", *arguments)
        assert refused.exit_code == 1
        assert "has no column input_bag: another version of ko-instruct wrote this file" in refused.output
        assert "Run make processed, which writes it again." in refused.output
    make()
    assert run_here(project, "dedupe", "--explain").exit_code == 0
    assert digests(project / "processed" / "small") == built.files


def test_a_condition_of_a_source_redoes_its_files_and_a_share_redoes_export(
    project: Path, make: Make, built: Built
) -> None:
    config = project / "pipeline.toml"
    config.write_text(CONFIG.replace('files = ["c/*.csv"]', 'files = ["c/*.csv"]\nkeep = "len(output) > 1"', 1))
    assert redone(make()) == ["dedupe all sources", "export processed/small", "tokenize c/c.csv"]

    decided = project / "processed" / ".stages" / "small" / "dedupe.arrow"
    before = decided.stat().st_mtime_ns
    kept = 'files = ["c/*.csv"]\nkeep = "len(output) > 1"\nrepeat = 3'
    config.write_text(CONFIG.replace('files = ["c/*.csv"]', kept, 1))
    assert redone(make()) == ["export processed/small"]
    assert decided.stat().st_mtime_ns == before
    rows = (project / "processed" / "small" / "jsonl").glob("*.jsonl")
    assert '"c/c.csv:2#3"' in "".join(path.read_text() for path in rows)
    by_make = digests(project / "processed" / "small")
    assert run_here(project, "run").exit_code == 0
    assert digests(project / "processed" / "small") == by_make


def test_several_configs_and_a_config_with_spaces_in_its_path(project: Path, make: Make, built: Built) -> None:
    other = CONFIG.replace('name = "small"', 'name = "other"', 1)
    (project / "other.toml").write_text('extends = "pipeline.toml"\n[dataset]\nname = "other"\n')
    (project / "내 설정 둘.toml").write_text(other.replace('"other"', '"spaced"'))
    make("CONFIG=other.toml pipeline.toml")
    rows = {name: file for name, file in built.files.items() if name.endswith((".parquet", ".jsonl"))}
    for name in ("other", "small"):
        assert rows.items() <= digests(project / "processed" / name).items()
    assert redone(make("CONFIG=other.toml pipeline.toml")) == []
    make("CONFIG=내 설정 둘.toml")
    assert rows.items() <= digests(project / "processed" / "spaced").items()
    with pytest.raises(AssertionError, match=r"missing\.toml: no such file"):
        make("CONFIG=pipeline.toml missing.toml")


def test_options_of_the_command_line(project: Path, make: Make) -> None:
    changed = ("SET=tokenize.max_length=16 source.c.repeat=2",)
    make(*changed)
    manifest = json.loads((project / "processed" / "small" / "manifest.json").read_text())
    assert manifest["options"]["tokenize"]["max_length"] == 16
    assert manifest["counts"]["repeated"] == 1
    assert redone(make(*changed)) == []
    assert redone(make()) == [
        "dedupe all sources",
        "export processed/small",
        "tokenize a (~1200)#$1.jsonl",
        "tokenize c/c.csv",
    ]


def test_files_come_change_and_go(project: Path, make: Make, built: Built) -> None:
    folder = project / "processed" / "small"
    note = folder / "메모.txt"
    note.write_text("직접 쓴 메모")

    older = project / "older.csv"
    older.write_text("instruction,input,output\n작별 인사를 해 줘.,,안녕히 가세요.\n")
    os.utime(older, (1_000_000_000, 1_000_000_000))
    added = project / "raw" / "c" / "d.csv"
    shutil.copy2(older, added)
    ran = redone(make())
    assert [name for name in ran if name.startswith("tokenize")] == ["tokenize c/d.csv"]
    assert "dedupe all sources" in ran

    added.write_text(older.read_text().replace("안녕히", "조심히"))
    make()
    shutil.copy2(older, added)  # the same size, and a time long ago: make alone would miss it
    assert "tokenize c/d.csv" in redone(make())
    assert "안녕히 가세요." in "".join(path.read_text() for path in (folder / "jsonl").iterdir())

    added.unlink()
    assert [name for name in redone(make()) if name.startswith("tokenize")] == []
    assert note.read_text() == "직접 쓴 메모"
    note.unlink()
    assert digests(folder) == built.files


def test_make_side_by_side_and_run_give_the_same_bytes_whatever_the_hash_seed(
    project: Path, make: Make, built: Built
) -> None:
    use(INSTALLED, project)
    folder = project / "processed" / "small"
    shutil.rmtree(project / "processed")
    make("-j2", PYTHONHASHSEED="2")
    assert digests(folder) == built.files
    for workers, seed in (("1", "2"), ("4", "3")):
        shutil.rmtree(project / "processed")
        command = [INSTALLED, "run", "--workers", workers]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=project, check=True, capture_output=True, env=environment)
        assert digests(folder) == built.files


def test_what_a_killed_run_leaves_does_no_harm(project: Path, make: Make, built: Built) -> None:
    stages = project / "processed" / ".stages" / "small"
    for left in (stages / "c" / "c--c.csv").glob("[tf]*.arrow"):
        left.unlink()
    (stages / "c" / "c--c.csv" / ".tokenize.arrow.99999.part").write_bytes(b"half a file")
    (stages / "dedupe.arrow").unlink()
    shutil.rmtree(project / "processed" / "small")
    assert redone(make()) == ["dedupe all sources", "export processed/small", "tokenize c/c.csv"]
    assert digests(project / "processed" / "small") == built.files


def test_another_layout_is_built_beside_that_of_the_config(project: Path, make: Make, built: Built) -> None:
    """With a causal tokenizer trained here: what is trained in the dataset is the outputs."""
    small.save_causal(project / "내 토크나이저")
    changed = ("LAYOUT=causal", "TOKENIZER=내 토크나이저")
    make(*changed)
    assert redone(make(*changed)) == []
    folder = project / "processed" / "small-causal"
    for row in load_from_disk(str(folder))["train"]:
        trained = [label for label in row["labels"] if label != MASKED]
        assert small.causal().decode(trained) == row["output"] + "<|im_end|>\n"
    assert tokenizer_and_layout(folder) == ("내 토크나이저", "causal")
    by_make = digests(folder)

    ran = run_here(project, "run", "--layout", "causal", "--tokenizer", "내 토크나이저")
    assert ran.exit_code == 0, ran.output
    assert digests(folder) == by_make

    assert redone(make()) == []
    assert digests(project / "processed" / "small") == built.files


def test_another_tokenizer_begins_with_the_rows_that_are_clean(project: Path, make: Make, built: Built) -> None:
    cleaned = sorted((project / "processed" / ".stages" / "small").glob("*/*/clean.arrow"))
    times = [path.stat().st_mtime_ns for path in cleaned]
    (project / "pipeline.toml").write_text(CONFIG.replace("[tokenize]", "[tokenize]\nmax_length = 64"))
    said = make()
    assert redone(said) == [
        "dedupe all sources",
        "export processed/small",
        "tokenize a (~1200)#$1.jsonl",
        "tokenize c/c.csv",
    ]
    assert "by validate" not in said
    assert [path.stat().st_mtime_ns for path in cleaned] == times

    # Without the clean rows, and after a change of what comes before, from the raw file.
    cleaned[0].unlink()
    (project / "pipeline.toml").write_text(CONFIG)
    said = make("CONFIG=pipeline.toml")
    assert redone(said) == [
        "dedupe all sources",
        "export processed/small",
        "tokenize a (~1200)#$1.jsonl",
        "tokenize c/c.csv",
    ]
    assert tokenizer_and_layout(project / "processed" / "small") == ("embedded", "pair")
    assert digests(project / "processed" / "small") == built.files
    (project / "내 설정.toml").write_text(CONFIG + '[normalize]\noff = ["nfc"]\n')
    assert "tokenize    c/c.csv: 2 rows; rejected: 1 by validate" in make("CONFIG=내 설정.toml")


def tokenizer_and_layout(folder: Path) -> tuple[str, str]:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    return manifest["tokenizer"]["name"], manifest["options"]["tokenize"]["layout"]


def test_a_layout_that_does_not_go_with_the_config(project: Path) -> None:
    (project / "pipeline.toml").write_text(CONFIG.replace("[export]", "[export]\npacking = true"))
    for arguments, says in (
        ([], "[export] packing is for layout"),
        (["--layout", "classification"], "layout 'classification' in place of the config's"),
    ):
        if arguments:
            (project / "pipeline.toml").write_text(CONFIG)
        done = run_here(project, "make-plan", *arguments, "true")
        assert done.exit_code == 1
        assert says in done.stderr


def test_an_engine_and_parts_are_for_run_alone(project: Path, make: Make, built: Built) -> None:
    (project / "pipeline.toml").write_text(CONFIG + '[run]\nengine = "ray"\nparts = 4\n')
    assert "[run] is for `ko-instruct run`. Make works on this machine, in one part" in make()
    assert digests(project / "processed" / "small") == built.files


def test_ctrl_c_says_how_to_go_on_at_any_moment(project: Path) -> None:
    """Python says it too, but only once it has begun."""
    script = project / "venv" / "bin" / "ko-instruct"
    script.unlink()
    script.write_text("#!/bin/sh\necho begun\nexec sleep 30\n")
    script.chmod(0o755)
    command = ["make", "processed", "VENV=venv"]
    with subprocess.Popen(
        command, cwd=project, env=outside_make(), stdout=-1, stderr=-1, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        os.killpg(running.pid, signal.SIGINT)
        _, shown = running.communicate()
    assert running.returncode == -signal.SIGINT or running.returncode == 130
    assert "run the same command again to go on" in shown


def test_it_is_up_to_date_only_where_nothing_was_written(project: Path) -> None:
    def said() -> str:
        command = ["make", "processed", "VENV=venv"]
        done = subprocess.run(command, cwd=project, env=outside_make(), capture_output=True, text=True, check=True)
        return done.stdout

    assert said() == "processed/small is up to date\n"
    (project / "pipeline.toml").write_text(CONFIG.replace("formats", "validation = 0.5\nformats"))
    assert said().endswith("written to processed/small\n")


def test_a_large_raw_file_has_a_process_of_its_own(project: Path, make: Make, warm_command: Path) -> None:
    noting = project / "noting"
    noting.write_text(f'#!/bin/sh\necho "$1" "$2" "$3" >> started\nexec {warm_command} "$@"\n')
    noting.chmod(0o755)
    use(noting, project)

    def started(*arguments: str) -> list[str]:
        (project / "started").write_text("")
        make(*arguments)
        lines = [line.split() for line in (project / "started").read_text().splitlines()]
        return [" ".join(words if words[0] == "make-rows" else words[:1]) for words in lines[1:]]

    large = project / "raw" / "c" / "large.csv"
    lines = (f"{number}번째 낱말의 뜻은?,,{number}번째 뜻입니다.{'네.' * 100}" for number in range(3000))
    large.write_text("\n".join(["instruction,input,output", *lines]))
    assert started("-j2") == ["make-rows raw/c/large.csv --config", "make-dataset"]
    made = digests(project / "processed" / "small")
    (project / "raw" / "c" / "d.csv").write_text("instruction,input,output\n인사해 줘.,,안녕!\n")
    assert started() == ["make-dataset"]
    (project / "raw" / "c" / "d.csv").unlink()
    assert started("SET=tokenize.max_length=64") == ["make-rows raw/c/large.csv --cleaned", "make-dataset"]
    assert started() == ["make-rows raw/c/large.csv --cleaned", "make-dataset"]
    assert digests(project / "processed" / "small") == made
    shutil.rmtree(project / "processed")
    assert run_here(project, "run").exit_code == 0
    assert digests(project / "processed" / "small") == made
