"""`ko-instruct run` in one process and as tasks of Ray on the same machine: time, memory, bytes of the stage files.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.scale_out 1000000 8

in an environment with the extra `ray`. Arguments: rows, files, and names of WAYS where not all are wanted. Prints the
tables of benchmarks/scale_out.md.
"""

import contextlib
import hashlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.synthetic import large
from schemas.run_times import RUN, RunTimes

CONFIG = """
[dataset]
name = "large"

[[source]]
name = "large"
files = ["*.jsonl"]

[tokenize]
tokenizer = ["{spiece}"]
"""
CORES = len(os.sched_getaffinity(0))
WAYS = {
    "one process": [],
    "one process, 8 parts": ["--set", "run.parts=8"],
    "Ray": ["--engine", "ray"],
    "Ray, 8 parts": ["--engine", "ray", "--set", "run.parts=8"],
}


class Run(NamedTuple):
    """What one run took. `steps`: seconds until all stage files were there, of dedupe, of export. `memory`: in GiB the
    largest of the process that was started, and of all processes together (what belongs to them alone)."""

    seconds: float
    steps: tuple[float, float, float]
    memory: tuple[float, float]
    stage_bytes: int
    sha256: str


def write_raw(folder: Path, count: int, files: int) -> None:
    folder.mkdir()
    each = -(-count // files)
    lines = (line for part in large(count) for line in part.select(["instruction", "input", "output"]).to_pylist())
    for number in range(files):
        with (folder / f"part-{number:03}.jsonl").open("wb") as file:
            for _, row in zip(range(each), lines, strict=False):
                file.write(orjson.dumps(row) + b"\n")


def run(project: Path, arguments: list[str]) -> Run:
    """One run, watched from outside: the stage files are removed at its end."""
    seen = {"bytes": 0.0, "rows": 0.0, "memory": 0.0}
    start, stop = time.perf_counter(), threading.Event()
    command = [sys.executable, "-m", "ko_instruct", "run", *arguments]
    child = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL)
    watcher = threading.Thread(target=watch, args=(project, child.pid, seen, start, stop))
    watcher.start()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    stop.set()
    watcher.join()
    assert status == 0
    done = RunTimes.model_validate_json((project / "processed/large" / RUN).read_bytes())
    dedupe, export = (sum(step.seconds for step in done.steps if step.step == name) for name in ("dedupe", "export"))
    memory = (usage.ru_maxrss / 2**20, seen["memory"] / 2**20)
    sha256 = digest(project / "processed/large")
    return Run(seconds, (seen["rows"], dedupe, export), memory, int(seen["bytes"]), sha256)


def watch(project: Path, pid: int, seen: dict[str, float], start: float, stop: threading.Event) -> None:
    files = len(list((project / "raw").iterdir()))
    while not stop.wait(0.5):
        seen["memory"] = max(seen["memory"], used_by(pid).memory)
        found = list((project / "processed/.stages").rglob("run*.arrow"))
        seen["bytes"] = max(seen["bytes"], sum(path.stat().st_size for path in found if path.exists()))
        if len(found) == 2 * files and not seen["rows"]:
            seen["rows"] = time.perf_counter() - start


class Used(NamedTuple):
    """KiB of a process and its children that are not pages of files, and the processor seconds that they took."""

    memory: int
    seconds: float


def used_by(pid: int) -> Used:
    memory, ticks, parents = 0, 0, {pid}
    for path in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError, ValueError):
            lines = (line.partition(":") for line in (path / "status").read_text().splitlines())
            status = {name: value.split() for name, _, value in lines}
            if int(path.name) in parents or int(status["PPid"][0]) in parents:
                parents.add(int(path.name))
                memory += sum(int(status[name][0]) for name in ("RssAnon", "RssShmem") if name in status)
                ticks += sum(map(int, (path / "stat").read_text().rpartition(")")[2].split()[11:13]))
    return Used(memory, ticks / os.sysconf("SC_CLK_TCK"))


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RUN):
        whole.update(path.relative_to(folder).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:12]


def main() -> None:
    count, files = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as made:
        project = Path(made)
        # In a process of its own: the runs below would begin with its memory in their account.
        writer = multiprocessing.get_context("spawn").Process(target=write_raw, args=(project / "raw", count, files))
        writer.start()
        writer.join()
        (project / "pipeline.toml").write_text(CONFIG.format(spiece=os.environ["KOBERT_SPIECE"]))
        print(f"{count:,} rows in {files} files, {CORES} cores, load before {os.getloadavg()[0]:.1f}\n")
        print("| way | seconds | of these rows | dedupe | export | driver, GiB | all processes, GiB | sha256 |")
        print("|---|---|---|---|---|---|---|---|")
        for way in sys.argv[3:] or WAYS:
            found = run(project, ["--workers", str(CORES), *WAYS[way]])
            cells = [f"{value:.0f}" for value in (found.seconds, *found.steps)]
            cells += [f"{value:.2f}" for value in found.memory]
            print(f"| {way} | {' | '.join(cells)} | {found.sha256} |", flush=True)
        print(f"\nStage files: {found.stage_bytes / count:.0f} bytes a row. Load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
