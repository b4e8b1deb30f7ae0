"""The row-wise stages of a raw file, composed: ingest, validate, normalize, screen, tokenize, and the fingerprints.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import own, read_tables, table_writer
from pipeline.io.atomic_files import replacing, whole
from pipeline.io.clock import Clock
from pipeline.io.hashed_files import MUCH, size_of
from pipeline.io.progress import watch
from pipeline.io.workers import Each
from pipeline.run.engines.local import Local, with_processes
from pipeline.run.named_stages import ROW_WISE, NamedStage, cleaning, through, tokenizing
from pipeline.run.read_units import ingest_unit, load_benchmarks
from pipeline.run.times import leave_times
from pipeline.run.verdicts import write_outcomes
from pipeline.tokenizers.load import open_tokenizer
from schemas.columns import FINGERPRINT, INGESTED
from schemas.run_times import StepTimes

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit
    from pipeline.stages.screen import Benchmarks
    from pipeline.tokenizers.protocol import Tokenizer
    from schemas.tokenizer import Resolution
    from schemas.verdict import Key, Outcome


#: Rows that are worth to be shared: each piece costs some hundredths of a second.
PIECE = 2048


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

    def load(self) -> None:
        """Load all that the stages of this plan need."""
        from pipeline.stages import dedupe, ingest, normalize, screen, tokenize, validate  # noqa: F401

        self.tokenizer, self.benchmarks  # noqa: B018

    @cached_property
    def packed(self) -> bytes:
        return pickle.dumps((self.plan, self.found))

    def __reduce__(self) -> tuple[Callable[..., Tools], tuple[Any, ...]]:
        return _unpacked, (self.packed,)


def tools_of(plan: Plan, found: Resolution) -> Tools:
    """The tools of this plan, which the copies of this process take over with what is loaded."""
    return _unpacked(Tools(plan, found).packed)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Tools:
    return Tools(*pickle.loads(packed))


def worth_processes(plan: Plan, units: Iterable[Unit]) -> bool:
    """Whether there is more to do in these raw files than other processes cost. Steps of a user stay in one process:
    they may print, or count."""
    return not plan.steps and sum(size_of(unit.path) for unit in units) >= MUCH


@contextlib.contextmanager
def engine_of(tools: Tools, units: Iterable[Unit], workers: int) -> Iterator[Local]:
    """The engine for the stages of these raw files, with other processes where these are worth it."""
    with with_processes(workers) as engine:
        if worth_processes(tools.plan, units):
            engine.prepare(tools.load)
        yield engine


def tokenize_unit(tools: Tools, unit: Unit, cleaned: bool, engine: Local) -> None:
    """The stage files of a raw file that Make keeps: its rows cleaned, tokenized, and their fingerprints.

    `cleaned`: begin with the rows that an earlier run has cleaned, where they are still there.
    """
    plan = tools.plan
    clean = plan.file(unit, stage_files.CLEANED)
    is_clean = cleaned and clean.exists()
    # The last to appear are the two that Make looks at.
    wanted = [plan.file(unit, name) for name in stage_files.OF_MAKE] + ([] if is_clean else [clean])
    stages = RowStages(tools, unit, is_clean, results=len(wanted))
    with contextlib.ExitStack() as files:
        sinks = [files.enter_context(whole(path)) for path in wanted]
        tables = read_tables(clean) if is_clean else ingest_unit(plan, unit)
        times = pass_over(stages, tables, engine.inside, engine.workers, sinks)
    leave_times(plan.file(unit, stage_files.TIMES), times)
    if not is_clean:
        write_outcomes(plan.file(unit, stage_files.VERDICTS), stages.outcomes)


@dataclass(frozen=True)
class UnitRows:
    """Writes the stage files of a raw file for `ko-instruct run`: work that any engine does, in whatever process."""

    tools: Tools
    #: Does the work of each batch of a file.
    inside: Each
    workers: int

    def __call__(self, unit: Unit) -> StepTimes:
        plan = self.tools.plan
        rows, fingerprints = (plan.file(unit, name) for name in stage_files.OF_RUN)
        # Only this run reads these files, so that they are not flushed to the disk.
        with replacing(rows) as rows_sink, replacing(fingerprints) as fingerprints_sink:
            stages = RowStages(self.tools, unit, clean=False, results=2)
            sinks = (rows_sink, fingerprints_sink)
            times = pass_over(stages, ingest_unit(plan, unit), self.inside, self.workers, sinks)
        write_outcomes(plan.file(unit, stage_files.VERDICTS), stages.outcomes)
        return times


@dataclass(frozen=True)
class RowStages:
    """The row-wise stages of a raw file, as one function of a table."""

    tools: Tools
    unit: Unit
    #: Whether the rows are clean already.
    clean: bool
    #: How many tables are given: the rows tokenized, their fingerprints, and the rows cleaned.
    results: int
    #: What became of the verdicts, of the rows that are done: one for all threads.
    outcomes: dict[Key, Outcome] = field(default_factory=dict, init=False, compare=False)

    def __call__(self, table: pa.Table) -> Batch:
        from pipeline.stages.dedupe import fingerprint

        clock = Clock()
        cleaned = through(self.stages[0], table, clock)
        rows = through(self.stages[1], cleaned, clock)
        with clock.stage("fingerprint"):
            tables = (rows, fingerprint(rows), cleaned)[: self.results]
        return Batch(tables, clock.stages, dict(self.outcomes))

    @property
    def names(self) -> Sequence[str]:
        return ROW_WISE[-1:] if self.clean else ROW_WISE

    @cached_property
    def stages(self) -> tuple[list[NamedStage], list[NamedStage]]:
        """The stages before tokenize, and those from there on. No pickle holds them: the user's own are in them."""
        plan, source = self.tools.plan, self.unit.source
        verdicts = plan.verdicts_on(self.unit)
        before = [] if self.clean else cleaning(plan, source, self.tools.benchmarks, verdicts, self.outcomes)
        return before, tokenizing(plan, source, self.tools.tokenizer)

    def __reduce__(self) -> tuple[Callable[..., RowStages], tuple[Any, ...]]:
        return RowStages, (self.tools, self.unit, self.clean, self.results)


class Batch(NamedTuple):
    """What the stages give of a table, the seconds that each of them took, and what became of the verdicts so far."""

    tables: tuple[pa.Table, ...]
    seconds: dict[str, float]
    outcomes: dict[Key, Outcome]


def _shared(tables: Iterable[pa.Table], workers: int) -> Iterator[pa.Table]:
    """The tables, the first of them in a piece for each worker: of a small file it is all that there is."""
    waiting = iter(tables)
    for table in waiting:
        rows = max(PIECE, -(-len(table) // workers))
        yield from (own(table.slice(start, rows)) for start in range(0, len(table), rows))
        if len(table) > PIECE:
            break
    yield from waiting


def pass_over(
    stages: RowStages, tables: Iterable[pa.Table], each: Each, workers: int, sinks: Sequence[IO[bytes]]
) -> StepTimes:
    """The row-wise stages of a raw file in one pass over its rows.

    `each`: does the work of each table, `workers` at a time. `sinks`: take its results, as Arrow IPC. Gives the times.
    Raises UnknownTokensError where too many tokens are [UNK].
    """
    from pipeline.stages.tokenize import check_unknown

    clock, plan, unit = Clock(), stages.tools.plan, stages.unit
    read = tables if stages.clean else clock.each("ingest", tables)
    with contextlib.ExitStack() as files:
        schemas = (INGESTED, FINGERPRINT, INGESTED)
        write = [files.enter_context(table_writer(*file)) for file in zip(sinks, schemas, strict=False)]

        def written() -> Iterator[pa.Table]:
            for done in each(stages, _shared(read, workers)):
                clock.add(done.seconds)
                stages.outcomes.update(done.outcomes)
                for put, table in zip(write, done.tables, strict=True):
                    put(table)
                yield done.tables[0]

        checked = check_unknown(written(), stages.tools.tokenizer, plan.config.tokenize)
        passed = watch(checked, "tokenize", unit.origin, stages=stages.names, place=plan.place_of(unit))
        rows = sum(map(len, passed))
    order = ["ingest", *(stage.name for part in stages.stages for stage in part)]
    return clock.times("rows", rows, workers, unit.origin, order)
