"""The commands for the Hugging Face Hub: fetch a dataset, publish one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.model_options import option_of, options_of
from pipeline.commands.shared import DATASET, Command, config_option
from pipeline.io.terminal_text import visible
from schemas.push import PushOptions

if TYPE_CHECKING:
    from schemas.benchmark import KnownBenchmark


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--revision", help="Branch, tag or commit; pinned to its commit. Without it: main, or what is known of a benchmark."
)
@click.option(
    "--benchmark",
    is_flag=True,
    help="An evaluation set to keep out of your data. NAME is also korean (all known sets) or a set such as KMMLU.",
)
@config_option
def fetch(name: str, revision: str | None, benchmark: bool, config_path: Path) -> None:
    """Download the dataset NAME (owner/name) from the Hugging Face Hub into raw/, and declare it in the config.

    \b
    Examples: ko-instruct fetch beomi/KoAlpaca-v1.1a
              ko-instruct fetch --benchmark korean
              ko-instruct fetch --benchmark KMMLU
    """
    from pipeline.hub import benchmarks_named, check_own, declare
    from pipeline.hub import fetch as download
    from pipeline.run.config import load_config

    if benchmark and (known := benchmarks_named(name)):
        fetch_known(known, revision, config_path)
        return
    config = load_config(config_path)
    if not benchmark:
        check_own(config.source, config_path, "source")
    raw = config_path.parent / "raw"
    fetched = download(name, raw, revision or "main")
    shown = visible(str(config_path))
    click.echo(visible(f"{len(fetched.files)} files in {raw / fetched.folder}, at {fetched.revision}"))
    if fetched.trap:
        click.echo(visible(f"note: {fetched.trap}"))
    if benchmark:
        click.echo(f"to keep its rows out of a dataset, add this line under [screen] in {shown}:")
        click.echo(visible(fetched.benchmark_toml()))
        return
    if declare(fetched, config, config_path):
        click.echo(f"declared in {shown}:")
    else:
        click.echo(f"{shown} declares {fetched.source_name!r} already and is not changed. Now it would be:")
    click.echo(visible(fetched.toml()))


def fetch_known(benchmarks: Sequence[KnownBenchmark], revision: str | None, config_path: Path) -> None:
    """Download evaluation sets and declare each in the config. Those that cannot be downloaded are named at the end."""
    from pipeline.hub import FetchError, check_room, declare_benchmarks, fetch_benchmark
    from pipeline.run.config import load_config

    if revision and len(benchmarks) > 1:
        raise click.UsageError("--revision is for one evaluation set: name it in place of korean")
    missing = []
    for benchmark in benchmarks:
        config = load_config(config_path)
        check_room(config, config_path)
        try:
            found = fetch_benchmark(benchmark, config_path.parent / "raw", revision)
        except FetchError as error:
            missing.append(benchmark.name)
            click.echo(visible(f"{benchmark.name}: {error}"), err=True)
            continue
        new = declare_benchmarks(found, config, config_path)
        for part in found:
            done = "declared" if part in new else "declared already, and not changed"
            files = "1 file" if len(part.files) == 1 else f"{len(part.files)} files"
            click.echo(visible(f"{part.name}: {files} at {part.revision}, {done} in {config_path}"))
    if "contaminated" not in load_config(config_path).screen.reject:
        click.echo('their questions are flagged in your data; [screen] reject = ["contaminated"] leaves the rows out')
    if missing:
        raise FetchError(f"not downloaded: {', '.join(missing)}. The lines above say why.")


@click.command(cls=Command)
@click.argument("folder", type=DATASET)
@click.argument("repo")
@option_of(PushOptions, "private", "--private/--public")
@options_of(PushOptions, "private")
def push(folder: Path, repo: str, options: PushOptions) -> None:
    """Publish the dataset in FOLDER as REPO (user/name) on the Hugging Face Hub, in one commit.

    The access token is that of `hf auth login`, or HF_TOKEN.

    \b
    Example: ko-instruct push processed/sample my-name/sample --dry-run
    """
    from pipeline.hub import push as publish

    result = publish(folder, repo, options)
    for warning in result.warnings:
        click.echo(visible(f"warning: {warning}"), err=True)
    if options.dry_run:
        click.echo(visible(result.card))
    for file in result.files:
        click.echo(visible(f"{file.change:<7} {file.bytes:>13,}  {file.path}"))
    unchanged = "unchanged: the repository holds these bytes"
    done = "would be sent" if options.dry_run else "sent" if result.committed else unchanged
    click.echo(f"{result.bytes_to_send:,} of {result.bytes:,} bytes {done}")
    click.echo(result.pr_url or result.url)
