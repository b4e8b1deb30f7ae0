"""Tables worked on side by side."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

Stage = Callable[[pa.Table], pa.Table]
Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`work` of each item, in their order, `workers` at a time: Arrow and SentencePiece let go of the GIL."""
    if workers == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextlib.contextmanager
def background(work: Callable[[Item], object], ahead: int = 8) -> Iterator[Callable[[Item], None]]:
    """A function that has `work` done in a thread of its own, call after call; it waits where `ahead` calls wait.

    Errors of `work` come out of a later call, or at the end.
    """
    waiting: deque[Future[object]] = deque()
    with ThreadPoolExecutor(1) as pool:

        def call(item: Item) -> None:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                waiting.popleft().result()

        yield call
        while waiting:
            waiting.popleft().result()
