"""The decisions on duplicates, from the stage files that Make keeps; with other options as a trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa
from pydantic import ValidationError

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table, write_tables
from pipeline.io.atomic_files import whole
from pipeline.io.clock import Clock
from pipeline.io.terminal_text import visible
from pipeline.run.config import ConfigError
from pipeline.run.dedupe import Decided, dedupe_changed, dedupe_units
from pipeline.run.kept_decisions import is_decided, read_before, write_before
from pipeline.run.known_pairs import read_known, write_known
from pipeline.run.plan import Plan, compared_with
from pipeline.run.stamps import Made, kept_made_of
from pipeline.run.times import leave_times
from pipeline.stages.dedupe import report
from schemas.errors import problems
from schemas.options import DedupeOptions


class Trial(NamedTuple):
    """A plan with the options to decide by. `tried`: what differs from the config."""

    plan: Plan
    tried: tuple[str, ...]


def trial_of(plan: Plan, threshold: float | None, against: Sequence[Path], root: Path) -> Trial:
    """The plan with another threshold, and compared with more datasets. `root`: the folder of the config."""
    tried: tuple[str, ...] = ()
    if threshold is not None:
        plan, tried = _with_threshold(plan, threshold), (str(threshold),)
    if against:
        plan, tried = compared_with(plan, against, root), (*tried, "against")
    return Trial(plan, tried)


def _with_threshold(plan: Plan, threshold: float) -> Plan:
    try:
        options = DedupeOptions.model_validate(plan.config.dedupe.model_dump() | {"threshold": threshold})
    except ValidationError as error:
        raise ConfigError("; ".join(problems(error, DedupeOptions))) from None
    return replace(plan, config=plan.config.model_copy(update={"dedupe": options}))


@dataclass(frozen=True)
class Duplicates:
    """What was decided, by which options, and the file that lists the clusters with their texts."""

    decided: Decided
    options: DedupeOptions
    listed: Path

    def explain(self) -> str:
        """The S-curve, the kinds of differences with examples, and the most doubtful rejections as JSON."""
        doubtful = report.doubtful(self.decided.rows, self.decided.decisions)
        pairs = [visible(orjson.dumps(pair, option=orjson.OPT_INDENT_2).decode()) for pair in doubtful]
        return "\n".join([report.explain(self.options), visible(report.kinds(self.decided.new)), *pairs])

    def summary(self) -> str:
        """How many rows are dropped for which reason, and where the clusters are listed."""
        return visible(f"{report.summary(self.decided.new)}\nclusters with their texts: {self.listed}")


def find_duplicates(trial: Trial, workers: int, anew: bool = False) -> Duplicates:
    """Decide, and list the clusters. The decisions are written for `export` unless this is a trial.

    Where rows came or went since the last decisions, it is decided on what has to do with them alone; `anew`: on all.
    """
    plan, clock = trial.plan, Clock()
    made = kept_made_of()
    listed = plan.stages / stage_files.duplicates(*trial.tried)
    known = None
    found = None if anew or trial.tried else _found_again(plan, made["dedupe"], workers)
    if found is None:
        known = read_known(plan.stages, made["fingerprint"])
        decided = dedupe_units(plan, stage_files.OF_MAKE, plan.config.dedupe, workers, known)
        found = Found(decided, report.lines(report.clusters(decided.rows, decided.decisions)))
    with whole(listed) as sink:
        sink.writelines(found.clusters)
    if not trial.tried:
        if known:
            write_known(plan.stages, made["fingerprint"], known)
        new = found.decided.new
        write_tables(plan.stages / stage_files.DECISIONS, [new], new.schema)
        write_before(plan, made["dedupe"])
        leave_times(plan.stages / stage_files.DECISION_TIMES, clock.times("dedupe", len(new), workers))
    return Duplicates(found.decided, plan.config.dedupe, listed)


def decide_for_export(plan: Plan, workers: int) -> pa.Table:
    """The decisions on the rows of a plan: the last ones where they are on these rows."""
    if not is_decided(plan, kept_made_of()["dedupe"]):
        find_duplicates(Trial(plan, ()), workers)
    return open_table(plan.stages / stage_files.DECISIONS)


class Found(NamedTuple):
    """What was decided, and the lines of the clusters."""

    decided: Decided
    clusters: Iterable[bytes]


def _found_again(plan: Plan, made: Made, workers: int) -> Found | None:
    """What is decided where most rows are decided already; None where it is to be decided on all."""
    before = read_before(plan, made)
    if before is None:
        return None
    found = dedupe_changed(plan, stage_files.OF_MAKE, before.decisions, before.place, plan.config.dedupe, workers)
    if found is None:
        return None
    decided, again = found
    lines = before.listed.read_bytes().splitlines(keepends=True)
    return Found(decided, report.lines_again(lines, decided.rows, decided.decisions, again.rows))
