"""Work on several tables at a time, and the results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Queue
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

Stage = Callable[[pa.Table], pa.Table]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """A way to do some work of each item: the results come in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]: ...


def threads(workers: int) -> Each:
    """Work in threads of this process, this many items at a time."""
    return partial(ordered, workers=workers)


def ordered(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`work` of each item, in their order, `workers` at a time: Arrow and SentencePiece let go of the GIL."""
    if workers == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error, what has not begun is not done


class Background(Generic[Item, Result]):
    """A thread in which `consume` takes the items that are put, in their order; few of them wait at a time."""

    END: Any = object()

    def __init__(self, consume: Callable[[Iterator[Item]], Result], ahead: int = 8) -> None:
        self.waiting: Queue[Item] = Queue(ahead)
        self.put = self.waiting.put
        pool = ThreadPoolExecutor(1)
        #: What `consume` gives, or its error.
        self.done = pool.submit(self._run, consume)
        pool.shutdown(wait=False)

    def _run(self, consume: Callable[[Iterator[Item]], Result]) -> Result:
        items = iter(self.waiting.get, self.END)
        try:
            return consume(items)
        finally:
            for _ in items:  # after an error too, so that no producer waits to put the next
                pass

    def end(self) -> None:
        """No more items come."""
        self.waiting.put(self.END)
