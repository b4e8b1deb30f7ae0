"""What a person sees of a long run: bars on a terminal, lines elsewhere."""

import os
import pty
import re
import subprocess
import sys

import pyarrow as pa
import pytest

from pipeline.io import progress
from pipeline.io.progress import has_bars, watch
from tests.support.paths import ROOT

CODE = """
import pyarrow as pa, time
from pipeline.io.progress import watch, watch_bytes
tables = [pa.table({"instruction": ["가"] * 1500})] * 3
for name in watch_bytes([("a.jsonl", 1_000_000), ("b.jsonl", 3_000_000)]):
    for _ in watch(tables, "tokenize", name, place="file 1 of 2"):
        time.sleep(0.12)
for _ in watch(tables, "export", "processed/x", total=4500):
    time.sleep(0.12)
"""


def on_a_terminal(**environment: str) -> str:
    """What the code above writes to a terminal."""
    ours, theirs = pty.openpty()
    command = ["sh", "-c", 'stty cols 140 rows 40; exec "$0" "$@"', sys.executable, "-c", CODE]
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "COLUMNS")}
    running = subprocess.Popen(
        command, cwd=ROOT, env=clean | {"PYTHONPATH": str(ROOT)} | environment, stdin=theirs, stderr=theirs, text=True
    )
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 1 << 16):
            seen += data
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    assert running.wait() == 0
    return seen.decode()


def test_bars_of_a_file_and_of_all_files() -> None:
    seen = on_a_terminal()
    assert re.search(r"tokenize    a\.jsonl \(file 1 of 2\): 3,000 rows \[\d\d:\d\d, [\d.]+k? rows/s\]", seen)
    assert "2 files:  25%" in seen
    assert re.search(r"1,000,000 of 4,000,000 bytes \[\d\d:\d\d, \d\d:\d\d left, [\d.]+[kM]? bytes/s\]", seen)
    assert re.search(
        r"export      processed/x:  67%.*3,000 of 4,500 rows \[\d\d:\d\d, \d\d:\d\d left, [\d.]+k? rows/s\]", seen
    )
    assert "tokenize    b.jsonl: 4,500 rows (file 1 of 2)" in seen


@pytest.mark.parametrize("flags", [" -j2 --jobserver-auth=3,4", "w -j --jobserver-fds=3,4", "kj"])
def test_no_bars_beside_other_processes_of_make(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("MAKEFLAGS", flags)
    assert not has_bars()


@pytest.mark.parametrize("flags", ["", "w", "w -- CONFIG=my-job.toml LAYOUT=jj", " --no-print-directory"])
def test_bars_under_make_alone(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("MAKEFLAGS", flags)
    assert has_bars()


def test_lines_in_place_of_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "BETWEEN_LINES", -1)
    tables = [pa.table({"reject_stage": ["ingest", None]})] * 600
    assert len(list(watch(tables, "ingest", "a.jsonl", place="file 3 of 42"))) == 600
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [f"ingest      a.jsonl: {n} rows so far, {n} a second (file 3 of 42)" for n in (2, 4)]
    assert lines[-1] == "ingest      a.jsonl: 1,200 rows; rejected: 600 by ingest (file 3 of 42)"
