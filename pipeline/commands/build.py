"""The commands that build a dataset: the whole chain, and the two stages that look at all rows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from pipeline.commands.shared import (
    RAW,
    Command,
    Failure,
    against_option,
    changed,
    config_of,
    config_option,
    json_option,
    layout_option,
    plan_to_run,
    quiet_option,
    set_option,
    show_summary,
    tokenizer_option,
    workers_option,
)
from pipeline.io.terminal_text import visible_json
from schemas.engines import EngineName
from schemas.formats import Format
from schemas.text_forms import TextForm

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


@click.command(cls=Command)
@click.argument("files", type=RAW, nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write, with FILES.")
@layout_option
@tokenizer_option
@against_option
@quiet_option
@json_option
@click.option("--engine", type=click.Choice(get_args(EngineName)), help="Where to work, in place of [run] engine.")
@click.option("--address", help="Of a Ray cluster, such as auto. Without it Ray runs on this machine alone.")
@set_option
@config_option
@workers_option
def run(
    files: tuple[Path, ...],
    out: Path | None,
    layout: str | None,
    names: tuple[str, ...],
    against: tuple[Path, ...],
    as_json: bool,
    engine: EngineName | None,
    address: str | None,
    changes: tuple[str, ...],
    config_path: Path,
    workers: int,
) -> None:
    """Build the dataset of a config in one process, or a dataset of FILES without any config.

    \b
    Examples: ko-instruct run
              ko-instruct run a.json b.jsonl.gz --out processed/mine --tokenizer embedded
    """
    check_usage(files, out)
    from pipeline.io.progress import note
    from pipeline.run.chain import run as chain
    from pipeline.run.engines.choose import engine_of
    from pipeline.run.plan import compared_with, plan_of_files

    plan = (
        plan_to_run(config_path, layout, changes)
        if out is None
        else plan_of_files(files, out, config_of(config_path, changes), config_path.parent)
    )
    plan = changed(plan, layout, names)
    if files and config_path.exists():
        note(f"the options of the stages are those of {config_path}")
    if against:
        plan = compared_with(plan, against, config_path.parent)
    engine = engine or plan.config.run.engine
    if address and engine != "ray":
        raise click.UsageError(f"--address is of a Ray cluster, and the engine is {engine}: add --engine ray")
    with engine_of(engine, address, workers) as running:
        manifest = chain(plan, workers, running)
    show_summary(manifest, plan.folder, as_json)


def check_usage(files: tuple[Path, ...], out: Path | None) -> None:
    """FILES and --out go together; a config is named with --config."""
    for file in files:
        if file.suffix == ".toml":
            raise click.UsageError(f"{file} is a config. Name it with --config: ko-instruct run --config {file}")
    if files and out is None:
        raise click.UsageError("name the folder to write with --out, as in: --out processed/mine")
    if not files and out is not None:
        raise click.UsageError("--out needs FILES. A config writes to processed/<name of its dataset>.")


@click.command(cls=Command)
@config_option
@click.option("--rethreshold", type=float, help="Try another threshold on the stored fingerprints.")
@click.option("--explain", is_flag=True, help="Show the S-curve, the counts and the most doubtful rejections.")
@against_option
@layout_option
@set_option
@workers_option
def dedupe(
    config_path: Path,
    rethreshold: float | None,
    explain: bool,
    against: tuple[Path, ...],
    layout: str | None,
    changes: tuple[str, ...],
    workers: int,
) -> None:
    """Decide which rows of all sources are duplicates, from the stage files that `make processed` keeps.

    Lists the clusters with their texts in duplicates.jsonl, beside these files. With --rethreshold or --against nothing
    else is written. To keep them, set them in pipeline.toml: Make then redoes dedupe and export alone.

    \b
    Examples: ko-instruct dedupe --config pipeline.toml
              ko-instruct dedupe --rethreshold 0.7 --explain
              ko-instruct dedupe --against processed/old
    """
    from pipeline.io import stage_files
    from pipeline.io.lock import locked
    from pipeline.run.duplicates import find_duplicates, trial_of
    from pipeline.run.plan import plan_of_config

    plan = plan_of_config(config_path, layout, changes)
    click.get_current_context().with_resource(locked(plan.stages, "ko-instruct dedupe"))
    tokenized = (plan.file(unit, stage_files.OF_MAKE.tokenized) for unit in plan.units)
    require(tokenized, "dedupe", plan, config_path)
    trial = trial_of(plan, rethreshold, against, config_path.parent)
    found = find_duplicates(trial, workers, anew=explain)
    if explain:
        click.echo(found.explain())
    if explain or trial.tried:
        click.echo(found.summary())


@click.command(cls=Command)
@layout_option
@tokenizer_option
@click.option("--formats", default="", help="Formats to write beside those of the config, with commas: messages,alpaca")
@quiet_option
@json_option
@set_option
@config_option
@workers_option
def export(
    layout: str | None,
    names: tuple[str, ...],
    formats: str,
    as_json: bool,
    changes: tuple[str, ...],
    config_path: Path,
    workers: int,
) -> None:
    """Write processed/<dataset>/ from the stage files that `make processed` keeps, and report on the run.

    \b
    Examples: ko-instruct export --config pipeline.toml
              ko-instruct export --formats messages,alpaca
    """
    from pipeline.io import stage_files
    from pipeline.io.arrow_files import open_table
    from pipeline.io.lock import locked
    from pipeline.run.export import export_units
    from pipeline.run.kept_decisions import is_decided
    from pipeline.run.plan import plan_of_config
    from pipeline.run.stamps import kept_made_of
    from pipeline.run.times import times_left
    from pipeline.run.tokenizer import find_tokenizer

    plan = with_formats(changed(plan_of_config(config_path, layout, changes), layout, names), formats)
    click.get_current_context().with_resource(locked(plan.stages, "ko-instruct export"))
    require([plan.stages / stage_files.DECISIONS], "export", plan, config_path)
    made = kept_made_of()
    if not is_decided(plan, made["dedupe"]):
        raise Failure(
            f"the decisions on duplicates in {plan.stages} are on other rows, or by other options or code, than those "
            f"of now. First run ko-instruct dedupe with the same options, or: {make_command(plan, config_path)}"
        )
    decisions, found = open_table(plan.stages / stage_files.DECISIONS), find_tokenizer(plan)
    times = times_left(plan)
    manifest = export_units(plan, stage_files.OF_MAKE, decisions, found, workers, times, made["export"])
    show_summary(manifest, plan.folder, as_json)


def with_formats(plan: Plan, formats: str) -> Plan:
    """The plan with more formats to write. Raises UsageError for a name that is none."""
    from pydantic import ValidationError

    from schemas.options import ExportOptions

    wanted = [name for name in re.split(r"[,\s]+", formats) if name]
    export = plan.config.export
    values = export.model_dump() | {"formats": [*dict.fromkeys([*export.formats, *wanted])]}
    try:
        options = ExportOptions.model_validate(values)
    except ValidationError:
        known = [*get_args(Format), *get_args(TextForm)]
        wrong = ", ".join(name for name in wanted if name not in known)
        raise click.UsageError(f"--formats: no format has the name {wrong}; allowed: {', '.join(known)}") from None
    return replace(plan, config=plan.config.model_copy(update={"export": options}))


def require(files: Iterable[Path], stage: str, plan: Plan, config_path: Path) -> None:
    """Stage files that Make keeps must be there. Raises Failure."""
    if all(file.exists() for file in files):
        return
    raise Failure(
        f"{stage} goes on from the stage files that `make processed` keeps of {plan.folder}, and they are not all "
        "there (`ko-instruct run` keeps none: it has written the whole dataset). "
        f"First run: {make_command(plan, config_path)}"
    )


def make_command(plan: Plan, config_path: Path) -> str:
    """The command that brings the stage files of a plan up to date."""
    config = "" if config_path == Path("pipeline.toml") else f" CONFIG={shlex.quote(str(config_path))}"
    layout = plan.folder.name.removeprefix(plan.config.dataset.name).removeprefix("-")
    return f"make processed{config}{f' LAYOUT={layout}' if layout else ''}"


@click.command(cls=Command)
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False), required=False)
@layout_option
@tokenizer_option
@json_option
@set_option
@config_option
def plan(
    config: Path | None,
    layout: str | None,
    names: tuple[str, ...],
    as_json: bool,
    changes: tuple[str, ...],
    config_path: Path,
) -> None:
    """Show what `make processed` would do and why, without doing it.

    CONFIG is the same as --config CONFIG.

    \b
    Examples: ko-instruct plan --config pipeline.toml
              ko-instruct plan --set tokenize.max_length=1024
    """
    import json

    from pipeline.run.changes import changes_of
    from pipeline.run.plan import plan_of_config

    planned = changed(plan_of_config(config or config_path, layout, changes), layout, names)
    found = changes_of(planned)
    if as_json:
        click.echo(visible_json(json.dumps(found.as_json(planned), ensure_ascii=False, indent=1)))
    else:
        click.echo(found.report(planned))
