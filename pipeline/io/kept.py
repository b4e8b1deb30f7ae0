"""What is derived from this project's code and from what is installed, kept until one of these changes.

To derive it takes longer than a small run: `source_code` reads every file of the project as Python does.
"""

import contextlib
import json
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypeVar, cast

from pipeline.io.atomic_files import write_if_changed
from pipeline.io.source_code import state

T = TypeVar("T")


def kept(name: str, derive: Callable[[], T]) -> T:
    """What `derive` gives, which is JSON: from a file beside Python's compiled code, as long as the state of the code
    and of the installation is that of the file. Where no file can be written, it is derived each time."""
    file, now = _place(name), state()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        before = json.loads(file.read_bytes())
        if before["state"] == now:
            return cast("T", before["value"])
    value = derive()
    with contextlib.suppress(OSError):
        write_if_changed(file, json.dumps({"state": now, "value": value}))
    return value


def _place(name: str) -> Path:
    """The file that keeps a value, in the folder in which Python keeps this module."""
    return Path(cache_from_source(__file__)).with_name(f"{name}.json")
