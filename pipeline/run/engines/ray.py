"""The engine of many processes and machines: work as tasks of Ray.

Each process takes the work apart once, and keeps it: a tokenizer is loaded once for all files that the process gets. A
task whose process or machine is lost runs again elsewhere. All machines see the project in the same folder, and have
the same ko-instruct and libraries; both are checked where the work begins.
"""

import contextlib
import itertools
import logging
import os
import pickle
import platform
import re
import signal
import socket
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pipeline.io.processes import Processes
from pipeline.io.progress import note, recorded
from pipeline.io.source_code import closure, code_of
from pipeline.io.versions import CHAIN, versions
from schemas.errors import KoInstructError, MissingLibraryError, install

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds to wait for the cluster at an address.
PATIENCE = 5
#: How often a task may lose its process: what kills it each time is the work itself.
RETRIES = 5
#: Batches of a file that its own task works on; those that follow, of a large file, are tasks, too.
ALONE = 16


class EngineError(KoInstructError, RuntimeError):
    """Ray cannot do the work: no cluster, or machines that would give other bytes."""


class Ray:
    """Work as tasks of a Ray cluster."""

    has_others = True

    def __init__(self) -> None:
        self.inside, self.workers = spread, 1
        self.python: Processes | None = None

    def prepare(self, load: Callable[[], object]) -> None:
        """Each process of Ray loads for itself."""

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """All items are tasks at once, and Ray begins one where a core is free. What each notes is shown in order."""
        import ray

        task, packed = _task(), ray.put(_packed(work))
        waiting = deque(task.remote(packed, item) for item in items)
        try:
            while waiting:
                lines, result = _result(waiting.popleft())
                for line in lines:
                    note(line)
                yield result
        finally:
            for left in waiting:
                ray.cancel(left, force=True)


@contextlib.contextmanager
def cluster(address: str | None, workers: int) -> Iterator[Ray]:
    """The engine on the cluster at an address; None: that of RAY_ADDRESS, else one on this machine for this run, with
    as many processes as `workers`."""
    try:
        import ray
    except ImportError as error:
        raise MissingLibraryError(f"The engine ray needs Ray: {install('ray')}. Or leave out --engine ray.") from error
    _connect(address or os.environ.get("RAY_ADDRESS") or "local", workers)
    try:
        note(f"{'ray':<11} {int(ray.cluster_resources().get('CPU', 0))} cores of {_nodes()}")
        yield Ray()
    finally:
        ray.shutdown()


def _connect(address: str, workers: int) -> None:
    """Raises EngineError where no cluster answers. Ray's own log stays in its folder, /tmp/ray."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    of_its_own: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address == "local" else {}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if host := re.fullmatch(r"([\w.-]+):(\d+)", address):  # Ray itself asks for minutes
            socket.create_connection((host[1], int(host[2])), PATIENCE).close()
        with warnings.catch_warnings(action="ignore"):  # of what Ray will do in later versions
            ray.init(address, log_to_driver=False, logging_level=logging.FATAL, **of_its_own)
    except (OSError, RuntimeError, ValueError) as error:
        remedy = "Begin one: ray start --head, or leave out --address"
        raise EngineError(f"no Ray cluster answers at {address}: {_line(error)}. {remedy}") from error
    for number, handler in handlers.items():  # that of SIGTERM is Ray's own now
        signal.signal(number, handler)


def spread(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item of one task, in order: the first ones in the task itself, the others as tasks."""
    import ray

    items = iter(items)
    yield from map(work, itertools.islice(items, ALONE))
    waiting: deque[Any] = deque()
    ahead = 2 * int(ray.cluster_resources().get("CPU", 1))
    packed = None
    for item in items:
        packed = packed or ray.put(_packed(work))
        waiting.append(_task().remote(packed, item))
        if len(waiting) > ahead:
            yield _result(waiting.popleft())[1]
    while waiting:
        yield _result(waiting.popleft())[1]


@lru_cache(maxsize=1)
def _task() -> Any:
    import ray

    return ray.remote(num_cpus=1, max_retries=RETRIES)(_run)


def _run(packed: bytes, item: Any) -> tuple[list[str], Any]:
    """The work of one item, and what was noted meanwhile."""
    with recorded() as lines:
        return lines, _unpacked(packed)(item)


def _result(task: Any) -> Any:
    """What a task gives, or its error as if it were raised here."""
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause or error from error
    except ray.exceptions.WorkerCrashedError as error:
        raise EngineError(
            f"the process of a task was killed {RETRIES + 1} times, as by a machine that is out of memory. Give each "
            "machine fewer cores (ray start --num-cpus) or more memory"
        ) from error


def _packed(work: Callable[..., Any]) -> bytes:
    """The work, where it begins, and what this machine would do it with."""
    return pickle.dumps((os.getcwd(), platform.node(), _made_of(), pickle.dumps(work)))


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> Callable[[Any], Any]:
    folder, machine, made_of, work = pickle.loads(packed)
    try:
        os.chdir(folder)
    except OSError as error:
        raise EngineError(
            f"{platform.node()} has no folder {folder}. Every machine needs the project at the same place, in a shared "
            "folder"
        ) from error
    here = _made_of()
    if other := sorted(name for name in {**made_of, **here} if made_of.get(name) != here.get(name)):
        raise EngineError(
            f"{platform.node()} has another version of {', '.join(other[:3])} than {machine}. On every machine, "
            f"{install('ray')}"
        )
    function: Callable[[Any], Any] = pickle.loads(work)
    return function


@lru_cache(maxsize=1)
def _made_of() -> dict[str, str]:
    """Code and libraries that decide about the bytes of a dataset."""
    return versions() | code_of(closure([CHAIN]))


def _nodes() -> str:
    import ray

    alive = sum(node["Alive"] for node in ray.nodes())
    return "1 machine" if alive == 1 else f"{alive} machines"


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
