"""Whether work takes time as its text grows: the ratio of two times decides, not a limit of one."""

import time
from collections.abc import Callable

#: Characters of the two texts. Eight times the text: eight times the time if it is linear, 64 times if it is quadratic.
SHORT, LONG = 6_000, 48_000
#: As far from the one as from the other: three times.
ALLOWED = 22
#: Seconds of a processor below which no ratio is looked at.
NOTHING = 0.05


def is_linear(work: Callable[[str], object], text: Callable[[int], str], short: int = SHORT, long: int = LONG) -> bool:
    """Whether the time that `work` takes grows with the text of a length. `long` is eight times `short`."""
    took = seconds(work, text(long))
    if took <= NOTHING:
        return True
    least = min(seconds(work, text(short)) for _ in range(3))
    return took < ALLOWED * max(least, NOTHING / ALLOWED)


def seconds(work: Callable[[str], object], text: str) -> float:
    """The least of three times, in seconds of a processor: of one time only where it is next to nothing."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work(text)
        best = min(best, time.process_time() - start)
        if best < NOTHING:
            break
    return best
