"""The commands for the Hugging Face Hub: fetch a dataset, publish one."""

from pathlib import Path

import click

from pipeline.commands.model_options import option_of, options_of
from pipeline.commands.shared import DATASET, Command, config_option
from pipeline.io.terminal_text import visible
from schemas.push import PushOptions


@click.command(cls=Command)
@click.argument("name")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit; pinned to its commit.")
@click.option("--benchmark", is_flag=True, help="An evaluation set to keep out of your data: it becomes no source.")
@config_option
def fetch(name: str, revision: str, benchmark: bool, config_path: Path) -> None:
    """Download the dataset NAME (owner/name) from the Hugging Face Hub into raw/, and declare it in the config.

    \b
    Examples: ko-instruct fetch beomi/KoAlpaca-v1.1a
              ko-instruct fetch HAERAE-HUB/KMMLU --benchmark
    """
    from pipeline.hub import declare
    from pipeline.hub import fetch as download
    from pipeline.run.config import load_config

    config = load_config(config_path)
    raw = config_path.parent / "raw"
    fetched = download(name, raw, revision)
    click.echo(f"{len(fetched.files)} files in {raw / fetched.folder}, at {fetched.revision}")
    if fetched.trap:
        click.echo(f"note: {fetched.trap}")
    if benchmark:
        click.echo(f"to keep its rows out of a dataset, add this line under [screen] in {config_path}:")
        click.echo(visible(fetched.benchmark_toml()))
        return
    if declare(fetched, config, config_path):
        click.echo(f"declared in {config_path}:")
    else:
        click.echo(f"{config_path} declares {fetched.source_name!r} already and is not changed. Now it would be:")
    click.echo(visible(fetched.toml()))


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
