"""Overlap with evaluation sets: false alarms of `screen` on data that is known to be clean, and the time it takes.

    KO_INSTRUCT_DATA=… python -m benchmarks.contamination > benchmarks/contamination.md

The training sets and the evaluation sets were made independently of each other. Each hit was read, with the text of the
evaluation set beside it, and `READ` says what it is. A hit that is not in `READ` counts as a false alarm.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from pipeline.run.plan import source_of
from pipeline.stages.ingest import ingest
from pipeline.stages.screen import FINDINGS, Benchmarks, benchmarks_of, screen, telling
from schemas.options import Benchmark, ScreenOptions, Source
from schemas.shapes import Template

DATA = Path(os.environ["KO_INSTRUCT_DATA"])

EVALUATION = (
    Benchmark(name="KoMT-Bench", files=("komtbench_questions.jsonl",), prompt=("turns.0",)),
    Benchmark(name="KLUE-nli", files=("klue_nli_dev.json",), prompt=("premise", "hypothesis")),
    Benchmark(name="KLUE-sts", files=("klue_sts_dev.json",), prompt=("sentence1", "sentence2")),
    Benchmark(name="SQuARe", files=("square_questions.json",), prompt=("question",)),
    Benchmark(name="KoSBi", files=("kosbi_test.json",), prompt=("context", "sentence")),
)
TRAINING = (
    Source(name="NSMC", files=("nsmc_instruct.jsonl.gz",)),
    Source(name="KoAlpaca-a", files=("koalpaca_v1.0_a.json",)),
    Source(name="KoAlpaca-b", files=("koalpaca_v1.0_b.json",)),
    Source(name="Chatbot_data", files=("chatbot_data.csv",)),
    Source(
        name="KorSTS",
        files=("korsts_train.tsv",),
        shape=Template(instruction="{sentence1}", input="{sentence2}", output="{score}"),
    ),
    Source(
        name="paraKQC",
        files=("parakqc.tsv",),
        header=("topic", "act", "text"),
        shape=Template(instruction="{text}", output="{act}"),
    ),
)
#: Only overlaps are looked for, so that the time is theirs.
OVERLAPS = ScreenOptions(off=tuple(name for name in FINDINGS if name != "contaminated"))
#: Size of the evaluation sets that are made up to see how the time grows: about that of all known Korean sets.
MADE_UP = 100_000

#: Rows with a true overlap: both sets hold the same text.
PREMISE = "true: the premise is a sentence of this review"
READ = {
    "nsmc_instruct.jsonl.gz:144328": PREMISE,
    "nsmc_instruct.jsonl.gz:255705": PREMISE,
    "nsmc_instruct.jsonl.gz:262039": PREMISE,
    "nsmc_instruct.jsonl.gz:327759": PREMISE,
    "nsmc_instruct.jsonl.gz:423157": PREMISE,
    "nsmc_instruct.jsonl.gz:463019": PREMISE,
    "nsmc_instruct.jsonl.gz:464898": PREMISE,
    "nsmc_instruct.jsonl.gz:522125": PREMISE,
    "nsmc_instruct.jsonl.gz:636485": PREMISE,
    "parakqc.tsv:336": "true: sentence2 is this question",
}


class Hit(NamedTuple):
    row: str
    detail: str


def rows_of(source: Source) -> pa.Table:
    (file,) = source.files
    return pa.concat_tables(ingest(DATA / file, file, source))


def evaluation_sets() -> dict[str, pa.Table]:
    return {one.name: telling(rows_of(source_of(one))) for one in EVALUATION}


def made_up(table: pa.Table) -> pa.Table:
    """Questions of 18 words of a training set, shuffled: they have its words, and none of its sentences."""
    shuffled = random.Random(1)
    words = [word for text in table["input"].slice(0, 20_000).to_pylist() for word in text.split()]
    return pa.table({"instruction": [" ".join(shuffled.choices(words, k=18)) for _ in range(MADE_UP)]})


def hits_of(table: pa.Table, benchmarks: Benchmarks) -> tuple[list[Hit], float]:
    """The hits in a table, and the seconds of processor time that they take."""
    start = time.process_time()
    screened = screen(table, OVERLAPS, benchmarks)
    seconds = time.process_time() - start
    rows = zip(screened["origin"].to_pylist(), screened["evidence"].to_pylist(), strict=True)
    return [Hit(origin, item["detail"]) for origin, evidence in rows for item in evidence], seconds


def report() -> Iterator[str]:
    sets = evaluation_sets()
    start = time.process_time()
    benchmarks = benchmarks_of(sets)
    built = time.process_time() - start
    yield "# Overlap with evaluation sets\n"
    yield "`KO_INSTRUCT_DATA=… python -m benchmarks.contamination`\n"
    yield f"Evaluation sets, all at once: {', '.join(f'{name} ({len(rows):,})' for name, rows in sets.items())}."
    yield f"{len(benchmarks.hashes):,} n-grams, ready in {built:.1f} s. Option `overlap` as by default.\n"
    yield "| training set | rows | hits | true overlaps | false alarms | rows/s |"
    yield "|---|---|---|---|---|---|"
    found: list[Hit] = []
    total = 0
    for source in TRAINING:
        table = rows_of(source)
        hits, seconds = hits_of(table, benchmarks)
        true = sum(hit.row in READ for hit in hits)
        counts = f"{len(table):,} | {len(hits)} | {true} | {len(hits) - true}"
        yield f"| {source.name} | {counts} | {len(table) / seconds:,.0f} |"
        found, total = found + hits, total + len(table)
    false = [hit for hit in found if hit.row not in READ]
    yield f"\n{len(false)} false alarms in {total:,} rows; at most 1 in 10,000 is allowed ({total // 10_000}).\n"
    yield "Every hit was read:\n"
    yield "| row | evidence | what it is |"
    yield "|---|---|---|"
    yield from (f"| {hit.row} | {hit.detail} | {READ.get(hit.row, '**false alarm**')} |" for hit in found)
    yield from growth(sets)


def growth(sets: dict[str, pa.Table]) -> Iterator[str]:
    """How the time grows with the evaluation sets."""
    table = rows_of(TRAINING[0]).slice(0, 200_000)
    yield f"\nProcessor time for {len(table):,} rows of NSMC (made up: shuffled words of NSMC), the best of three:\n"
    yield "| evaluation sets | prompts | n-grams | seconds |"
    yield "|---|---|---|---|"
    one = dict(list(sets.items())[:1])
    for name, tables in (("KoMT-Bench", one), ("all five", sets), ("and made up", sets | {"made up": made_up(table)})):
        benchmarks = benchmarks_of(tables)
        seconds = min(hits_of(table, benchmarks)[1] for _ in range(3))
        yield f"| {name} | {len(benchmarks.names):,} | {len(benchmarks.hashes):,} | {seconds:.1f} |"


if __name__ == "__main__":
    print("\n".join(report()))
