"""The command `ko-instruct`, and `python -m ko_instruct`: the command line, whatever hides its packages."""

import os
import signal
import sys
from pathlib import Path

from ko_instruct.hiding import take_all

__all__ = ["main"]


def main() -> None:
    # Ctrl-C while Python still imports ends the process, and shows no traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    begin_in_utf8()
    take_all()
    from pipeline.cli import main as command_line

    command_line()


def begin_in_utf8() -> None:
    """Begin again in Python's UTF-8 mode, where the locale has another encoding, such as EUC-KR.

    File names are in UTF-8 almost everywhere, and in another encoding Python can neither read nor write them. What is
    written to a terminal stays in the encoding of the terminal.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower() == "utf-8":
        return
    try:  # as bytes: what Python has decoded cannot always be encoded again
        arguments = Path("/proc/self/cmdline").read_bytes().split(b"\0")[1:-1]
    except OSError:
        arguments = [os.fsencode(argument) for argument in sys.orig_argv[1:]]
    shown = f"{sys.stdout.encoding}:backslashreplace".encode()
    environment = {b"PYTHONIOENCODING": shown, **os.environb, b"PYTHONUTF8": b"1"}
    os.execve(sys.executable, [os.fsencode(sys.executable), *arguments], environment)


if __name__ == "__main__":
    main()
