"""The dataset of a plan: the decisions of dedupe applied to its rows, their splits, and the export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import tee
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.export import Rows, export_pieces, write_piece
from pipeline.dataset.run_file import write_run
from pipeline.io.arrow_files import write_tables
from pipeline.io.clock import Clock
from pipeline.io.hashed_files import state_of_file
from pipeline.io.progress import note, watch
from pipeline.io.stage_files import DECIDED, EXCHANGES, PIECES, RAW, VERDICTS, RowFiles
from pipeline.io.versions import versions
from pipeline.io.workers import ordered
from pipeline.run.dedupe import concatenated, tables_of_units
from pipeline.run.gates import check_gates
from pipeline.run.kept_pieces import can_be_kept, made_of, piece_key, read_pieces, write_pieces
from pipeline.run.mix import Mixed, arranged, mix_units
from pipeline.run.piece_rows import COPIES, SPLIT, Part, Pieces, Sources, pieces_in_order, pieces_of_mixture
from pipeline.run.verdicts import used
from pipeline.stages.split import split
from pipeline.table.reject_and_flag import set_column
from schemas.manifest import Manifest, Provenance, RawFile
from schemas.run_times import RunTimes, StepTimes

if TYPE_CHECKING:
    from pipeline.dataset.piece_writer import Piece
    from pipeline.run.engines import Engine
    from pipeline.run.plan import Plan
    from pipeline.run.stamps import Made
    from schemas.tokenizer import Resolution


def export_units(
    plan: Plan,
    files: RowFiles,
    decisions: pa.Table,
    tokenizer: Resolution,
    workers: int,
    times: Iterable[StepTimes] = (),
    made: Made | None = None,
    engine: Engine | None = None,
) -> Manifest:
    """Write processed/<dataset>/ from these stage files and the decisions on their rows. Raises GateError.

    `times`: of the steps before, for run.json. `made`: the code of export, and its libraries: with it, pieces that are
    as the last export wrote them are not written again, which is for stage files that stay. `engine`: writes the
    pieces, where they have files of their own; None: this process.
    """
    clock = Clock()
    tables = tables_of_units(plan, files)
    every = concatenated(tables)
    mixed = mix_units(plan, every, decisions)
    check_gates(plan, every, decisions, mixed.copies if mixed else None)
    sides = _sides(plan, every, decisions, mixed)
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
    decided = decisions.drop_columns(["component"]).append_column(SPLIT, sides).replace_schema_metadata(None)
    most = plan.config.export.shard_rows
    if mixed:
        decided = decided.append_column(COPIES, mixed.copies)
        pieces, keys = pieces_of_mixture(arranged(plan, mixed), most), None
    else:
        pieces = pieces_in_order([unit.origin for unit in plan.units], tables, most)
        keys = _keys(plan, files, pieces.every, decided, made) if made else None
    sources = Sources(plan, files, decided)
    if engine and can_be_kept(plan.config.export):
        rows = _written(engine, sources, pieces)
    else:
        rows = _rows(sources, pieces, _kept(plan, keys), workers)
    record = plan.stages / PIECES
    record.unlink(missing_ok=True)
    exported = export_pieces(rows, plan.folder, plan.config.export, about)
    if keys:
        write_pieces(record, plan.folder, keys, exported.pieces)
    write_run(plan.folder, RunTimes(steps=[*times, clock.times("export", len(decisions), workers)]))
    return exported.manifest


def _keys(
    plan: Plan, files: RowFiles, pieces: Sequence[Sequence[Part]], decided: pa.Table, made: Made
) -> list[str] | None:
    """The keys of the pieces; None where they cannot be kept."""
    if not can_be_kept(plan.config.export):
        return None
    alike = made_of(made, plan.config.stages)
    states = [state_of_file(plan.file(unit, files.tokenized)) for unit in plan.units]

    def key(piece: Sequence[Part]) -> str:
        parts = [(states[part.range.file], part.range.start, part.range.stop) for part in piece]
        return piece_key(alike, parts, (decided[part.place] for part in piece))

    return list(map(key, pieces))


def _kept(plan: Plan, keys: Sequence[str] | None) -> dict[int, Piece]:
    """The pieces that are as the last export wrote them, by their numbers."""
    there = read_pieces(plan.stages / PIECES, plan.folder) if keys else {}
    return {number: there[key] for number, key in enumerate(keys or ()) if key in there}


def _rows(sources: Sources, pieces: Pieces, kept: Mapping[int, Piece], workers: int) -> Rows:
    """The rows of the pieces: those of the pieces that are not kept are read."""
    fresh = [number for number in range(len(pieces.every)) if number not in kept]
    parts = ((number, some) for number in fresh for some in pieces.read(sources, pieces.every[number]))

    def marked(numbered: tuple[int, Any]) -> tuple[int, pa.Table]:
        return numbered[0], pieces.mark(sources.decided, numbered[1])

    numbers, found = tee(ordered(marked, parts, workers))
    there = sum(piece.counts.rows_in for piece in kept.values())
    before = f"{there:,} more are as before" if kept else ""
    stages = ["dedupe", "mix"] if sources.plan.config.mixed else ["dedupe"]
    every = (table for _, table in found)
    tables = watch(every, "export", str(sources.plan.folder), len(sources.decided) - there, stages, before)
    return Rows(
        pieces.empty(sources),
        [kept.get(number) for number in range(len(pieces.every))],
        ((number, table) for table, (number, _) in zip(tables, numbers, strict=True)),
    )


def _written(engine: Engine, sources: Sources, pieces: Pieces) -> Rows:
    """The same, each piece written by a task."""
    plan, decided = sources.plan, sources.decided
    write_tables(plan.stages / EXCHANGES / DECIDED, [decided], decided.schema)
    note(
        f"{'export':<11} {plan.folder}: {len(decided):,} rows in {len(pieces.every):,} pieces, each the work of a task"
    )
    work = partial(_write, sources, pieces.read, pieces.mark)
    return Rows(pieces.empty(sources), list(engine.each(work, list(enumerate(pieces.every)))), ())


def _write(
    sources: Sources,
    read: Callable[[Sources, Any], Iterator[Any]],
    mark: Callable[[pa.Table, Any], pa.Table],
    numbered: tuple[int, Any],
) -> Piece:
    """Write a piece to a folder of its own."""
    number, piece = numbered
    folder = sources.plan.stages / EXCHANGES / f"piece-{number}"
    folder.mkdir(exist_ok=True)
    tables = (mark(sources.decided, some) for some in read(sources, piece))
    return write_piece(tables, folder, number, sources.plan.config.stages)


def _sides(plan: Plan, table: pa.Table, decisions: pa.Table, mixed: Mixed | None) -> pa.Array:
    """The split of every row; null for the rejected."""
    table = table.select(["origin", "source", "reject_stage", "published_split"])
    rejected = pc.if_else(pc.is_valid(decisions["reason"]), "dedupe", table["reject_stage"])
    if mixed:
        rejected = pc.if_else(pc.fill_null(pc.equal(mixed.copies, 0), False), "mix", rejected)
    table = set_column(set_column(table, "reject_stage", rejected), "cluster_key", decisions["cluster_key"])
    return split(table, plan.config.export)
