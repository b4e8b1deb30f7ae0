"""The commands of the Makefile, which people do not need: plan a run, take one raw file, write the dataset, remove the
stage files."""

import os
from pathlib import Path

import click

from pipeline.commands.shared import (
    RAW,
    Command,
    changed,
    config_option,
    layout_option,
    plan_to_run,
    set_option,
    show_summary,
    tokenizer_option,
    workers_option,
)


@click.command("make-plan", cls=Command, hidden=True)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@layout_option
@tokenizer_option
@set_option
@config_option
def make_plan(
    command: tuple[str, ...], layout: str | None, names: tuple[str, ...], changes: tuple[str, ...], config_path: Path
) -> None:
    """Lock the dataset, write the stamps and plan.mk for Make, and become COMMAND PLAN=<path of plan.mk>.

    \b
    Example: ko-instruct make-plan --config pipeline.toml -- make dataset
    """
    from pipeline.io.folders import clean_up
    from pipeline.io.lock import pass_on, take
    from pipeline.io.progress import note
    from pipeline.run.plan import require_raw_files
    from pipeline.run.shards import take_for_make
    from pipeline.run.stamps import write_plan
    from pipeline.run.tokenizer import find_tokenizer
    from schemas.options import RunOptions

    plan = changed(plan_to_run(config_path, layout, changes), layout, names)
    require_raw_files(plan)
    if plan.config.run != RunOptions():
        note(
            f"{'make':<11} [run] is for `ko-instruct run`. Make works on this machine, in one part: the bytes are equal"
        )
    lock = take(plan.stages, "make processed")
    clean_up(plan.folder, plan.stages)
    makefile = write_plan(plan)
    find_tokenizer(plan)
    take_for_make(plan)
    pass_on(lock, plan.stages)
    os.execvp(command[0], [*command, f"PLAN={makefile}"])


@click.command("make-rows", cls=Command, hidden=True)
@click.argument("file", type=RAW)
@click.option("--cleaned", is_flag=True, help="Begin with the rows that an earlier run has cleaned.")
@layout_option
@tokenizer_option
@set_option
@config_option
@workers_option
def make_rows(
    file: Path,
    cleaned: bool,
    layout: str | None,
    names: tuple[str, ...],
    changes: tuple[str, ...],
    config_path: Path,
    workers: int,
) -> None:
    """Take a raw FILE of the config through the row-wise stages, into the stage files that Make keeps.

    \b
    Example: ko-instruct make-rows raw/sample/office.csv
    """
    from pipeline.run.plan import plan_of_config, unit_of
    from pipeline.run.row_wise import engine_of, tokenize_unit, tools_of
    from pipeline.run.tokenizer import find_tokenizer

    plan = changed(plan_of_config(config_path, layout, changes), layout, names)
    unit = unit_of(plan, file)
    if unit not in plan.units:
        raise click.UsageError(f"{file} is not a raw file of {config_path}: add it to a source, or use ko-instruct run")
    tools = tools_of(plan, find_tokenizer(plan))
    with engine_of(tools, [unit], workers) as engine:
        tokenize_unit(tools, unit, cleaned, engine)


@click.command("make-dataset", cls=Command, hidden=True)
@layout_option
@tokenizer_option
@set_option
@config_option
@workers_option
def make_dataset(
    layout: str | None, names: tuple[str, ...], changes: tuple[str, ...], config_path: Path, workers: int
) -> None:
    """Make the stage files of small raw files, decide on the duplicates of all, write the dataset, report on the run.

    \b
    Example: ko-instruct make-dataset --config pipeline.toml
    """
    from pipeline.io.lock import locked
    from pipeline.io.stage_files import OF_MAKE
    from pipeline.run.duplicates import decide_for_export
    from pipeline.run.export import export_units
    from pipeline.run.plan import plan_of_config
    from pipeline.run.small_files import tokenize_small_units
    from pipeline.run.stamps import kept_made_of
    from pipeline.run.times import times_left
    from pipeline.run.tokenizer import find_tokenizer

    plan = changed(plan_of_config(config_path, layout, changes), layout, names)
    click.get_current_context().with_resource(locked(plan.stages, "make processed"))
    found = find_tokenizer(plan)
    tokenize_small_units(plan, found, workers)
    decisions = decide_for_export(plan, workers)
    made = kept_made_of()["export"]
    manifest = export_units(plan, OF_MAKE, decisions, found, workers, times_left(plan), made)
    show_summary(manifest, plan.folder, as_json=False)


@click.command("make-forget", cls=Command, hidden=True)
@click.argument("stages", type=click.Path(path_type=Path))
def make_forget(stages: Path) -> None:
    """Remove the stage files of every dataset in STAGES, unless a run is at work there.

    \b
    Example: ko-instruct make-forget processed/.stages
    """
    from pipeline.io.folders import forget

    forget(stages)
