"""KoBERT's encoder against SentencePiece's own batch encoder and against one call per text, on the same distinct texts.

KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.tokenizer > benchmarks/tokenizer.md
"""

import gzip
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kobert import KoBERTTokenizer
from pipeline.tokenizers import kobert

ROUNDS = 5
BATCH_ROWS = 8192
ONE_BY_ONE = 5000


def koalpaca(data: Path) -> list[str]:
    rows = [row for name in "ab" for row in orjson.loads((data / f"koalpaca_v1.0_{name}.json").read_bytes())]
    return [row.get(field) or "" for row in rows for field in ("instruction", "input", "output")]


def nsmc(data: Path) -> list[str]:
    with gzip.open(data / "nsmc_instruct.jsonl.gz") as lines:
        return [orjson.loads(line)["input"] for line in lines]


def best_of(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the fastest of ROUNDS runs of each, run in turns so that a busy machine hurts all alike."""
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def measure(name: str, column: pa.Array, encoder: kobert.KoBERT, tokenizer: Any) -> str:
    texts = column.to_pylist()
    few = texts[:: max(1, len(texts) // ONE_BY_ONE)]
    batches = [column.slice(start, BATCH_ROWS) for start in range(0, len(column), BATCH_ROWS)]
    seconds = best_of(
        {
            "sentencepiece": lambda: encoder.processor.encode(texts, num_threads=2),
            "column": lambda: encoder.encode(column),
            "batches": lambda: [encoder.encode(batch) for batch in batches],
            "few": lambda: encoder.processor.encode(few, num_threads=2),
            "one by one": lambda: [tokenizer(text) for text in few],
        }
    )
    characters = sum(map(len, texts))
    prepared = pc.sum(pc.match_substring_regex(column, kobert.UNPLAIN)).as_py()
    cells = [
        name,
        f"{len(texts):,}",
        f"{characters / 1e6:.1f} M",
        f"{prepared:,}",
        f"{characters / seconds['sentencepiece'] / 1e6:.1f}",
        f"{characters / seconds['column'] / 1e6:.1f}",
        f"**{seconds['sentencepiece'] / seconds['column']:.2f}**",
        f"{seconds['sentencepiece'] / seconds['batches']:.2f}",
        f"{seconds['few'] / seconds['one by one']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


HEADER = """\
# KoBERT's encoder against SentencePiece

November 2026, 2 cores, 24 GB; Python {python}, {versions}.

    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.tokenizer > benchmarks/tokenizer.md

Ratios are times as fast as SentencePiece's `encode(list, num_threads=2)` on the same distinct texts, timed in turns in
one process, best of {rounds}. SentencePiece gets the raw texts as a ready Python list and gives lists of Python ints;
`KoBERT.encode` gets an Arrow column and gives Arrow lists with the ids of the official wrapper. "One call per text" is
`KoBERTTokenizer(text)` on some {few:,} of the texts: what transformers' Python tokenizers do.

| texts | distinct | characters | needed preparation | SentencePiece, Mchar/s | `KoBERT.encode`, Mchar/s | \
ratio, one column | ratio, batches of {batch} | ratio, one call per text |
|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    spiece, data = Path(os.environ["KOBERT_SPIECE"]), Path(os.environ["KO_INSTRUCT_DATA"])
    encoder = kobert.load(spiece)
    tokenizer = KoBERTTokenizer.from_pretrained(str(spiece))
    versions = ", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "pyarrow", "transformers"))
    python = platform.python_version()
    print(HEADER.format(python=python, versions=versions, rounds=ROUNDS, few=ONE_BY_ONE, batch=BATCH_ROWS))
    for name, read in {"KoAlpaca fields": koalpaca, "NSMC reviews": nsmc}.items():
        column = pc.unique(pa.array(read(data)))
        print(measure(name, column, encoder, tokenizer), flush=True)


if __name__ == "__main__":
    main()
