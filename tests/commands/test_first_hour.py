"""The first hour of a new user: README.ko.md line by line, as far as that goes without a network, and one's own files.

Interrupts are in test_signals.py and tests/run/test_faults.py, mistakes in test_mistakes.py, a dataset that was
published and is fetched in tests/hub/test_fetch.py, notebooks in tests/test_ko_instruct.py and tests/table.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.support.paths import ROOT
from tests.support.small_tokenizers import TOOLS, save_causal

README = (ROOT / "README.ko.md").read_text(encoding="utf-8")
#: Code that is neither Python nor a file, block by block.
EVERY_BLOCK = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
BLOCKS = [text for language, text in EVERY_BLOCK if not language]
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if re.match(r"(make|ko-instruct|pip|hf|export) ", line)]
#: Commands that need a network, a login or a model, or a person who ends them; and the tests themselves.
NOT_HERE = re.compile(r"make test|pip install|export |hf auth|ko-instruct (push|self-instruct|browse)")
#: The same in one process, which takes less time; tests/run/test_make.py has it under Make.
REPLACED = {
    "make processed LAYOUT=causal TOKENIZER=토크나이저/경로": "ko-instruct run --layout causal --tokenizer embedded"
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this project whose environment is this one."""
    folder = tmp_path_factory.mktemp("first hour")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "pipeline.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "raw" / "sample", folder / "raw" / "sample")
    script = folder / ".venv" / "bin" / "ko-instruct"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ko_instruct "$@"\n')
    script.chmod(0o755)
    (folder / ".venv" / ".installed").touch()
    return folder


def run(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    foreign = ("KO_INSTRUCT", "MAKE", "MFLAGS", "VENV", "LAYOUT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = f"{project / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = clean | {"PATH": path, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(project)}
    return subprocess.run(
        ["sh", "-c", line], cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_the_readme_line_by_line(project: Path) -> None:
    here = [line for line in COMMANDS if not NOT_HERE.match(line)]
    assert here[0] == "make processed"
    assert len(here) >= 5
    for line in here:
        done = run(REPLACED.get(line, line), project)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{line}\n{done.stderr}"
        if line == "make processed":
            shown = next(block for block in BLOCKS if block.startswith("rows in"))
            assert shown.split("tokenizer:")[0] in done.stdout, done.stdout
    for path in re.findall(
        r"^\| `([^|]*)` \|", README.split("들어 있습니다.")[1].split("제외된 행과")[0], re.MULTILINE
    ):
        for name in path.split("`, `"):
            assert list((project / "processed" / "sample").glob(name.rstrip("/"))), name


def call(*arguments: str) -> Result:
    """A command in this process, which takes less time."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_ones_own_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(project))
    (project / "raw" / "내 질문.csv").write_bytes(
        "질문,답변\n수도는 어디인가요?,서울입니다.\n바다는?,\n".encode("cp949")
    )
    assert call("init", "내 설정.toml").stdout.endswith("make processed CONFIG='내 설정.toml'\n")
    config = project / "내 설정.toml"
    assert call("check", "--config", config.name).exit_code == 0
    assert 'add "embedded" to the end of the list' in call("run", "--config", config.name).stderr
    config.write_text(config.read_text("utf-8").replace('base-v1"]', 'base-v1", "embedded"]'), "utf-8")
    done = run("make processed CONFIG='내 설정.toml'", project)
    assert re.search(r"- validate: output-blank +1\nkept +1\n", done.stdout), done.stderr
    assert '"origin":"내 질문.csv:3"' in (project / "processed" / "mine" / "rejects.jsonl").read_text("utf-8")

    manifest = (project / "processed" / "mine" / "manifest.json").read_bytes()
    config.write_text(config.read_text("utf-8").replace("[dedupe]", "[dedup]"), "utf-8")
    wrong = call("run", "--config", config.name)
    assert wrong.exit_code == 1
    assert re.search(r"내 설정\.toml:\n  line \d+: dedup: unknown name; .* Did you mean dedupe\?", wrong.stderr)
    assert (project / "processed" / "mine" / "manifest.json").read_bytes() == manifest


def test_the_three_records_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (text for language, text in EVERY_BLOCK if language == "json")
    save_causal(tmp_path / "model", TOOLS)
    Path("three.jsonl").write_text(block, "utf-8")
    done = call("run", "three.jsonl", "--out", "processed/three", "--tokenizer", "model", "--layout", "causal")
    assert re.search(r"rows in +3\nkept +3\n", done.stdout), done.stdout + done.stderr
