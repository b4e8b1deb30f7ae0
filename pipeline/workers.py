"""Tables worked on side by side."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

Stage = Callable[[pa.Table], pa.Table]
Item = TypeVar("Item")


def ordered(stage: Callable[[Item], pa.Table], tables: Iterable[Item], workers: int) -> Iterator[pa.Table]:
    """`stage` of each table, in their order, `workers` at a time: Arrow and SentencePiece let go of the GIL."""
    if workers == 1:
        yield from map(stage, tables)
        return
    waiting: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for table in tables:
            waiting.append(pool.submit(stage, table))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
