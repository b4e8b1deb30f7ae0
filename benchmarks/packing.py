"""Packing against TRL's (`trl.pack_dataset`, strategy "bfd") on the same sequences: how full packs are, and the time.

pip install -c constraints.txt torch==2.13.0 trl
KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.packing > benchmarks/packing.md
"""

import gzip
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, disable_progress_bars
from trl import pack_dataset

from pipeline.dataset.packing import best_fit_decreasing, pack_rows
from pipeline.stages.tokenize import tokenize
from pipeline.tokenizers import kobert
from schemas.options import TokenizeOptions

ROUNDS = 3
NSMC_ROWS = 200_000
BATCH_ROWS = 8192
CAPACITIES = (512, 2048)
FIELDS = ("instruction", "input", "output")


def koalpaca(data: Path) -> list[dict[str, str]]:
    return [row for name in "ab" for row in orjson.loads((data / f"koalpaca_v1.0_{name}.json").read_bytes())]


def nsmc(data: Path) -> list[dict[str, str]]:
    with gzip.open(data / "nsmc_instruct.jsonl.gz") as lines:
        return [orjson.loads(line) for line in islice(lines, NSMC_ROWS)]


def sequences(rows: list[dict[str, str]], tokenizer: kobert.KoBERT) -> pa.Table:
    """The rows as `export` has them, in the layout causal: the ids, their labels, the origin."""
    columns = {name: [row.get(name) or "" for row in rows] for name in FIELDS}
    table = pa.table(columns | {"origin": [f"a.jsonl:{number}" for number in range(1, len(rows) + 1)]})
    options = TokenizeOptions(layout="causal", max_length=min(CAPACITIES))
    parts = [
        tokenize(table.slice(start, BATCH_ROWS), tokenizer, options).select(["input_ids", "labels", "origin"])
        for start in range(0, len(table), BATCH_ROWS)
    ]
    whole = pa.concat_tables(parts)
    return whole.filter(pc.is_valid(whole["input_ids"]))


def best_of(run: Callable[[], int]) -> tuple[float, int]:
    """Processor seconds of the fastest of ROUNDS runs, and the number of packs."""
    seconds, packs = float("inf"), 0
    for _ in range(ROUNDS):
        start = time.process_time()
        packs = run()
        seconds = min(seconds, time.process_time() - start)
    return seconds, packs


def measure(name: str, table: pa.Table, capacity: int) -> str:
    batches = table.to_batches()
    ids = Dataset(pa.table({key: table[key].cast(pa.large_list(pa.int32())) for key in ("input_ids", "labels")}))
    lengths = pc.list_value_length(table["input_ids"]).to_numpy().astype("int64")
    tokens = int(lengths.sum())

    def trl(rows: int) -> int:
        how = {"batch_size": rows, "load_from_cache_file": False, "keep_in_memory": True}
        return len(pack_dataset(ids, capacity, "bfd", map_kwargs=how))

    runs: dict[str, Callable[[], int]] = {
        "which pack": lambda: int(best_fit_decreasing(lengths, capacity).max()) + 1,
        "ours": lambda: sum(len(part) for part in pack_rows(batches, capacity)),
        "trl": lambda: trl(1000),
        "trl, all rows": lambda: trl(len(table)),
    }
    found = {run: best_of(function) for run, function in runs.items()}
    fill = {run: f"{tokens / packs / capacity:.2%}" for run, (_, packs) in found.items()}
    times = {run: found[run][0] / found["ours"][0] for run in runs}
    cells = [
        name,
        f"{len(table):,}",
        f"{tokens / 1e6:.1f} M",
        f"{capacity:,}",
        f"**{fill['ours']}**",
        fill["trl"],
        fill["trl, all rows"],
        f"{tokens / found['ours'][0] / 1e6:.0f} M",
        f"{times['which pack']:.2f}",
        f"**{times['trl']:.1f}**",
        f"**{times['trl, all rows']:.1f}**",
    ]
    return f"| {' | '.join(cells)} |"


HEADER = """\
# Packing against TRL's

November 2026, 2 cores, 24 GB; Python {python}, {versions}.

    pip install -c constraints.txt torch==2.13.0 trl
    KOBERT_SPIECE=…/spiece.model KO_INSTRUCT_DATA=…/data python -m benchmarks.packing > benchmarks/packing.md

The sequences are those of layout `causal` with KoBERT's vocabulary, at most {shortest} tokens each (of NSMC the first
{nsmc:,} rows). Filled is the share of all room in the packs that holds tokens. `trl` is
`trl.pack_dataset(…, strategy="bfd")` on `input_ids` and `labels` in memory: as it comes, which packs each 1,000 rows
apart, and with all rows in one batch. `pack_rows` packs over all rows, and writes `position_ids` and origins too.
Times are processor seconds, best of {rounds}, as ratios to those of `pack_rows`; "which pack" is `best_fit_decreasing`
alone. On a busy machine: the ratios are what counts.

| sequences of | sequences | tokens | tokens of a pack | filled, `pack_rows` | filled, trl | filled, trl, all rows | \
`pack_rows`, tokens/s | time, which pack | time, trl | time, trl, all rows |
|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    disable_progress_bars()
    data, tokenizer = Path(os.environ["KO_INSTRUCT_DATA"]), kobert.load(os.environ["KOBERT_SPIECE"])
    versions = ", ".join(f"{name} {version(name)}" for name in ("trl", "datasets", "pyarrow", "numpy"))
    print(
        HEADER.format(
            python=platform.python_version(), versions=versions, rounds=ROUNDS, shortest=min(CAPACITIES), nsmc=NSMC_ROWS
        )
    )
    for name, read in {"KoAlpaca": koalpaca, "NSMC": nsmc}.items():
        table = sequences(read(data), tokenizer)
        for capacity in CAPACITIES:
            print(measure(name, table, capacity), flush=True)


if __name__ == "__main__":
    main()
