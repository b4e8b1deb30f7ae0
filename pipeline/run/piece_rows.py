"""The rows of the pieces of a dataset, with what was decided about them: read piece by piece, in whatever process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.dataset.pieces import Range, cut
from pipeline.io.arrow_files import open_table, read_range
from pipeline.io.stage_files import DECIDED, EXCHANGES, RowFiles
from pipeline.run.dedupe import concatenated, tables_of_units
from pipeline.run.mix import Part as PartOfMixture
from pipeline.run.mix import parts_of, written
from pipeline.stages.dedupe import apply
from pipeline.stages.mix import Arranged
from pipeline.table.reject_and_flag import set_column

if TYPE_CHECKING:
    from pipeline.run.plan import Plan

#: Columns beside those of the decisions: the split of each row, and of a mixture how often it is in the dataset.
SPLIT, COPIES = "split", "copies"


@dataclass(frozen=True)
class Sources:
    """All rows of a plan, and what was decided about each of them. `kept`: here alone, without a file."""

    plan: Plan
    files: RowFiles
    kept: pa.Table | None = None

    @cached_property
    def tables(self) -> list[pa.Table]:
        return tables_of_units(self.plan, self.files)

    @cached_property
    def every(self) -> pa.Table:
        return concatenated(self.tables)

    @cached_property
    def decided(self) -> pa.Table:
        return open_table(self.plan.stages / EXCHANGES / DECIDED) if self.kept is None else self.kept

    def __reduce__(self) -> tuple[Callable[..., Sources], tuple[Any, ...]]:
        """A pickle holds no rows."""
        return Sources, (self.plan, self.files)


class Pieces(NamedTuple):
    """Pieces of a dataset. `read`: the rows of one, some at a time; `mark`: such rows with what was decided about them;
    `no_rows`: such rows, none of them, of a table without rows."""

    every: Sequence[Any]
    read: Callable[[Sources, Any], Iterator[Any]]
    mark: Callable[[pa.Table, Any], pa.Table]
    no_rows: Callable[[pa.Table], Any]

    def empty(self, sources: Sources) -> pa.Table:
        """A table with the columns of marked rows."""
        return self.mark(sources.decided, self.no_rows(sources.every.slice(0, 0)))


# --- the rows of the plan in their order ---


class Part(NamedTuple):
    """Rows of a piece: a range of a raw file, and where it begins among all rows of the plan."""

    range: Range
    at: int

    @property
    def place(self) -> slice:
        return slice(self.at, self.at + self.range.rows)


def pieces_in_order(names: Sequence[str], tables: Sequence[pa.Table], most: int) -> Pieces:
    """All rows of the plan in pieces of at most `most`: each is a list of Part. `names`: of the raw files."""
    first = list(accumulate(map(len, tables), initial=0))
    pieces = cut([(name, len(table)) for name, table in zip(names, tables, strict=True)], most)
    parts = [[Part(some, first[some.file] + some.start) for some in piece] for piece in pieces]
    return Pieces(parts, _read, _mark, lambda table: (table, slice(0, 0)))


def _read(sources: Sources, piece: Sequence[Part]) -> Iterator[tuple[pa.Table, slice]]:
    """Rows, and their place among all rows."""
    for part in piece:
        at = part.at
        path = sources.plan.file(sources.plan.units[part.range.file], sources.files.tokenized)
        for table in read_range(path, part.range.start, part.range.stop):
            yield table, slice(at, at + len(table))
            at += len(table)


def _mark(decided: pa.Table, some: tuple[pa.Table, slice]) -> pa.Table:
    table, place = some
    return set_column(apply(table, decided[place]), "split", decided[SPLIT][place])


# --- the rows of a mixture ---


def pieces_of_mixture(order: Arranged, most: int) -> Pieces:
    """The rows of a mixture in their order, in pieces of at most `most`: each is such an order."""
    starts = range(0, len(order.row), most)
    pieces = [Arranged(order.row[start : start + most], order.copy[start : start + most]) for start in starts]
    none = pa.array([], pa.int64())
    return Pieces(pieces, _read_mixture, _mark_mixture, lambda table: PartOfMixture(table, none, none.cast(pa.int32())))


def _read_mixture(sources: Sources, order: Arranged) -> Iterator[PartOfMixture]:
    return parts_of(sources.every, order)


def _mark_mixture(decided: pa.Table, part: PartOfMixture) -> pa.Table:
    some = decided.take(part.rows)
    table = written(apply(part.table, some), some[COPIES].combine_chunks(), part.copy)
    return set_column(table, "split", some[SPLIT])
