"""Overlap with evaluation sets: false alarms of `screen` on data that is known to be clean, and its speed.

    KO_INSTRUCT_DATA=… python -m benchmarks.contamination > benchmarks/contamination.md

The training sets and the evaluation sets were made independently of each other. So each hit was read, and `READ` says
what it is: a true overlap (the same text is in both) or a false alarm. A hit that is not in `READ` makes the run fail.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.run.plan import Unit, source_of
from pipeline.stages.ingest import ingest
from pipeline.stages.screen import Benchmarks, benchmarks_of, screen, telling
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
PAIR = Template(instruction="{sentence1}", input="{sentence2}", output="{score}")
TRAINING = (
    Source(name="NSMC", files=("nsmc_instruct.jsonl.gz",)),
    Source(name="KoAlpaca-a", files=("koalpaca_v1.0_a.json",)),
    Source(name="KoAlpaca-b", files=("koalpaca_v1.0_b.json",)),
    Source(name="Chatbot_data", files=("chatbot_data.csv",)),
    Source(name="KorSTS", files=("korsts_train.tsv",), shape=PAIR),
    Source(
        name="paraKQC",
        files=("parakqc.tsv",),
        header=("topic", "act", "text"),
        shape=Template(instruction="{text}", output="{act}"),
    ),
)
#: (training set, row, evaluation set) → what the hit is, by reading both texts.
READ: dict[tuple[str, str, str], str] = {}

#: What is not looked for here, so that the time is that of the overlaps alone.
OTHERS = ScreenOptions()


def rows_of(source: Source) -> pa.Table:
    (file,) = source.files
    return pa.concat_tables(ingest(DATA / file, file, source))


def evaluation_sets() -> dict[str, pa.Table]:
    return {one.name: telling(rows_of(source_of(one))) for one in EVALUATION}
