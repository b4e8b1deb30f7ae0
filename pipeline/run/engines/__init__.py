"""Engines: where the work on raw files is done. The stages do not know of them.

An engine does some work of each item, and gives the results in the order of the items. Which one it is changes no byte
of a dataset.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from pipeline.io.processes import Processes
from pipeline.io.workers import Each

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where work is done."""

    #: How the work on one item does its own parts.
    inside: Each
    #: Whether it works in other processes, so that each file of a dataset is worth a task.
    has_others: bool
    #: How many parts of an item are worked on at the same time, on its own machine.
    workers: int
    #: Make the calls of `dedupe` that hold the GIL; None: it starts processes of its own.
    python: Processes | None

    def prepare(self, load: Callable[[], object]) -> None:
        """Called before work that is worth some processes. `load`: loads what the work needs."""
        ...

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """`work` of each item, in the order of the items. Another process gets work and items as pickles."""
        ...
