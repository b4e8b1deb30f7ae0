"""Ingest against Arrow's own JSON reader and against convmerge, on the same file; and its memory on 10 GB.

KO_INSTRUCT_DATA=…/data CONVMERGE=…/bin/convmerge python -m benchmarks.ingest > benchmarks/ingest.md
(convmerge is left out where CONVMERGE names no command, the 10 GB where SYNTHETIC_GB is 0.)
"""

import gzip
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pyarrow.json

from pipeline.stages.ingest import ingest
from schemas.options import Source

ROUNDS = 5
SOURCE = Source(name="bench", files=("*",))


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, processor) seconds of a call, the processes that it starts included."""
    wall, used = time.perf_counter(), processor()
    work()
    return time.perf_counter() - wall, processor() - used


def processor() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def rows_in(path: Path) -> int:
    return sum(len(table) for table in ingest(path, path.name, SOURCE))


def convert(convmerge: str, path: Path) -> None:
    out = path.with_name("out.jsonl")
    command = [convmerge, "convert", "--input", str(path), "--output", str(out), "--from", "auto", "--format", "alpaca"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def conversations(path: Path, count: int = 10_000) -> None:
    """JSON Lines of conversations with 1 to 10 questions and their answers."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            said = [
                f"{number}번째 대화의 {turn}번째 말입니다. " * (2 + turn % 9) for turn in range(2 + 2 * (number % 10))
            ]
            turns = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)]
            file.write(json.dumps({"id": number, "messages": turns}, ensure_ascii=False) + "\n")


def array_of(path: Path) -> Path:
    """The same records as JSON Lines, as an indented array."""
    records = [json.loads(line) for line in path.open(encoding="utf-8")]
    array = path.with_suffix(".json")
    array.write_text(json.dumps(records, ensure_ascii=False, indent=2), "utf-8")
    return array


def beside_read_json(path: Path, read: Path) -> str:
    """A line of the table: `ingest` of a file beside `read_json` of the same records as JSON Lines."""
    found = [(seconds(lambda: pyarrow.json.read_json(path)), seconds(lambda: rows_in(read))) for _ in range(ROUNDS)]
    (wall, used), (own_wall, own_used) = (
        tuple(map(min, zip(*times, strict=True))) for times in zip(*found, strict=True)
    )
    shown = f"{path.stem}, {'an indented array' if read != path else 'JSON Lines'}"
    return f"| {shown} | {wall:.2f} | {own_wall:.2f} | {used:.2f} | {own_used:.2f} | {own_used / used:.1f} |"


def synthetic(path: Path, gigabytes: float) -> int:
    """A JSON Lines file of this size: one line in 20,000 is broken, so that both ways of reading are taken."""
    lines = []
    for number in range(20_000):
        answer = f"{number}번째 답입니다. " * (1 + number % 20)
        record = {"instruction": f"{number}번째 질문에 답하세요.", "input": "", "output": answer, "id": str(number)}
        lines.append(json.dumps(record, ensure_ascii=False))
    lines[10_000] = lines[10_000][:-2]
    block = ("\n".join(lines) + "\n").encode()
    times = int(gigabytes * 1e9 / len(block)) + 1
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
    return times * len(lines)


def peak(path: Path) -> tuple[int, float, float]:
    """(rows, seconds, peak megabytes) of an ingest in a process of its own."""
    code = "import sys,resource,pathlib,benchmarks.ingest as b;"
    code += "n=b.rows_in(pathlib.Path(sys.argv[1]));print(n,resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    rows, megabytes = done.stdout.split()
    return int(rows), time.perf_counter() - start, float(megabytes)


def main() -> None:
    convmerge = os.environ.get("CONVMERGE", "")
    gigabytes = float(os.environ.get("SYNTHETIC_GB", "10"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nsmc_instruct.jsonl"
        with (
            gzip.open(Path(os.environ["KO_INSTRUCT_DATA"]) / "nsmc_instruct.jsonl.gz") as packed,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file)
        runs: dict[str, Callable[[], object]] = {
            "`pyarrow.json.read_json`": lambda: pyarrow.json.read_json(path),
            "`ingest`": lambda: rows_in(path),
        }
        if convmerge:
            runs["`convmerge convert --from auto --format alpaca`"] = lambda: convert(convmerge, path)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                found[name].append(seconds(run))
        rows = rows_in(path)
        size = path.stat().st_size
    names = [f"Python {platform.python_version()}", f"pyarrow {version('pyarrow')}", f"orjson {version('orjson')}"]
    if convmerge:
        names.append(
            subprocess.run([convmerge, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        )
    print(f"# Ingest\n\nNovember 2026, 2 cores, 24 GB; {', '.join(names)}.\n")
    print("    KO_INSTRUCT_DATA=…/data CONVMERGE=…/bin/convmerge python -m benchmarks.ingest > benchmarks/ingest.md\n")
    print(
        f"nsmc_instruct.jsonl, unpacked: {rows:,} rows, {size / 1e6:.0f} MB. In turns in one run, best of {ROUNDS}. ",
        end="",
    )
    print("`ingest` gives the full rows (origin, meta, fixes …) in tables; `read_json` the bare columns; ")
    print(
        "convmerge writes a file, as it always does. Processor time says what a busy machine hides in the wall time.\n"
    )
    print("| | wall, s | of read_json | processor, s | of read_json |\n|---|---|---|---|---|")
    walls = {name: min(wall for wall, _ in times) for name, times in found.items()}
    used = {name: min(cpu for _, cpu in times) for name, times in found.items()}
    first = next(iter(runs))
    for name in runs:
        ratios = walls[name] / walls[first], used[name] / used[first]
        print(f"| {name} | {walls[name]:.2f} | {ratios[0]:.2f} | {used[name]:.2f} | {ratios[1]:.2f} |")
    print("\nOther files, each beside `read_json` of the same records as JSON Lines:\n")
    print("| file | read_json: wall, s | ingest | processor, s | ingest | ratio |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        talks, koalpaca = Path(folder) / "conversations.jsonl", Path(folder) / "koalpaca_v1.0_a.jsonl"
        conversations(talks)
        records = json.loads((Path(os.environ["KO_INSTRUCT_DATA"]) / "koalpaca_v1.0_a.json").read_text("utf-8"))
        koalpaca.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        for file in (talks, koalpaca):
            print(beside_read_json(file, file))
            print(beside_read_json(file, array_of(file)))
    if gigabytes:
        print("\nMemory, each file in a process of its own (JSON Lines, one line in 20,000 broken):\n")
        print("| file | rows | s | MB/s | peak memory, MB |\n|---|---|---|---|---|")
        for size_gb in (gigabytes / 10, gigabytes):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "synthetic.jsonl"
                made = synthetic(path, size_gb)
                rows, took, megabytes = peak(path)
                if rows != made:
                    raise SystemExit(f"{made} rows were written and {rows} read")
                print(f"| {size_gb:g} GB | {rows:,} | {took:.0f} | {size_gb * 1e3 / took:.0f} | {megabytes:.0f} |")
    print("\nThe goals: at most twice the time of read_json, five times as fast as convmerge, under 1 GB on 10 GB.")
    print("On a busy machine the megabytes per second say less than the ratios.")


if __name__ == "__main__":
    main()
