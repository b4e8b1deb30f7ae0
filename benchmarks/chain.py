"""The whole chain against SentencePiece alone on the same three columns, and against other tools; and its memory.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain > benchmarks/chain.md
KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain scale > benchmarks/chain_scale.md

CONVMERGE=…/bin/convmerge (1.6 with [quality]) and DATATROVE=…/bin/python (of an environment with datatrove[processing]
and kiwipiepy 0.20) add these tools; without, their rows are left out, and the table says so.
"""

import gzip
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.synthetic import large
from pipeline.dataset.manifest_file import read_manifest

ROUNDS = 3
#: datatrove is run on corpora of at most this many rows: at its time per row, NSMC would take longer than all the rest.
DATATROVE_ROWS = 100_000
CORES = len(os.sched_getaffinity(0))
HOME = Path(__file__).parent.parent
KO_INSTRUCT = Path(sys.executable).with_name("ko-instruct")
FIELDS = ("instruction", "input", "output")

#: Encodes the three columns of a file of rows and prints the seconds that the encoding alone took.
ALONE = """
import sys, time, orjson, sentencepiece
sp = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
rows = [orjson.loads(line) for line in open(sys.argv[2], "rb")]
columns = [[row[name] for row in rows] for name in ("instruction", "input", "output")]
start = time.perf_counter()
for column in columns:
    sp.encode(column, num_threads=int(sys.argv[3]))
print(time.perf_counter() - start)
"""

#: What people write with `datasets`: drop empty rows and repeated rows, encode, split, save.
SCRIPT = """
import sys
import sentencepiece
from datasets import load_dataset

model, file, out, cache, cores = sys.argv[1:]
sp = sentencepiece.SentencePieceProcessor(model_file=model)
seen = set()

def fresh(row):
    key = row["instruction"], row["input"], row["output"]
    if key in seen or not row["instruction"].strip() or not row["output"].strip():
        return False
    seen.add(key)
    return True

def encode(rows):
    prompts = sp.encode([f"{a}\\n{b}" if b else a for a, b in zip(rows["instruction"], rows["input"])])
    pairs = list(zip(prompts, sp.encode(rows["output"])))
    return {
        "input_ids": [([2, *prompt, 3] + [*output, 3])[:512] for prompt, output in pairs],
        "token_type_ids": [([0] * (len(prompt) + 2) + [1] * (len(output) + 1))[:512] for prompt, output in pairs],
    }

if __name__ == "__main__":
    rows = load_dataset("json", data_files=file, split="train", cache_dir=cache)
    rows = rows.filter(fresh).map(encode, batched=True, num_proc=int(cores))
    rows.train_test_split(0.05, seed=1).save_to_disk(out)
"""

#: JSONL reader, MinHash, token counter, writer, as in the examples of datatrove.
DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor as run
from datatrove.pipeline.dedup import *
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import TokensCounter
from datatrove.pipeline.writers.jsonl import JsonlWriter

if __name__ == "__main__":
    held, tokenizer, cores = sys.argv[1], sys.argv[2], int(sys.argv[3])
    config = MinhashConfig()
    read = JsonlReader(held + "/in")
    run([read, MinhashDedupSignature(held + "/sigs", config, language="kor_Hang")], tasks=cores, workers=cores).run()
    buckets = MinhashDedupBuckets(held + "/sigs", held + "/buckets", config=config)
    run([buckets], tasks=config.num_buckets, workers=cores).run()
    run([MinhashDedupCluster(held + "/buckets", held + "/remove", config=config)], tasks=1).run()
    write = JsonlWriter(held + "/out", compression=None)
    steps = [read, MinhashDedupFilter(held + "/remove"), TokensCounter(tokenizer), write]
    run(steps, tasks=cores, workers=cores).run()
"""


class Cost(NamedTuple):
    """Of a command and the processes that it waited for: seconds, processor seconds, MiB of the largest process.

    NaN where that is not known.
    """

    wall: float
    processor: float
    peak: float


def cost(*command: object, cwd: Path) -> Cost:
    words = [str(word) for word in command]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        with subprocess.Popen(words, stdout=printed, stderr=printed, cwd=cwd, env=environment) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode:
            printed.seek(0)
            end = printed.read().decode()[-2000:]
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}:\n{end}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def total(costs: list[Cost]) -> Cost:
    return Cost(sum(c.wall for c in costs), sum(c.processor for c in costs), max(c.peak for c in costs))


def alone(model: str, rows: Path) -> Cost:
    """SentencePiece's own encode of the three columns, ready in memory, with all cores."""
    command = [sys.executable, "-c", ALONE, model, str(rows), str(CORES)]
    seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Cost(seconds, float("nan"), float("nan"))


def chain(model: str, files: list[Path], out: Path) -> Cost:
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir()
    return cost(KO_INSTRUCT, "run", *files, "--out", out, "--tokenizer", model, cwd=out.parent)


def make(model: str, files: list[Path], project: Path) -> dict[str, Cost]:
    """The same by Make in an empty project: everything, then nothing, then one small file more."""
    raw, venv = project / "raw", project / "venv"
    (venv / "bin").mkdir(parents=True)
    raw.mkdir()
    shutil.copy(HOME / "Makefile", project)
    (venv / "bin" / "ko-instruct").symlink_to(KO_INSTRUCT)
    for name in ("pyproject.toml", "constraints.txt", "venv/.installed"):
        (project / name).touch()
    for file in files:
        shutil.copy(file, raw)
    source = '[[source]]\nname = "bench"\nfiles = ["*.json*"]'
    (project / "pipeline.toml").write_text(
        f'[dataset]\nname = "bench"\n\n{source}\n\n[tokenize]\ntokenizer = ["{model}"]\n', encoding="utf-8"
    )
    found = {}
    for name, jobs in (("all", f"-j{CORES}"), ("nothing changed", "-j1"), ("one small file more", f"-j{CORES}")):
        if name == "one small file more":
            rows = [{"instruction": f"{n}번째 낱말의 뜻은?", "output": f"{n}번째 뜻입니다."} for n in range(100)]
            (raw / "small.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        found[f"`make {jobs} processed`: {name}"] = cost("make", jobs, "processed", "VENV=venv", cwd=project)
    return found


def script(model: str, rows: Path, held: Path) -> Cost:
    (held / "script.py").write_text(SCRIPT, encoding="utf-8")
    return cost(sys.executable, "script.py", model, rows, held / "out", held / "cache", CORES, cwd=held)


def convmerge(tool: str, rows: Path, held: Path) -> dict[str, Cost]:
    """Its steps one after the other, each with as many processes as there are cores where it takes any."""
    workers = ("--workers", CORES)
    steps = {
        "convert": ("convert", "-i", rows, "-o", "converted.jsonl", "--from", "auto", "--format", "alpaca", *workers),
        "dedupe": ("dedupe", "-i", "converted.jsonl", "-o", "exact.jsonl"),
        "dedupe --near": ("dedupe", "--near", "-i", "exact.jsonl", "-o", "near.jsonl", *workers),
        "filter": ("filter", "-i", "near.jsonl", "-o", "filtered.jsonl", *workers),
        "split": ("split", "-i", "filtered.jsonl", "-o", "train.jsonl", "--val", "0.05"),
    }
    found = {f"convmerge `{name}`": cost(tool, *step, cwd=held) for name, step in steps.items()}
    return {**found, "convmerge, all of these": total(list(found.values()))}


def datatrove(python: str, model: str, rows: Path, held: Path) -> Cost:
    (held / "in").mkdir()
    with rows.open("rb") as lines, (held / "in" / "rows.jsonl").open("wb") as sink:
        for number, line in enumerate(lines):
            text = "\n".join(filter(None, map(orjson.loads(line).__getitem__, FIELDS)))
            sink.write(orjson.dumps({"id": str(number), "text": text}, option=orjson.OPT_APPEND_NEWLINE))
    (held / "run.py").write_text(DATATROVE, encoding="utf-8")
    tokenizer(model).save(str(held / "tokenizer.json"))
    spent = cost(python, "run.py", held, held / "tokenizer.json", CORES, cwd=held)
    return spent._replace(processor=float("nan"), peak=float("nan"))  # its workers are children of a server


def tokenizer(model: str):  # type: ignore[no-untyped-def]
    """KoBERT's pieces as a tokenizer of the library `tokenizers`, which is the one that datatrove takes."""
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    sp = SentencePieceProcessor(model_file=model)
    pieces = [(sp.id_to_piece(number), sp.get_score(number)) for number in range(len(sp))]
    built = Tokenizer(models.Unigram(pieces, unk_id=0))
    built.normalizer = normalizers.NFKC()
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    return built


def apart(work: Callable[..., None], *arguments: object) -> None:
    """The call in a process of its own: what it held would count as the peak of every process that is started here."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")


def generate(count: int, rows: Path) -> None:
    with rows.open("wb") as sink:
        for batch in large(count):
            for row in batch.select(list(FIELDS)).to_pylist():
                sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def three_columns(files: list[Path], rows: Path) -> None:
    """The rows of the files as JSON Lines of instruction, input and output, for those that read nothing else."""
    with rows.open("wb") as sink:
        for file in files:
            data = file.read_bytes()
            records = orjson.loads(data) if data.lstrip()[:1] == b"[" else map(orjson.loads, data.splitlines())
            for record in records:
                row = {name: record[name] or "" for name in FIELDS}
                sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def compare(name: str, files: list[Path], model: str) -> None:
    """The table of one corpus, on stdout."""
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder) / "rows.jsonl", Path(folder) / "run" / "built"
        apart(three_columns, files, rows)

        def held(tool: str) -> Path:
            path = Path(folder) / tool
            path.mkdir()
            return path

        turns: list[dict[str, Cost]] = []
        for number in range(ROUNDS):
            project = held(f"make {number}")
            reference, ours = alone(model, rows), chain(model, files, out)
            turns.append({f"SentencePiece alone, {CORES} threads": reference, "`ko-instruct run`": ours})
            turns[-1].update(make(model, files, project))
            shutil.rmtree(project)
        found = {what: min(turn[what] for turn in turns) for what in turns[0]}
        reference = next(iter(found.values()))
        counts = read_manifest(out).counts
        steps: list[tuple[str, Callable[[], dict[str, Cost]]]] = [
            ("datasets", lambda: {"script with `datasets`": script(model, rows, held("datasets"))}),
        ]
        if tool := os.environ.get("CONVMERGE"):
            steps.append(("convmerge", lambda: convmerge(tool, rows, held("convmerge"))))
        if (python := os.environ.get("DATATROVE")) and counts.rows_in <= DATATROVE_ROWS:
            steps.append(("datatrove", lambda: {"datatrove": datatrove(python, model, rows, held("datatrove"))}))
        for step, run in steps:
            print(step, file=sys.stderr)
            found.update(run())
            shutil.rmtree(Path(folder) / step)
    print(f"\n## {name}: {counts.rows_in:,} rows; the chain keeps {counts.kept:,}\n")
    print("| | s | of SentencePiece's time | µs a row | processor, s | peak, MiB |\n|---|---|---|---|---|---|")
    for what, spent in found.items():
        cells = [f"{spent.wall:.2f}", f"**{spent.wall / reference.wall:.2f}**"]
        cells += [f"{spent.wall / counts.rows_in * 1e6:.1f}"]
        cells += [f"{spent.processor:.1f}", f"{spent.peak:,.0f}"] if spent.peak == spent.peak else ["", ""]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


def short(model: str) -> None:
    """The table of what is over in a moment, on stdout: the best of the rounds."""
    turns: list[dict[str, Cost]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            shutil.copytree(HOME / "raw" / "sample", project / "raw" / "sample")
            shutil.copy(HOME / "pipeline.toml", project)
            turns.append(
                {
                    "`ko-instruct --help`": cost(KO_INSTRUCT, "--help", cwd=project),
                    "`ko-instruct run` of raw/sample": cost(KO_INSTRUCT, "run", "--tokenizer", model, cwd=project),
                }
            )
    print("\n## Short commands\n\n| | s | processor, s | peak, MiB |\n|---|---|---|---|")
    for what in turns[0]:
        spent = min(turn[what] for turn in turns)
        print(f"| {what} | {spent.wall:.2f} | {spent.processor:.2f} | {spent.peak:,.0f} |", flush=True)


def scale(model: str, counts: list[int]) -> None:
    """The chain on generated rows: its time per row, and its memory against 700 MB + 600 bytes a row."""
    print(f"""# The whole chain, by size

{time.strftime("%B %Y")}, {CORES} cores; Python {platform.python_version()}, pyarrow {version("pyarrow")}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain scale > benchmarks/chain_scale.md

`ko-instruct run` with the default options on generated rows (benchmarks/synthetic.py: prompts of about 108 characters,
12 % copies and variants). The peak counts the pages of memory-mapped files too, which the system takes back when it
needs them. The goals: at most 700 MB and 600 bytes a row, and at 10 million rows at most 1.2 times the time per row of
1 million.
""")
    print("| rows | file, MB | s | µs a row | of the first row's | processor, s | peak, MB | 700 MB + 600 B a row |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    first = None
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / "rows.jsonl"
            apart(generate, count, rows)
            spent = chain(model, [rows], Path(folder) / "run" / "built")
            size, peak, limit = rows.stat().st_size / 1e6, spent.peak * 1.048576, 700 + count * 600 / 1e6
            a_row = spent.wall / count
            first = first or a_row
            cells = [
                f"{count:,}",
                f"{size:,.0f}",
                f"{spent.wall:.1f}",
                f"{a_row * 1e6:.1f}",
                f"**{a_row / first:.2f}**",
            ]
            print(f"| {' | '.join([*cells, f'{spent.processor:.1f}', f'{peak:,.0f}', f'{limit:,.0f}'])} |", flush=True)


def tell_how() -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "pyarrow", "orjson", "datasets"))
    tools, absent = [], []
    for name, command in (("CONVMERGE", "{} --version"), ("DATATROVE", "{} -m pip show datatrove")):
        tool = os.environ.get(name)
        if not tool:
            absent.append(name.lower())
            continue
        printed = subprocess.run(command.format(tool).split(), check=True, capture_output=True, text=True).stdout
        tools.append(
            printed.strip() if name == "CONVMERGE" else "datatrove " + printed.split("Version: ")[1].split()[0]
        )
    print(f"""# The whole chain

{time.strftime("%B %Y")}, {CORES} cores; {", ".join([f"Python {platform.python_version()}", libraries, *tools])}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data CONVMERGE=…/bin/convmerge DATATROVE=…/bin/python \\
        python -m benchmarks.chain > benchmarks/chain.md

All times are from the start of a process to its end, files to files, save for the first row: that is SentencePiece's
own `encode(list, num_threads={CORES})` of the instruction, input and output columns, ready in memory. That row,
`ko-instruct run` and those of Make are the best of {ROUNDS} rounds in turns, the others one run each. The peak is that
of the largest process. What each does:

- `ko-instruct run` and `make`: the default options, files to a finished dataset: ingest, validate, normalize, screen,
  tokenize with KoBERT's vocabulary, dedupe exact, conflicting and near, split, Arrow and Parquet, manifest, rejects.
  Make keeps the rows cleaned, and tokenised; SentencePiece meets instruction and input together, and each text once.
- the script with `datasets`: drops the empty and the exact duplicates, encodes with SentencePiece, splits, saves Arrow.
- convmerge: no tokens; JSON Lines to JSON Lines in every step; near duplicates by words.
- datatrove (on the small corpus alone): JSON Lines reader, MinHash by words, counts tokens and drops them, JSON Lines
  writer.""")
    if absent:
        print(f"\nNot here in this run, and left out: {', '.join(absent)}.")


def main() -> None:
    model, data = str(Path(os.environ["KOBERT_SPIECE"]).resolve()), Path(os.environ["KO_INSTRUCT_DATA"]).resolve()
    if sys.argv[1:2] == ["scale"]:
        scale(model, [int(count) for count in sys.argv[2:]] or [1_000_000, 10_000_000])
        return
    tell_how()
    with tempfile.TemporaryDirectory() as folder:
        nsmc = Path(folder) / "nsmc_instruct.jsonl"
        with gzip.open(data / "nsmc_instruct.jsonl.gz") as packed, nsmc.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        compare("NSMC", [nsmc], model)
        compare("KoAlpaca a + b", [data / f"koalpaca_v1.0_{name}.json" for name in "ab"], model)
    short(model)


if __name__ == "__main__":
    main()
