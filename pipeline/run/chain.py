"""The whole chain as one run (`ko-instruct run`): the steps that Make runs one by one, with other stage files."""

import shutil

from pipeline.io.clock import Clock
from pipeline.io.folders import clean_up
from pipeline.io.hashed_files import size_of
from pipeline.io.lock import locked
from pipeline.io.progress import watch_bytes
from pipeline.io.stage_files import EXCHANGES, OF_RUN, TIMES
from pipeline.run.dedupe import dedupe_in_parts
from pipeline.run.engines import Engine
from pipeline.run.engines.local import Local
from pipeline.run.export import export_units
from pipeline.run.plan import Plan, Unit, require_raw_files
from pipeline.run.row_wise import UnitRows, tools_of, worth_processes
from pipeline.run.shards import take_for_run
from pipeline.run.times import read_times
from pipeline.run.tokenizer import find_tokenizer
from schemas.manifest import Manifest
from schemas.run_times import StepTimes


def run(plan: Plan, workers: int, engine: Engine | None = None) -> Manifest:
    """The whole chain: the same functions as under Make, row-wise stages in one pass over each file.

    `engine`: where the row-wise stages run; None: in this process.
    """
    require_raw_files(plan)
    with locked(plan.stages, "ko-instruct run"):
        clean_up(plan.folder, plan.stages)
        return _run(plan, workers, engine or Local(workers))


def _run(plan: Plan, workers: int, engine: Engine) -> Manifest:
    found = find_tokenizer(plan)
    try:
        units = take_for_run(plan)
        tools = tools_of(plan, found)
        if worth_processes(plan, units):
            engine.prepare(tools.load)
        times = _make_rows(plan, units, UnitRows(tools, engine.inside, engine.workers), engine)
        # The decisions alone are kept of it: its mapped files leave memory before others are written.
        clock = Clock()
        decisions = dedupe_in_parts(plan, OF_RUN, engine, plan.config.run.parts, workers).new
        times.append(clock.times("dedupe", len(decisions), workers))
        # What Make exported last may be of other options, so that it must export again.
        plan.stamp("export").unlink(missing_ok=True)
        return export_units(
            plan, OF_RUN, decisions, found, workers, times, engine=engine if engine.has_others else None
        )
    finally:
        shutil.rmtree(plan.stages / EXCHANGES, ignore_errors=True)
        for unit in plan.units:
            for name in OF_RUN:
                plan.file(unit, name).unlink(missing_ok=True)


def _make_rows(plan: Plan, units: list[Unit], work: UnitRows, engine: Engine) -> list[StepTimes]:
    """The stage files of these raw files, and the times of all in the order of the plan."""
    done = engine.each(work, units)
    times = {unit.origin: next(done) for unit in watch_bytes([(unit, size_of(unit.path)) for unit in units])}
    others = (plan.file(unit, TIMES) for unit in plan.units if unit.origin not in times)
    times |= {found.file: found for found in read_times(others)}
    return [times[unit.origin] for unit in plan.units if unit.origin in times]
