"""Reports for people: the chance of finding a pair, the clusters with their texts, the most doubtful rejections."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe.arrays import Ints
from pipeline.stages.dedupe.minhash import HASHES, choose_bands
from pipeline.table.take_rows import take_rows, take_table_rows
from schemas.options import DedupeOptions

SHOWN = ("origin", "instruction", "input", "output")
DECIDED = ("reason", "duplicate_of", "similarity", "differences")
#: Rows whose texts are held at once.
ROWS = 1 << 14


def explain(options: DedupeOptions = DedupeOptions()) -> str:
    """The chance that two texts are compared, by their similarity: the S-curve of the bands in use."""
    bands = choose_bands(options.threshold, options.recall)
    lines = [
        f"Compared from {options.threshold} on (similarity of stems). {HASHES} hashes in {bands.bands} bands of "
        f"{bands.hashes}: texts that agree in one band are compared, and what differs between them decides.",
        "similarity  chance of being compared",
    ]
    for similarity in sorted({*(step / 10 for step in range(3, 11)), options.threshold}):
        chance = bands.chance(similarity)
        mark = "  <- threshold" if similarity == options.threshold else ""
        lines.append(f"{similarity:10.2f}  {chance:6.1%} {'#' * round(40 * chance)}{mark}")
    return "\n".join(lines)


def summary(decisions: pa.Table) -> str:
    """How many rows are rejected for each reason, how many pairs were compared and how many were skipped."""
    reasons = Counter(decisions["reason"].to_pylist())
    rejected_before = decisions["cluster_key"].null_count
    kept = reasons.pop(None, 0) - rejected_before
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"
    counts_of_pairs = orjson.loads((decisions.schema.metadata or {}).get(b"report", b"{}"))
    clusters = pc.count_distinct(decisions["cluster"]).as_py()
    return (
        f"{len(decisions)} rows{f', {rejected_before} of them rejected before' if rejected_before else ''}: "
        f"{kept} kept, duplicates rejected: {counts}; {clusters} clusters. "
        f"{counts_of_pairs.get('compared', 0)} pairs of fields compared, {counts_of_pairs.get('verified', 0)} similar, "
        f"{counts_of_pairs.get('skipped', 0)} pairs in large groups skipped."
    )


def kinds(decisions: pa.Table, count: int = 3) -> str:
    """The kinds of differences between rejected rows and the rows that are kept: how often, with examples."""
    found = [name for names in decisions["differences"].to_pylist() if names for name in names]
    counted = Counter(name.partition(": ")[0] for name in found)
    lines = ["differences of rejected rows, by kind:"]
    for kind, number in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        of_kind = Counter(name.partition(": ")[2] for name in found if name.startswith(f"{kind}: "))
        examples = sorted(of_kind, key=lambda example: (-of_kind[example], example))[:count]
        lines.append(f"{number:8,}  {kind}: {'; '.join(examples)}")
    return "\n".join(lines if counted else [*lines, "    none"])


def clusters(table: pa.Table, decisions: pa.Table) -> Iterator[dict[str, Any]]:
    """Each cluster with the texts of its rows, in the order of its first row: the lines of duplicates.jsonl."""
    encoded = decisions["cluster"].combine_chunks().dictionary_encode()
    rows = np.flatnonzero(encoded.is_valid().to_numpy(zero_copy_only=False))
    number = encoded.indices.take(pa.array(rows)).to_numpy()
    rows = rows[np.argsort(number, kind="stable")]
    name, members = None, list[dict[str, Any]]()
    for start in range(0, len(rows), ROWS):
        for cluster, member in _members(table, decisions, rows[start : start + ROWS]):
            if cluster != name and members:
                yield {"cluster": name, "rows": members}
                members = []
            name = cluster
            members.append(member)
    if members:
        yield {"cluster": name, "rows": members}


def lines(clusters: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Clusters as JSON Lines."""
    return (orjson.dumps(cluster, option=orjson.OPT_APPEND_NEWLINE) for cluster in clusters)


def lines_again(before: Iterable[bytes], table: pa.Table, decisions: pa.Table, rows: Ints) -> Iterator[bytes]:
    """The lines of all clusters, where only those of some rows are not as before: int64[n], whole clusters."""
    some = take_table_rows(table.select(SHOWN), rows)
    new = clusters(some, take_table_rows(decisions.select(["cluster", *DECIDED]), rows))
    by_name = {_name(line): line for line in before} | {_name(line): line for line in lines(new)}
    for name in pc.unique(decisions["cluster"]).drop_null().to_pylist():
        yield by_name[name]


def _name(line: bytes) -> str:
    """The name of the cluster that a line lists.

    >>> _name(next(lines([{"cluster": 'a "b".jsonl:1', "rows": []}])))
    'a "b".jsonl:1'
    """
    name: str = orjson.loads(line[len(b'{"cluster":') : line.index(b',"rows":[')])
    return name


def doubtful(table: pa.Table, decisions: pa.Table, count: int = 20) -> list[dict[str, Any]]:
    """The rejected rows that are least similar to the row kept in their place, both with their texts.

    Without exact duplicates: nothing about them is doubtful.
    """
    doubtful_rows = pc.and_(decisions["reason"].is_valid(), pc.not_equal(decisions["reason"], "exact"))
    rows = np.flatnonzero(pc.fill_null(doubtful_rows, False).to_numpy())
    similarity = decisions["similarity"].take(pa.array(rows)).to_numpy()
    rows = rows[np.argsort(similarity, kind="stable")[:count]]  # conflicts have none, and come last
    found = [member for _, member in _members(table, decisions, rows)]
    origins = pa.array([member["duplicate_of"] for member in found], pa.string())
    keepers = pc.index_in(origins, table["origin"]).to_numpy().astype(np.int64)
    for member, (_, keeper) in zip(found, _members(table, decisions, keepers), strict=True):
        member["kept"] = {name: keeper[name] for name in SHOWN}
    return found


def _members(table: pa.Table, decisions: pa.Table, rows: Ints) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cluster of each of these rows, and the columns of the row that a person wants to see."""
    texts = [take_rows(table[name], rows).to_pylist() for name in SHOWN]
    cluster, *decided = (take_rows(decisions[name], rows).to_pylist() for name in ("cluster", *DECIDED))
    for name, values in zip(cluster, zip(*texts, *decided, strict=True), strict=True):
        yield name, dict(zip((*SHOWN, *DECIDED), values, strict=True))
