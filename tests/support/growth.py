"""Whether work takes time as its text grows: the ratio of two times decides, not a limit of one."""

import time
from collections.abc import Callable

#: Characters of the two texts. Eight times the text: eight times the time if it is linear, 64 times if it is quadratic.
SHORT, LONG = 6_000, 48_000
#: As far from the one as from the other: three times.
ALLOWED = 22
#: Seconds of a processor below which no ratio is looked at.
NOTHING = 0.05
#: The least of so many times decides.
TIMES = 3


def is_linear(work: Callable[[str], object], text: Callable[[int], str], short: int = SHORT, long: int = LONG) -> bool:
    """Whether the time that `work` takes grows with the text of a length. `long` is eight times `short`."""
    grown = text(long)
    took = seconds(work, grown)
    if took <= NOTHING:
        return True
    limit = max(ALLOWED * min(seconds(work, text(short)) for _ in range(TIMES)), NOTHING)
    return took < limit or is_below(limit, work, grown, TIMES - 1)


def is_below(limit: float, work: Callable[[str], object], text: str, times: int = TIMES) -> bool:
    """Whether the least of the times is below the limit. The first that is below decides: most often one is enough."""
    return any(seconds(work, text) < limit for _ in range(times))


def seconds(work: Callable[[str], object], text: str) -> float:
    """The time of a processor."""
    start = time.process_time()
    work(text)
    return time.process_time() - start
