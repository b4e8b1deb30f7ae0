"""Connected components by rounds of tasks, of more edges than one process holds: large-star and small-star.

After Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii, "Connected Components in MapReduce and Beyond" (2014).
Each round brings the edges nearer to stars: of each component, all nodes at its least one. The number of rounds grows
with the logarithm of the longest path, not with its length. Each function is the work of one task, on all edges of its
nodes.
"""

from collections import Counter

import numpy as np
import pyarrow as pa

from pipeline.io.exchange import Sent
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Hashes


def both_ways(edges: pa.Table) -> Sent:
    """Each edge for the task of either node."""
    one, other = _distinct(edges)
    return _edges(np.concatenate([one, other]), np.concatenate([other, one]))


def large_star(edges: pa.Table) -> Sent:
    """The larger neighbours of each node, at the least of the node and its neighbours. `edges`: all of these nodes.

    >>> edges = pa.table({"one": pa.array([5, 5], pa.uint64()), "other": pa.array([3, 9], pa.uint64())})
    >>> large_star(edges).rows.to_pylist()
    [{'one': 9, 'other': 3}]
    """
    one, other = _distinct(edges)
    least = np.minimum(_least(one, other), one)
    larger = other > one
    return _edges(other[larger], least[larger])


def small_star(edges: pa.Table) -> Sent:
    """Each node and its lesser neighbours at the least of these, for the tasks of either node. `edges`: those to
    lesser neighbours, of `large_star`. Counts them, with a digest: where it is that of the round before, all are stars.
    """
    one, other = _distinct(edges)
    least = _least(one, other)
    inner = other != least
    first, second = np.concatenate([one, other[inner]]), np.concatenate([least, least[inner]])
    sent = _edges(np.concatenate([first, second]), np.concatenate([second, first]))
    digest = int(keys.mix(keys.mix(one) ^ other).sum())
    return sent._replace(counts=Counter(edges=len(one), digest=digest))


def labels(stars: pa.Table) -> Sent:
    """Nodes with their labels, as `components.labels`. `stars`: of `large_star`, when all edges are stars."""
    node, label = _distinct(stars)
    return Sent(pa.table({"node": node, "label": label}), node)


def _edges(one: Hashes, other: Hashes) -> Sent:
    """For the task of `one`."""
    return Sent(pa.table({"one": one, "other": other}), one)


def _distinct(edges: pa.Table) -> tuple[Hashes, Hashes]:
    """The ends of each edge once, in their order; none from a node to itself."""
    one, other = (edges[name].to_numpy() for name in ("one", "other"))
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    new = np.append(True, (one[1:] != one[:-1]) | (other[1:] != other[:-1]))[: len(one)] & (one != other)
    return one[new], other[new]


def _least(one: Hashes, other: Hashes) -> Hashes:
    """For each edge the least `other` of its `one`. The edges are in order."""
    begins = np.flatnonzero(np.append(True, one[1:] != one[:-1])[: len(one)])
    return np.repeat(other[begins], np.diff(np.append(begins, len(one))))
