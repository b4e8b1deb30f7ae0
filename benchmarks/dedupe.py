"""Deduplication measured: against human judgement, brute force, planted duplicates and other tools, and at scale.

    python benchmarks/dedupe.py human|truth|planted|scale ROWS

KO_INSTRUCT_DATA is the folder of the real texts. `truth` and `planted` need scipy; `planted` runs those of convmerge,
datatrove[processing] with kiwipiepy, and text-dedup 0.4 that are installed beside it. Tables are written to stdout.
"""

import csv
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from synthetic import DUPLICATES, OTHERS, SCHEMA, Row, folder, planted, reviews

from pipeline import marks
from pipeline.dedupe import apply, decide, fingerprint, keys
from pipeline.dedupe.minhash import choose_bands
from pipeline.dedupe.similar import Tally, similar_prompts
from schemas.columns import FINGERPRINT
from schemas.options import DedupeOptions


def said(text: str) -> str:
    """The definition of `keys.said` in plain words."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "PZC" and c not in "~|`^")


def grams(text: str, size: int) -> set[str]:
    return {text[at : at + size] for at in range(max(1, len(text) - size + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def human() -> None:
    """Similarity against the scores of people (0 to 5): KorSTS train and KLUE-STS dev; paraphrases of ParaKQC."""
    with folder().joinpath("korsts_train.tsv").open(encoding="utf-8", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        scored = [(float(row["score"]), row["sentence1"], row["sentence2"]) for row in table]
    pairs = json.loads(folder().joinpath("klue_sts_dev.json").read_bytes())
    scored += [(pair["labels"]["real-label"], pair["sentence1"], pair["sentence2"]) for pair in pairs]
    scored = [pair for pair in scored if re.findall(r"\d+", pair[1]) == re.findall(r"\d+", pair[2])]
    with folder().joinpath("parakqc.tsv").open(encoding="utf-8", newline="") as lines:
        runs = [line.rstrip("\r\n").split("\t")[2] for line in lines]
    same = [(runs[at], runs[at + 1]) for at in range(len(runs) - 1) if at % 10 != 9]
    other = [(runs[at], runs[(at + 10 * step) % len(runs)]) for at in range(len(runs)) for step in (1, 7, 77)]
    scores = np.array([pair[0] for pair in scored])

    def jamo(text: str) -> str:
        return unicodedata.normalize("NFD", said(text))

    shinglings: dict[str, Callable[[str], set[str]]] = {
        "1 character": lambda text: grams(said(text), 1),
        "2 characters": lambda text: grams(said(text), 2),
        "3 characters": lambda text: grams(said(text), 3),
        "3 jamo": lambda text: grams(jamo(text), 3),
        "5 jamo": lambda text: grams(jamo(text), 5),
        "words": lambda text: set(text.split()),
    }
    print(f"{len(scored)} scored pairs whose numbers agree; {len(same)} paraphrases, {len(other)} others.\n")
    print("| shingles | threshold | scored pairs | mean | < 3 | >= 4 | paraphrases found | others |")
    print("|---|---|---|---|---|---|---|---|")
    for name, shingles in shinglings.items():
        alike = np.array([jaccard(shingles(one), shingles(two)) for _, one, two in scored])
        found = np.array([jaccard(shingles(one), shingles(two)) for one, two in same])
        wrong = np.array([jaccard(shingles(one), shingles(two)) for one, two in other])
        for threshold in (0.6, 0.7, 0.8, 0.85, 0.9):
            at = scores[alike >= threshold]
            shares = f"{at.mean():.2f} | {(at < 3).mean():.1%} | {(at >= 4).mean():.1%}"
            others = f"{(found >= threshold).mean():.2%} | {(wrong >= threshold).sum()}"
            print(f"| {name} | {threshold} | {len(at)} | {shares} | {others} |")


def all_pairs(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    """Every pair whose bigrams have a Jaccard index from the threshold on: all compared with all."""
    from scipy.sparse import csr_matrix

    number: dict[str, int] = {}
    columns, bounds = [], [0]
    for text in texts:
        columns += [number.setdefault(gram, len(number)) for gram in grams(said(text), 2)]
        bounds.append(len(columns))
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns, bounds), (len(texts), len(number)))
    sizes = np.diff(bounds)
    found: set[tuple[int, int]] = set()
    for start in range(0, len(texts), 500):
        shared = (matrix[start : start + 500] @ matrix.T).tocoo()
        first, second = shared.row + start, shared.col
        alike = shared.data / (sizes[first] + sizes[second] - shared.data)
        chosen = (alike >= threshold) & (first < second)
        found.update(zip(first[chosen].tolist(), second[chosen].tolist(), strict=True))
    return found


def truth() -> None:
    """Pairs found among 20,000 distinct reviews, against comparing all with all."""
    texts = sorted(set(reviews()))
    texts = [texts[at] for at in np.random.default_rng(1).permutation(len(texts))[:20_000] if said(texts[at])]
    table = named(pa.table({"instruction": texts, "output": ["답"] * len(texts)}))
    prints = fingerprint(table)
    numbers = keys.numbers(pa.array(texts)).tolist()
    rows = np.arange(len(texts))
    print("| threshold | bands | pairs by brute force | found | recall | precision | compared | dropped | lost |")
    print("|---|---|---|---|---|---|---|---|---|")
    for threshold in (0.6, 0.7, 0.8, 0.85, 0.9):
        options = DedupeOptions(threshold=threshold)
        pairs = {pair for pair in all_pairs(texts, threshold) if numbers[pair[0]] == numbers[pair[1]]}
        tally = Tally()
        edges = similar_prompts(prints, table, rows, options, tally)
        found = set(zip(edges.first.tolist(), edges.second.tolist(), strict=True))
        reasons = decide(prints, table, options)["reason"].to_pylist()
        saved = {row for pair in pairs for row, other in (pair, pair[::-1]) if reasons[other] is None}
        lost = [row for row, reason in enumerate(reasons) if reason == "near" and row not in saved]
        bands = choose_bands(threshold, options.recall)
        print(
            f"| {threshold} | {bands.bands} x {bands.rows} | {len(pairs)} | {len(found)} "
            f"| {len(found & pairs) / len(pairs):.4f} | {len(found & pairs) / len(found):.4f} "
            f"| {tally.counts['compared']} | {sum(reason is not None for reason in reasons)} | {len(lost)} |"
        )


def named(table: pa.Table) -> pa.Table:
    table = marks.complete(table)
    if table["origin"].null_count:
        table = marks.set_column(table, "origin", pa.array([f"row:{number}" for number in range(len(table))]))
    return table


def scale(path: str) -> None:
    """Fingerprints, decision and marks for the rows of a file that benchmarks/synthetic.py wrote.

    In two processes, as under Make: the one that takes the fingerprints is not the one that decides.
    """
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as held:
        prints_path = str(Path(held) / "prints.arrow")
        for step in ("prints", "decide"):
            subprocess.run([sys.executable, __file__, step, path, prints_path], check=True)


def take_prints(path: str, prints_path: str) -> None:
    rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool, pa.ipc.new_file(prints_path, FINGERPRINT) as sink:
        parts = (rows.slice(at, 8192) for at in range(0, len(rows), 8192))
        while block := list(itertools.islice(parts, 64)):
            for prints in pool.map(fingerprint, block):
                sink.write_table(prints)
    tell("fingerprint (2 threads)", time.perf_counter() - start, len(rows))


def take_decisions(path: str, prints_path: str) -> None:
    rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
    prints = pa.ipc.open_file(pa.memory_map(prints_path)).read_all()
    table = with_no_turns(rows)
    start = time.perf_counter()
    decisions = decide(prints, table)
    tell("decide", time.perf_counter() - start, len(rows))
    start = time.perf_counter()
    kinds: Counter[tuple[str, str]] = Counter()
    for at in range(0, len(rows), 8192):
        done = apply(rows.slice(at, 8192), decisions.slice(at, 8192))
        kinds.update(zip(done["kind"].to_pylist(), done["reject_reason"].to_pylist(), strict=True))
    tell("apply", time.perf_counter() - start, len(rows))
    print(f"{len(rows)} rows; {decisions.schema.metadata[b'report'].decode()}")
    for kind in sorted({kind for kind, _ in kinds}):
        print(kind, {reason or "kept": count for (of, reason), count in sorted(kinds.items(), key=str) if of == kind})


def tell(step: str, seconds: float, rows: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{step}: {seconds:.1f} s, {seconds / rows * 1e6:.2f} us per row; peak {peak:.2f} GB, mapped files included")
    sys.stdout.flush()


def with_no_turns(rows: pa.Table) -> pa.Table:
    """The rows with empty columns for system and history, chunk by chunk, so that texts stay in the mapped file."""
    return pa.concat_tables([marks.complete(pa.Table.from_batches([batch])) for batch in rows.to_batches()])


def ours(rows: list[Row], held: Path) -> set[str]:
    table = named(pa.Table.from_pylist(rows, SCHEMA))
    with ThreadPoolExecutor(2) as pool:
        parts = [table.slice(start, 8192) for start in range(0, len(table), 8192)]
        prints = pa.concat_tables(pool.map(fingerprint, parts))
    done = apply(table, decide(prints, table))
    return set(done.filter(pc.is_null(done["reject_stage"]))["origin"].to_pylist())


def text_of(row: Row) -> str:
    return "\n".join(str(row[name]) for name in ("instruction", "input", "output") if row[name])


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def convmerge(rows: list[Row], held: Path) -> set[str]:
    write_lines(held / "in.jsonl", rows)
    command = [
        tool("convmerge"),
        "dedupe",
        "--near",
        "--workers",
        "2",
        "-i",
        held / "in.jsonl",
        "-o",
        held / "out.jsonl",
    ]
    subprocess.run([*command, "--keys", "instruction", "input", "output"], check=True, capture_output=True)
    return {str(row["origin"]) for row in read_lines(held / "out.jsonl")}


def text_dedup(rows: list[Row], held: Path) -> set[str]:
    write_lines(held / "in.jsonl", ({"origin": row["origin"], "text": text_of(row)} for row in rows))
    command = [sys.executable, "-m", "text_dedup.minhash", "--path", "json", "--data_files", held / "in.jsonl"]
    command += ["--split", "train", "--column", "text", "--output", held / "out", "--cache_dir", held / "cache"]
    subprocess.run([*command, "--num_proc", "2"], check=True, capture_output=True)
    from datasets import load_from_disk

    return set(load_from_disk(str(held / "out"))["origin"])


def datatrove(rows: list[Row], held: Path) -> set[str]:
    write_lines(held / "in" / "rows.jsonl", ({"id": row["origin"], "text": text_of(row)} for row in rows))
    code = f"""
from datatrove.executor import LocalPipelineExecutor as run
from datatrove.pipeline.dedup import *
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
if __name__ == "__main__":
    held = {str(held)!r}
    config = MinhashConfig()
    read = JsonlReader(held + "/in")
    run([read, MinhashDedupSignature(held + "/sigs", config, language="kor_Hang")], tasks=1).run()
    buckets = MinhashDedupBuckets(held + "/sigs", held + "/buckets", config=config)
    run([buckets], tasks=config.num_buckets, workers=2).run()
    run([MinhashDedupCluster(held + "/buckets", held + "/remove", config=config)], tasks=1).run()
    run([read, MinhashDedupFilter(held + "/remove"), JsonlWriter(held + "/out", compression=None)], tasks=1).run()
"""
    (held / "run.py").write_text(code)
    subprocess.run([sys.executable, held / "run.py"], check=True, capture_output=True, cwd=held)
    return {str(row["id"]) for path in (held / "out").iterdir() for row in read_lines(path)}


TOOLS = {"ko-instruct": ours, "convmerge": convmerge, "datatrove": datatrove, "text-dedup": text_dedup}


def run_tool(name: str, rows_path: str, into: str) -> None:
    """One tool in a process of its own, so that its work is its own (and its children's)."""
    rows = read_lines(Path(rows_path))
    with tempfile.TemporaryDirectory() as held:
        (Path(held) / "in").mkdir()
        start, used = time.perf_counter(), cpu()
        kept = TOOLS[name](rows, Path(held))
        seconds, used = time.perf_counter() - start, cpu() - used
    Path(into).write_text(json.dumps({"kept": sorted(kept), "seconds": seconds, "cpu": used}))


def cpu() -> float:
    """Seconds of work of this process and of those that it waited for."""
    return sum(os.times()[:4])


def planted_table() -> None:
    """What each tool makes of planted duplicates, and of rows that are none."""
    rows = planted(1000)
    kinds = {str(row["origin"]): str(row["kind"]) for row in rows}
    numbers = {row["origin"]: number for number, row in enumerate(rows)}
    # What resembles another row even loosely, in its prompt or as a whole: 0.5, where any tool means at least 0.7.
    resembling: set[int] = set()
    for texts in ([text_of({**row, "output": ""}) for row in rows], [text_of(row) for row in rows]):
        resembling.update(itertools.chain.from_iterable(all_pairs(texts, 0.5)))
    counts = Counter(kinds.values())
    shown = [*DUPLICATES, *OTHERS]
    print(f"{len(rows)} rows: {counts['real']} real ones, and planted {dict(counts.most_common()[1:])}.\n")
    heads = [*(f"{kind} dropped" for kind in shown), "precision", "recall", "F1", "rows like nothing, lost", "rows/s"]
    print("| tool | " + " | ".join(heads) + " | rows per CPU second |")
    print("|---" * (len(heads) + 2) + "|")
    with tempfile.TemporaryDirectory() as held:
        rows_path, answer = Path(held) / "rows.jsonl", Path(held) / "answer.json"
        write_lines(rows_path, rows)
        for name in TOOLS:
            command = [sys.executable, __file__, "tool", name, str(rows_path), str(answer)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                print(f"| {name} | did not run: {run.stderr.strip().splitlines()[-1]} |")
                continue
            result = json.loads(answer.read_bytes())
            kept = set(result["kept"])
            dropped = [origin for origin in kinds if origin not in kept]
            of_kind = Counter(kinds[origin] for origin in dropped)
            lost = [origin for origin in dropped if numbers[origin] not in resembling]
            right = sum(row["kind"] in DUPLICATES and not {row["origin"], row["of"]} <= kept for row in rows)
            wrong = sum(of_kind[kind] for kind in OTHERS) + sum(kinds[origin] not in OTHERS for origin in lost)
            precision, recall = right / max(1, right + wrong), right / sum(counts[kind] for kind in DUPLICATES)
            f1 = 2 * precision * recall / max(1e-9, precision + recall)
            cells = [f"{of_kind[kind] / counts[kind]:.1%}" for kind in shown]
            cells += [f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", str(len(lost))]
            cells += [f"{len(rows) / result['seconds']:,.0f}", f"{len(rows) / result['cpu']:,.0f}"]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    commands = {
        "human": human,
        "truth": truth,
        "planted": planted_table,
        "tool": run_tool,
        "scale": scale,
        "prints": take_prints,
        "decide": take_decisions,
    }
    commands[sys.argv[1]](*sys.argv[2:])
