"""How much of each source is taken, and which of its rows: those that come first by their keys."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.table.hashes import mix as spread
from schemas.manifest import Share
from schemas.options import Measure, MixOptions, Source

Ints = npt.NDArray[np.int64]

#: The column that says how often a row is in the dataset.
COPIES = "copies"


class Sizes(NamedTuple):
    """Of each row: the number of its source (-1: it is rejected), its tokens, the learned ones, the key of its record.

    int64[rows] but for the keys, uint64[rows].
    """

    source: Ints
    tokens: Ints
    learned: Ints
    key: npt.NDArray[np.uint64]

    def measured(self, measure: Measure) -> Ints:
        """What counts of each row."""
        counted = {"tokens": self.tokens, "learned-tokens": self.learned, "rows": np.ones_like(self.tokens)}
        return counted[measure]


def shares_of(sizes: Sizes, sources: Sequence[Source], options: MixOptions) -> tuple[Ints, list[Share]]:
    """How often each row is in the dataset, int64[rows], and what each source gives."""
    measure = sizes.measured(options.measure)
    order = np.argsort(ranks(sizes.key, options.seed), kind="stable")
    offered = [offer(order[sizes.source[order] == number], sizes, source) for number, source in enumerate(sources)]
    available = [int(measure[rows].sum()) for rows in offered]
    wanted = targets(available, sources, options)
    copies = np.zeros(len(sizes.key), np.int64)
    taken = []
    for rows, target in zip(offered, wanted, strict=True):
        taken.append(rows if target is None else rows[: fitting(measure[rows], target)])
        np.add.at(copies, taken[-1], 1)
    whole = sum(int(measure[rows].sum()) for rows in taken)
    asked = weights_of(available, sources)
    shares = [
        Share(
            source=source.name,
            asked=None if source.weight is None else round(float(asked[number] / (sum(asked) or 1)), 6),
            got=round(int(measure[rows].sum()) / whole, 6) if whole else 0.0,
            wanted=wanted[number],
            available=available[number],
            rows=len(rows),
            repeated=len(rows) - len(np.unique(rows)),
            tokens=int(sizes.tokens[rows].sum()),
            learned_tokens=int(sizes.learned[rows].sum()),
        )
        for number, (source, rows) in enumerate(zip(sources, taken, strict=True))
    ]
    return copies, shares


def ranks(key: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """The keys in another order for each seed."""
    return spread(key ^ spread(np.array([seed], np.uint64)))


def offer(rows: Ints, sizes: Sizes, source: Source) -> Ints:
    """The rows that a source offers, int64[n], repeated as it asks: first all of them, then all again, and so on, and
    as far as its limits allow. `rows`: the living ones, in the order in which they are taken.

    >>> offer(np.array([4, 7]), Sizes(*[np.ones(9, np.int64)] * 4), Source(name="a", files=(), repeat=2.5)).tolist()
    [4, 7, 4, 7, 4]
    """
    repeat = Fraction(str(source.repeat))
    offered = np.tile(rows, floor(repeat) + 1)[: floor(repeat * len(rows))]
    if source.max_tokens is not None:
        offered = offered[: fitting(sizes.tokens[offered], source.max_tokens)]
    return offered[: source.max_rows]


def fitting(amounts: Ints, target: int) -> int:
    """How many of the first amounts fit into the target together.

    >>> fitting(np.array([2, 3, 4]), 5), fitting(np.array([2, 3, 4]), 8)
    (2, 2)
    """
    return int(np.searchsorted(np.cumsum(amounts), target, side="right"))


def weights_of(available: Sequence[int], sources: Sequence[Source]) -> list[Fraction]:
    """The weight of each source; without weights, what it has. A source without rows has none."""
    return [
        Fraction(str(source.weight)) if source.weight is not None and amount else Fraction(amount)
        for amount, source in zip(available, sources, strict=True)
    ]


def targets(available: Sequence[int], sources: Sequence[Source], options: MixOptions) -> list[int | None]:
    """What is wanted of each source; None: all that it offers.

    What a source lacks of its part of the total is not filled by others: the shares of the others stay as they are.

    >>> two = [Source(name="a", files=(), weight=3), Source(name="b", files=(), weight=1)]
    >>> targets([900, 900], two, MixOptions()), targets([900, 900], two, MixOptions(total_rows=100))
    ([900, 300], [75, 25])
    """
    weights = weights_of(available, sources)
    whole = sum(weights)
    weighted = any(source.weight is not None for source in sources)
    if not whole or not (weighted or options.total):
        return [None] * len(sources)
    if options.total:
        if not weighted and options.total >= whole:
            return [None] * len(sources)
        unit = Fraction(options.total) / whole
    else:
        unit = min(amount / weight for amount, weight in zip(available, weights, strict=True) if amount)
    return [floor(unit * weight) for weight in weights]
