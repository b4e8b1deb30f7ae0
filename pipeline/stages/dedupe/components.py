"""Connected components: which nodes are connected, directly or by others."""

import numpy as np

from pipeline.stages.dedupe.arrays import Ints


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
