"""The commands for several machines: shares of the work, and datasets in object stores."""

import re
from pathlib import Path

import click

from pipeline.commands.shared import (
    DATASET,
    Command,
    changed,
    config_option,
    layout_option,
    plan_to_run,
    quiet_option,
    set_option,
    tokenizer_option,
    workers_option,
)


@click.command(cls=Command)
@click.option("--shard", required=True, metavar="I/N", help="Which share of how many, from 1/N to N/N.")
@layout_option
@tokenizer_option
@quiet_option
@set_option
@config_option
@workers_option
def rows(
    shard: str, layout: str | None, names: tuple[str, ...], changes: tuple[str, ...], config_path: Path, workers: int
) -> None:
    """Make the stage files of a share of the raw files, in a folder that several machines see.

    When all shares are done, `ko-instruct run` or `make processed` goes on from them: it decides which rows are
    duplicates and writes the dataset. A share that was stopped goes on when the same command runs again.

    \b
    Example: ko-instruct rows --shard 1/8
    """
    from pipeline.run.shards import Shard, write_rows

    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if not found or int(found[1]) > int(found[2]):
        raise click.UsageError(f"--shard {shard}: write it as I/N, from 1/N to N/N, as in --shard 1/8")
    plan = changed(plan_to_run(config_path, layout, changes), layout, names)
    write_rows(plan, Shard(int(found[1]), int(found[2])), workers)


@click.command(cls=Command)
@click.argument("folder", type=DATASET)
@click.argument("url")
@quiet_option
def upload(folder: Path, url: str) -> None:
    """Copy a dataset to an object store, in place of what URL held: s3://, gs://, and what else fsspec opens.

    Files that are there already stay. A reader sees a whole dataset or one without a manifest: the manifest is removed
    first and written last. Credentials are those of the store's own tools. For the Hugging Face Hub use `push`.

    \b
    Example: ko-instruct upload processed/sample s3://my-bucket/sample
    """
    from pipeline.io.object_store import is_url
    from pipeline.io.object_store import upload as copy

    if not is_url(url) or url.startswith("hf://"):
        raise click.UsageError(f"{url}: name an address such as s3://bucket/folder; for the Hub: ko-instruct push")
    copy(folder, url.rstrip("/"))
