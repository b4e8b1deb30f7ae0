"""The dataset of a plan: the decisions of dedupe applied to its rows, their splits, and the export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.export import export
from pipeline.dataset.run_file import write_run
from pipeline.io.arrow_files import read_tables
from pipeline.io.clock import Clock
from pipeline.io.progress import watch
from pipeline.io.stage_files import RAW, VERDICTS, RowFiles
from pipeline.io.versions import versions
from pipeline.io.workers import ordered
from pipeline.run.dedupe import rows_of_units
from pipeline.run.gates import check_gates
from pipeline.run.mix import Mixed, Part, arranged, mix_units, parts_of, written
from pipeline.run.verdicts import used
from pipeline.stages.dedupe import apply
from pipeline.stages.split import split
from pipeline.table.reject_and_flag import set_column
from schemas.manifest import Manifest, Provenance, RawFile
from schemas.run_times import RunTimes, StepTimes

if TYPE_CHECKING:
    from pipeline.run.plan import Plan
    from schemas.tokenizer import Resolution


def export_units(
    plan: Plan,
    files: RowFiles,
    decisions: pa.Table,
    tokenizer: Resolution,
    workers: int,
    times: Iterable[StepTimes] = (),
) -> Manifest:
    """Write processed/<dataset>/ from these stage files and the decisions on their rows. Raises GateError.

    `times`: of the steps before, for run.json.
    """
    clock = Clock()
    every = rows_of_units(plan, files)
    mixed = mix_units(plan, every, decisions)
    check_gates(plan, every, decisions, mixed.copies if mixed else None)
    sides = _sides(plan, every, decisions, mixed)
    if mixed:
        tables = ordered(_of_mixture(mixed, decisions, sides), parts_of(every, arranged(plan, mixed)), workers)
    else:
        tables = ordered(_decided(decisions, sides), _parts(plan, files), workers)
    about = Provenance(
        dataset=plan.config.dataset,
        sources=[source for source in plan.config.source if any(unit.source == source for unit in plan.units)],
        tokenizer=tokenizer.used,
        options=plan.config.stages,
        versions=versions(),
        raw={unit.origin: RawFile.model_validate_json(plan.file(unit, RAW).read_bytes()) for unit in plan.units},
        steps=[own.used() for own in plan.steps],
        verdicts=used(plan.verdicts.values(), [plan.file(unit, VERDICTS) for unit in plan.units]),
        mixture=mixed.mixture if mixed else None,
    )
    stages = ["dedupe", "mix"] if mixed else ["dedupe"]
    tables = watch(tables, "export", str(plan.folder), len(decisions), stages)
    manifest = export(tables, plan.folder, plan.config.export, about)
    write_run(plan.folder, RunTimes(steps=[*times, clock.times("export", len(decisions), workers)]))
    return manifest


def _parts(plan: Plan, files: RowFiles) -> Iterator[tuple[pa.Table, slice]]:
    """All rows of the plan in their order, and the place of each part of them."""
    start = 0
    for table in chain.from_iterable(read_tables(plan.file(unit, files.tokenized)) for unit in plan.units):
        yield table, slice(start, start + len(table))
        start += len(table)


def _decided(decisions: pa.Table, sides: pa.Array) -> Callable[[tuple[pa.Table, slice]], pa.Table]:
    def decided(part: tuple[pa.Table, slice]) -> pa.Table:
        table, place = part
        return set_column(apply(table, decisions[place]), "split", sides[place])

    return decided


def _of_mixture(mixed: Mixed, decisions: pa.Table, sides: pa.Array) -> Callable[[Part], pa.Table]:
    def decided(part: Part) -> pa.Table:
        table = apply(part.table, decisions.take(part.rows))
        return set_column(written(table, mixed.copies.take(part.rows), part.copy), "split", sides.take(part.rows))

    return decided


def _sides(plan: Plan, table: pa.Table, decisions: pa.Table, mixed: Mixed | None) -> pa.Array:
    """The split of every row; null for the rejected."""
    table = table.select(["origin", "source", "reject_stage", "published_split"])
    rejected = pc.if_else(pc.is_valid(decisions["reason"]), "dedupe", table["reject_stage"])
    if mixed:
        rejected = pc.if_else(pc.fill_null(pc.equal(mixed.copies, 0), False), "mix", rejected)
    table = set_column(set_column(table, "reject_stage", rejected), "cluster_key", decisions["cluster_key"])
    return split(table, plan.config.export)
