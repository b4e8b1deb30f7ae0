"""The whole chain against SentencePiece alone encoding the same three columns.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain > benchmarks/chain.md
"""

import gzip
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import orjson

from schemas.manifest import Manifest

ROUNDS = 3
CORES = len(os.sched_getaffinity(0))

#: Encodes the three columns of files of records and prints the seconds that the encoding alone took.
ALONE = """
import sys, time, orjson, sentencepiece
sp = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
rows = []
for name in sys.argv[3:]:
    data = open(name, "rb").read()
    rows += orjson.loads(data) if data.lstrip()[:1] == b"[" else [orjson.loads(line) for line in data.splitlines()]
columns = [[row[name] or "" for row in rows] for name in ("instruction", "input", "output")]
start = time.perf_counter()
for column in columns:
    sp.encode(column, num_threads=int(sys.argv[2]))
print(time.perf_counter() - start)
"""


def alone(model: str, files: list[Path]) -> float:
    """Seconds of SentencePiece's own encode on the instruction, input and output columns, with all cores."""
    command = [sys.executable, "-c", ALONE, model, str(CORES), *map(str, files)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def chain(model: str, files: list[Path], out: Path) -> tuple[float, int]:
    """Seconds of `ko-instruct run` on the files, from start of the process to its end, and its peak memory in KiB."""
    command = [str(Path(sys.executable).with_name("ko-instruct")), "run", *map(str, files)]
    command += ["--out", str(out), "--tokenizer", model]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=out.parent) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss


def main() -> None:
    model, data = str(Path(os.environ["KOBERT_SPIECE"]).resolve()), Path(os.environ["KO_INSTRUCT_DATA"]).resolve()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        nsmc = Path(folder) / "nsmc_instruct.jsonl"
        with gzip.open(data / "nsmc_instruct.jsonl.gz") as packed, nsmc.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        corpora = {"KoAlpaca a + b": [data / f"koalpaca_v1.0_{name}.json" for name in "ab"], "NSMC": [nsmc]}
        for name, files in corpora.items():
            out = Path(folder) / "out" / "built"
            out.parent.mkdir(exist_ok=True)
            rounds = [(alone(model, files), *chain(model, files, out)) for _ in range(ROUNDS)]
            encode, whole, peak = (min(column) for column in zip(*rounds, strict=True))
            manifest = Manifest.model_validate(orjson.loads((out / "manifest.json").read_bytes()))
            counts = manifest.counts
            per_row = whole / counts.rows_in * 1e6
            rows.append(
                f"| {name} | {counts.rows_in:,} | {counts.kept:,} | {encode:.2f} | {whole:.2f} "
                f"| **{whole / encode:.2f}** | {per_row:.1f} | {peak / 1024:,.0f} |"
            )
            shutil.rmtree(out.parent)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "pyarrow", "orjson"))
    print(f"""# The whole chain

{time.strftime("%B %Y")}, {CORES} cores; Python {platform.python_version()}, {libraries}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.chain > benchmarks/chain.md

`ko-instruct run` with the default options (ingest, validate, normalize, screen, tokenize with KoBERT's vocabulary,
dedupe, export to Arrow and Parquet), from the start of the process to its end, against SentencePiece's own
`encode(list, num_threads={CORES})` of the instruction, input and output columns, ready in memory.
Best of {ROUNDS} rounds, in turns.

The chain pays about a second to start and stop, and for what SentencePiece alone does not do: reading, screening,
comparing and writing. The small corpus shows the first, the large one the second.

| corpus | rows in | kept | SentencePiece alone, s | whole chain, s | chain / SentencePiece | µs a row | peak, MiB |
|---|---|---|---|---|---|---|---|""")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
