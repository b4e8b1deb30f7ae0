"""The whole chain in one process (`ko-instruct run`): the steps that Make runs one by one, with other stage files."""

from pipeline.io.atomic_files import naming
from pipeline.io.clock import Clock
from pipeline.io.folders import clean_up
from pipeline.io.hashed_files import size_of
from pipeline.io.lock import locked
from pipeline.io.progress import watch_bytes
from pipeline.io.stage_files import OF_RUN, VERDICTS
from pipeline.run.dedupe import dedupe_units
from pipeline.run.export import export_units
from pipeline.run.plan import Plan
from pipeline.run.row_wise import cleaning, ingest_unit, load_benchmarks, pass_over
from pipeline.run.tokenizer import find_tokenizer
from pipeline.run.verdicts import write_outcomes
from pipeline.tokenizers.load import open_tokenizer
from schemas.manifest import Manifest
from schemas.run_times import StepTimes
from schemas.verdict import Key, Outcome


def run(plan: Plan, workers: int) -> Manifest:
    """The whole chain in one process: the same functions as under Make, row-wise stages in one pass over each file."""
    with locked(plan.stages, "ko-instruct run"):
        clean_up(plan.folder, plan.stages)
        return _run(plan, workers)


def _run(plan: Plan, workers: int) -> Manifest:
    found = find_tokenizer(plan)
    tokenizer, benchmarks = open_tokenizer(found), load_benchmarks(plan)
    times: list[StepTimes] = []
    try:
        for unit in watch_bytes([(unit, size_of(unit.path)) for unit in plan.units]):
            # Only this run reads these files, so that they are not flushed to the disk.
            rows, fingerprints = (plan.file(unit, name) for name in OF_RUN)
            rows.parent.mkdir(parents=True, exist_ok=True)
            with naming(rows), rows.open("wb") as rows_sink, fingerprints.open("wb") as fingerprints_sink:
                sinks = (rows_sink, fingerprints_sink)
                outcomes: dict[Key, Outcome] = {}
                stages = cleaning(plan, unit.source, benchmarks, plan.verdicts_on(unit), outcomes)
                times.append(pass_over(plan, unit, ingest_unit(plan, unit), stages, tokenizer, workers, sinks))
            write_outcomes(plan.file(unit, VERDICTS), outcomes)
        # The decisions alone are kept of it: its mapped files leave memory before others are written.
        clock = Clock()
        decisions = dedupe_units(plan, OF_RUN, plan.config.dedupe, workers).new
        times.append(clock.times("dedupe", len(decisions), workers))
        # What Make exported last may be of other options, so that it must export again.
        plan.stamp("export").unlink(missing_ok=True)
        return export_units(plan, OF_RUN, decisions, found, workers, times)
    finally:
        for unit in plan.units:
            for name in OF_RUN:
                plan.file(unit, name).unlink(missing_ok=True)
