"""One run at a time on a dataset: a lock that the kernel releases when the last process of a run has ended.

It is an flock on a file among the stage files, so that a killed run leaves no stale one. Under Make the stages are
processes of their own: `ko-instruct make-plan` takes the lock and becomes Make, whose children inherit the open file.
As long as one of them runs, even one whose Make was killed, no other run begins.
"""

import contextlib
import datetime
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.io.stage_files import LOCK
from schemas.errors import KoInstructError

#: Names the lock that a process inherits, in its environment.
INHERITED = "KO_INSTRUCT_LOCK"
#: Seconds to wait for a lock: what was just killed takes a moment to be gone.
PATIENCE = 2.0


class LockedError(KoInstructError, RuntimeError):
    """Another run works on the same dataset. The message names its process, and since when."""


@contextlib.contextmanager
def locked(stages: Path, what: str) -> Iterator[None]:
    """Hold the lock of the stage files in this folder. `what`: the command, shown to others. Raises LockedError.

    A process that Make started under the lock works under that one.
    """
    if os.environ.get(INHERITED) == _name(stages):
        yield
        return
    held = take(stages, what)
    try:
        yield
    finally:
        os.close(held)


@contextlib.contextmanager
def locked_with_others(stages: Path, what: str) -> Iterator[None]:
    """Hold the lock together with others that hold it so, each for stage files of its own, on whatever machine."""
    held = take(stages, what, fcntl.LOCK_SH)
    try:
        yield
    finally:
        os.close(held)


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process, on whatever machine, is in here for this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pass_on(held: int, stages: Path) -> None:
    """Let the processes that this one starts, or becomes, inherit a lock."""
    os.set_inheritable(held, True)
    os.environ[INHERITED] = _name(stages)


def take(stages: Path, what: str, kind: int = fcntl.LOCK_EX) -> int:
    """Take the lock: it is held until the file descriptor given is closed, here and wherever it was inherited.

    `kind`: LOCK_SH to hold it with others.
    """
    stages.mkdir(parents=True, exist_ok=True)
    held = os.open(stages / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(held, kind | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > give_up:
                holder = _holder(os.pread(held, 1 << 12, 0))
                os.close(held)
                raise LockedError(f"another run works on {stages}: {holder}") from None
            time.sleep(0.05)
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    os.ftruncate(held, 0)
    this = {"pid": os.getpid(), "what": what, "since": now, "machine": platform.node()}
    os.pwrite(held, json.dumps(this).encode(), 0)
    return held


def runs(pid: int) -> bool:
    """Whether there is a process of this number, ours or another user's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder(content: bytes) -> str:
    try:
        holder = json.loads(content)
        pid, since = holder["pid"], f"{holder['what']}, process {holder['pid']}, since {holder['since']}"
        machine = holder.get("machine", platform.node())
    except (ValueError, KeyError, TypeError):
        return "it has just begun. Wait until it has ended."
    if machine != platform.node():
        return f"{since}, on {machine}. Wait until it has ended, or stop it there."
    if not runs(pid):
        return f"{since}, was stopped, but a stage that it began still runs. Try again in a moment."
    return f"{since}. Wait until it has ended, or stop it: kill {pid}"


def _name(stages: Path) -> str:
    return str(stages.resolve())
