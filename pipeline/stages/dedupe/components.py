"""Connected components: which nodes are connected, directly or by others."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.io.exchange import Exchange, Sent
from pipeline.stages.dedupe.arrays import Hashes, Ints


def connected_components(count: int, first: Ints, second: Ints) -> Ints:
    """For each of `count` nodes the least node of its connected component: int64[count].

    `first`, `second`: int64[edges], the two ends of each edge.

    >>> connected_components(6, np.array([4, 1]), np.array([5, 4])).tolist()
    [0, 1, 2, 3, 1, 1]
    """
    least: Ints = np.arange(count)
    while True:
        one, other = least[first], least[second]
        apart = one != other
        if not apart.any():
            break
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(least, np.maximum(one, other), np.minimum(one, other))
        while ((nearer := least[least]) != least).any():
            least = nearer
    return least


@dataclass(frozen=True)
class Labels:
    """The labels of nodes: of each its component's least node. Nodes without a label are their own."""

    #: Of `labels` or `pipeline.stages.dedupe.stars.labels`: each part in the order of its nodes.
    found: Exchange

    def of(self, nodes: Hashes) -> Hashes:
        """The label of each node: uint64[n]."""
        labels = nodes.copy()
        part = nodes % np.uint64(self.found.parts)
        for number, table in enumerate(self.found):
            some = np.flatnonzero(part == number)
            if len(some) and len(table):
                known, label = (table[name].to_numpy() for name in ("node", "label"))
                at = np.minimum(np.searchsorted(known, nodes[some]), len(known) - 1)
                labels[some] = np.where(known[at] == nodes[some], label[at], nodes[some])
        return labels


def labels(one: Hashes, other: Hashes) -> Sent:
    """The nodes that are not the least of their component, with that, in their order. `one`, `other`: uint64[edges].

    >>> labels(np.array([9, 5], np.uint64), np.array([5, 7], np.uint64)).rows.to_pylist()
    [{'node': 7, 'label': 5}, {'node': 9, 'label': 5}]
    """
    nodes, ends = np.unique(np.concatenate([one, other]), return_inverse=True)
    least = connected_components(len(nodes), *np.split(ends, 2))
    others = least != np.arange(len(nodes))
    return Sent(pa.table({"node": nodes[others], "label": nodes[least[others]]}), nodes[others])
