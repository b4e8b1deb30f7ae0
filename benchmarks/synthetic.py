"""Instruction rows for benchmarks: real Korean texts with duplicates of known kind planted among them.

python -m benchmarks.synthetic 1000000 rows.arrow        (KO_INSTRUCT_DATA: the folder of the real texts)
"""

import csv
import gzip
import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SCHEMA = pa.schema([(name, pa.string()) for name in ("origin", "instruction", "input", "output", "kind", "of")])
Row = dict[str, str | None]


def folder() -> Path:
    return Path(os.environ["KO_INSTRUCT_DATA"])


def real_rows() -> list[Row]:
    """Questions and answers of the chatbot data and of KoAlpaca b: 23,255 rows."""
    with folder().joinpath("chatbot_data.csv").open(encoding="utf-8", newline="") as lines:
        rows: list[Row] = [{"instruction": q, "input": "", "output": a} for q, a, _ in list(csv.reader(lines))[1:]]
    return rows + json.loads(folder().joinpath("koalpaca_v1.0_b.json").read_bytes())


def reviews() -> list[str]:
    """The 712,404 film reviews."""
    with gzip.open(folder() / "nsmc_instruct.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["input"] for line in lines]


def respaced(text: str, rng: random.Random) -> str:
    if " " in text:
        return text.replace(" ", "")
    at = rng.randrange(1, max(2, len(text)))
    return text[:at] + " " + text[at:]


ENDINGS = (
    ("주세요", "줘요"),
    ("하세요", "해요"),
    ("나요", "니"),
    ("까요", "까"),
    ("어요", "어"),
    ("니다", "니다요"),
    ("은 ", "이 "),
)


def reworded(text: str, rng: random.Random) -> str:
    for ending, other in ENDINGS:
        if ending in text:
            return other.join(text.rsplit(ending, 1))
    return text + "요"


def renumbered(text: str, rng: random.Random) -> str:
    digits = list(re.finditer(r"\d", text))
    at = rng.choice(digits).start()
    return text[:at] + str((int(text[at]) + rng.randint(1, 8)) % 10) + text[at + 1 :]


#: What a writer does to a prompt without asking something else.
DUPLICATES: dict[str, Callable[[str, random.Random], str]] = {
    "copy": lambda text, rng: text,
    "spacing": respaced,
    "punctuation": lambda text, rng: text.rstrip("?.! ") + rng.choice(["!!", "...", "??", "~", "."]),
    "laughter": lambda text, rng: text + rng.choice(["ㅋㅋ", " ㅎㅎ", "ㅋㅋㅋㅋ", " ㅠㅠ"]),
    "ending": reworded,
    "prefix": lambda text, rng: "다음 질문에 답하세요. " + text,
}
#: What asks something else, though it looks alike. "short": another prompt with a short answer that many have.
OTHERS = ("number", "short")


def planted(each: int, seed: int = 1) -> list[Row]:
    """The real rows in random order and among them `each` rows of each kind; `of`: the row that one is made from."""
    rng = random.Random(seed)
    rows = [{**row, "kind": "real", "of": None} for row in real_rows()]
    for number, row in enumerate(rows):
        row["origin"] = f"real:{number}"
    numbered = [row for row in rows if re.search(r"\d", str(row["instruction"]))]
    made: list[Row] = []
    for kind, change in DUPLICATES.items():
        made += [
            {**row, "instruction": change(str(row["instruction"]), rng), "kind": kind, "of": row["origin"]}
            for row in rng.sample(rows, each)
        ]
    for row in rng.sample(numbered, min(each, len(numbered))):
        made.append(
            {**row, "instruction": renumbered(str(row["instruction"]), rng), "kind": "number", "of": row["origin"]}
        )
    asked = rng.sample(reviews(), each)
    made += [
        {
            "instruction": text,
            "input": "",
            "output": rng.choice(["네.", "아니요.", "긍정", "부정"]),
            "kind": "short",
            "of": None,
        }
        for text in asked
    ]
    for number, row in enumerate(made):
        row["origin"] = f"made:{number}"
    rng.shuffle(made)
    return rows + made


#: Rows in a batch of `large`, and how many real rows back a planted one may have its model.
ROWS, RECENT = 8192, 100_000


def large(count: int, seed: int = 1) -> Iterator[pa.RecordBatch]:
    """`count` rows, of which 5 % repeat, 5 % vary and 2 % renumber one of the last 100,000; outputs are reviews.

    A prompt is eight runs of three words, each out of another review, about 108 characters: two prompts with a run in
    common are far from alike, so that the pairs that are somewhat alike grow with the rows, as where a corpus grows by
    other sources. Of whole reviews they grew with the square of the rows, since each of the 712,404 would stand in more
    and more prompts.
    """
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    texts = pa.array(reviews())
    words = [text.split() for text in texts.to_pylist()]
    runs = pa.array([" ".join(said[at : at + 3]) for said in words for at in range(0, len(said) - 2, 3)])
    recent: list[tuple[str, str, str]] = []
    for start in range(0, count, ROWS):
        size = min(ROWS, count - start)
        parts = [runs.take(pa.array(numbers.integers(0, len(runs), size))) for _ in range(8)]
        prompts = pc.binary_join_element_wise(*parts, " ").to_pylist()
        outputs = texts.take(pa.array(numbers.integers(0, len(texts), size))).to_pylist()
        origins = [f"row:{number}" for number in range(start, start + size)]
        kinds, models = ["real"] * size, [None] * size
        chances = numbers.random(size) if recent else np.ones(size)
        for row in np.flatnonzero(chances < 0.12).tolist():
            prompts[row], outputs[row], models[row] = rng.choice(recent)
            kinds[row] = "copy" if chances[row] < 0.05 else rng.choice(["spacing", "punctuation", "laughter", "ending"])
            if chances[row] >= 0.10 and re.search(r"\d", prompts[row]):
                kinds[row], prompts[row] = "number", renumbered(prompts[row], rng)
            else:
                prompts[row] = DUPLICATES[kinds[row]](prompts[row], rng)
        made = zip(prompts, outputs, origins, strict=True)
        recent = (recent + [row for row, kind in zip(made, kinds, strict=True) if kind == "real"])[-RECENT:]
        yield pa.record_batch(
            [origins, prompts, [""] * size, outputs, kinds, pa.array(models, pa.string())], schema=SCHEMA
        )


if __name__ == "__main__":
    with pa.ipc.new_file(sys.argv[2], SCHEMA) as sink:
        for part in large(int(sys.argv[1])):
            sink.write_batch(part)
