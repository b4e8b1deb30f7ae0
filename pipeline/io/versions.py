"""Versions of all that decides about the bytes of a dataset."""

import importlib.metadata
import platform

from pipeline.io.kept import kept
from pipeline.io.source_code import closure, libraries_of

#: The module that, with all that it imports, makes a dataset: named here, never imported.
CHAIN = "pipeline.run.chain"


def versions() -> dict[str, str]:
    """Versions of Python, of this project, and of the libraries that make a dataset."""
    return kept("versions", lambda: own_versions() | libraries_of(closure([CHAIN])))


def own_versions() -> dict[str, str]:
    """Versions of Python and of this project."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, "ko-instruct": importlib.metadata.version("ko-instruct")}
