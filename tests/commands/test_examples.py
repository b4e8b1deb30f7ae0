"""Every example in the help of a command runs, as far as it can without a network."""

import contextlib
import gzip
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from pipeline.cli import PRIVATE, main
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONTEXT = Context(main)
#: In an order in which each finds what it needs. `make-plan` builds what dedupe, export and the lookers need.
ORDER = (
    "init",
    "check",
    "plan",
    *("make-plan", "make-rows", "ingest", "validate", "normalize", "screen", "tokenize", "inspect", "run"),
    *(
        "rows",
        "dedupe",
        "export",
        "make-dataset",
        "show",
        "browse",
        "explain",
        "diff",
        "report",
        "verify",
        "schema",
        "fetch",
        "push",
        "upload",
        "self-instruct",
    ),
    "make-forget",
)
#: What runs until Ctrl-C: tests/browse/test_browse.py starts and ends it.
STAYS = ("browse",)
#: Why an example ends with exit code 1 in a project without a network, a login, or torch.
STOPS_AT = {
    "fetch": "go online",
    "push": "embedded",
    "upload": r"s3:// needs a library: .*'\.\[storage\]'",
    "self-instruct": "OPENAI_API_KEY|torch|names no generator|'./model'",
}


def examples(name: str) -> list[str]:
    command = main.get_command(CONTEXT, name)
    assert command is not None
    return re.findall(r"^\s*(?:Examples?:\s*)?(ko-instruct .*)$", command.help or "", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, warm_command: Path) -> Path:
    """A copy of this project with the embedded tokenizer, files that the examples name, and ko-instruct as a command
    without a network."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "raw").mkdir()
    for name in ("sample", "seeds"):
        shutil.copytree(ROOT / "raw" / name, folder / "raw" / name)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pipeline.toml").write_text(
        '[dataset]\nname = "sample"\n\n[[source]]\nname = "sample"\nfiles = ["sample/office.csv"]\n\n'
        '[tokenize]\ntokenizer = "embedded"\n'
    )
    (folder / "a.json").write_text('[{"instruction": "수도는?", "input": "", "output": "서울입니다."}]')
    (folder / "topics.txt").write_text("한국의 봄꽃\n")
    with gzip.open(folder / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"instruction": "바다는?", "input": "", "output": "동해입니다."}\n')
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "ko-instruct").symlink_to(warm_command)
    return folder


def run(line: str, project: Path) -> tuple[int, str]:
    """Exit code and standard error of an example. A process of its own takes longer, so that only those have one that
    need it: with a pipe, with Make, or without the network from the start."""
    command = shlex.split(line)
    if command[1] in (*STOPS_AT, "make-plan") or {"|", ">"} & set(command):
        done = run_alone(line, project)
        return done.returncode, done.stderr
    with contextlib.chdir(project):
        result = CliRunner().invoke(main, command[1:], prog_name="ko-instruct")
    assert result.exception is None or isinstance(result.exception, SystemExit), line
    return result.exit_code, result.stderr


def run_alone(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    foreign = ("OPENAI_", "KO_INSTRUCT", "MAKE", "MFLAGS", "VENV")  # of a Make around these tests, too
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "PATH": f"{project / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
    }
    command = ["sh", "-c", line]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_every_command_has_a_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted([*main.list_commands(CONTEXT), *PRIVATE.commands])


def test_the_examples_run(project: Path) -> None:
    for name in ORDER:
        assert examples(name), name
        for line in examples(name) if name not in STAYS else ():
            if "processed/old" in line:
                shutil.copytree(project / "processed" / "sample", project / "processed" / "old", dirs_exist_ok=True)
            code, error = run(line, project)
            assert "Traceback" not in error, line
            assert code == (1 if name in STOPS_AT else 0), f"{line}\n{error}"
            assert ("ko-instruct: " in error) == (name in STOPS_AT), f"{line}\n{error}"
            assert re.search(STOPS_AT.get(name, ""), error), f"{line}\n{error}"
