"""The engine of one process: one raw file after the other, its batches in threads."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.io.workers import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


class Local:
    """Work in this process, with this many threads."""

    has_others = False

    def __init__(self, workers: int) -> None:
        self.inside, self.workers = threads(workers), workers

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        return map(work, items)
