"""What the rows themselves tell of duplicates: how large clusters are, what differs, and which pairs are doubtful."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.report.sample import Row
from pipeline.table.hashes import Hashes, hashes_of

#: Reasons of rows that are similar to the row that is kept, and not equal to it.
SIMILAR = ("near", "near-prompt")
#: In `reject_detail`, before the differences: "is similar to a.json:1, which is kept: spacing: 해 줘 → 해줘; …".
KEPT = ", which is kept"
#: A difference: its kind, and the words in both texts.
DIFFERENCE = r"^(?P<kind>[a-z][a-z ]{0,30}): (?P<words>.*)$"
#: Sizes of clusters that are counted together, the first of each.
SIZES = (2, 3, 4, 5, 6, 11, 21, 51, 101, 1001)


#: Texts of a pair that are compared, and their characters.
COMPARED = ("instruction", "input", "output")
TEXT = 4000


class Size(NamedTuple):
    """Clusters of `least` to `most` rows (None: and more)."""

    least: int
    most: int | None
    clusters: int
    rows: int


class Pair(NamedTuple):
    """A rejected row, the kept row that it repeats, and the similarity of their texts."""

    rejected: Row
    kept: Row
    similarity: float


def kinds_of_differences(rejected: pa.Table) -> pa.Array:
    """For each row the kinds of its differences from the kept row, list<string>: [] where there are none."""
    similar = pc.is_in(rejected["reject_reason"], pa.array(SIMILAR)).combine_chunks()
    details = pc.if_else(similar, rejected["reject_detail"].combine_chunks(), "")
    after = pc.list_element(pc.split_pattern(pc.binary_join_element_wise(details, KEPT, ""), KEPT, max_splits=1), 1)
    differences = pc.split_pattern(pc.utf8_ltrim(after, ": "), "; ")
    kinds = pc.struct_field(pc.extract_regex(differences.flatten(), DIFFERENCE), "kind")
    return pa.ListArray.from_arrays(differences.offsets, kinds)


def example_of(kind: str, row: Row) -> str:
    """The words of the first difference of this kind in the detail of a rejected row; "" where there is none.

    >>> detail = "is similar to a:1, which is kept: case: Ab → ab; spacing: 해 줘 → 해줘"
    >>> example_of("spacing", {"reject_detail": detail})
    '해 줘 → 해줘'
    """
    differences = (row["reject_detail"] or "").partition(KEPT)[2].removeprefix(": ").split("; ")
    return next((each.removeprefix(f"{kind}: ") for each in differences if each.startswith(f"{kind}: ")), "")


def cluster_hashes(column: pa.ChunkedArray) -> Hashes:
    """A hash of the cluster of each row that is in one."""
    return hashes_of(column.drop_null().combine_chunks())


def heads_of(table: pa.Table) -> tuple[Hashes, Hashes]:
    """The hashes of the origins of rows whose cluster has the name of another row, and those of their clusters."""
    named = table.select(["origin", "cluster"])
    others = named.filter(pc.not_equal(named["origin"], named["cluster"]))
    return cluster_hashes(others["origin"]), cluster_hashes(others["cluster"])


def of_heads(repeated: Iterable[Hashes], heads: Iterable[tuple[Hashes, Hashes]]) -> Iterator[Hashes]:
    """The clusters of dropped rows, from the kept rows that they repeat. `heads`: `heads_of` the kept rows."""
    pairs = np.concatenate([np.zeros((2, 0), np.uint64), *(np.stack(each) for each in heads)], axis=1)
    origins, clusters = pairs[:, np.argsort(pairs[0])]
    for hashes in repeated:
        at = np.searchsorted(origins, hashes)
        known = at < len(origins)
        known[known] = origins[at[known]] == hashes[known]
        found = hashes.copy()
        found[known] = clusters[at[known]]
        yield found


def sizes(clusters: Iterable[Hashes]) -> list[Size]:
    """How many clusters there are of each size. `clusters`: a hash for each row of a cluster."""
    _, counts = np.unique(np.concatenate([np.zeros(0, np.uint64), *clusters]), return_counts=True)
    found = []
    for least, following in zip(SIZES, (*SIZES[1:], None), strict=True):
        of_size = counts[(counts >= least) & (True if following is None else counts < following)]
        if len(of_size):
            most = None if following is None else following - 1
            found.append(Size(least, most, len(of_size), int(of_size.sum())))
    return found


def similarity(one: str, other: str) -> float:
    """The share of pairs of neighbouring letters that two texts have in common, without spaces and punctuation.

    >>> similarity("가나다", "가 나다."), similarity("가나다", "라마바")
    (1.0, 0.0)
    """
    first, second = (_bigrams(text) for text in (one, other))
    return round(len(first & second) / len(first | second), 3) if first | second else 1.0


def _bigrams(text: str) -> set[str]:
    plain = re.sub(r"\W+", "", text[:TEXT].lower())
    return {plain[at : at + 2] for at in range(max(len(plain) - 1, 1))} if plain else set()


def doubtful(rejected: Iterable[Row], kept: dict[str, Row], count: int) -> list[Pair]:
    """The pairs that have least in common in some text. `kept`: the rows that these rejected rows repeat, by origin."""
    pairs = [Pair(row, kept[row["duplicate_of"]], 0) for row in rejected if row["duplicate_of"] in kept]
    pairs = [pair._replace(similarity=_least_similarity(pair)) for pair in pairs]
    return sorted(pairs, key=lambda pair: (pair.similarity, pair.rejected["origin"]))[:count]


def _least_similarity(pair: Pair) -> float:
    return min(similarity(pair.rejected[name] or "", pair.kept[name] or "") for name in COMPARED)
