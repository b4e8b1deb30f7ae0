"""The state of a raw file: whether it is the same as before, without reading it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.io.class_labels import names_beside
from pipeline.io.hashed_files import files_of
from schemas.errors import KoInstructError
from schemas.options import MIXED

if TYPE_CHECKING:
    from pipeline.run.plan import Unit


class ChangedError(KoInstructError, RuntimeError):
    """A raw file changed while it was read."""


def state_of(unit: Unit) -> dict[str, Any]:
    """A raw file as it is now. Any change of the file changes its state; so does an older file copied over it."""
    states = [path.stat() for path in files_of(unit.path)]
    times = [[state.st_size, state.st_mtime_ns, state.st_ctime_ns] for state in states]
    state = {"origin": unit.origin, "source": unit.source.model_dump(mode="json", exclude=set(MIXED)), "state": times}
    names = names_beside(unit.path)
    return state if names is None else {**state, "class_names": names}


@contextlib.contextmanager
def unchanged(unit: Unit) -> Iterator[None]:
    """Read a raw file in here. Raises ChangedError where it is not the same after reading as before, whatever else the
    reader raised: the change is the cause."""
    before = state_of(unit)
    try:
        yield
    except Exception as error:
        _refuse_change(unit, before, error)
        raise
    _refuse_change(unit, before, None)


def _refuse_change(unit: Unit, before: dict[str, Any], error: Exception | None) -> None:
    try:
        after = state_of(unit)
    except FileNotFoundError:
        raise ChangedError(
            f"{unit.path} vanished while it was read: put it back, or take it out of the sources"
        ) from error
    if after != before:
        raise ChangedError(f"{unit.path} changed while it was read: run again when nothing writes to it") from error
