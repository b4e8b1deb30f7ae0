"""Where the time of the chain goes, by stage and function, and the least that it could cost.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.limits > benchmarks/limits.md
"""

import functools
import gc
import gzip
import hashlib
import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.chain import KO_INSTRUCT
from pipeline.cli import YOUNG
from pipeline.commands.shared import changed
from pipeline.io.arrow_files import open_table
from pipeline.io.stage_files import OF_RUN
from pipeline.io.workers import threads
from pipeline.run.dedupe import dedupe_units
from pipeline.run.export import export_units
from pipeline.run.plan import Plan, plan_of_files
from pipeline.run.row_wise import UnitRows, tools_of
from pipeline.run.tokenizer import find_tokenizer
from schemas.options import Config

CORES = len(os.sched_getaffinity(0))
#: The functions whose time is measured, each without the others that it calls: by stage, with what they do.
FUNCTIONS = {
    "rows": {
        "pipeline.stages.ingest:ingest": "parse the raw file",
        "pipeline.stages.validate:validate": "validate",
        "pipeline.stages.normalize:normalize": "normalize",
        "pipeline.stages.screen:screen": "screen",
        "pipeline.tokenizers.kobert:KoBERT._encode": "SentencePiece, called",
        "pipeline.io.arrow_files:Batches.add": "cut batches",
        "pyarrow.ipc:RecordBatchFileWriter.write_table": "write the stage files",
        "pipeline.run.row_wise:cleaning": "import the stages",
        "pipeline.stages.tokenize:tokenize": "tokenize, without SentencePiece",
        "pipeline.stages.dedupe.fingerprints:fingerprint": "fingerprint, without its keys",
        "pipeline.stages.dedupe.keys:_digests": "keys of folded texts (Python: xxhash, one text at a time)",
        "pipeline.stages.dedupe.keys:_exact_keys": "keys of exact texts (Python: the same)",
        "pipeline.stages.dedupe.keys:fold_and_compose": "fold texts (numpy)",
        "pipeline.stages.dedupe.keys:number_keys": "keys of numbers (Python)",
        "pipeline.stages.dedupe.minhash:least_hashes": "MinHash (numpy)",
    },
    "decide": {
        "pipeline.stages.dedupe.keepers:equal_rows": "groups of equal rows",
        "pipeline.stages.dedupe.candidates:candidate_pairs": "candidate pairs: their list",
        "pipeline.stages.dedupe.groups:repeated_keys": "candidate pairs: sort the bands",
        "pipeline.stages.dedupe.candidates:pairs_in_groups": "candidate pairs: within a band",
        "pipeline.stages.dedupe.candidates:agreeing_hashes": "candidate pairs: compare signatures",
        "pipeline.stages.dedupe.verify:verify": "verify: their texts",
        "pipeline.stages.dedupe.verify:similar": "verify: bigrams (numpy)",
        "pipeline.stages.dedupe.essentials:may_say_the_same": "verify: essential syllables (numpy)",
        "pipeline.stages.dedupe.differ_in_form:differ_in_form": "differ in form: numpy",
        "pipeline.stages.dedupe.middles:differ_in_form": "differ in form: words of middles (Python)",
        "pipeline.stages.dedupe.differ_in_form:_same_texts": "differ in form: whole texts (Python)",
        "pipeline.stages.dedupe.differ_in_form:differences_of": "list differences of dropped rows (Python)",
        "pipeline.stages.dedupe.keepers:choose_keepers": "keepers (Python)",
        "pipeline.stages.dedupe.decisions:decision_table": "the table of decisions",
    },
    "export": {
        "pipeline.run.export:versions": "versions of all libraries (Python)",
        "pipeline.stages.dedupe.marks:apply": "apply decisions",
        "pipeline.table.sequences:unroll": "a row for each sequence",
        "pyarrow.parquet.core:ParquetWriter.write_table": "write Parquet (zstd), called",
        "pipeline.io.hashed_files:HashedFile.write": "sha256 of what is written, and the writing",
        "pipeline.io.json_lines:json_lines": "rejects as JSON Lines (Python)",
        "pipeline.io.arrow_files:read_tables": "read the stage file",
    },
}


class Stage(NamedTuple):
    """Seconds of a stage: wall, processor, and of each function by its name."""

    wall: float
    processor: float
    functions: dict[str, float]

    @property
    def rest(self) -> float:
        return max(self.processor - sum(self.functions.values()), 0)


class Meter:
    """Processor seconds of functions in all threads that call them, each without the measured ones inside it."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.inside = threading.local()

    def measure(self, place: str) -> None:
        """Put a measured function in the place of this one, wherever it is imported."""
        home, _, path = place.partition(":")
        owner: Any = importlib.import_module(home)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        plain = getattr(owner, name)
        measured = self.of(plain, place)
        setattr(owner, name, measured)
        for module in [module for key, module in sys.modules.items() if key.startswith(("pipeline", "__main__"))]:
            if getattr(module, name, None) is plain:
                setattr(module, name, measured)

    def of(self, plain: Callable[..., Any], place: str) -> Callable[..., Any]:
        @functools.wraps(plain)
        def measured(*arguments: Any, **named: Any) -> Any:
            with self.timed(place):
                found = plain(*arguments, **named)
            return self.each(found, place) if isinstance(found, Iterator) else found

        return measured

    def each(self, items: Iterator[Any], place: str) -> Iterator[Any]:
        """The items of a generator, whose time is spent when it is asked for the next."""
        end = object()
        while True:
            with self.timed(place):
                item = next(items, end)
            if item is end:
                return
            yield item

    @contextmanager
    def timed(self, place: str) -> Iterator[None]:
        outer = getattr(self.inside, "children", None)
        self.inside.children = 0.0
        start = time.thread_time()
        try:
            yield
        finally:
            whole = time.thread_time() - start
            self.spent[place] += whole - self.inside.children
            self.inside.children = None if outer is None else outer + whole


@contextmanager
def stage(name: str, meter: Meter, found: dict[str, Stage]) -> Iterator[None]:
    meter.spent.clear()
    wall, before = time.perf_counter(), os.times()
    yield
    after = os.times()
    functions = {label: meter.spent[place] for place, label in FUNCTIONS[name].items()}
    # User and system, of this process and of those that it waited for.
    found[name] = Stage(time.perf_counter() - wall, sum(after[:4]) - sum(before[:4]), functions)


def plan_of(file: Path, out: Path, model: str) -> Plan:
    return changed(plan_of_files([file], out, Config.model_construct(), out.parent), None, (model,))


def profile(plan: Plan, meter: Meter) -> dict[str, Stage]:
    """The steps of `pipeline.run.chain.run`, each measured. The stage files stay."""
    found: dict[str, Stage] = {}
    with stage("rows", meter, found):
        resolution = find_tokenizer(plan)
        work = UnitRows(tools_of(plan, resolution), threads(CORES), CORES)
        for unit in plan.units:
            work(unit)
    with stage("decide", meter, found):
        decisions = dedupe_units(plan, OF_RUN, plan.config.dedupe, CORES).new
    with stage("export", meter, found):
        export_units(plan, OF_RUN, decisions, resolution, CORES)
    return found


def limits(file: Path, plan: Plan, model: str) -> dict[str, float]:
    """Processor seconds of what cannot be left out, each alone on the bytes of this run."""
    from sentencepiece import SentencePieceProcessor

    processor: Any = SentencePieceProcessor(model_file=model)
    rows = [orjson.loads(line) for line in file.open("rb")]
    columns = [[row[name] for row in rows] for name in ("instruction", "input", "output")]
    distinct = [list(dict.fromkeys(column)) for column in columns]
    lines = file.read_bytes().splitlines()
    shards = sorted(path for path in plan.folder.rglob("*.arrow"))
    table = pa.concat_tables(pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in shards)
    written = [path.read_bytes() for path in plan.folder.rglob("*") if path.suffix in (".arrow", ".parquet", ".jsonl")]
    stage_table = open_table(plan.file(plan.units[0], OF_RUN.tokenized))

    def copied() -> None:
        for batch in stage_table.to_batches():
            for column in batch.columns:
                for buffer in filter(None, column.buffers()):
                    bytes(buffer)

    def hashed() -> None:
        for data in written:
            hashlib.sha256(data).digest()

    def parquet() -> None:
        with pq.ParquetWriter(pa.BufferOutputStream(), table.schema, compression="zstd") as writer:
            writer.write_table(table)

    what: dict[str, Callable[[], object]] = {
        "SentencePiece, the three columns": lambda: [processor.encode(column, num_threads=CORES) for column in columns],
        "SentencePiece, each distinct text once, as buffers": lambda: [
            processor._processor._EncodeAsBufferBatch(column, -1, None, False, -1, 0.1, False, False, False)
            for column in distinct
        ],
        "orjson, every line": lambda: [orjson.loads(line) for line in lines],
        "Parquet with zstd, all columns": parquet,
        f"sha256 of the {sum(map(len, written)) / 1e6:,.0f} MB that are written": hashed,
        f"a copy of the {stage_table.nbytes / 1e6:,.0f} MB of the stage file": copied,
    }
    found = {}
    for name, work in what.items():
        start = time.process_time()
        work()
        found[name] = time.process_time() - start
    return found


#: Whose code runs, by what the name of a shared object has.
LIBRARIES = {
    "libpython": "Python",
    "sentencepiece": "SentencePiece",
    "libarrow_compute": "Arrow: functions of columns, and RE2",
    "libparquet": "Arrow: Parquet, and zstd",
    "libarrow": "Arrow: all else",
    "multiarray": "numpy",
    "openblas": "numpy",
    "kernel": "the system: pages of memory, files, threads",
    "libc.so": "the C library: copies, allocations",
    "crypto": "sha256",
}


def by_library(file: Path, model: str, folder: Path) -> dict[str, float]:
    """Processor seconds of a whole `ko-instruct run`, all its threads and processes, by whose code runs: as the
    sampler perf of Linux sees it. Nothing where it is not installed."""
    if not shutil.which("perf"):
        return {}
    samples = folder / "perf.data"
    command = [KO_INSTRUCT, "run", file, "--out", folder / "sampled", "--tokenizer", model]
    record = ["perf", "record", "-F", "199", "-o", samples, "--", *command]
    before = os.times()
    subprocess.run(record, check=True, capture_output=True)
    seconds = sum(os.times()[2:4]) - sum(before[2:4])
    report = ["perf", "report", "-i", samples, "--sort", "dso", "--stdio"]
    shown = subprocess.run(report, check=True, capture_output=True, text=True).stdout
    found: defaultdict[str, float] = defaultdict(float)
    for share, name in re.findall(r"^ +([\d.]+)% +(\S+)", shown, re.MULTILINE):
        library = next((label for part, label in LIBRARIES.items() if part in name), "all else")
        found[library] += float(share) / 100 * seconds
    return dict(found)


def main() -> None:
    model, data = str(Path(os.environ["KOBERT_SPIECE"]).resolve()), Path(os.environ["KO_INSTRUCT_DATA"]).resolve()
    gc.set_threshold(YOUNG)  # as the command line does
    meter = Meter()
    for place in [place for functions in FUNCTIONS.values() for place in functions]:
        meter.measure(place)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nsmc.jsonl"
        with gzip.open(data / "nsmc_instruct.jsonl.gz") as packed, file.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        plan = plan_of(file, Path(folder) / "built", model)
        found = profile(plan, meter)
        least = limits(file, plan, model)
        libraries = by_library(file, model, Path(folder))
    show(found, least, libraries)


def show(found: dict[str, Stage], least: dict[str, float], libraries: dict[str, float]) -> None:
    versions = ", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "pyarrow", "numpy", "orjson"))
    print(f"""# Where the time goes

{time.strftime("%d %B %Y")}, {CORES} cores; Python {platform.python_version()}, {versions}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.limits > benchmarks/limits.md

The steps of `ko-instruct run` on NSMC with the default options, in one process that has started. Processor seconds are
those of all threads and child processes. Those of a function are of the threads that call it, without the other
functions of this table that it calls: what the threads of Arrow, of SentencePiece and of the writers do, and what child
processes do, is in the last row of a stage; the table at the end says whose code that is. (The measuring costs a
little, too. Here the row-wise stages run in threads, in the command in copies of the process, where no lock of Python
is shared.)
""")
    for name, spent in found.items():
        busy = f"busy cores: {spent.processor / spent.wall:.2f}"
        print(f"\n## {name}: {spent.processor:.1f} processor s, {spent.wall:.1f} s; {busy}\n")
        print("| | processor, s | share |\n|---|---|---|")
        for label, seconds in sorted(spent.functions.items(), key=lambda item: -item[1]):
            print(f"| {label} | {seconds:.2f} | {seconds / spent.processor:.0%} |")
        print(f"| all else, and other threads | {spent.rest:.2f} | {spent.rest / spent.processor:.0%} |")
    whole = sum(spent.processor for spent in found.values())
    python = sum(t for spent in found.values() for label, t in spent.functions.items() if "(Python" in label)
    print(f"\nLoops of Python, of which one runs at a time in a process: {python:.1f} of {whole:.1f} processor s.")
    print(f"\n## The least that it could cost\n\nEach alone, in memory. The chain took {whole:.1f} processor s.\n")
    print("| | processor, s | of the chain |\n|---|---|---|")
    for label, seconds in least.items():
        print(f"| {label} | {seconds:.2f} | {seconds / whole:.0%} |")
    if libraries:
        whole = sum(libraries.values())
        print(
            f"\n## Whose code runs\n\nA whole `ko-instruct run`, all threads and processes: {whole:.1f} processor s.\n"
        )
        print("| | processor, s | share |\n|---|---|---|")
        for label, seconds in sorted(libraries.items(), key=lambda item: -item[1]):
            print(f"| {label} | {seconds:.2f} | {seconds / whole:.0%} |")


if __name__ == "__main__":
    main()
