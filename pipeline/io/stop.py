"""Whether a signal has come that ends the command. It reaches the main thread alone, which waits for the others: they
look between two parts of long work."""

import threading

#: Set by the handler of the signals.
asked = threading.Event()


def check() -> None:
    """Raises CancelledError where the work is no longer wanted."""
    if asked.is_set():
        from concurrent.futures import CancelledError  # with `logging`, which `--help` need not wait for

        raise CancelledError
