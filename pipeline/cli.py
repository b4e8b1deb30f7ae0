"""The command line: a thin layer of click over the functions. What a command does is said where its function is."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from pipeline.io.terminal_text import visible

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.run.plan import Plan
    from schemas.options import Config
    from schemas.self_instruct import Family

ROWS = click.Path(path_type=Path, allow_dash=True, dir_okay=False)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="pipeline.toml",
    show_default=True,
    help="The run's declaration: sources and options.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=CORES,
    show_default="all cores",
    help="Batches worked on side by side. The result does not depend on it.",
)
against_option = click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A dataset that exists already (processed/old, a file of rows): its rows stay, new ones that repeat them go.",
)


tokenizer_option = click.option(
    "--tokenizer", "names", multiple=True, help="Hub id, local path or 'embedded'; in order of preference."
)
layout_option = click.option(
    "--layout",
    type=click.Choice(["pair", "fields", "classification", "qa", "seq2seq", "causal"]),
    help="Layout, in place of the config's.",
)


class Fault(click.ClickException):
    """An error that teaches, shown without a traceback. Exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"ko-instruct: {visible(self.format_message())}", err=True)


class Command(click.Command):
    def invoke(self, ctx: click.Context) -> Any:
        do_without_pandas()
        return super().invoke(ctx)


def do_without_pandas() -> None:
    """Keep Arrow from importing pandas, which takes as long as all else that a command needs to start.

    With the first value that is converted, Arrow's Cython and its C++ each look once whether pandas is there, in case
    the value is a Series. None is here; Excel files alone need pandas, and can import it still.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        sys.modules["pandas"] = None  # type: ignore[assignment]
        for _ in range(2):
            with contextlib.suppress(ImportError, AttributeError):
                pa.array([0])
        del sys.modules["pandas"]


class Commands(click.Group):
    """Shows the errors that this project raises, and those of files, as messages. Others are bugs: with traceback."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(error, BrokenPipeError):
                raise  # the reader of a pipe has seen enough: click ends quietly
            if isinstance(error, OSError) or type(error).__module__.startswith(("pipeline.", "schemas.")):
                raise Fault(str(error)) from error
            raise


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ko-instruct", message="%(prog)s %(version)s")
def main() -> None:
    """Korean instruction datasets: raw files in, a clean, tokenised, deduplicated dataset out.

    \b
    make processed                   rebuild processed/ from raw/, redoing only what changed
    ko-instruct run                  the same in one process, without Make
    ko-instruct push FOLDER REPO     publish a dataset on the Hugging Face Hub

    The stages work on files of rows: FILE.arrow, FILE.jsonl, or - for JSON Lines on stdin and stdout.
    """


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=ROWS, default="-")
@config_option
def ingest(file: Path, out: Path, config_path: Path) -> None:
    """Read a raw FILE into rows. Unreadable records become rejected rows.

    \b
    Example: ko-instruct ingest raw/sample/office.csv | head -1
    """
    from pipeline.io.progress import watch
    from pipeline.run.plan import unit_of
    from pipeline.run.row_wise import read_unit
    from schemas.columns import INGESTED
    from schemas.options import IngestOptions

    plan = _plan(config_path)
    unit = unit_of(plan, file)
    tables = read_unit(unit, plan.config.ingest if plan else IngestOptions())
    _write(out, watch(tables, "ingest", unit.origin), INGESTED)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@config_option
def inspect(file: Path, config_path: Path) -> None:
    """Say how a raw FILE would be read and why, show five records, and print the toml lines that pin it.

    \b
    Example: ko-instruct inspect raw/sample/study.json
    """
    from pipeline.run.plan import unit_of
    from pipeline.stages.ingest import describe
    from pipeline.stages.ingest import inspect as look
    from schemas.options import IngestOptions

    plan = _plan(config_path)
    unit = unit_of(plan, file)
    click.echo(describe(look(file, unit.source, plan.config.ingest if plan else IngestOptions())))


@main.command()
@click.argument("name")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit; pinned to its commit.")
@click.option("--benchmark", is_flag=True, help="An evaluation set, to keep out of your data: no source of it.")
@config_option
def fetch(name: str, revision: str, benchmark: bool, config_path: Path) -> None:
    """Download the dataset NAME (owner/name) from the Hugging Face Hub into raw/, and declare it in the config.

    \b
    Examples: ko-instruct fetch beomi/KoAlpaca-v1.1a
              ko-instruct fetch HAERAE-HUB/KMMLU --benchmark
    """
    from pipeline.hub.fetch import fetch as download
    from pipeline.run.config import load_config

    declared = load_config(config_path).source
    fetched = download(name, config_path.parent / "raw", revision)
    click.echo(f"{len(fetched.files)} files in {config_path.parent / 'raw' / fetched.folder}, at {fetched.revision}")
    if fetched.trap:
        click.echo(f"to mind: {fetched.trap}")
    if benchmark:
        click.echo(f"to keep its rows out of a dataset, say so under [screen] in {config_path}:")
        click.echo(visible(fetched.benchmark_toml()))
        return
    if any(source.name == fetched.source_name for source in declared):
        click.echo(f"{config_path} declares {fetched.source_name!r} already, and stays as it is. Now it would be:")
    else:
        with config_path.open("a", encoding="utf-8") as file:
            file.write(f"\n{fetched.toml()}\n")
        click.echo(f"declared in {config_path}:")
    click.echo(visible(fetched.toml()))


@main.command()
@click.argument("rows", type=ROWS, default="-")
@click.argument("out", type=ROWS, default="-")
@config_option
@workers_option
def validate(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Reject the ROWS that are no valid instruction records.

    \b
    Example: ko-instruct ingest raw/sample/office.csv | ko-instruct validate > valid.jsonl
    """
    from pipeline.stages.validate import validate as stage

    options = _config(config_path).validate_
    _row_wise("validate", lambda table: stage(table, options), rows, out, workers)


@main.command()
@click.argument("rows", type=ROWS, default="-")
@click.argument("out", type=ROWS, default="-")
@config_option
@workers_option
def normalize(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Mend the Korean text of ROWS; each row lists the fixes that changed it.

    \b
    Example: ko-instruct normalize valid.jsonl normalized.jsonl
    """
    from pipeline.stages.normalize import normalize as stage

    options = _config(config_path).normalize
    _row_wise("normalize", lambda table: stage(table, options), rows, out, workers)


@main.command()
@click.argument("rows", type=ROWS, default="-")
@click.argument("out", type=ROWS, default="-")
@config_option
@workers_option
def screen(rows: Path, out: Path, config_path: Path, workers: int) -> None:
    """Look through ROWS for foreign language, defects and personal data; flag, mask or reject as the options say.

    \b
    Example: ko-instruct screen normalized.jsonl screened.jsonl
    """
    from pipeline.run.row_wise import load_benchmarks
    from pipeline.stages.screen import screen as stage

    options = _config(config_path).screen
    declared = _plan(config_path)
    benchmarks = load_benchmarks(declared) if declared else None
    _row_wise("screen", lambda table: stage(table, options, benchmarks), rows, out, workers)


@main.command()
@click.argument("rows", type=ROWS, default="-")
@click.argument("out", type=ROWS, default="-")
@layout_option
@tokenizer_option
@config_option
@workers_option
def tokenize(
    rows: Path, out: Path, layout: str | None, names: tuple[str, ...], config_path: Path, workers: int
) -> None:
    """Add the token ids of ROWS.

    \b
    Example: ko-instruct tokenize normalized.jsonl ids.arrow --tokenizer skt/kobert-base-v1
    """
    from pipeline.run.config import with_tokenize
    from pipeline.run.plan import plan_of_config
    from pipeline.run.tokenizer import find_tokenizer
    from pipeline.stages.tokenize import check_unknown
    from pipeline.stages.tokenize import tokenize as stage
    from pipeline.tokenizers.load import open_tokenizer, resolve

    options = with_tokenize(_config(config_path), layout, names).tokenize
    found = resolve(names) if names or not config_path.exists() else find_tokenizer(plan_of_config(config_path))
    tokenizer = open_tokenizer(found)
    _row_wise(
        "tokenize",
        lambda table: stage(table, tokenizer, options),
        rows,
        out,
        workers,
        lambda tables: check_unknown(tables, tokenizer, options),
    )


@main.command("rows", hidden=True)
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--cleaned", is_flag=True, help="Begin with the rows that an earlier run has cleaned.")
@layout_option
@tokenizer_option
@config_option
@workers_option
def rows_of(
    file: Path, cleaned: bool, layout: str | None, names: tuple[str, ...], config_path: Path, workers: int
) -> None:
    """Take a raw FILE of the config through the row-wise stages, into the stage files that Make keeps.

    \b
    Example: ko-instruct rows raw/sample/office.csv
    """
    from pipeline.run.plan import plan_of_config, unit_of
    from pipeline.run.row_wise import tokenize_unit

    plan = _changed(plan_of_config(config_path), layout, names)
    unit = unit_of(plan, file)
    if unit not in plan.units:
        raise click.UsageError(f"{file} is no raw file of {config_path}: name it there, or use `ko-instruct run`")
    tokenize_unit(plan, unit, cleaned, workers)


@main.command()
@config_option
@click.option("--rethreshold", type=click.FloatRange(0.3, 1), help="Try another threshold on the stored fingerprints.")
@click.option("--explain", is_flag=True, help="Show the S-curve, the counts and the most doubtful rejections.")
@against_option
@workers_option
def dedupe(
    config_path: Path, rethreshold: float | None, explain: bool, against: tuple[Path, ...], workers: int
) -> None:
    """Decide which rows of all sources are duplicates, from the stage files that `make processed` keeps.

    Lists the clusters with their texts in duplicates.jsonl, beside these files. With --rethreshold or --against nothing
    else is written: to keep them, set them in pipeline.toml, and Make redoes dedupe and export alone.

    \b
    Examples: ko-instruct dedupe --config pipeline.toml
              ko-instruct dedupe --rethreshold 0.7 --explain
              ko-instruct dedupe --against processed/old
    """
    import orjson

    from pipeline.io import stage_files
    from pipeline.io.arrow_files import write_tables
    from pipeline.io.atomic_files import whole
    from pipeline.io.lock import locked
    from pipeline.run.dedupe import dedupe_units
    from pipeline.run.plan import compared_with, plan_of_config
    from pipeline.stages.dedupe import report

    plan = plan_of_config(config_path)
    click.get_current_context().with_resource(locked(plan.stages, "ko-instruct dedupe"))
    tried = [str(rethreshold)] if rethreshold is not None else []
    if against:
        plan = compared_with(plan, against, config_path.parent)
        tried.append("against")
    options = plan.config.dedupe
    if rethreshold is not None:
        options = options.model_copy(update={"threshold": rethreshold})
    decided = dedupe_units(plan, stage_files.OF_MAKE, options, workers)
    rows, decisions = decided.rows, decided.decisions
    listed = plan.stages / stage_files.duplicates(*tried)
    with whole(listed) as sink:
        for cluster in report.clusters(rows, decisions):
            sink.write(orjson.dumps(cluster, option=orjson.OPT_APPEND_NEWLINE))
    if not tried:
        write_tables(plan.stages / stage_files.DECISIONS, [decided.new], decisions.schema)
    if explain:
        click.echo(report.explain(options))
        for pair in report.doubtful(rows, decisions):
            click.echo(visible(orjson.dumps(pair, option=orjson.OPT_INDENT_2).decode()))
    if explain or tried:
        click.echo(report.summary(decided.new))
        click.echo(f"clusters with their texts: {listed}")


@main.command()
@layout_option
@tokenizer_option
@config_option
@workers_option
def export(layout: str | None, names: tuple[str, ...], config_path: Path, workers: int) -> None:
    """Write processed/<dataset>/ from the stage files that `make processed` keeps, and report on the run.

    \b
    Example: ko-instruct export --config pipeline.toml
    """
    from pipeline.io import stage_files
    from pipeline.io.arrow_files import open_table
    from pipeline.io.lock import locked
    from pipeline.run.export import export_units
    from pipeline.run.plan import plan_of_config
    from pipeline.run.summary import report
    from pipeline.run.tokenizer import find_tokenizer

    plan = _changed(plan_of_config(config_path), layout, names)
    click.get_current_context().with_resource(locked(plan.stages, "ko-instruct export"))
    decisions = open_table(plan.stages / stage_files.DECISIONS)
    manifest = export_units(plan, stage_files.OF_MAKE, decisions, find_tokenizer(plan), workers)
    click.echo("\n" + report(manifest, plan.folder))


@main.command()
@click.argument("files", type=click.Path(path_type=Path, exists=True), nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write, with FILES.")
@layout_option
@tokenizer_option
@against_option
@config_option
@workers_option
def run(
    files: tuple[Path, ...],
    out: Path | None,
    layout: str | None,
    names: tuple[str, ...],
    against: tuple[Path, ...],
    config_path: Path,
    workers: int,
) -> None:
    """Build the dataset of a config in one process, or one from FILES without any config.

    \b
    Examples: ko-instruct run
              ko-instruct run a.json b.jsonl.gz --out processed/mine --tokenizer embedded
    """
    from pipeline.run.chain import run as chain
    from pipeline.run.plan import compared_with, plan_of_config, plan_of_files
    from pipeline.run.summary import report

    if files and out is None:
        raise click.UsageError("name the folder to write with --out, as in: --out processed/mine")
    if not files and out is not None:
        raise click.UsageError("--out goes with FILES; a config writes to processed/<its dataset's name>")
    plan = (
        plan_of_config(config_path)
        if out is None
        else plan_of_files(files, out, _config(config_path), config_path.parent)
    )
    plan = _changed(plan, layout, names)
    if against:
        plan = compared_with(plan, against, config_path.parent)
    manifest = chain(plan, workers)
    click.echo("\n" + report(manifest, plan.folder))


@main.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--row", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the row, from 0.")
@click.option("--split", default="train", show_default=True, help="Split of a dataset.")
@tokenizer_option
def show(path: Path, row: int, split: str, names: tuple[str, ...]) -> None:
    """Print a row of a dataset, or of a stage's .arrow file, as its tokens.

    What is trained (of a question's context: the answer) is bright, and all else dim; without colours it stands in
    [brackets]. Special tokens and line ends can be seen.

    \b
    Example: ko-instruct show processed/sample --row 3
    """
    from pipeline.dataset.show import show as shown

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(shown(path, row, split, names, colour), color=colour)


@main.command(hidden=True)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@layout_option
@tokenizer_option
@config_option
def plan(command: tuple[str, ...], layout: str | None, names: tuple[str, ...], config_path: Path) -> None:
    """Lock the dataset, write the stamps and plan.mk for Make, and become COMMAND PLAN=<path of plan.mk>.

    \b
    Example: ko-instruct plan --config pipeline.toml -- make dataset
    """
    from pipeline.io.folders import clean_up
    from pipeline.io.lock import pass_on, take
    from pipeline.run.plan import plan_of_config
    from pipeline.run.stamps import write_plan
    from pipeline.run.tokenizer import find_tokenizer

    loaded = _changed(plan_of_config(config_path), layout, names)
    held = take(loaded.stages, "make processed")
    clean_up(loaded.folder, loaded.stages)
    makefile = write_plan(loaded)
    find_tokenizer(loaded)
    pass_on(held, loaded.stages)
    os.execvp(command[0], [*command, f"PLAN={makefile}"])


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--tokenizer", "names", multiple=True, help="Where the tokenizer is, if not by the manifest's name.")
def verify(folder: Path, names: tuple[str, ...]) -> None:
    """Check the dataset in FOLDER, built here or downloaded: its files, columns, rows, clusters and token ids.

    Exit code 1 if anything is not as the manifest says.

    \b
    Example: ko-instruct verify processed/sample
    """
    from pipeline.dataset.verify import verify as checks

    faults = 0
    for check in checks(folder, names):
        click.echo(visible(f"{'FAULT' if check.faults else 'ok':<6} {check.name:<10} {check.found}".rstrip()))
        for text in check.faults:
            click.echo(visible(f"       - {text}"))
        for text in check.notes:
            click.echo(visible(f"       note: {text}"))
        faults += len(check.faults)
    if faults:
        raise Fault(f"{folder} has {faults} faults: build it again (make processed), or download it again")


@main.command(hidden=True)
@click.argument("stages", type=click.Path(path_type=Path))
def forget(stages: Path) -> None:
    """Remove the stage files of every dataset in STAGES, unless a run is at work there.

    \b
    Example: ko-instruct forget processed/.stages
    """
    from pipeline.io.folders import forget as remove

    remove(stages)


@main.command("self-instruct")
@click.option(
    "--seeds",
    type=click.Path(path_type=Path, allow_dash=True),
    default="raw/seeds",
    show_default=True,
    help="Seed tasks (a .jsonl or a folder of them); with --simple a text of sentences, one a line, or -.",
)
@click.option("--generator", "name", required=True, help="openai:MODEL, a folder with a model, or a Hub id.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="New tasks to make.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write, .jsonl.")
@click.option("--simple", "family", flag_value="simple", help="An instruction for each sentence, then the answer.")
@click.option("--evolve", "family", flag_value="evolve", help="Make old instructions harder or rarer (Evol-Instruct).")
@click.option("--seed", default=0, show_default=True, help="Of everything that is drawn at random.")
@click.option("--requests", default=8, show_default=True, help="Prompts for new instructions in a round.")
@click.option("--instances", default=3, show_default=True, help="Most instances of a task.")
@click.option("--similarity", default=0.7, show_default=True, help="ROUGE-L from which an instruction is not new.")
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Rounds without anything new after which to stop.",
)
@click.option("--temperature", default=0.7, show_default=True, help="For new instructions.")
@click.option("--top-p", default=0.95, show_default=True, help="For new instructions.")
@click.option("--max-tokens", default=1024, show_default=True, help="Longest answer of the model.")
@click.option(
    "--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Prompts at once, of a model here."
)
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=8, show_default=True, help="Requests at once, to an endpoint."
)
@click.option(
    "--retries", type=click.IntRange(min=0), default=6, show_default=True, help="Of a request to an endpoint."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=120, show_default=True, help="Of a request, in seconds."
)
@click.option(
    "--price", type=(float, float), default=(0, 0), metavar="IN OUT", help="Per million tokens read and written."
)
def self_instruct(
    seeds: Path,
    name: str,
    count: int,
    out: Path,
    family: Family | None,
    seed: int,
    requests: int,
    instances: int,
    similarity: float,
    patience: int,
    temperature: float,
    top_p: float,
    max_tokens: int,
    batch: int,
    concurrency: int,
    retries: int,
    timeout: float,
    price: tuple[float, float],
) -> None:
    """Let a model write new instructions and their instances from seed tasks, as raw data for the pipeline.

    Every request, answer and decision goes to a log beside OUT (.log). The same command again goes on where a killed
    run stopped; a larger --count goes on from its end. An endpoint is named by OPENAI_BASE_URL and OPENAI_API_KEY.

    \b
    Examples: ko-instruct self-instruct --generator openai:gpt-4.1-mini --count 1000 --out raw/generated/new.jsonl
              ko-instruct self-instruct --simple --seeds topics.txt --generator ./model --count 50 --out raw/short.jsonl
    """
    from pydantic import ValidationError

    from pipeline.self_instruct import command
    from pipeline.self_instruct.generators import open_generator
    from schemas.self_instruct import SelfInstructOptions

    if out.suffix != ".jsonl":
        raise click.UsageError(f"--out {out}: rows are written as JSON Lines, to a file that ends in .jsonl")
    try:
        options = SelfInstructOptions(
            family=family or "tasks",
            seed=seed,
            requests=requests,
            instances=instances,
            similarity=similarity,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise click.UsageError(f"--{str(fault['loc'][0]).replace('_', '-')}: {fault['msg']}") from None
    generator = open_generator(name, batch=batch, concurrency=concurrency, retries=retries, timeout=timeout)
    command.run(seeds, generator, options, count, patience, out, price)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("repo")
@click.option(
    "--public/--private", default=False, show_default=True, help="Visibility of a repository that is created."
)
@click.option("--revision", default="main", show_default=True, help="Branch that takes the commit.")
@click.option("--create-pr", is_flag=True, help="Propose the commit as a pull request.")
@click.option("--tag", help="Tag of the published commit.")
@click.option("--message", help="First line of the commit's message.")
@click.option("--also", multiple=True, type=click.Choice(["jsonl", "arrow"]), help="Formats beside Parquet.")
@click.option("--rejects", is_flag=True, help="Publish rejects.jsonl too.")
@click.option("--allow-embedded", is_flag=True, help="Publish ids of the embedded vocabulary, which fit no model.")
@click.option("--permitted", multiple=True, metavar="SOURCE", help="A source whose holder permits redistribution.")
@click.option("--dry-run", is_flag=True, help="Check, and list what would be sent; change nothing.")
def push(
    folder: Path,
    repo: str,
    public: bool,
    revision: str,
    create_pr: bool,
    tag: str | None,
    message: str | None,
    also: tuple[Literal["jsonl", "arrow"], ...],
    rejects: bool,
    allow_embedded: bool,
    permitted: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Publish the dataset in FOLDER as REPO (user/name) on the Hugging Face Hub, in one commit.

    The token is that of `hf auth login`, or HF_TOKEN.

    \b
    Example: ko-instruct push processed/sample my-name/sample --dry-run
    """
    from pipeline.hub.push import push as publish
    from schemas.push import PushOptions

    options = PushOptions(
        private=not public,
        revision=revision,
        create_pr=create_pr,
        tag=tag,
        message=message,
        also=also,
        rejects=rejects,
        allow_embedded=allow_embedded,
        permitted=permitted,
        dry_run=dry_run,
    )
    result = publish(folder, repo, options)
    for warning in result.warnings:
        click.echo(visible(f"warning: {warning}"), err=True)
    if dry_run:
        click.echo(visible(result.card))
    for file in result.files:
        click.echo(visible(f"{file.change:<7} {file.bytes:>13,}  {file.path}"))
    done = "would be sent" if dry_run else "sent" if result.committed else "unchanged: the repository holds these bytes"
    click.echo(f"{result.bytes_to_send:,} of {result.bytes:,} bytes {done}")
    click.echo(result.pr_url or result.url)


def _config(path: Path) -> Config:
    """The config at this path; where there is none, the defaults of every stage."""
    from pipeline.run.config import load_config
    from schemas.options import Config

    return load_config(path) if path.exists() else Config.model_construct()


def _plan(path: Path) -> Plan | None:
    from pipeline.run.plan import plan_of_config

    return plan_of_config(path) if path.exists() else None


def _changed(plan: Plan, layout: str | None, names: tuple[str, ...]) -> Plan:
    """The plan with the layout and the tokenizers of the command line."""
    from pipeline.run.config import with_tokenize

    return replace(plan, config=with_tokenize(plan.config, layout, names))


def _row_wise(
    stage: str,
    function: Callable[[pa.Table], pa.Table],
    rows: Path,
    out: Path,
    workers: int,
    gate: Callable[[Iterable[pa.Table]], Iterator[pa.Table]] = iter,
) -> None:
    """Rows from a file through a row-wise stage to a file. `gate` sees the results and may stop the run."""
    from pipeline.io.progress import watch
    from pipeline.io.row_files import count_rows, read_rows
    from pipeline.io.workers import ordered
    from schemas.columns import INGESTED

    what = out.parent.name if out.suffix == ".arrow" else str(out)
    tables = gate(ordered(function, read_rows(rows), workers))
    _write(out, watch(tables, stage, what, count_rows(rows)), INGESTED)


def _write(out: Path, tables: Iterable[pa.Table], empty: pa.Schema) -> None:
    from pipeline.io.row_files import write_rows

    write_rows(out, tables, empty)
