"""`ko-instruct run` in one process and as tasks of Ray on the same machine: time, memory, bytes of the stage files.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.scale_out 1000000 8

in an environment with the extra `ray`. Arguments: rows, files. Prints the table of benchmarks/scale_out.md.
"""

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
from schemas.run_times import RUN

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
    """`rows_done`: seconds until all stage files were there. `memory`: the largest of the process that was started."""

    seconds: float
    rows_done: float
    memory: float
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
    seen = {"bytes": 0, "done": 0.0}
    start, stop = time.perf_counter(), threading.Event()
    watcher = threading.Thread(target=watch, args=(project, seen, start, stop))
    watcher.start()
    command = [sys.executable, "-m", "ko_instruct", "run", *arguments]
    child = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    stop.set()
    watcher.join()
    assert status == 0
    return Run(seconds, seen["done"], usage.ru_maxrss / 2**20, int(seen["bytes"]), digest(project / "processed/large"))


def watch(project: Path, seen: dict[str, float], start: float, stop: threading.Event) -> None:
    files = len(list((project / "raw").iterdir()))
    while not stop.wait(0.2):
        found = list((project / "processed/.stages").rglob("run*.arrow"))
        seen["bytes"] = max(seen["bytes"], sum(path.stat().st_size for path in found if path.exists()))
        if len(found) == 2 * files and not seen["done"]:
            seen["done"] = time.perf_counter() - start


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
        print("| way | seconds | of these rows | driver, GiB | stage files, bytes a row | sha256 |")
        print("|---|---|---|---|---|---|")
        for way, arguments in WAYS.items():
            found = run(project, ["--workers", str(CORES), *arguments])
            cells = (f"{found.seconds:.0f}", f"{found.rows_done:.0f}", f"{found.memory:.2f}")
            print(f"| {way} | {' | '.join(cells)} | {found.stage_bytes / count:.0f} | {found.sha256} |", flush=True)


if __name__ == "__main__":
    main()
