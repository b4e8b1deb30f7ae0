"""A user's own steps: functions from table to table in files beside the config, each held to the laws of a stage."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.workers import Stage
from schemas.columns import MARKS
from schemas.errors import KoInstructError

if TYPE_CHECKING:
    from pipeline.run.plan import OwnStep

#: The columns that a step may change.
OPEN = (*MARKS.names, "flags", "fixes")


class StepError(KoInstructError, ValueError):
    """A step of the user failed, or broke a law of the stages. The message names its file and function."""


def load_step(own: OwnStep) -> Stage:
    """The function of a step, which holds it to the laws each time. Runs the file of the step. Raises StepError."""
    module = ModuleType(own.path.stem)
    module.__file__ = str(own.path)
    try:
        # Not imported: Python would keep its bytecode beside it, and may take an old one for the new file.
        exec(compile(own.path.read_bytes(), own.path, "exec"), module.__dict__)
    except Exception as error:
        raise StepError(f"{own.path} cannot be run: {type(error).__name__}: {error}") from error
    function = getattr(module, own.name, None)
    if not callable(function):
        raise StepError(f"{own.path} has no function {own.name}")
    return held(own, function)


def held(own: OwnStep, function: Callable[[pa.Table], pa.Table]) -> Stage:
    """The function with a look at what it gives back."""

    def run(table: pa.Table) -> pa.Table:
        try:
            after = function(table)
        except Exception as error:
            raise StepError(f"{own.path}, {own.name}: {_line(own, error)}{type(error).__name__}: {error}") from error
        if fault := broken(table, after, own.step.after):
            raise StepError(f"{own.path}, {own.name}: {fault}")
        return after

    return run


def broken(before: pa.Table, after: object, stage: str) -> str:
    """The law that a step broke; "" where it broke none."""
    remedy = f'mark it: reject(table, mask, "{stage}", reason, detail), with `from pipeline import reject`'
    if not isinstance(after, pa.Table):
        return f"it gives a {type(after).__name__}, and a step gives a pyarrow.Table"
    if len(after) != len(before):
        return f"it gives {len(after):,} of {len(before):,} rows. A step drops and adds no row. To reject one, {remedy}"
    if after.schema.names != before.schema.names:
        other = set(after.schema.names) ^ set(before.schema.names)
        names = ", ".join(sorted(other)) or "their order"
        return f"it adds, removes or moves columns ({names}). It may change {', '.join(OPEN)}"
    for name in before.schema.names:
        if name not in OPEN and not after[name].equals(before[name]):
            return f"it changes the column {name}. It may change {', '.join(OPEN)}"
    new = pc.and_(pc.is_null(before["reject_stage"]), pc.is_valid(after["reject_stage"]))
    for name in MARKS.names:
        if not after[name].filter(pc.invert(new)).equals(before[name].filter(pc.invert(new))):
            return f"it changes {name} of a row that it does not reject. A row that is rejected keeps its first mark"
        if after[name].filter(new).null_count:
            return f"it rejects a row without {name}; {remedy}"
    stages = pc.unique(after["reject_stage"].filter(new)).to_pylist()
    if stages not in ([], [stage]):
        return f"it rejects a row with the stage {stages[0]!r}, and it runs after {stage}; {remedy}"
    return ""


def _line(own: OwnStep, error: Exception) -> str:
    """The last line of the user's file that ran before the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(own.path)]
    return f"line {lines[-1]}: " if lines else ""
