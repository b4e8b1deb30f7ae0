"""Ctrl-C, kill and a closed terminal: one line, an exit code, whole files, and a next run that goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.commands.signals import STOPPING, Stopped, stopping
from tests.support.paths import ROOT

CONFIG = """
[dataset]
name = "mine"
[[source]]
name = "a"
files = ["a.jsonl"]
[tokenize]
tokenizer = ["embedded"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config and a raw file that takes a second or two to build."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    (tmp_path / "raw" / "a.jsonl").write_text(
        "".join(f'{{"instruction": "질문 {number}", "output": "답 {number * 7}"}}\n' for number in range(60_000))
    )
    return tmp_path


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_a_run_that_is_stopped(project: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True)
    rows = project / "processed" / ".stages" / "mine" / "a" / "a.jsonl"
    while process.poll() is None and not rows.exists():
        time.sleep(0.01)
    process.send_signal(number)
    asked = time.monotonic()
    _, shown = process.communicate()
    assert process.returncode == 128 + number, shown
    assert time.monotonic() - asked < 10  # 2 s are promised; a busy machine takes longer
    assert shown.splitlines()[-1].startswith(f"ko-instruct: stopped by {number.name}. No file is half written")
    assert "Traceback" not in shown
    assert not (project / "processed" / "mine").exists()


def test_a_second_signal_is_not_caught() -> None:
    with pytest.raises(Stopped), stopping():
        os.kill(os.getpid(), signal.SIGHUP)
    with stopping():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Stopped:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_in_another_thread() -> None:
    """Signals reach the main thread alone: elsewhere a command works as without them."""
    found = []
    thread = threading.Thread(target=lambda: found.append(CliRunner().invoke(main, ["schema"]).exit_code))
    thread.start()
    thread.join()
    assert found == [0]
