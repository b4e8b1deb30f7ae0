"""The first hour of a new user: one's own files. The README and the pages, block by block, are in tests/test_pages.py.

Interrupts are in test_signals.py and tests/run/test_faults.py, mistakes in test_mistakes.py, a dataset that was
published and is fetched in tests/hub/test_fetch.py, notebooks in tests/test_ko_instruct.py and tests/table.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, warm_command: Path) -> Path:
    """A clone of this project whose environment is this one, and whose cache of the Hub is empty."""
    folder = tmp_path_factory.mktemp("first hour")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "pipeline.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "raw" / "sample", folder / "raw" / "sample")
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "ko-instruct").symlink_to(warm_command)
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


def test_a_project_without_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    assert call("init", "mine.toml").exit_code == 0
    done = call("run", "--config", "mine.toml", "--set", 'tokenize.tokenizer=["embedded"]')
    assert (done.exit_code, done.stderr) == (
        1,
        "ko-instruct: no source has a file below raw. Put one there, or name one that is there in `files`.\n",
    )
    Path("raw/a.jsonl").write_text('{"instruction": "수도는?", "output": "서울입니다."}\n', "utf-8")
    assert call("run", "--config", "mine.toml", "--set", 'tokenize.tokenizer=["embedded"]').exit_code == 0
