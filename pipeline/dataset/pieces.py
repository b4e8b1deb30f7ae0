"""Pieces: where the files of a dataset begin and end, among the rows that it is made of.

A piece is a range of rows of a raw file, or several such ranges, and has data files of its own. Where it ends depends
on the raw files in it alone: one that comes, goes or changes leaves all pieces but those beside it as they were, and
their data files, too (`pipeline.dataset.export`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import xxhash


class Range(NamedTuple):
    """Rows of a raw file. `file`: its number."""

    file: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


def cut(files: Sequence[tuple[str, int]], most: int) -> list[list[Range]]:
    """All rows, in pieces of at most `most`. `files`: the name and the number of rows of each raw file, in their order.

    A large file ends a piece. Of small files many are in one piece, which ends behind some of them: behind which, the
    hashes of their names say, so that another file before them moves few ends. It has at least a quarter of `most`
    rows.

    >>> pieces = cut([("large.jsonl", 25), ("small.jsonl", 1), ("tiny.jsonl", 2)], most=10)
    >>> [[tuple(part) for part in piece] for piece in pieces]
    [[(0, 0, 10)], [(0, 10, 20)], [(0, 20, 25)], [(1, 0, 1), (2, 0, 2)]]
    """
    pieces: list[list[Range]] = [[]]
    rows = 0
    for part in _ranges(files, most):
        if rows + part.rows > most:
            pieces.append([])
            rows = 0
        pieces[-1].append(part)
        rows += part.rows
        if 4 * rows >= most and _chance(files[part.file][0]) * most < 4 * part.rows:
            pieces.append([])
            rows = 0
    return list(filter(None, pieces))


def _ranges(files: Iterable[tuple[str, int]], most: int) -> Iterator[Range]:
    """The rows of each file, at most `most` at a time."""
    for number, (_, count) in enumerate(files):
        for start in range(0, count, most):
            yield Range(number, start, min(start + most, count))


def _chance(name: str) -> float:
    """A number from 0 to 1 by the hash of a name."""
    return xxhash.xxh3_64_intdigest(name.encode()) / (1 << 64)
