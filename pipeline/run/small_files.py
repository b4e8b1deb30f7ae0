"""The rows of small raw files, which the step of Make that writes the dataset makes itself: to start a process for each
of them would take longer than all that it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.io import stage_files
from pipeline.run.row_wise import engine_of, tokenize_unit, tools_of
from pipeline.run.stamps import CLEANING, TOKENIZING

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit
    from schemas.tokenizer import Resolution


def tokenize_small_units(plan: Plan, found: Resolution, workers: int) -> None:
    """Make the stage files of the small raw files, where those that are there are out of date."""
    if units := [*out_of_date(plan)]:
        tools = tools_of(plan, found)
        with engine_of(tools, [unit for unit, _ in units], workers) as engine:
            for unit, cleaned in units:
                tokenize_unit(tools, unit, cleaned, engine)


def out_of_date(plan: Plan) -> Iterator[tuple[Unit, bool]]:
    """The small raw files whose stage files are older than what they depend on, as Make compares it for the large ones;
    and whether the rows that are cleaned are as new as that."""
    cleaning = _newest(map(plan.stamp, CLEANING))
    tokenizing = _newest([*map(plan.stamp, TOKENIZING), plan.tokenizer])
    for unit in plan.units:
        if unit.is_small:
            made = min(_time_of(plan.file(unit, name)) for name in stage_files.OF_MAKE)
            before = max(cleaning, _time_of(plan.file(unit, stage_files.SOURCE)))
            if made < max(before, tokenizing):
                yield unit, made >= before


def _newest(files: Iterable[Path]) -> int:
    return max(map(_time_of, files))


def _time_of(file: Path) -> int:
    """When a file was written, in nanoseconds; 0 where it is not there."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
