"""Whether the form of an input matters where a text is judged: how often the labels of two reviews differ, of equal
reviews and of reviews that differ in form alone.

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_labels

Of the 712,404 reviews of NSMC, each with a label (긍정, 부정). If marks or laughter made another text of a review, its
label would change with them more often than it changes between two equal reviews.
"""

import gzip
import json
from collections import Counter

import numpy as np
import pyarrow as pa

from benchmarks.dedupe import named
from benchmarks.synthetic import folder
from pipeline.stages.dedupe import fingerprint
from pipeline.stages.dedupe.differences import differences
from pipeline.stages.dedupe.groups import group_rows
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.similar import similar_prompts
from schemas.options import DedupeOptions

#: What the marks are called that only one of two texts has: the first that fits.
MARKS = {"ㅠ": "ㅠㅜ", "laughter": "ㅋㅎ^", "ㅡㅡ": "ㅡ", "!": "!", "..": "."}
#: Pairs that are looked at.
DRAWN = 25_000


def kind_of(one: str, other: str) -> str:
    """How two texts differ: one kind, with the mark that only one of them has, or several."""
    kinds = {found.kind for found in differences(one, other)}
    if not kinds <= {"repetition", "punctuation"}:
        return kinds.pop() if len(kinds) == 1 else "several"
    for name, signs in MARKS.items():
        if any(sign in one for sign in signs) != any(sign in other for sign in signs):
            return f"{name} in one of them"
    return "other marks, or more of the same"


def main() -> None:
    with gzip.open(folder() / "nsmc_instruct.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    label = [row["output"][:2] for row in rows]
    table = named(pa.table({name: [row[name] for row in rows] for name in ("instruction", "input", "output")}))
    job = Job(fingerprint(table), table, DedupeOptions())
    prompts = group_rows(*job.column("prompt", np.arange(len(rows)), np.uint64).T)
    pairs, differ = Counter[str](), Counter[str]()

    def count(kind: str, one: int, other: int) -> None:
        pairs[kind] += 1
        differ[kind] += label[one] != label[other]

    first = prompts.first[prompts.of_row]
    second = np.flatnonzero(first != np.arange(len(rows)))
    for row in second[np.unique(first[second], return_index=True)[1]].tolist():
        count("none: equal texts", int(first[row]), row)
    found = similar_prompts(job, prompts.first)
    ends = [prompts.first[nodes[found.same]] for nodes in found.pairs[:2]]
    for at in np.random.default_rng(16).permutation(len(ends[0]))[:DRAWN].tolist():
        one, other = int(ends[0][at]), int(ends[1][at])
        count(kind_of(rows[one]["input"], rows[other]["input"]), one, other)
    print("| difference | pairs | labels differ |")
    print("|---|---|---|")
    for kind, number in pairs.most_common():
        print(f"| {kind} | {number:,} | {differ[kind] / number:.1%} |")


if __name__ == "__main__":
    main()
