"""Pages of the rows that a query wants, and their count: a moment of work at a time, so that it answers soon."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.browse.blocks import Block, Part
from pipeline.browse.query import Test
from pipeline.io.row_files import naming
from pipeline.io.workers import ordered

#: Seconds after which a search answers with what it has.
MOMENT = 0.5


class Place(NamedTuple):
    """A row: its part, and its number in it."""

    part: str
    row: int


class Found(NamedTuple):
    """What a moment of searching found: the places of rows, or how many match. `next`: where the next moment begins,
    counted over all rows of the parts; None: all are seen."""

    places: list[Place]
    matches: int
    next: int | None


class Piece(NamedTuple):
    """What is looked at in one go: a block of a part, whose first row has this number in it, and this one over all
    parts. Its first rows are skipped."""

    part: Part
    block: Block
    row: int
    number: int
    skip: int


def search(parts: Sequence[Part], test: Test, start: int, limit: int, workers: int, moment: float = MOMENT) -> Found:
    """The first rows that match, from `start` on, at most `limit` of them. `limit` 0: all, of which only the count is
    given."""
    total = sum(part.rows for part in parts)
    places: list[Place] = []
    matches, until = 0, time.monotonic() + moment
    with contextlib.closing(_looked_at(parts, test, start, workers)) as pieces:
        for piece, rows in pieces:
            fits = rows[: limit - len(places)]
            places += [Place(piece.part.name, piece.row + row) for row in fits.tolist()] if limit else []
            matches += len(fits) if limit else len(rows)
            full = bool(limit) and len(places) == limit
            seen = piece.number + (int(fits[-1]) + 1 if full else piece.block.rows)
            if full or time.monotonic() > until:
                return Found(places, matches, seen if seen < total else None)
    return Found(places, matches, None)


def _looked_at(
    parts: Sequence[Part], test: Test, start: int, workers: int
) -> Generator[tuple[Piece, npt.NDArray[np.int64]], None, None]:
    """The pieces from `start` on in their order, each with the numbers of its rows that match."""
    columns = {part.name: test.columns(part) for part in parts}

    def look(piece: Piece) -> tuple[Piece, npt.NDArray[np.int64]]:
        if not test.query.asks:
            return piece, np.arange(piece.skip, piece.block.rows)
        with naming(piece.block.path):
            mask = test.mask(piece.block.read(columns[piece.part.name])).to_numpy(zero_copy_only=False)
        mask[: piece.skip] = False
        return piece, np.flatnonzero(mask)

    yield from ordered(look, _pieces(parts, start), workers)


def _pieces(parts: Sequence[Part], start: int) -> Iterator[Piece]:
    before = 0
    for part in parts:
        if start < before + part.rows:
            for at in range(part.block_of(max(start - before, 0)), len(part.blocks)):
                row = part.starts[at]
                yield Piece(part, part.blocks[at], row, before + row, max(start - before - row, 0))
        before += part.rows
