"""Ctrl-C, kill and a closed terminal: one line, an exit code, whole files, and a next run that goes on."""

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.commands.signals import STOPPING, Stopped, stopping
from pipeline.io import stop as stop_asked
from pipeline.io.stage_files import LOCK, OF_RUN, RAW, TOKENIZER
from tests.self_instruct.test_self_instruct import write_seeds
from tests.support import hub_server, openai_server
from tests.support.openai_server import Fault
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONFIG = """
[dataset]
name = "mine"
[[source]]
name = "a"
files = ["a.jsonl"]
license = "cc0-1.0"
[tokenize]
tokenizer = ["embedded"]
"""
#: `make test` tries one, `make test-attack` each: all have the same handler.
TRIED = STOPPING if "ATTACKS" in os.environ else STOPPING[:1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config and a raw file that takes a second or two to build."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    (tmp_path / "raw" / "a.jsonl").write_text(
        "".join(f'{{"instruction": "질문 {number}", "output": "답 {number * 7}"}}\n' for number in range(60_000))
    )
    return tmp_path


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """SIGHUP as in a terminal: where the tests run under nohup it is ignored, and so in the processes they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ) -> "Popen[str]":
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    return Popen(command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, stderr=PIPE, text=True)


def children(process: "Popen[str]") -> set[int]:
    """The processes that this one has started and that still run."""
    found = set()
    for task in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= set(map(int, task.read_text().split()))
    return found


def stop(process: "Popen[str]", number: signal.Signals, when: Callable[[], bool]) -> None:
    """Send the signal at this moment: the process ends soon, with one line, and so do those that it has started."""
    while process.poll() is None and not when():
        time.sleep(0.005)
    started = children(process)
    process.send_signal(number)
    asked = time.monotonic()
    _, shown = process.communicate()
    assert process.returncode == 128 + number, shown
    assert time.monotonic() - asked < 10  # 2 s are promised; a busy machine takes longer
    assert "Traceback" not in shown
    line = shown.splitlines()[-1]
    assert line.startswith(f"ko-instruct: stopped by {number.name}. No file is half written")
    while (left := [child for child in started if Path(f"/proc/{child}").exists()]) and time.monotonic() - asked < 10:
        time.sleep(0.005)  # the system takes a moment to forget them
    assert not left


@pytest.mark.parametrize(
    ("number", "after"),
    [
        (signal.SIGINT, ".stages/mine/a/a.jsonl"),
        (signal.SIGTERM, f".stages/mine/a/a.jsonl/{OF_RUN.fingerprints}"),
        (signal.SIGHUP, ".stages/mine.export"),
    ],
    ids=["rows", "decisions", "export"],
)
def test_a_run_that_is_stopped(project: Path, number: signal.Signals, after: str) -> None:
    """While rows are worked on, while duplicates are decided, while the dataset is written."""
    processed = project / "processed"
    stop(start(["run"], project), number, lambda: any(processed.glob(after)))
    assert {path.name for path in processed.rglob("*") if path.is_file()} <= {LOCK, RAW, TOKENIZER}


@pytest.mark.parametrize("number", TRIED)
def test_a_run_whose_duplicates_are_decided_in_other_processes(project: Path, number: signal.Signals) -> None:
    rng = random.Random(0)
    words = [noun + particle for noun in ("나무", "바람", "하늘", "구름", "바다", "사람") for particle in "은을에의도"]
    base = rng.choices(words, k=60)
    rows = []
    for _ in range(1_000):
        one, other = rng.sample(range(60), 2)
        text = [rng.choice(words) if place in (one, other) else word for place, word in enumerate(base)]
        rows.append(json.dumps({"instruction": "이야기를 써 줘.", "output": " ".join(text)}))
    (project / "raw" / "a.jsonl").write_text("\n".join(rows))
    process = start(["run", "--workers", "2"], project)
    stop(process, number, lambda: bool(children(process)))
    assert {path.name for path in (project / "processed").rglob("*") if path.is_file()} <= {LOCK, RAW, TOKENIZER}


@pytest.mark.parametrize("number", TRIED)
def test_self_instruct_that_waits_for_answers_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """The log holds the answers that came, whole; the same command goes on from there."""
    write_seeds(tmp_path / "seeds")
    arguments = [
        "self-instruct",
        "--generator",
        "openai:gpt-x",
        "--count",
        "10",
        "--out",
        "new.jsonl",
        "--seeds",
        "seeds",
    ]
    with openai_server.running() as server:
        server.faults = [Fault()] * 9 + [Fault(silence=60)] * 99
        environment = os.environ | openai_server.environment(server)
        stop(start(arguments, tmp_path, environment), number, lambda: len(server.requests) > 12)
        assert not (tmp_path / "new.jsonl").exists()
        log = (tmp_path / "new.log").read_bytes()
        assert [json.loads(line) for line in log.splitlines()]
        assert log.endswith(b"\n")
        server.faults = []
        process = start(arguments, tmp_path, environment)
        assert process.communicate()[1].endswith("10 tasks written to new.jsonl, the log to new.log\n")
    assert (tmp_path / "new.log").read_bytes().startswith(log)


@pytest.mark.parametrize(
    "arguments",
    [["fetch", "tester/set"], ["push", "processed/mine", "tester/set", "--allow-embedded"]],
    ids=["fetch", "push"],
)
def test_a_command_that_waits_for_the_hub_is_stopped(project: Path, arguments: list[str]) -> None:
    (project / "raw" / "a.jsonl").write_text('{"instruction": "예?", "output": "네."}\n')
    assert CliRunner().invoke(main, ["run", "--config", str(project / "pipeline.toml")]).exit_code == 0
    with hub_server.running({"datasets/tester/set/a.jsonl": b"{}"}) as hub:
        for method in ("GET", "HEAD", "POST", "PUT"):
            hub.hang(method, "", times=9)
        process = start(arguments, project, os.environ | hub_server.environment(hub, project / "home"))
        stop(process, signal.SIGTERM, lambda: bool(hub.requests))
    assert (project / "processed" / "mine" / "manifest.json").exists()


def test_a_second_signal_is_not_caught() -> None:
    with pytest.raises(Stopped), stopping():
        os.kill(os.getpid(), signal.SIGHUP)
    with stopping():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Stopped:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


EARLY = """
import os, signal, sys
from ko_instruct.__main__ import main

class Interrupting:
    def find_spec(self, name, *rest):
        if name == "pipeline.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
main()
"""


def test_ctrl_c_before_the_command_begins_shows_no_traceback() -> None:
    process = Popen([sys.executable, "-c", EARLY], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=PIPE, text=True)
    _, shown = process.communicate()
    assert (process.returncode, shown) == (-signal.SIGINT, "")


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


def held_back() -> None:
    """As in the calls that Python makes at a fork."""
    with contextlib.suppress(Stopped):
        signal.raise_signal(signal.SIGTERM)
    stop_asked.check()


def wrapped() -> None:
    """As in a function that a library of C calls."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except Stopped as stopped:
        raise ValueError("in the library") from stopped


@pytest.mark.parametrize("work", [held_back, wrapped])
def test_a_stop_that_is_lost_on_its_way_stops_all_the_same(work: Callable[[], None]) -> None:
    def command() -> None:
        with stopping():
            work()

    with pytest.raises(Stopped) as stopped:
        command()
    assert stopped.value.number == signal.SIGTERM
    assert not stop_asked.asked.is_set()
