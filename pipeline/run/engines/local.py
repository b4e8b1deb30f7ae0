"""The engine of one machine: one raw file after the other, its batches in threads or in copies of this process."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.io.processes import Processes
from pipeline.io.workers import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


class Local:
    """Work in this process, with this many threads; or in these processes, if `prepare` is called."""

    has_others = False

    def __init__(self, workers: int, processes: Processes | None = None) -> None:
        self.inside, self.workers = threads(workers), workers
        self.python = processes

    def prepare(self, load: Callable[[], object]) -> None:
        if self.python and self.workers > 1:
            load()
            self.python.fork()
            self.inside = self.python.each

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        return map(work, items)


@contextlib.contextmanager
def with_processes(workers: int) -> Iterator[Local]:
    """The engine for a process that has one thread, and so may fork."""
    with Processes(workers - 1) as processes:
        yield Local(workers, processes)
