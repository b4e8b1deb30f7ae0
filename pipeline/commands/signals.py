"""Signals: Ctrl-C, kill and a closed terminal end a command with one line, after its files are closed."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Never

from pipeline.commands.shared import Failure
from pipeline.io import stop

#: The signals that stop a command.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: The signal that came.
_CAME: list[int] = []


class Stopped(BaseException):
    """A signal came. No `except Exception` holds it back."""

    def __init__(self, number: int) -> None:
        self.number = number


def failure(stopped: Stopped) -> Failure:
    """The line that is shown, with the exit code that shells give to a process that this signal has ended."""
    name = signal.Signals(stopped.number).name
    return Failure(
        f"stopped by {name}. No file is half written: run the same command again to go on.", 128 + stopped.number
    )


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Raise Stopped where one of these signals comes. A second one ends the process at once.

    A signal that the process ignores already (nohup) stays ignored. Only the main thread can catch signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in caught:
        signal.signal(number, _stop)
    try:
        yield
    except Exception as error:  # Stopped was lost in a call from C code, or a library has put another in its place
        if _CAME and not isinstance(error, Failure):  # a command that ends in its own words
            raise Stopped(_CAME[0]) from None
        raise
    finally:
        stop.asked.clear()
        _CAME.clear()
        for number in caught:
            signal.signal(number, before[number])


def _stop(number: int, frame: FrameType | None) -> Never:
    for one in STOPPING:
        if signal.getsignal(one) is _stop:
            signal.signal(one, signal.SIG_DFL)
    _CAME.append(number)
    stop.asked.set()
    raise Stopped(number)
