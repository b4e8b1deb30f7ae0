"""The novelty gate of Self-Instruct: which units tell a task from another, and how fast and right ROUGE-L is.

    KO_INSTRUCT_DATA=… python -m benchmarks.self_instruct > benchmarks/self_instruct.md

Needs rouge-score and kiwipiepy (the extra `spacing`) beside the extra `self-instruct`.
"""

import csv
import gzip
import importlib.metadata
import json
import os
import re
import sys
import textwrap
import time
import unicodedata
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from kiwipiepy import Kiwi
from rouge_score import rouge_scorer

from pipeline.self_instruct.novelty import Seen, similarities, units

DATA = Path(os.environ["KO_INSTRUCT_DATA"])
Pairs = Sequence[tuple[str, str]]
Floats = npt.NDArray[np.float64]

POOL, CANDIDATES, ROUND = 50_000, 10_000, 64
THRESHOLD = 0.7
#: For the reference: candidates, and members of the pool that each is compared with.
SAMPLE, AGAINST = 100, 1_000


# --- units -----------------------------------------------------------------------------------------------------------


class Lettered:
    """Any sequence of tokens as a text, one character a token, so that one LCS serves all."""

    def __init__(self, tokenize: Callable[[str], list[str]]) -> None:
        self.tokenize = tokenize
        self.number: dict[str, int] = {}

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return ["".join(self.letter(token) for token in self.tokenize(text)) for text in texts]

    def letter(self, token: str) -> str:
        number = self.number.setdefault(token, len(self.number))
        return chr(0x100 + number if number < 0xD000 else 0x3000 + number)


def folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def unit_kinds() -> dict[str, Callable[[Sequence[str]], list[str]]]:
    kiwi = Kiwi()

    def morphemes(text: str) -> list[str]:
        return [token.form for token in kiwi.tokenize(folded(text)) if token.tag[0] != "S" or token.tag in FOREIGN]

    def content(text: str) -> list[str]:
        return [token.form for token in kiwi.tokenize(folded(text)) if token.tag[0] in "NVMX" or token.tag in FOREIGN]

    return {
        "letters and digits (chosen)": units,
        "all characters": lambda texts: [folded(text) for text in texts],
        "jamo of the letters": lambda texts: [unicodedata.normalize("NFD", text) for text in units(texts)],
        "morphemes (kiwi)": Lettered(morphemes),
        "content morphemes (kiwi)": Lettered(content),
        "words": Lettered(lambda text: re.findall(r"\w+", folded(text))),
    }


#: Latin, numbers, Han: what kiwi counts among symbols though it is read.
FOREIGN = ("SL", "SN", "SH")


def paraphrases() -> tuple[Pairs, list[str]]:
    """Pairs of the same question in other words, and one question of each thousand."""
    with (DATA / "parakqc.tsv").open(encoding="utf-8", newline="") as file:
        texts = [line.rstrip("\r\n").split("\t")[2] for line in file]
    groups = [texts[start : start + 10] for start in range(0, len(texts), 10)]
    same = [(one, other) for group in groups for at, one in enumerate(group) for other in group[at + 1 :]]
    return Random(0).sample(same, 8_000), [group[0] for group in groups]


def scored() -> tuple[Pairs, Pairs]:
    """Pairs of sentences that people scored 4 or more of 5, and less than 3."""
    with (DATA / "korsts_train.tsv").open(encoding="utf-8") as file:
        rows = [
            (float(row["score"]), (row["sentence1"], row["sentence2"]))
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["sentence1"] != row["sentence2"]
        ]
    return [pair for score, pair in rows if score >= 4], [pair for score, pair in rows if score < 3]


def of_pairs(kind: Callable[[Sequence[str]], list[str]], pairs: Pairs) -> Floats:
    ones, others = kind([one for one, _ in pairs]), kind([other for _, other in pairs])
    found = [similarities([one], [other])[0, 0] for one, other in zip(ones, others, strict=True)]
    return np.array(found)


def auc(same: Floats, other: Floats) -> float:
    """The chance that a pair that says the same is more similar than one that does not."""
    ordered = np.sort(other)
    left, right = np.searchsorted(ordered, same, "left"), np.searchsorted(ordered, same, "right")
    return float((left + right).mean() / 2 / len(other))


def compare_units() -> list[str]:
    reworded, questions = paraphrases()
    alike, unlike = scored()
    lines = [
        "## Which units",
        "",
        f"ROUGE-L of pairs that say the same, and of pairs that do not. paraKQC: {len(reworded):,} rewordings, against "
        f"the most similar other of each of {len(questions):,} questions (the hardest negatives). KorSTS: "
        f"{len(alike):,} pairs scored 4 or more of 5, against {len(unlike):,} scored less than 3. `same` and `other`: "
        f"the share at {THRESHOLD} and above, which the gate holds to be one task. CPU of all, in seconds.",
        "",
        "| units | paraKQC AUC | same | other | KorSTS AUC | same | other | CPU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, kind in unit_kinds().items():
        start = time.process_time()
        same = of_pairs(kind, reworded)
        lettered = kind(questions)
        matrix = similarities(lettered, lettered)
        np.fill_diagonal(matrix, 0)
        hardest = matrix.max(axis=1)
        high, low = of_pairs(kind, alike), of_pairs(kind, unlike)
        spent = time.process_time() - start
        shares = [f"{(values >= THRESHOLD - 1e-9).mean():.1%}" for values in (same, hardest, high, low)]
        lines.append(
            f"| {name} | {auc(same, hardest):.3f} | {shares[0]} | {shares[1]} "
            f"| {auc(high, low):.3f} | {shares[2]} | {shares[3]} | {spent:.1f} |"
        )
    return [*lines, ""]


# --- the gate --------------------------------------------------------------------------------------------------------


def instructions() -> list[str]:
    """Distinct Korean instructions, questions, sentences and film reviews, in random order."""
    found: list[str] = []
    for name in ("koalpaca_v1.0_a.json", "koalpaca_v1.0_b.json"):
        found += [row["instruction"] for row in json.loads((DATA / name).read_text("utf-8"))]
        found += [row["output"].split(". ")[0][:100] for row in json.loads((DATA / name).read_text("utf-8"))]
    with (DATA / "parakqc.tsv").open(encoding="utf-8", newline="") as file:
        found += [line.rstrip("\r\n").split("\t")[2] for line in file]
    with (DATA / "chatbot_data.csv").open(encoding="utf-8") as file:
        found += [row["Q"] for row in csv.DictReader(file)]
    found += [sentence for pairs in scored() for pair in pairs for sentence in pair]
    with gzip.open(DATA / "nsmc_instruct.jsonl.gz", "rt", encoding="utf-8") as file:
        found += [json.loads(line)["input"] for line in islice(file, 12_000)]
    distinct = [text for text in dict.fromkeys(found) if len(text) >= 8]
    Random(1).shuffle(distinct)
    return distinct


class Units:
    """The tokenizer that rouge_score is to use: its own finds nothing in Hangul."""

    def tokenize(self, text: str) -> list[str]:
        return list(units([text])[0])


def reference(candidates: list[str], pools: list[list[str]]) -> tuple[list[bool], float]:
    """The loop of the authors' script, in one process: for each candidate whether it is new. CPU seconds."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Units())
    start = time.process_time()
    verdicts = [
        max(round(scorer.score(one, other)["rougeL"].fmeasure, 9) for other in pool) < THRESHOLD
        for one, pool in zip(candidates, pools, strict=True)
    ]
    return verdicts, time.process_time() - start


def lcs_alone(candidates: list[str], pools: list[list[str]]) -> float:
    """CPU seconds of rouge_score's LCS on texts that were tokenised before."""
    tokens = [(units([one])[0], units(pool)) for one, pool in zip(candidates, pools, strict=True)]
    start = time.process_time()
    for one, pool in tokens:
        for other in pool:
            rouge_scorer._score_lcs(one, other)
    return time.process_time() - start


def compare_speed() -> list[str]:
    texts = instructions()
    pool, candidates = texts[:POOL], texts[POOL : POOL + CANDIDATES]
    assert len(candidates) == CANDIDATES, len(texts)
    seen = Seen()
    seen.add([f"s{number}" for number in range(POOL)], pool)
    taken = doubled = 0
    cpu, wall, checked = 0.0, 0.0, 0.0
    for start in range(0, CANDIDATES, ROUND):
        batch = candidates[start : start + ROUND]
        ids = [f"c{start + number}" for number in range(len(batch))]
        began, at = time.process_time(), time.perf_counter()
        verdicts = seen.judge(ids, batch, THRESHOLD, [()] * len(batch))
        cpu, wall = cpu + time.process_time() - began, wall + time.perf_counter() - at
        began = time.process_time()
        doubled += sum(found is not None for found in seen.duplicates(ids, batch))
        checked += time.process_time() - began
        new = [number for number, (is_new, _) in enumerate(verdicts) if is_new]
        taken += len(new)
        seen.add([ids[number] for number in new], [batch[number] for number in new])
    pairs = CANDIDATES * POOL

    # A sample that the reference can bear: each candidate against those of the pool that are most like it, and others.
    random = Random(2)
    sample = random.sample(candidates, SAMPLE)
    matrix = similarities(units(sample), units(pool))
    nearest = np.argsort(-matrix, axis=1)[:, : AGAINST // 10]
    pools = [
        [pool[place] for place in places] + random.sample(pool, AGAINST - len(places)) for places in nearest.tolist()
    ]
    theirs, spent = reference(sample, pools)
    lcs = lcs_alone(sample, pools)
    ours = []
    for one, some in zip(sample, pools, strict=True):
        few = Seen()
        few.add([str(number) for number in range(len(some))], some)
        ours.append(few.judge(["c"], [one], THRESHOLD, [()])[0][0])
    agreed = sum(one == other for one, other in zip(ours, theirs, strict=True))
    per_pair, per_lcs = spent / (SAMPLE * AGAINST), lcs / (SAMPLE * AGAINST)
    return [
        "## Speed, and the same decisions",
        "",
        f"{CANDIDATES:,} candidates against a pool of {POOL:,}, in rounds of {ROUND}, each new one joining the pool: "
        f"{taken:,} are new. A text has {np.mean([len(text) for text in pool]):.0f} characters in the mean. The "
        f"reference is timed on {SAMPLE * AGAINST:,} pairs and extrapolated to {pairs:,}: {SAMPLE} candidates, each "
        f"against its {AGAINST // 10} most similar of the pool and {AGAINST - AGAINST // 10} others.",
        "",
        "| | CPU seconds | × ours |",
        "|---|---|---|",
        f"| `Seen.judge`: ROUGE-L with all, and the nearest ({wall:,.0f} s on the clock) | {cpu:,.1f} | 1 |",
        f"| rouge_score 0.1.2 in the authors' loop, with our units (extrapolated) | {per_pair * pairs:,.0f} "
        f"| {per_pair * pairs / cpu:,.0f} |",
        f"| its LCS alone, on texts tokenised before (extrapolated) | {per_lcs * pairs:,.0f} "
        f"| {per_lcs * pairs / cpu:,.0f} |",
        f"| `Seen.duplicates`: the near-duplicate check of `pipeline.dedupe` beside it | {checked:,.1f} "
        f"| {checked / cpu:,.1f} |",
        "",
        f"Decisions on the sample: {agreed} of {SAMPLE} are the same ({sum(theirs)} new). The near-duplicate check "
        f"found {doubled:,} of the {CANDIDATES:,}, which ROUGE-L may have found as well.",
        "",
    ]


def main() -> None:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("rapidfuzz", "rouge-score", "kiwipiepy")
    )
    lines = [
        "# The novelty gate of Self-Instruct",
        "",
        f"{time.strftime('%Y-%m')}, {os.cpu_count()} cores; Python {sys.version.split()[0]}, {versions}. Repeat with",
        "",
        "    KO_INSTRUCT_DATA=… python -m benchmarks.self_instruct > benchmarks/self_instruct.md",
        "",
        *compare_units(),
        *compare_speed(),
    ]
    print("\n".join(line if line.startswith("|") else textwrap.fill(line, 118) for line in lines).rstrip())


if __name__ == "__main__":
    main()
