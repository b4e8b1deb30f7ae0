"""The decisions on duplicates, from the stage files that Make keeps; with other options as a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from pipeline.io import stage_files
from pipeline.io.arrow_files import write_tables
from pipeline.io.atomic_files import whole
from pipeline.io.clock import Clock
from pipeline.io.terminal_text import visible
from pipeline.run.config import ConfigError
from pipeline.run.dedupe import Decided, dedupe_units
from pipeline.run.known_pairs import read_known, write_known
from pipeline.run.plan import Plan, compared_with
from pipeline.run.stamps import kept_made_of
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
        return f"{report.summary(self.decided.new)}\nclusters with their texts: {self.listed}"


def find_duplicates(trial: Trial, workers: int) -> Duplicates:
    """Decide, and list the clusters. The decisions are written for `export` unless this is a trial."""
    plan, clock = trial.plan, Clock()
    made = kept_made_of()["fingerprint"]
    known = read_known(plan.stages, made)
    decided = dedupe_units(plan, stage_files.OF_MAKE, plan.config.dedupe, workers, known)
    listed = plan.stages / stage_files.duplicates(*trial.tried)
    with whole(listed) as sink:
        for cluster in report.clusters(decided.rows, decided.decisions):
            sink.write(orjson.dumps(cluster, option=orjson.OPT_APPEND_NEWLINE))
    if not trial.tried:
        write_known(plan.stages, made, known)
        write_tables(plan.stages / stage_files.DECISIONS, [decided.new], decided.decisions.schema)
        times = clock.times("dedupe", len(decided.new), workers)
        leave_times(plan.stages / stage_files.DECISION_TIMES, times)
    return Duplicates(decided, plan.config.dedupe, listed)
