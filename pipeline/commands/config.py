"""The commands about pipeline.toml: begin one, check one, and its JSON schema."""

import shlex
from pathlib import Path

import click

from pipeline.commands.shared import Failure, config_option, set_option
from pipeline.io.terminal_text import visible


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default="pipeline.toml")
@click.option("--name", default="mine", show_default=True, help="Name of the dataset: processed/NAME.")
def init(path: Path, name: str) -> None:
    """Write a config for the files in raw/ beside PATH, with a comment for each option that people change first.

    \b
    Example: ko-instruct init mine.toml --name mine
    """
    from pipeline.run.new_config import TO_DO, new_config

    quoted = visible(shlex.quote(str(path)))
    text = new_config(path.parent / "raw", name, quoted)
    data = text.encode()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise Failure(f"{path} exists. Name another file: ko-instruct init mine.toml") from None
    config = "" if str(path) == "pipeline.toml" else f" CONFIG={quoted}"
    for line in text.splitlines():
        if line.startswith(TO_DO):
            click.echo(visible(line.removeprefix("# ")))
    click.echo(f"written: {visible(str(path))}")
    click.echo(f"Next: look at it, run ko-instruct check {quoted}, then run: make processed{config}")


@click.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False), required=False)
@set_option
@config_option
def check(config: Path | None, config_path: Path, changes: tuple[str, ...]) -> None:
    """Show every fault of a config, before a raw file is read. Exit code 1 if there is one.

    CONFIG is the same as --config CONFIG.

    \b
    Example: ko-instruct check mine.toml
    """
    from pipeline.run.check import faults_of

    config_path = config or config_path
    faults = list(faults_of(config_path, changes))
    if faults:
        raise Failure("\n  ".join([f"{config_path}:", *faults]))
    click.echo(f"{visible(str(config_path))}: no fault found")


@click.command()
def schema() -> None:
    """Print the JSON schema of pipeline.toml. An editor completes and checks options with it.

    \b
    Example: ko-instruct schema > pipeline.schema.json
    Then begin pipeline.toml with the line
    #:schema ./pipeline.schema.json
    """
    import json

    from schemas.options import Config

    click.echo(json.dumps(Config.model_json_schema(by_alias=True), ensure_ascii=False, indent=2))
