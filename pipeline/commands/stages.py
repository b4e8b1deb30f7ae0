"""The row-wise stages one by one, each from a file of rows to a file of rows, or as a pipe."""

from pathlib import Path

import click

from pipeline.commands.shared import (
    RAW,
    Command,
    config_of,
    config_option,
    layout_option,
    out_argument,
    plan_of,
    row_wise,
    rows_argument,
    tokenizer_option,
    workers_option,
)


@click.command(cls=Command)
@click.argument("file", type=RAW)
@out_argument
@config_option
def ingest(file: Path, out: Path, config_path: Path) -> None:
    """Read a raw FILE into rows. Records that cannot be read become rejected rows.

    \b
    Example: ko-instruct ingest raw/sample/office.csv | head -1
    """
    from pipeline.io.progress import watch
    from pipeline.io.row_files import write_rows
    from pipeline.run.plan import unit_of
    from pipeline.run.read_units import read_unit
    from schemas.columns import INGESTED
    from schemas.options import IngestOptions

    plan = plan_of(config_path)
    unit = unit_of(plan, file)
    tables = read_unit(unit, plan.config.of(unit.source).ingest if plan else IngestOptions())
    write_rows(out, watch(tables, "ingest", unit.origin), INGESTED)


@click.command(cls=Command)
@rows_argument
@out_argument
@config_option
@workers_option
def validate(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Reject the ROWS that are not valid instruction records.

    \b
    Example: ko-instruct ingest raw/sample/office.csv | ko-instruct validate > valid.jsonl
    """
    from pipeline.stages.validate import validate as stage

    options = config_of(config_path).validate_
    row_wise("validate", lambda table: stage(table, options), rows, out, workers)


@click.command(cls=Command)
@rows_argument
@out_argument
@config_option
@workers_option
def normalize(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Repair the Korean text of ROWS. Each row lists the fixes that changed it.

    \b
    Example: ko-instruct normalize valid.jsonl normalized.jsonl
    """
    from pipeline.run.each_source import each_source
    from pipeline.stages.normalize import normalize as stage

    work = each_source(config_of(config_path), lambda table, config: stage(table, config.normalize))
    row_wise("normalize", work, rows, out, workers)


@click.command(cls=Command)
@rows_argument
@out_argument
@config_option
@workers_option
def screen(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Find foreign language, defects and personal data in ROWS; flag, mask or reject as the options say.

    \b
    Example: ko-instruct screen normalized.jsonl screened.jsonl
    """
    from pipeline.run.each_source import each_source
    from pipeline.run.read_units import load_benchmarks
    from pipeline.stages.screen import screen as stage

    plan = plan_of(config_path)
    benchmarks = load_benchmarks(plan) if plan else None
    work = each_source(config_of(config_path), lambda table, config: stage(table, config.screen, benchmarks))
    row_wise("screen", work, rows, out, workers)


@click.command(cls=Command)
@rows_argument
@out_argument
@layout_option
@tokenizer_option
@config_option
@workers_option
def tokenize(
    rows: Path, out: Path, layout: str | None, names: tuple[str, ...], config_path: Path, workers: int
) -> None:
    """Add the token ids of ROWS.

    \b
    Example: ko-instruct tokenize normalized.jsonl ids.arrow --tokenizer embedded
    """
    from pipeline.run.config import with_tokenize
    from pipeline.run.plan import plan_of_config
    from pipeline.run.tokenizer import find_tokenizer
    from pipeline.stages.tokenize import check_unknown
    from pipeline.stages.tokenize import tokenize as stage
    from pipeline.tokenizers.load import open_tokenizer, resolve

    options = with_tokenize(config_of(config_path), layout, names).tokenize
    found = resolve(names) if names or not config_path.exists() else find_tokenizer(plan_of_config(config_path))
    tokenizer = open_tokenizer(found)
    row_wise(
        "tokenize",
        lambda table: stage(table, tokenizer, options),
        rows,
        out,
        workers,
        lambda tables: check_unknown(tables, tokenizer, options),
    )
