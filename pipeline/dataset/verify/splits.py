"""The splits of a dataset: no record and no cluster is in two of them."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.reader import (
    DataFile,
    read_values,
    table_files,
)
from pipeline.dataset.verify.check import NAMED, Check
from pipeline.table.hashes import Hashes, hashes_of
from schemas.manifest import Manifest


def check_records(files: Sequence[DataFile], manifest: Manifest) -> Check:
    """No record of a source is in two splits: its origin names it, without the number of a row of several."""
    column = "origins" if manifest.packing else "origin"
    chosen = table_files(files) or [file for file in files if file.format == "jsonl"]
    found: dict[str, list[Hashes]] = {}
    for file in chosen:
        name = "origin" if file.format == "jsonl" else column
        for origins in read_values(file, name):
            texts = origins.flatten() if pa.types.is_list(origins.type) else origins
            records = hashes_of(pc.replace_substring_regex(texts, r"(/\d+)?(#\d+)?$", ""))
            found.setdefault(file.split, []).append(np.unique(records))
    seen = _each_once(found)
    faults = [
        f"{len(both):,} records are in {one} and in {other}: build the dataset again"
        for one, other in itertools.combinations(seen, 2)
        if len(both := np.intersect1d(seen[one], seen[other]))
    ]
    return Check("records", f"{sum(map(len, seen.values())):,} records, each in one split", faults)


def check_clusters(files: Sequence[DataFile], manifest: Manifest) -> Check:
    """No cluster of similar prompts is in two splits."""
    chosen = [] if manifest.packing else table_files(files)
    chosen = chosen or [file for file in files if file.format == "jsonl"]
    if not chosen and manifest.packing:
        return Check("clusters", "not checked: packs do not show clusters, and there are no JSON Lines here")
    found: dict[str, list[Hashes]] = {}
    for file in chosen:
        for clusters in read_values(file, "cluster"):
            found.setdefault(file.split, []).append(np.unique(hashes_of(clusters.drop_null())))
    seen = _each_once(found)
    faults = []
    for one, other in itertools.combinations(seen, 2):
        both = np.intersect1d(seen[one], seen[other])
        if len(both):
            names = itertools.islice(_with_hashes(chosen, "cluster", both), NAMED)
            faults.append(f"{len(both):,} clusters are in {one} and in {other}: {', '.join(names)}")
    return Check("clusters", f"{sum(map(len, seen.values())):,} clusters, each in one split", faults)


def _each_once(found: Mapping[str, Sequence[Hashes]]) -> dict[str, Hashes]:
    """The hashes of each split, sorted."""
    return {split: np.unique(np.concatenate(some)) for split, some in found.items()}


def _with_hashes(files: Iterable[DataFile], column: str, hashes: Hashes) -> Iterator[str]:
    """The values of a text column that have these hashes, each once."""
    found: set[str] = set()
    for values in itertools.chain.from_iterable(read_values(file, column) for file in files):
        present = values.drop_null()
        for value in present.filter(pa.array(np.isin(hashes_of(present), hashes))).to_pylist():
            if value not in found:
                found.add(value)
                yield value
