"""The times of the steps: each step under Make leaves its own beside its stage files, and `export` gathers them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.io import stage_files
from pipeline.io.atomic_files import whole
from schemas.run_times import StepTimes

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


def leave_times(path: Path, times: StepTimes) -> None:
    """Write the times of a step beside its stage files."""
    with whole(path) as sink:
        sink.write(times.model_dump_json().encode() + b"\n")


def times_left(plan: Plan) -> Iterator[StepTimes]:
    """The times of the steps before `export` that are there: stage files of an older version have none."""
    of_files = (plan.file(unit, stage_files.TIMES) for unit in plan.units)
    yield from read_times((*of_files, plan.stages / stage_files.DECISION_TIMES))


def read_times(paths: Iterable[Path]) -> Iterator[StepTimes]:
    """The times that are in these files, where they are there."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError, ValidationError):
            yield StepTimes.model_validate_json(path.read_bytes())
