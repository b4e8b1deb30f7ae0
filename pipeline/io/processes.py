"""Pure functions in other processes: for work that holds the GIL, of which one process does one piece at a time."""

import contextlib
import gc
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, TypeVar

from pipeline.io import stop
from pipeline.io.workers import ordered

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Calls that are sent to a process at once, and from how many calls on a process is worth its start.
_CALLS, _MANY = 256, 4096
#: What a process begins with: it finds modules where this one does.
_BEGIN = """
import sys
sys.path[:] = sys.argv[1:]
from pipeline.io.processes import serve
serve(sys.stdin.buffer, sys.stdout.buffer)
"""
#: Signals that wait while this process is copied.
_WAITING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Bytes of a pipe, where the system allows it: tables of some megabytes go through.
_PIPE = 1 << 20


@dataclass(frozen=True)
class Forked:
    """A copy of this process that answers calls, with the same handles as a `Process`."""

    pid: int
    stdin: IO[bytes]
    stdout: IO[bytes]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        """Wait for its end."""
        with contextlib.suppress(OSError):  # what was not sent yet, and another has waited
            self.stdin.close()
        self.stdout.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


Process = subprocess.Popen[bytes] | Forked


class Processes(contextlib.AbstractContextManager["Processes"]):
    """Up to `count` processes that share work with the one that asks. They start with the first long list of calls,
    unless they were forked before."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._started: list[Process] = []
        self._free: deque[Process] = deque()
        self._to_start = deque(range(count))

    def fork(self) -> None:
        """Start them as copies of this process, which has a single thread: what it has imported, they have at once.

        On other systems than Linux none is started: there, libraries may not work in a copy.
        """
        if sys.platform != "linux":
            return
        gc.freeze()  # to look for circles in what they share would copy it
        with contextlib.suppress(IndexError, OSError):  # all are started; the system allows no more
            while self._to_start:
                self._to_start.pop()
                with _signals_wait():
                    process = _forked(self._started)
                    self._started.append(process)
                self._free.append(process)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work` of each item, in the order of the items: in the processes that are forked, and one at a time here;
        where none is, in `count` + 1 threads. It is pure; work, items and results can be pickled.

        What a process cannot do, because it fails or has ended, is done here: an error is raised as if there were none.
        """
        packed = pickle.dumps(work) if self._started else b""

        def done(item: Item) -> Result:
            try:
                process = self._free.popleft()
            except IndexError:
                return work(item)
            with contextlib.suppress(Exception):
                result: Result = _ask(process, _unpacked_work, [(packed, item)])[0]
                self._free.append(process)
                return result
            return work(item)

        return ordered(done, items, self.count + 1)

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


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Callable[[Any], Any]:
    work: Callable[[Any], Any] = pickle.loads(packed)
    return work


def _unpacked_work(packed: bytes, item: Any) -> Any:
    """The work of one item. A process takes it apart once."""
    return _unpacked(packed)(item)


def _ask(process: Process, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> list[Result]:
    """The same, in this process. Raises EOFError or OSError where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    _send((function, arguments), process.stdin)
    found: list[Result] | Exception = _receive(process.stdout)
    if isinstance(found, Exception):
        raise found
    return found


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals come after the work within: what they raise is lost in the calls that Python makes at a fork, and a copy
    that is not noted yet would not be ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forked(others: Sequence[Process]) -> Forked:
    """A copy of this process that answers calls. `others`: those that it has nothing to do with."""
    import fcntl

    (asked, ask), (answer, answers) = os.pipe(), os.pipe()
    for pipe in (ask, answers):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    with warnings.catch_warnings(action="ignore"):  # Python counts the threads of libraries, which are made for this
        pid = os.fork()
    if pid:
        os.close(asked)
        os.close(answers)
        return Forked(pid, os.fdopen(ask, "wb"), os.fdopen(answer, "rb"))
    try:
        for number in _WAITING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAITING)
        os.close(ask)
        os.close(answer)
        for other in others:  # open here, they would not see the end of what they are asked
            for stream in filter(None, (other.stdin, other.stdout)):
                os.close(stream.fileno())
        serve(os.fdopen(asked, "rb"), os.fdopen(answers, "wb"))
    finally:
        os._exit(0)


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer calls until no more come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with contextlib.suppress(EOFError):
        while True:
            function, arguments = _receive(asked)
            found: Any
            try:
                found = _call(function, arguments)
            except Exception as error:
                found = error
            _send(found, answers)


def _send(value: Any, sink: IO[bytes]) -> None:
    """A value that `_receive` takes, the buffers of its arrays as they are: a pickle would copy them."""
    buffers: list[pickle.PickleBuffer] = []
    packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
    parts = [memoryview(packed), *(buffer.raw() for buffer in buffers)]
    pickle.dump([part.nbytes for part in parts], sink)
    for part in parts:
        sink.write(part)
    sink.flush()


def _receive(source: IO[bytes]) -> Any:
    """Raises EOFError where no more comes."""
    sizes = pickle.load(source)
    packed, *buffers = [source.read(size) for size in sizes]
    if [len(packed), *map(len, buffers)] != sizes:
        raise EOFError
    return pickle.loads(packed, buffers=buffers)
