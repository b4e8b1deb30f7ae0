"""Runs killed with SIGKILL at random moments, and at every step of theirs that changes a file; the next run must end as
if nothing had been: the same bytes, nothing half-written, nothing left over.

make test-kill            (KILLS=100 of Make and of `ko-instruct run` each; as many of `run` at steps)
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from pipeline.cli import main as ko_instruct
from tests.support.folders import digests
from tests.support.paths import ROOT

CONFIG = """
[dataset]
name = "small"

[[source]]
name = "sample"
files = ["sample/*.[cj]s*"]

[[source]]
name = "large"
files = ["large.jsonl"]
optional = true

[tokenize]
tokenizer = ["embedded"]

[export]
formats = ["arrow", "parquet", "jsonl"]

[dedupe]
exact = "drop"
"""
OTHER = CONFIG.replace('exact = "drop"', 'exact = "flag"')
#: A file of the user in the dataset's folder, which no run may lose.
NOTE = "메모.txt"

#: A run of the command line that kills itself at the n-th step that changes a file below the working directory, or
#: tells how many there are where n is 0.
STEPS = """
import os, signal, sys
last, here = int(sys.argv.pop(1)), os.getcwd()
step = 0
def hook(event, arguments):
    global step
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"):
        name = arguments[0]
        if isinstance(name, (str, os.PathLike)) and os.path.abspath(os.fspath(name)).startswith(here):
            step += 1
            if step == last:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
from pipeline.cli import main
main(["run", "--workers", "1"], standalone_mode=False)
print("steps", step)
"""


@dataclass(frozen=True)
class Project:
    """A project of its own in a folder, with raw/sample and perhaps a larger file, and what an unbroken run makes."""

    folder: Path

    @classmethod
    def at(cls, folder: Path, files: Sequence[str], large_rows: int = 0) -> "Project":
        (folder / "raw" / "sample").mkdir(parents=True)
        for name in files:
            shutil.copy(ROOT / "raw" / "sample" / name, folder / "raw" / "sample")
        if large_rows:
            with (folder / "raw" / "large.jsonl").open("w", encoding="utf-8") as lines:
                for n in range(large_rows):
                    divisor = n % 977 + 2
                    row = {"instruction": f"{n} ÷ {divisor}의 몫을 알려 줘.", "output": f"{n // divisor}입니다."}
                    lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        (folder / "pipeline.toml").write_text(CONFIG)
        shutil.copy(ROOT / "Makefile", folder)
        for name in ("pyproject.toml", "constraints.txt"):
            (folder / name).touch()
        (folder / "venv" / "bin").mkdir(parents=True)
        (folder / "venv" / ".installed").touch()
        project = cls(folder)
        project.use(Path(sys.executable).parent / "ko-instruct")
        return project

    def use(self, command: Path) -> None:
        """Let the project run this command as `ko-instruct`."""
        link = self.folder / "venv" / "bin" / "ko-instruct"
        link.unlink(missing_ok=True)
        link.symlink_to(command)

    @property
    def built(self) -> Path:
        return self.folder / "processed" / "small"

    def command(self, way: str) -> list[str]:
        if way == "make":
            return ["make", "processed", "VENV=venv", "-j2"]
        return [str(self.folder / "venv" / "bin" / "ko-instruct"), "run"]

    def start(self, command: Sequence[str]) -> "subprocess.Popen[str]":
        clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=clean, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def finish(self, command: Sequence[str]) -> str:
        process = self.start(command)
        out, err = process.communicate()
        assert process.returncode == 0, f"{command} ended with {process.returncode}\n{out}{err}"
        return out

    def run(self) -> None:
        """`ko-instruct run` in this process, which takes a fraction of the time of a new one."""
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(ko_instruct, ["run"], catch_exceptions=False)
        assert result.exit_code == 0, result.output

    def end(self, way: str) -> None:
        """Run to the end: by Make, or in this process."""
        if way == "make":
            self.finish(self.command("make"))
        else:
            self.run()

    def kill(self, command: Sequence[str], after: float) -> bool:
        """Start a command and kill it and all its children after so many seconds. Whether it still ran."""
        process = self.start(command)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        return False

    def digest(self) -> dict[str, str]:
        """sha256 of every file of the dataset, and of the stage files of Make where they are."""
        processed = self.folder / "processed"
        found = digests(processed).items()
        return {name: digest for name, digest in found if name.startswith("small/") or name.endswith(".arrow")}

    def leftovers(self) -> list[str]:
        """Files that no ended run should leave."""
        processed = self.folder / "processed"
        found = [*processed.rglob("*.part"), *processed.rglob("run*.arrow"), *processed.glob(".stages/small.*")]
        return [path.relative_to(processed).as_posix() for path in found]

    def begin(self, state: str, way: str) -> None:
        """Before a run that will be killed. fresh: nothing is built. touched: all is built, and every raw file is new.
        other: what is built, in this way, is of other options."""
        if state == "fresh":
            shutil.rmtree(self.folder / "processed", ignore_errors=True)
        elif state == "touched":
            for path in (self.folder / "raw").rglob("*.*"):
                path.touch()
        elif state == "other":
            (self.folder / "pipeline.toml").write_text(OTHER)
            self.end(way)
            (self.folder / "pipeline.toml").write_text(CONFIG)
        if self.built.exists():
            (self.built / NOTE).write_text("직접 쓴 메모")

    def keep(self) -> None:
        """Remember what is built: to build it again takes longer than the runs of a test."""
        copy_tree(self.folder / "processed", self.folder / "kept")

    def restore(self) -> None:
        """What is built, with the times of its files, is as `keep` found it."""
        copy_tree(self.folder / "kept", self.folder / "processed")


def copy_tree(of: Path, to: Path) -> None:
    """`to` becomes a copy of `of`, or is gone where that does not exist."""
    shutil.rmtree(to, ignore_errors=True)
    if of.exists():
        shutil.copytree(of, to)


@dataclass(frozen=True)
class Unbroken:
    """What unbroken runs of a project make, in all ways the same, and how many seconds each takes."""

    digest: dict[str, str]
    duration: dict[str, float]

    @classmethod
    def of(cls, project: Project) -> "Unbroken":
        duration = {}
        for way in ("run", "make"):
            shutil.rmtree(project.folder / "processed", ignore_errors=True)
            begin = time.monotonic()
            project.finish(project.command(way))
            duration[way] = time.monotonic() - begin
        return cls(project.digest(), duration)


STATES = ("fresh", "touched", "other")


def random_kills(project: Project, wanted: Unbroken, way: str, kills: int, seed: int) -> Counter[str]:
    """Kill a way of running at random moments, each time followed by a run to the end, of this way or the other.

    Raises AssertionError where that run fails, gives other bytes or leaves something over. Gives counts.
    """
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(kills):
        state, last = rng.choice(STATES), rng.choice(("make", "run"))
        project.begin(state, way)
        noted = (project.built / NOTE).exists()
        moment = rng.uniform(0, wanted.duration[way])
        hit = project.kill(project.command(way), moment)
        project.end(last)
        where = f"kill {number} (seed {seed}) of {way} after {moment:.2f} s from {state!r}, then {last}"
        check(project, wanted.digest, noted, last, where)
        seen[f"{way} killed" if hit else f"{way} ended before"] += 1
    return seen


def step_kills(project: Project, wanted: Unbroken, state: str, kills: int, seed: int) -> Counter[str]:
    """Kill `run` at so many of its steps that change a file, or at each if there are no more; let the next one end."""
    code = [sys.executable, "-c", STEPS]
    project.begin(state, "run")
    project.keep()
    count = int(project.finish([*code, "0"]).split()[-1])
    seen: Counter[str] = Counter()
    for step in sorted(random.Random(seed).sample(range(1, count + 1), min(kills, count))):
        project.restore()
        noted = (project.built / NOTE).exists()
        process = project.start([*code, str(step)])
        process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        project.run()
        check(project, wanted.digest, noted, "run", f"run killed at its step {step} of {count} from {state!r}")
        seen[f"run killed at a step, from {state}"] += process.returncode != 0
    return seen


def check(project: Project, wanted: dict[str, str], noted: bool, last: str, where: str) -> None:
    """`last`: the way of the run that ended; after Make its stage files must be right as well."""
    assert not project.leftovers(), f"{where}: left over: {project.leftovers()}"
    found = project.digest()
    if noted:
        assert found.pop(f"small/{NOTE}", None), f"{where}: the user's own file is lost"
    parts = ("small/",) if last == "run" else ("small/", ".stages/")
    assert [(n, d) for n, d in found.items() if n.startswith(parts)] == [
        (n, d) for n, d in wanted.items() if n.startswith(parts)
    ], where


def main() -> None:
    kills, seed, rows = (int(os.environ[name]) for name in ("KILLS", "SEED", "ROWS"))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.at(Path(folder), ("everyday.jsonl",), rows)
        wanted = Unbroken.of(project)
        for way in ("run", "make"):
            tell(random_kills(project, wanted, way, kills, seed), begin)
        for state in STATES:
            tell(step_kills(project, wanted, state, max(1, kills // 4), seed), begin)
    print(
        f"SEED={seed}, raw/sample/everyday.jsonl and {rows:,} rows: "
        "every run after a kill ended with the bytes of an unbroken one"
    )


def tell(seen: Counter[str], begin: float) -> None:
    counts = ", ".join(f"{what}: {count}" for what, count in seen.items())
    print(f"{counts} ({time.monotonic() - begin:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
