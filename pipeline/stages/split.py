"""Which rows train, validate and test: by a hash of the cluster, so that no prompt is on two sides."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.hashes import mix
from schemas.errors import TableError
from schemas.options import ExportOptions, OptionError

SPLITS = ("train", "validation", "test")
#: The end of an origin where one record gives several rows.
OF_SEVERAL = r"/\d+$"


def split(table: pa.Table, options: ExportOptions = ExportOptions()) -> pa.Array:
    """The split of each row: train, validation or test; null for rejected rows.

    `table` has the `cluster_key` that dedupe gives: equal for equal and for similar prompts. The key alone decides,
    so that any slice of the rows can be asked for, and a row stays where it is when others come or go, unless its
    cluster merges with an older one.

    With `options.stratify`, each source (that of a cluster's first row) gives its share exactly, rounded, and not in
    the mean. This looks at all rows: the table must hold them all (the columns cluster_key, source and reject_stage
    will do), and clusters at the edge of a share may change sides when their source grows.

    Where the table has `origin`, the rows of one record (`…/1`, `…/2`) are on one side, with their clusters. Where it
    has `published_split`, the cluster of a row that is published as validation or test is on that side, whatever its
    key; and a row that is published as train stays there, where its `source` has a split of its own in place of the one
    that the key says. The table must then hold all rows, too.

    Raises OptionError where nothing is left to train on, TableError without `cluster_key` and for a published split of
    another name.
    """
    validation, test = options.validation, options.test
    if validation + test >= 1:
        raise OptionError(
            f"export.validation ({validation}) and export.test ({test}) leave nothing to train on: "
            "they must add up to less than 1"
        )
    for name in ("cluster_key", "reject_stage"):
        if name not in table.column_names:
            raise TableError(f"split needs the column {name}, which the table does not have: run dedupe first")
    alive = pc.is_null(table["reject_stage"])
    living = table.select(["cluster_key", *(["source"] if options.stratify else [])]).filter(alive)
    key = living["cluster_key"].to_numpy()
    if "origin" in table.column_names:
        key = by_record(key, table["origin"].filter(alive))
    share = ranks(key, living["source"]) if options.stratify else unit(key)
    side = np.where(share < test, 2, np.where(share < test + validation, 1, 0)).astype(np.int8)
    if "published_split" in table.column_names:
        names = (
            table["source"] if "source" in table.column_names else pa.chunked_array([pa.nulls(len(table), pa.string())])
        )
        side = as_published(side, key, table["published_split"].filter(alive), names.filter(alive))
    rows = alive.to_numpy()
    at = np.zeros(len(table), np.int64)
    at[rows] = np.arange(len(living))
    index = pa.array(side).take(pa.array(at, mask=~rows))
    return pa.DictionaryArray.from_arrays(index, pa.array(SPLITS)).cast(pa.string())


def by_record(key: npt.NDArray[np.uint64], origin: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """The keys of rows, uint64[rows]: one key for all clusters that rows of one record connect.

    >>> key = np.array([5, 7, 7, 9], np.uint64)
    >>> found = by_record(key, pa.chunked_array([["a:1/1", "a:1/2", "b:1", "b:2"]]))
    >>> bool(found[0] == found[1] == found[2]), int(found[3])
    (True, 9)
    """
    numbered = pc.fill_null(pc.match_substring_regex(origin, OF_SEVERAL), False).to_numpy()
    if not numbered.any():
        return key
    names = pc.replace_substring_regex(origin.filter(pa.array(numbered)), OF_SEVERAL, "").combine_chunks()
    record = names.dictionary_encode().indices.to_numpy()
    clusters, cluster = np.unique(key, return_inverse=True)
    cluster_of, least, before = cluster[numbered], clusters, None
    while before is None or (least != before).any():
        before = least
        of_record = np.full(record.max() + 1, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(of_record, record, least[cluster_of])
        least = least.copy()
        np.minimum.at(least, cluster_of, of_record[record])
    # The least of several keys is small more often than not: hashed again, it is spread evenly as before.
    joined = np.isin(least, least[least != clusters])
    return np.where(joined, mix(least), clusters)[cluster]


def as_published(
    side: npt.NDArray[np.int8], key: npt.NDArray[np.uint64], published: pa.ChunkedArray, source: pa.ChunkedArray
) -> npt.NDArray[np.int8]:
    """The sides of rows, where the whole cluster of a row that is published as validation or test is on that side, and
    no row goes from the published train split to a split that its source publishes, too.

    `side`: int8[rows], a number of SPLITS; `key`: uint64[rows], the cluster; `published`: the published split. A
    cluster with rows of both is on the side of test.

    >>> key = np.array([1, 1, 2, 3], np.uint64)
    >>> published, source = pa.chunked_array([["test", None, None, "train"]]), pa.chunked_array([["a", "a", "b", "a"]])
    >>> as_published(np.array([0, 0, 2, 2], np.int8), key, published, source).tolist()
    [2, 2, 2, 0]
    """
    numbers = pc.index_in(published, pa.array(SPLITS))
    unknown = pc.unique(published.filter(pc.and_(pc.is_valid(published), pc.is_null(numbers)))).to_pylist()
    if unknown:
        raise TableError(f"published_split holds {unknown[0]!r}: put train, validation, test or null there")
    of_row = pc.fill_null(numbers, 0).to_numpy().astype(np.int8)
    if not of_row.any():
        return side
    names = pc.fill_null(source, "").combine_chunks().dictionary_encode().indices.to_numpy()
    publishes = np.zeros((names.max() + 1, len(SPLITS)), bool)
    publishes[names, of_row] = True
    trains = pc.equal(numbers, 0).fill_null(False).to_numpy() & publishes[names, side]
    clusters, cluster = np.unique(key, return_inverse=True)
    of_cluster, stays = np.zeros(len(clusters), np.int8), np.zeros(len(clusters), bool)
    np.maximum.at(of_cluster, cluster, of_row)
    stays[cluster[trains]] = True
    return np.where(of_cluster[cluster] > 0, of_cluster[cluster], np.where(stays[cluster], 0, side)).astype(np.int8)


def unit(key: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Keys, which are spread evenly over 64 bits, as numbers in [0, 1)."""
    return (key >> np.uint64(11)) / np.float64(1 << 53)


def ranks(key: npt.NDArray[np.uint64], source: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """For each row the place of its cluster among its source's clusters, ordered by key, as a number in (0, 1)."""
    clusters, first, cluster = np.unique(key, return_index=True, return_inverse=True)
    of_source = pc.fill_null(source, "").combine_chunks().dictionary_encode().indices.to_numpy()[first]
    place = np.empty(len(clusters))
    for number in range(of_source.max(initial=-1) + 1):
        members = np.flatnonzero(of_source == number)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return place[cluster]
