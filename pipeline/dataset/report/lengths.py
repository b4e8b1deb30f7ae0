"""How long things are, by source: counts in bins, from which quantiles follow. Held memory does not grow with the rows.

Below 256 a bin is one length. Above, there are 128 bins from each power of two to the next: a bin is at most 0.8 % of
its length wide.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

PER_OCTAVE = 128
#: The bins of all lengths below 2 ** 31.
BINS = PER_OCTAVE * 25


def bins_of(lengths: Ints) -> Ints:
    """The bin of each length.

    >>> bins_of(np.array([0, 255, 256, 257, 258, 512])).tolist()
    [0, 255, 256, 256, 257, 384]
    """
    shift = np.maximum(np.frexp(lengths.astype(np.float64))[1].astype(np.int64) - 8, 0)
    bins: Ints = np.minimum(shift * PER_OCTAVE + (lengths >> shift), BINS - 1)
    return bins


def _floors() -> Ints:
    """The shortest length of each bin."""
    bins = np.arange(BINS)
    shift = np.maximum(bins // PER_OCTAVE - 1, 0)
    floors: Ints = (bins - shift * PER_OCTAVE) << shift
    return floors


FLOORS = _floors()


class Box(NamedTuple):
    """Five quantiles (5, 25, 50, 75, 95 %), the longest, the mean, and how many there are (`number`)."""

    quantiles: tuple[int, int, int, int, int]
    longest: int
    mean: float
    number: int


class Bar(NamedTuple):
    """A bar of a histogram: lengths from `low` to below `high`; the last bar has all that are longer, too."""

    low: int
    high: int
    number: int


class Above:
    """For each of some limits, how many lengths are above it, and by how much in sum: exact."""

    def __init__(self, limits: Iterable[int]) -> None:
        self.limits = np.array(sorted(limits), np.int64)
        self.number, self.over = (np.zeros(len(self.limits), np.int64) for _ in range(2))

    def add(self, lengths: Ints) -> None:
        """Count these lengths.

        >>> above = Above([512, 514])
        >>> above.add(np.array([512, 513, 515]))
        >>> above.number.tolist(), above.over.tolist()
        ([2, 1], [4, 1])
        """
        for at, limit in enumerate(self.limits.tolist()):
            lengths = lengths[lengths > limit]
            self.number[at] += len(lengths)
            self.over[at] += lengths.sum() - limit * len(lengths)


class Lengths:
    """Lengths of one kind, for each of several sources."""

    def __init__(self, sources: int) -> None:
        self.counts = np.zeros((sources, BINS), np.int64)
        self.sums = np.zeros(sources, np.int64)
        self.longest = np.zeros(sources, np.int64)

    def add(self, sources: Ints, lengths: Ints) -> None:
        """Count these lengths, each with the number of its source."""
        for source in np.flatnonzero(np.bincount(sources)).tolist():
            of_source = lengths[sources == source]
            counts = np.bincount(bins_of(of_source))
            self.counts[source, : len(counts)] += counts
            self.sums[source] += of_source.sum()
            self.longest[source] = max(self.longest[source], of_source.max())

    def box(self, source: int | None = None) -> Box | None:
        """The quantiles of a source, or of all; None where it has no lengths."""
        chosen = slice(None) if source is None else slice(source, source + 1)
        counts = self.counts[chosen].sum(axis=0)
        total = int(counts.sum())
        if not total:
            return None
        below = np.cumsum(counts)
        at = (int(FLOORS[np.searchsorted(below, share * total)]) for share in (0.05, 0.25, 0.5, 0.75, 0.95))
        low, first, middle, third, high = at
        mean = int(self.sums[chosen].sum()) / total
        return Box((low, first, middle, third, high), int(self.longest[chosen].max()), round(mean, 1), total)

    def of(self, source: int) -> "Lengths":
        """Those of one source."""
        found = Lengths(1)
        found.counts, found.sums, found.longest = (
            each[source : source + 1] for each in (self.counts, self.sums, self.longest)
        )
        return found

    def bars(self, width: int, count: int) -> Iterator[Bar]:
        """A histogram of all sources: `count` bars of this width."""
        number = np.minimum(FLOORS // width, count - 1)
        heights = np.bincount(number, weights=self.counts.sum(axis=0), minlength=count)
        for at, height in enumerate(heights):
            yield Bar(at * width, (at + 1) * width, int(height))

    @property
    def total(self) -> int:
        return int(self.sums.sum())
