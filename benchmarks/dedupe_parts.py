"""`dedupe` alone, of many rows: in one process, and in parts as tasks of Ray on the same machine.

KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_parts 10000000 16

in an environment with the extra `ray`. Arguments: rows, parts. Prints a table of benchmarks/scale_out.md. Memory: the
largest of the process that decides, and of all processes, without the pages of files. On a busy machine the processor
seconds, of all processes, say more than the seconds.
"""

import hashlib
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.scale_out import CORES, Used, used_by
from benchmarks.synthetic import large
from pipeline.io.arrow_files import open_table, read_column, write_tables
from pipeline.io.workers import ordered
from pipeline.run.dedupe_in_parts import Steps, decide_in_parts
from pipeline.stages.dedupe import decide, fingerprint, texts
from pipeline.stages.dedupe.job import Job
from pipeline.table.reject_and_flag import complete
from schemas.columns import FINGERPRINT
from schemas.options import DedupeOptions

NAMES = ("origin", "instruction", "input", "output")


@dataclass(frozen=True)
class Files:
    """Rows in two files (`pipeline.stages.dedupe.parts.Rows`)."""

    folder: Path
    against: int = 0

    @cached_property
    def prints(self) -> pa.Table:
        return open_table(self.folder / "prints.arrow")

    @cached_property
    def job(self) -> Job:
        return Job(self.prints, open_table(self.folder / "rows.arrow"), DedupeOptions())

    def __reduce__(self) -> tuple[Callable[..., "Files"], tuple[Any, ...]]:
        return Files, (self.folder,)


def prepare(folder: Path, count: int) -> None:
    def rows() -> Iterator[pa.Table]:
        return (texts(complete(pa.Table.from_batches([part]).select(NAMES)), "#") for part in large(count))

    write_tables(folder / "rows.arrow", rows(), texts(complete(pa.table({name: [] for name in NAMES})), "#").schema)
    tables = (pa.Table.from_batches([batch]) for batch in open_table(folder / "rows.arrow").to_batches())
    write_tables(folder / "prints.arrow", ordered(fingerprint, tables, CORES), FINGERPRINT)


def in_one_process(folder: Path) -> pa.Table:
    table = Files(folder).job.table
    return decide(lambda name: read_column(folder / "prints.arrow", name), table, workers=CORES)


def in_parts(folder: Path, parts: int) -> pa.Table:
    from pipeline.run.engines.ray import cluster

    with cluster(None, CORES) as engine:
        return decide_in_parts(Files(folder), Steps(engine.each, folder / "exchanges", parts))


def timed(name: str, work: Callable[..., pa.Table], *arguments: Any) -> None:
    """Prints a line of the table, in a process of its own."""
    seen, stop = Used(0, 0), threading.Event()

    def watch() -> None:
        nonlocal seen
        while not stop.wait(1):
            seen = Used(*map(max, seen, used_by(os.getpid())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    decisions = work(*arguments)
    seconds = time.perf_counter() - start
    stop.set()
    watcher.join()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    digest = hashlib.sha256()
    with pa.ipc.new_stream(pa.PythonFile(Sink(digest), "w"), decisions.schema.remove_metadata()) as writer:
        for batch in decisions.combine_chunks().to_batches(1 << 16):
            writer.write_batch(batch)
    here, every = int(peak.split()[1]) / 2**20, seen.memory / 2**20
    print(
        f"| {name} | {seconds:.0f} | {seen.seconds:.0f} | {here:.2f} | {every:.2f} | {digest.hexdigest()[:12]} |",
        flush=True,
    )


class Sink:
    """A file that hashes what is written."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self.digest = digest

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def main() -> None:
    count, parts = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        calls: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (prepare, (folder, count)),
            (timed, ("one process", in_one_process, folder)),
            (timed, (f"{parts} parts, tasks of Ray", in_parts, folder, parts)),
        ]
        print(f"{count:,} rows, {CORES} cores, load before {os.getloadavg()[0]:.1f}\n")
        print(
            "| dedupe | seconds | processor seconds | the process, GiB | all processes, GiB | sha256 of the decisions |"
        )
        print("|---|---|---|---|---|---|", flush=True)
        for work, arguments in calls:
            child = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
            child.start()
            child.join()
            assert child.exitcode == 0
        print(f"\nLoad at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    from benchmarks import dedupe_parts  # by this name, tasks find what is here

    dedupe_parts.main()
