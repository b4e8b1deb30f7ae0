"""Rows that go from some tasks to others through files in a shared folder: a shuffle.

Each task writes one file, with a record batch for each task that follows; that one reads its batch of every file. So no
process holds more than its own rows, and a task that runs again writes the same file again.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.io.atomic_files import replacing

Item = TypeVar("Item")


class Sent(NamedTuple):
    """The rows that a task gives, which of the tasks that follow gets each, and how much was counted."""

    rows: pa.Table
    to: npt.NDArray[np.uint64]  # uint64[rows]: rows with equal numbers go to the same task
    counts: Mapping[str, int] = MappingProxyType({})


class EachItem(Protocol):
    """A way to do some work of each item, as `pipeline.run.engines.Engine.each`."""

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Written(Generic[Item]):
    """The work of a task, whose rows are written to a file of its own."""

    work: Callable[[Item], Sent]
    folder: Path
    parts: int

    def __call__(self, numbered: tuple[int, Item]) -> tuple[int, Mapping[str, int]]:
        number, item = numbered
        sent = self.work(item)
        part = (sent.to % np.uint64(self.parts)).astype(np.int64)
        rows = sent.rows.take(pa.array(np.argsort(part, kind="stable"))).combine_chunks()
        bounds = np.searchsorted(np.sort(part), np.arange(self.parts + 1))
        with replacing(self.folder / f"{number}.arrow") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
            for start, end in pairwise(bounds):
                batches = rows.slice(start, end - start).to_batches()
                writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema))
        return len(rows), sent.counts


@dataclass(frozen=True)
class Exchange:
    """The files of one step: what its tasks wrote, each in as many parts as the next step has tasks."""

    folder: Path
    files: int
    parts: int
    rows: int
    counts: Counter[str]

    def part(self, number: int) -> pa.Table:
        """The rows for a task of the next step, on memory maps: those of each file, in the order of the files."""
        return self._part(number, self._readers())

    def __iter__(self) -> Iterator[pa.Table]:
        """Each part."""
        readers = self._readers()
        return (self._part(number, readers) for number in range(self.parts))

    def _readers(self) -> list[Any]:
        return [pa.ipc.open_file(pa.memory_map(str(self.folder / f"{file}.arrow"))) for file in range(self.files)]

    def _part(self, number: int, readers: list[Any]) -> pa.Table:
        return pa.Table.from_batches([reader.get_batch(number) for reader in readers])

    def remove(self) -> None:
        """Remove the files, when the next step is done."""
        shutil.rmtree(self.folder)


def exchange(each: EachItem, work: Callable[[Item], Sent], items: Sequence[Item], folder: Path, parts: int) -> Exchange:
    """The rows that `work` gives of each item, at least one, for the tasks of the next step. `folder`: of this step."""
    counts: Counter[str] = Counter()
    rows = 0
    for found, counted in each(Written(work, folder, parts), list(enumerate(items))):
        rows += found
        counts.update(counted)
    return Exchange(folder, len(items), parts, rows, counts)
