"""Commands where the system gives them little: closed streams, no home, few open files, little memory.

`make test` tries everything at once, `make test-attack` each alone too.
"""

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.commands.shared import ADDRESS_SPACE
from tests.support.paths import ROOT

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
FILES = 100

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
    (folder / "raw").mkdir()
    (folder / "pipeline.toml").write_text(CONFIG)
    for number in range(FILES):
        record = f'{{"instruction": "질문 {number}", "output": "답 {number * 7}"}}\n'
        (folder / "raw" / f"파일{number}.jsonl").write_text(record)
    return folder


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


def test_a_reader_that_leaves_ends_the_command(project: Path) -> None:
    done = shell(f"{{ {COMMAND} ingest raw/파일1.jsonl -; echo $? >&2; }} | true", project)
    assert done.stderr.splitlines()[-1] in ("0", "1")
    assert "Traceback" not in done.stderr


def test_closed_streams_take_no_files_of_the_run(project: Path) -> None:
    """The system gives the numbers of closed streams to the next files that are opened."""
    done = shell(f"{COMMAND} run >&- 2>&- <&-; echo $?", project)
    assert done.stdout == "0\n"
