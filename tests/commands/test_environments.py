"""Commands where the system gives them little: closed streams, no home, few open files, little memory.

`make test` tries everything at once, `make test-attack` each alone too.
"""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.commands.shared import ADDRESS_SPACE, CLOSED
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONFIG = """
[dataset]
name = "mine"
[[source]]
name = "a"
files = ["*.jsonl"]
[tokenize]
tokenizer = ["embedded"]
"""
COMMAND = f"{shlex.quote(sys.executable)} -c 'from pipeline.cli import main; main()'"
FILES = 300 if "ATTACKS" in os.environ else 100
#: Raw files under Make.
MANY = 3000

#: What a shell does before the command, by name. {0}: the command.
PLACES = {
    "stdin closed": "{0} <&-",
    "umask 077": "umask 077; {0}",
    "no locale": "unset LC_ALL LC_CTYPE; export LANG=C; {0}",
    "no home": "unset HOME; {0}",
    "no folder to write in but this": "export HOME=/proc/nowhere TMPDIR=/proc/nowhere; {0}",
    "few open files": "ulimit -n 64; {0}",
    "little address space": f"ulimit -v {ADDRESS_SPACE >> 10}; {{0}}",
}


def everywhere(command: str) -> str:
    for place in PLACES.values():
        command = place.format(command)
    return command


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(["/bin/sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_project(folder, FILES)
    return folder


def write_project(folder: Path, files: int) -> None:
    (folder / "raw").mkdir()
    (folder / "pipeline.toml").write_text(CONFIG)
    for number in range(files):
        record = f'{{"instruction": "질문 {number}", "output": "답 {number * 7}"}}\n'
        (folder / "raw" / f"파일{number}.jsonl").write_text(record)


@pytest.mark.parametrize("place", ["all", *(PLACES if "ATTACKS" in os.environ else ())])
def test_a_run_with_little(place: str, project: Path) -> None:
    run = f"{COMMAND} run"
    done = shell(everywhere(run) if place == "all" else PLACES[place].format(run), project)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    manifest = project / "processed" / "mine" / "manifest.json"
    assert f'"rows_in":{FILES}' in re.sub(r"\s", "", manifest.read_text())
    if place in ("all", "umask 077"):
        assert stat.S_IMODE(manifest.stat().st_mode) == 0o600


@pytest.mark.skipif("ATTACKS" not in os.environ, reason="takes minutes: make test-attack")
def test_make_with_little(tmp_path: Path) -> None:
    for folder in ("raw", "venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "venv/.installed"):
        (tmp_path / name).touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "venv/bin/ko-instruct").symlink_to(Path(sys.executable).parent / "ko-instruct")
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    for number in range(MANY):
        (tmp_path / "raw" / f"{number}.jsonl").write_text(
            f'{{"instruction": "질문 {number}", "output": "답 {number * 7}"}}\n'
        )
    make = "unset MAKEFLAGS MAKELEVEL; ulimit -n 64; make -j2 processed VENV=venv"
    done = shell(make, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f'"rows_in":{MANY}' in re.sub(r"\s", "", (tmp_path / "processed/mine/manifest.json").read_text())
    assert "is up to date" in shell(make, tmp_path).stdout


def test_too_little_address_space_is_refused_with_what_is_enough(project: Path) -> None:
    done = shell(f"ulimit -v {(ADDRESS_SPACE >> 10) - 1}; {COMMAND} verify .", project)
    assert done.returncode == 1
    assert f"allow it with `ulimit -v {ADDRESS_SPACE >> 10}`" in done.stderr  # which the test above tries


def test_no_memory_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.dataset.verify.verify", work)
    done = CliRunner().invoke(main, ["verify", str(project)])
    assert done.exit_code == 1
    assert done.stderr.startswith("ko-instruct: not enough memory. No file is half written")


#: Commands that write to standard output.
WRITING = {
    "show": "processed/mine",
    "explain": "파일1.jsonl:1",
    "report": "processed/mine --out -",
    "ingest": "raw/파일1.jsonl -",
    "diff": "processed/mine processed/mine",
    "inspect": "raw/파일1.jsonl",
    "check": "",
    "plan": "",
    "schema": "",
    "verify": "processed/mine",
    "run": "--json",
}


@pytest.mark.parametrize("name", WRITING if "ATTACKS" in os.environ else list(WRITING)[:4])
def test_a_reader_that_leaves_ends_every_command_alike(name: str, project: Path) -> None:
    if not (project / "processed").exists():
        assert shell(f"{COMMAND} run", project).returncode == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", name, *WRITING[name].split()]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=project, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == CLOSED, done.stderr
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_closed_streams_take_no_files_of_the_run(tmp_path: Path) -> None:
    """The system gives the numbers of closed streams to the next files that are opened."""
    write_project(tmp_path, FILES if "ATTACKS" in os.environ else 4)
    done = shell(f"{COMMAND} run >&- 2>&- <&-; echo $?", tmp_path)
    assert done.stdout == "0\n"
    assert '"rows_in"' in (tmp_path / "processed" / "mine" / "manifest.json").read_text()
