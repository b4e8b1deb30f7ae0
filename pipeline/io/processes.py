"""Pure functions of Python in other processes: for long work on many small values, which would hold the GIL."""

import contextlib
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pipeline.io import stop

Result = TypeVar("Result")
Process = subprocess.Popen[bytes]

#: Calls that are sent to a process at once, and from how many calls on a process is worth its start.
_CALLS, _MANY = 256, 4096
#: What a process begins with: it finds modules where this one does.
_BEGIN = "import sys; sys.path[:] = sys.argv[1:]; from pipeline.io.processes import serve; serve()"


class Processes(contextlib.AbstractContextManager["Processes"]):
    """Up to `count` processes that share calls with the one that asks. They start with the first long list of calls."""

    def __init__(self, count: int = 0) -> None:
        self._started: list[Process] = []
        self._free: deque[Process] = deque()
        self._to_start = deque(range(count))

    def calls(self, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
        """`function` of each tuple of arguments, in their order. It is pure and defined in a module, and its arguments
        and results can be pickled.

        >>> Processes().calls(divmod, [(7, 2), (9, 3)])
        [(3, 1), (3, 0)]
        """
        parts = [arguments[at : at + _CALLS] for at in range(0, len(arguments), _CALLS)]
        waiting = deque(range(len(parts)))
        found: dict[int, list[Result]] = {}

        def work(process: Process | None) -> None:
            while waiting:
                stop.check()
                with contextlib.suppress(IndexError):  # another one took the last part
                    at = waiting.popleft()
                    found[at] = _ask(process, function, parts[at]) if process else _call(function, parts[at])

        helping = self._take() if len(arguments) >= _MANY else []
        with ThreadPoolExecutor(max(len(helping), 1)) as pool:
            done = [pool.submit(work, process) for process in helping]
            work(None)
        for process, end in zip(helping, done, strict=True):
            if not isinstance(end.exception(), (OSError, EOFError)):  # else it has ended, and is asked no more
                end.result()
                self._free.append(process)
        lost = [at for at in range(len(parts)) if at not in found]
        found |= {at: _call(function, parts[at]) for at in lost}
        return [result for at in range(len(parts)) for result in found[at]]

    def _take(self) -> list[Process]:
        """The processes that are free, for the thread that asks."""
        with contextlib.suppress(IndexError, OSError):  # all are started; the system allows no more
            while self._to_start:
                self._to_start.pop()
                command = [sys.executable, "-c", _BEGIN, *sys.path]
                pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
                process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)
                self._started.append(process)
                self._free.append(process)
        taken = []
        with contextlib.suppress(IndexError):  # another thread took the last one
            while self._free:
                taken.append(self._free.popleft())
        return taken

    def __exit__(self, *error: object) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


def _call(function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
    return [function(*each) for each in arguments]


def _ask(process: Process, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
    """The same, in this process. Raises EOFError or OSError where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump((function, arguments), process.stdin, pickle.HIGHEST_PROTOCOL)
    process.stdin.flush()
    found: list[Result] | Exception = pickle.load(process.stdout)
    if isinstance(found, Exception):
        raise found
    return found


def serve() -> None:
    """Answer calls until no more come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(EOFError):
        while True:
            function, arguments = pickle.load(asked)
            found: Any
            try:
                found = _call(function, arguments)
            except Exception as error:
                found = error
            pickle.dump(found, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
