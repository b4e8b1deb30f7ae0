"""The row-wise stages between ingest and the fingerprints, each as a function of a table, with the user's own steps.

A stage is imported when it is first needed: a step under Make is a process of its own, and needs few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from pipeline.io.clock import Clock
from pipeline.io.workers import Stage
from pipeline.table.verdicts import Verdicts, apply_verdicts

if TYPE_CHECKING:
    from pipeline.run.plan import Plan
    from pipeline.stages.screen import Benchmarks
    from pipeline.tokenizers.protocol import Tokenizer
    from schemas.options import Source
    from schemas.verdict import Key, Outcome

#: The stages of one pass over the rows.
ROW_WISE = ("ingest", "validate", "normalize", "screen", "tokenize")


class NamedStage(NamedTuple):
    """A stage, or a step of the user, or the condition of a source, by its name."""

    name: str
    work: Stage


def cleaning(
    plan: Plan,
    source: Source,
    benchmarks: Benchmarks | None,
    verdicts: Verdicts | None = None,
    outcomes: dict[Key, Outcome] | None = None,
) -> list[NamedStage]:
    """The row-wise stages between ingest and tokenize for the rows of a source, in order, and behind them the verdicts
    on these rows. `outcomes`: takes what becomes of the verdicts."""
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen
    from pipeline.stages.validate import validate

    own, after = plan.config.of(source), following(plan, source, ROW_WISE[:-1])
    stages = [
        *after["ingest"],
        NamedStage("validate", lambda table: validate(table, own.validate_)),
        *after["validate"],
        NamedStage("normalize", lambda table: normalize(table, own.normalize)),
        *after["normalize"],
        NamedStage("screen", lambda table: screen(table, own.screen, benchmarks)),
        *after["screen"],
    ]
    if not verdicts:
        return stages

    def clean(table: pa.Table) -> pa.Table:
        for stage in stages:
            table = stage.work(table)
        return table

    return [*stages, NamedStage("verdicts", lambda table: apply_verdicts(table, verdicts, clean, outcomes))]


def tokenizing(plan: Plan, source: Source, tokenizer: Tokenizer) -> list[NamedStage]:
    """The stage tokenize for the rows of a source, and what follows it."""
    from pipeline.stages.tokenize import tokenize

    options = plan.config.tokenize
    stage = NamedStage("tokenize", lambda table: tokenize(table, tokenizer, options))
    return [stage, *following(plan, source, ROW_WISE[-1:])["tokenize"]]


def following(plan: Plan, source: Source, stages: Sequence[str]) -> dict[str, list[NamedStage]]:
    """What follows each of these stages: the user's own steps, then the condition of the source, if it is decided
    there. Runs the files of these steps."""
    from pipeline.run.steps import load_step
    from pipeline.table.keep import keep, stage_of
    from schemas.parse_condition import parse

    found: dict[str, list[NamedStage]] = {stage: [] for stage in stages}
    for own in (own for own in plan.steps if own.step.after in stages):
        found[own.step.after].append(NamedStage(own.name, load_step(own)))
    decided = stage_of(parse(source.keep)) if source.keep else ""
    if decided in stages:
        found[decided].append(NamedStage("keep", lambda table: keep(table, source.keep)))
    return found


def through(stages: Iterable[NamedStage], table: pa.Table, clock: Clock) -> pa.Table:
    """The table after these stages."""
    for stage in stages:
        with clock.stage(stage.name):
            table = stage.work(table)
    return table
