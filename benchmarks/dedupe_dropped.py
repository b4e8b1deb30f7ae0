"""Rows that dedupe drops from real datasets, drawn at random, to be read by a person: is one dropped that says
something else?

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_dropped chatbot 200 (or koalpaca, nsmc)

Exact duplicates are left out: nothing about them is doubtful.
"""

import csv
import gzip
import itertools
import json
import sys
from random import Random

import pyarrow as pa

from benchmarks.synthetic import folder
from pipeline.stages.dedupe import dedupe

Rows = list[dict[str, str]]


def chatbot() -> Rows:
    with folder().joinpath("chatbot_data.csv").open(encoding="utf-8", newline="") as lines:
        return [{"instruction": row["Q"], "input": "", "output": row["A"]} for row in csv.DictReader(lines)]


def koalpaca() -> Rows:
    texts = (folder().joinpath(f"koalpaca_v1.0_{part}.json").read_bytes() for part in "ab")
    return list(itertools.chain.from_iterable(map(json.loads, texts)))


def nsmc() -> Rows:
    with gzip.open(folder() / "nsmc_instruct.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in itertools.islice(lines, 200_000)]


def main(name: str, count: str = "200") -> None:
    rows = [
        {field: row.get(field) or "" for field in ("instruction", "input", "output")}
        for row in {"chatbot": chatbot, "koalpaca": koalpaca, "nsmc": nsmc}[name]()
    ]
    done = dedupe(pa.Table.from_pylist(rows))
    names = ("reject_reason", "duplicate_of", "reject_detail")
    columns = zip(*(done[column].to_pylist() for column in names), strict=True)
    near = [(at, int(of[1:]), found) for at, (reason, of, found) in enumerate(columns) if reason == "near"]
    drawn = Random(16).sample(near, min(int(count), len(near)))
    print(f"{name}: {len(near):,} rows of {len(rows):,} are dropped as near; {len(drawn)} of them:")
    for at, of, found in sorted(drawn):
        for field in ("instruction", "input", "output"):
            if rows[of][field] != rows[at][field]:
                print(f"  {rows[of][field]} | {rows[at][field]}  [{found.partition(': ')[2]}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
