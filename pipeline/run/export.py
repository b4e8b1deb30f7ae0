"""The dataset of a plan: the decisions of dedupe applied to its rows, their splits, and the export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, tee
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.export import Rows, export_pieces, rows_of_tables, write_piece
from pipeline.dataset.pieces import Range, cut
from pipeline.dataset.run_file import write_run
from pipeline.io.arrow_files import open_table, read_range, write_tables
from pipeline.io.clock import Clock
from pipeline.io.hashed_files import state_of_file
from pipeline.io.progress import note, watch
from pipeline.io.stage_files import DECIDED, EXCHANGES, OF_MAKE, PIECES, RAW, VERDICTS, RowFiles
from pipeline.io.versions import versions
from pipeline.io.workers import ordered
from pipeline.run.dedupe import concatenated, tables_of_units
from pipeline.run.gates import check_gates
from pipeline.run.kept_pieces import can_be_kept, made_of, piece_key, read_pieces, write_pieces
from pipeline.run.mix import Mixed, arranged, mix_units, parts_of, written
from pipeline.run.mix import Part as PartOfMixture
from pipeline.run.stamps import kept_made_of
from pipeline.run.verdicts import used
from pipeline.stages.dedupe import apply
from pipeline.stages.split import split
from pipeline.table.reject_and_flag import set_column
from schemas.columns import INGESTED
from schemas.manifest import Manifest, Provenance, RawFile
from schemas.run_times import RunTimes, StepTimes

if TYPE_CHECKING:
    from pipeline.dataset.piece_writer import Piece
    from pipeline.run.engines import Engine
    from pipeline.run.plan import Plan
    from schemas.tokenizer import Resolution


def export_units(
    plan: Plan,
    files: RowFiles,
    decisions: pa.Table,
    tokenizer: Resolution,
    workers: int,
    times: Iterable[StepTimes] = (),
    engine: Engine | None = None,
) -> Manifest:
    """Write processed/<dataset>/ from these stage files and the decisions on their rows. Raises GateError.

    From the stage files of Make, pieces that are as the last export wrote them are not written again. `times`: of the
    steps before, for run.json. `engine`: writes the pieces, where they have files of their own; None: this process.
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
    if mixed:
        rows, keys = _mixed_rows(plan, every, mixed, decisions, sides, workers), None
    else:
        pieces = cut_pieces([unit.origin for unit in plan.units], tables, plan.config.export.shard_rows)
        decided = decisions.append_column("split", sides)
        keys = _keys(plan, files, pieces, decided)
        if engine and can_be_kept(plan.config.export):
            rows = _written_by(engine, plan, files, pieces, decided)
        else:
            rows = _rows(plan, files, pieces, _kept(plan, keys), decided, workers)
    record = plan.stages / PIECES
    record.unlink(missing_ok=True)
    exported = export_pieces(rows, plan.folder, plan.config.export, about)
    if keys:
        write_pieces(record, plan.folder, keys, exported.pieces)
    write_run(plan.folder, RunTimes(steps=[*times, clock.times("export", len(decisions), workers)]))
    return exported.manifest


class Part(NamedTuple):
    """Rows of a piece: a range of a raw file, and where it begins among all rows of the plan."""

    range: Range
    at: int

    @property
    def place(self) -> slice:
        return slice(self.at, self.at + self.range.rows)


def cut_pieces(names: Sequence[str], tables: Sequence[pa.Table], most: int) -> list[list[Part]]:
    """All rows of the plan in pieces of at most `most`."""
    starts = accumulate(map(len, tables), initial=0)
    first = dict(enumerate(starts))
    pieces = cut([(name, len(table)) for name, table in zip(names, tables, strict=True)], most)
    return [[Part(some, first[some.file] + some.start) for some in piece] for piece in pieces]


def _keys(plan: Plan, files: RowFiles, pieces: Sequence[Sequence[Part]], decided: pa.Table) -> list[str] | None:
    """The keys of the pieces; None where they are not to be kept."""
    if files is not OF_MAKE or not can_be_kept(plan.config.export):
        return None
    made = made_of(kept_made_of()["export"], plan.config.stages)
    states = [state_of_file(plan.file(unit, files.tokenized)) for unit in plan.units]

    def key(piece: Sequence[Part]) -> str:
        parts = [(states[part.range.file], part.range.start, part.range.stop) for part in piece]
        return piece_key(made, parts, (decided[part.place] for part in piece))

    return list(map(key, pieces))


def _kept(plan: Plan, keys: Sequence[str] | None) -> dict[int, Piece]:
    """The pieces that are as the last export wrote them, by their numbers."""
    there = read_pieces(plan.stages / PIECES, plan.folder) if keys else {}
    return {number: there[key] for number, key in enumerate(keys or ()) if key in there}


def _rows(
    plan: Plan,
    files: RowFiles,
    pieces: Sequence[Sequence[Part]],
    kept: Mapping[int, Piece],
    decided: pa.Table,
    workers: int,
) -> Rows:
    """The rows of the plan: those of the pieces that are not kept are read."""
    fresh = [(number, part) for number, piece in enumerate(pieces) if number not in kept for part in piece]
    numbers, found = tee(ordered(partial(_marked, decided), _read(plan, files, fresh), workers))
    count = sum(part.range.rows for _, part in fresh)
    what = f"{plan.folder}" + (f", {len(decided) - count:,} rows as before" if kept else "")
    tables = watch((table for _, table in found), "export", what, count, ["dedupe"])
    return Rows(
        _without_rows(plan, files, decided),
        [kept.get(number) for number in range(len(pieces))],
        ((number, table) for table, (number, _) in zip(tables, numbers, strict=True)),
    )


def _read(plan: Plan, files: RowFiles, parts: Iterable[tuple[int, Part]]) -> Iterator[tuple[int, pa.Table, slice]]:
    """The rows of parts of pieces, with the number of the piece and their place among all rows."""
    for number, part in parts:
        at = part.at
        path = plan.file(plan.units[part.range.file], files.tokenized)
        for table in read_range(path, part.range.start, part.range.stop):
            yield number, table, slice(at, at + len(table))
            at += len(table)


def _marked(decided: pa.Table, some: tuple[int, pa.Table, slice]) -> tuple[int, pa.Table]:
    """Rows with what was decided about them. `decided`: about all rows."""
    number, table, place = some
    return number, set_column(apply(table, decided[place]), "split", decided["split"][place])


def _without_rows(plan: Plan, files: RowFiles, decided: pa.Table) -> pa.Table:
    paths = [plan.file(unit, files.tokenized) for unit in plan.units[:1]]
    first = open_table(paths[0]).slice(0, 0) if paths else INGESTED.empty_table()
    return _marked(decided, (0, first, slice(0, 0)))[1]


def _written_by(
    engine: Engine, plan: Plan, files: RowFiles, pieces: Sequence[Sequence[Part]], decided: pa.Table
) -> Rows:
    """The rows of the plan, each piece written by a task."""
    folder = plan.stages / EXCHANGES
    write_tables(folder / DECIDED, [decided], decided.schema)
    note(f"{'export':<11} {plan.folder}: {len(decided):,} rows in {len(pieces):,} pieces, each the work of a task")
    written = list(engine.each(WritePiece(plan, files), list(enumerate(pieces))))
    return Rows(_without_rows(plan, files, decided), written, ())


@dataclass(frozen=True)
class WritePiece:
    """Writes a piece to a folder of its own, in whatever process."""

    plan: Plan
    files: RowFiles

    @cached_property
    def decided(self) -> pa.Table:
        return open_table(self.plan.stages / EXCHANGES / DECIDED)

    def __call__(self, numbered: tuple[int, Sequence[Part]]) -> Piece:
        number, parts = numbered
        folder = self.plan.stages / EXCHANGES / f"piece-{number}"
        folder.mkdir(exist_ok=True)
        some = ((number, part) for part in parts)
        tables = (_marked(self.decided, each)[1] for each in _read(self.plan, self.files, some))
        return write_piece(tables, folder, number, self.plan.config.stages)

    def __reduce__(self) -> tuple[Callable[..., WritePiece], tuple[Any, ...]]:
        """A pickle holds no rows."""
        return WritePiece, (self.plan, self.files)


def _mixed_rows(plan: Plan, every: pa.Table, mixed: Mixed, decisions: pa.Table, sides: pa.Array, workers: int) -> Rows:
    """The rows of a mixture in their order: which rows are in a piece depends on all others, so that none is kept."""
    tables = ordered(_of_mixture(mixed, decisions, sides), parts_of(every, arranged(plan, mixed)), workers)
    watched = watch(tables, "export", str(plan.folder), len(decisions), ["dedupe", "mix"])
    return rows_of_tables(watched)


def _of_mixture(mixed: Mixed, decisions: pa.Table, sides: pa.Array) -> Callable[[PartOfMixture], pa.Table]:
    def decided(part: PartOfMixture) -> pa.Table:
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
