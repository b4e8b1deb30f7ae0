"""Stage files that `ko-instruct rows` made, on this machine or another, for the run that ends the work.

Beside the stage files of a raw file is what they were made of: the content of the stamps, the tokenizer, the state of
the raw file. A run takes them where it would make them of the same. Times are not compared: machines have clocks of
their own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.io import stage_files
from pipeline.io.atomic_files import write_if_changed
from pipeline.io.hashed_files import size_of
from pipeline.io.lock import locked_with_others
from pipeline.io.progress import note
from pipeline.run.plan import Plan, Unit
from pipeline.run.raw_state import state_of
from pipeline.run.row_wise import engine_of, tokenize_unit, tools_of
from pipeline.run.stamps import CLEANING, TOKENIZING, made_of, stamps
from pipeline.run.tokenizer import find_tokenizer


class Shard(NamedTuple):
    """One of `shares` shares of the raw files. `number`: from 1."""

    number: int
    shares: int

    def __str__(self) -> str:
        return f"{self.number}/{self.shares}"

    def of(self, plan: Plan) -> list[Unit]:
        """The raw files of this share: dealt out in the order of their size, so that each share has large ones."""
        sizes = [size_of(unit.path) for unit in plan.units]
        by_size = sorted(range(len(sizes)), key=lambda number: (-sizes[number], number))
        return [plan.units[number] for number in sorted(by_size[self.number - 1 :: self.shares])]


class Made(NamedTuple):
    """What the rows of a plan are made of besides a raw file: a digest of each stamp, and of the tokenizer."""

    stamps: dict[str, str]

    @classmethod
    def of(cls, plan: Plan) -> Made:
        contents = stamps(plan, made_of())
        contents["tokenizer"] = find_tokenizer(plan).sha256
        names = (*CLEANING, *TOKENIZING, "tokenizer")
        return cls({name: hashlib.sha256(contents[name].encode()).hexdigest() for name in names})

    def differences(self, plan: Plan, unit: Unit) -> Iterator[str]:
        """What is other now than where the rows of a raw file were made."""
        before = _kept(plan, unit)
        yield from (name for name, digest in self.stamps.items() if before["stamps"].get(name) != digest)
        if before["unit"] != _plain(state_of(unit)):
            yield "the raw file"


def write_rows(plan: Plan, shard: Shard, workers: int) -> None:
    """The stage files of the raw files of a share. Those that are there already stay."""
    units = shard.of(plan)
    note(f"{'rows':<11} shard {shard}: {len(units):,} of {len(plan.units):,} files")
    with locked_with_others(plan.stages, f"ko-instruct rows --shard {shard}"):
        made, tools = Made.of(plan), tools_of(plan, find_tokenizer(plan))
        for unit in units:
            if _is_there(plan, unit) and not any(made.differences(plan, unit)):
                note(f"{'rows':<11} {unit.origin}: is there already")
                continue
            with engine_of(tools, [unit], workers) as engine:
                tokenize_unit(tools, unit, cleaned=False, engine=engine)
            kept = {"stamps": made.stamps, "unit": state_of(unit), "files": _states(plan, unit)}
            write_if_changed(plan.file(unit, stage_files.MADE), json.dumps(kept, sort_keys=True) + "\n")


def finished(plan: Plan) -> list[Unit]:
    """The raw files whose stage files were made by `rows`, of all that a run would make them of now."""
    there = [unit for unit in plan.units if _is_there(plan, unit)]
    made = Made.of(plan) if there else None
    found = []
    for unit in there:
        if made and (other := list(made.differences(plan, unit))):
            note(f"{'rows':<11} {unit.origin}: is made again, since this differs: {', '.join(other)}")
        else:
            found.append(unit)
    if there:
        note(f"{'rows':<11} {len(found):,} of {len(plan.units):,} files were made by ko-instruct rows")
    return found


def take_for_run(plan: Plan) -> list[Unit]:
    """Name the stage files that `rows` made as `ko-instruct run` names its own, which it removes at its end. Gives the
    raw files that are left to do."""
    done = finished(plan)
    for unit in done:
        for own, name in zip(stage_files.OF_RUN, stage_files.OF_MAKE, strict=True):
            plan.file(unit, own).symlink_to(name)
    origins = {unit.origin for unit in done}
    return [unit for unit in plan.units if unit.origin not in origins]


def take_for_make(plan: Plan) -> None:
    """Let Make see the stage files that `rows` made as newer than the stamps, or not at all."""
    there = [unit for unit in plan.units if _is_there(plan, unit)]
    done = {unit.origin for unit in finished(plan)}
    for unit in there:
        for name in (stage_files.CLEANED, *stage_files.OF_MAKE):
            file = plan.file(unit, name)
            if unit.origin in done:
                os.utime(file)
            else:
                file.unlink(missing_ok=True)
        plan.file(unit, stage_files.MADE).unlink()


def _is_there(plan: Plan, unit: Unit) -> bool:
    """Whether the stage files are still those that `rows` wrote."""
    return plan.file(unit, stage_files.MADE).exists() and _kept(plan, unit)["files"] == _states(plan, unit)


def _kept(plan: Plan, unit: Unit) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(plan.file(unit, stage_files.MADE).read_bytes())
    return kept


def _states(plan: Plan, unit: Unit) -> dict[str, list[int]]:
    files = {name: plan.file(unit, name) for name in (stage_files.CLEANED, *stage_files.OF_MAKE)}
    found = {name: file.stat() for name, file in files.items() if file.exists()}
    return {name: [state.st_size, state.st_mtime_ns] for name, state in found.items()}


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
