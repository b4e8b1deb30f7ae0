"""How long a step and each of its stages take."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import TypeVar

from schemas.run_times import StepTimes

Item = TypeVar("Item")


class Clock:
    """Measures a step from its creation on, and the stages in it, of several workers at a time."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._stages: dict[str, float] = {}
        self._lock = Lock()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done in here is work of this stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: time.perf_counter() - begin})

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items; to make them is work of this stage."""
        waiting = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(waiting)
                except StopIteration:
                    return
            yield item

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage until now."""
        return dict(self._stages)

    def add(self, stages: Mapping[str, float]) -> None:
        """Seconds that were measured elsewhere, as in another process."""
        with self._lock:
            for name, seconds in stages.items():
                self._stages[name] = self._stages.get(name, 0.0) + seconds

    def times(self, step: str, rows: int, workers: int, file: str = "", order: Iterable[str] = ()) -> StepTimes:
        """What was measured until now. `order`: of the stages; those that are not in it come last, by name."""
        places = {name: place for place, name in enumerate(order)}
        names = sorted(self._stages, key=lambda name: (places.get(name, len(places)), name))
        return StepTimes(
            step=step,
            file=file,
            rows=rows,
            seconds=round(time.perf_counter() - self._begin, 3),
            workers=workers,
            finished=datetime.now(UTC).replace(microsecond=0),
            stages={name: round(self._stages[name], 3) for name in names},
        )
