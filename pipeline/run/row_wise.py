"""The row-wise stages of a raw file, composed: ingest, validate, normalize, screen, tokenize, and the fingerprints.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import read_tables, table_writer
from pipeline.io.atomic_files import replacing, whole
from pipeline.io.progress import watch
from pipeline.io.workers import Each, Stage, threads
from pipeline.run.read_units import ingest_unit, load_benchmarks
from pipeline.run.tokenizer import find_tokenizer
from pipeline.tokenizers.load import open_tokenizer
from schemas.columns import FINGERPRINT, INGESTED

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit
    from pipeline.stages.screen import Benchmarks
    from pipeline.tokenizers.protocol import Tokenizer
    from schemas.options import Source
    from schemas.tokenizer import Resolution

#: The stages of one pass over the rows.
ROW_WISE = ("ingest", "validate", "normalize", "screen", "tokenize")


@dataclass(frozen=True)
class Tools:
    """What the stages of all raw files of a plan share. Each process loads it once: a pickle holds the plan alone."""

    plan: Plan
    found: Resolution

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return open_tokenizer(self.found)

    @cached_property
    def benchmarks(self) -> Benchmarks | None:
        return load_benchmarks(self.plan)

    def __reduce__(self) -> tuple[Callable[..., Tools], tuple[Any, ...]]:
        return Tools, (self.plan, self.found)


def tokenize_unit(plan: Plan, unit: Unit, cleaned: bool, workers: int) -> None:
    """The stage files of a raw file that Make keeps: its rows cleaned, tokenized, and their fingerprints.

    `cleaned`: begin with the rows that an earlier run has cleaned, where they are still there.
    """
    clean = plan.file(unit, stage_files.CLEANED)
    is_clean = cleaned and clean.exists()
    # The last to appear are the two that Make looks at.
    wanted = [plan.file(unit, name) for name in stage_files.OF_MAKE] + ([] if is_clean else [clean])
    stages = RowStages(Tools(plan, find_tokenizer(plan)), unit, is_clean, results=len(wanted))
    with contextlib.ExitStack() as files:
        sinks = [files.enter_context(whole(path)) for path in wanted]
        pass_over(stages, read_tables(clean) if stages.clean else ingest_unit(plan, unit), threads(workers), sinks)


@dataclass(frozen=True)
class UnitRows:
    """Writes the stage files of a raw file for `ko-instruct run`: work that any engine does, in whatever process."""

    tools: Tools
    #: Does the work of each batch of a file.
    inside: Each

    def __call__(self, unit: Unit) -> None:
        plan = self.tools.plan
        rows, fingerprints = (plan.file(unit, name) for name in stage_files.OF_RUN)
        # Only this run reads these files, so that they are not flushed to the disk.
        with replacing(rows) as rows_sink, replacing(fingerprints) as fingerprints_sink:
            stages = RowStages(self.tools, unit, clean=False, results=2)
            pass_over(stages, ingest_unit(plan, unit), self.inside, (rows_sink, fingerprints_sink))


def cleaning(plan: Plan, source: Source, benchmarks: Benchmarks | None) -> Stage:
    """The row-wise stages between ingest and tokenize for the rows of a source, in order, as one."""
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen
    from pipeline.stages.validate import validate

    own, after = plan.config.of(source), following(plan, source, ROW_WISE[:-1])

    def stages(table: pa.Table) -> pa.Table:
        table = after("ingest", table)
        table = after("validate", validate(table, own.validate_))
        table = after("normalize", normalize(table, own.normalize))
        return after("screen", screen(table, own.screen, benchmarks))

    return stages


def following(plan: Plan, source: Source, stages: Sequence[str]) -> Callable[[str, pa.Table], pa.Table]:
    """What follows each of these stages, by its name: the user's own steps, then the condition of the source, if it is
    decided there. Runs the files of these steps."""
    from pipeline.run.steps import load_step
    from pipeline.table.keep import keep, stage_of
    from schemas.parse_condition import parse

    steps: dict[str, list[Stage]] = {}
    for own in (own for own in plan.steps if own.step.after in stages):
        steps.setdefault(own.step.after, []).append(load_step(own))
    decided = stage_of(parse(source.keep)) if source.keep else ""

    def after(stage: str, table: pa.Table) -> pa.Table:
        for step in steps.get(stage, ()):
            table = step(table)
        return keep(table, source.keep) if stage == decided else table

    return after


@dataclass(frozen=True)
class RowStages:
    """The row-wise stages of a raw file, as one function of a table."""

    tools: Tools
    unit: Unit
    #: Whether the rows are clean already.
    clean: bool
    #: How many tables are given: the rows tokenized, their fingerprints, and the rows cleaned.
    results: int

    def __call__(self, table: pa.Table) -> tuple[pa.Table, ...]:
        from pipeline.stages.dedupe import fingerprint
        from pipeline.stages.tokenize import tokenize

        tools, (cleaning, after) = self.tools, self._functions
        cleaned = cleaning(table)
        rows = after("tokenize", tokenize(cleaned, tools.tokenizer, tools.plan.config.tokenize))
        return (rows, fingerprint(rows), cleaned)[: self.results]

    @property
    def names(self) -> Sequence[str]:
        return ROW_WISE[-1:] if self.clean else ROW_WISE

    @cached_property
    def _functions(self) -> tuple[Stage, Callable[[str, pa.Table], pa.Table]]:
        """The stages before tokenize, and what follows tokenize. No pickle holds them: the user's own are in them."""
        plan, source = self.tools.plan, self.unit.source
        clean: Stage = _as_they_are if self.clean else cleaning(plan, source, self.tools.benchmarks)
        return clean, following(plan, source, ROW_WISE[-1:])

    def __reduce__(self) -> tuple[Callable[..., RowStages], tuple[Any, ...]]:
        return RowStages, (self.tools, self.unit, self.clean, self.results)


def pass_over(stages: RowStages, tables: Iterable[pa.Table], each: Each, sinks: Sequence[IO[bytes]]) -> None:
    """The row-wise stages of a raw file in one pass over its rows.

    `each`: does the work of each table. `sinks`: take its results, as Arrow IPC. Raises UnknownTokensError where too
    many tokens are [UNK].
    """
    from pipeline.stages.tokenize import check_unknown

    plan, unit = stages.tools.plan, stages.unit
    with contextlib.ExitStack() as files:
        schemas = (INGESTED, FINGERPRINT, INGESTED)
        write = [files.enter_context(table_writer(*file)) for file in zip(sinks, schemas, strict=False)]

        def written() -> Iterator[pa.Table]:
            for done in each(stages, tables):
                for put, table in zip(write, done, strict=True):
                    put(table)
                yield done[0]

        checked = check_unknown(written(), stages.tools.tokenizer, plan.config.tokenize)
        for _ in watch(checked, "tokenize", unit.origin, stages=stages.names, place=plan.place_of(unit)):
            pass


def _as_they_are(table: pa.Table) -> pa.Table:
    return table
