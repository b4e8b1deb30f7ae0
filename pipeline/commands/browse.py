"""The command that shows a dataset on a page of this machine, where people give verdicts on its rows."""

import errno
import signal
from pathlib import Path

import click

from pipeline.commands.shared import DATASET, Command, Failure, tokenizer_option, workers_option
from pipeline.commands.signals import Stopped
from pipeline.io.terminal_text import visible


@click.command(cls=Command)
@click.argument("folder", type=DATASET)
@click.option(
    "--verdicts",
    "verdict_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to which verdicts are added. Default: the one that its sources name, or <dataset>.verdicts.jsonl "
    "beside processed/.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page. Default: one that is free.")
@tokenizer_option
@workers_option
def browse(folder: Path, verdict_file: Path | None, port: int, names: tuple[str, ...], workers: int) -> None:
    """Show the dataset in FOLDER on a page of this machine: search its rows, and keep, drop or fix single ones.

    The page is for this machine alone, and for who has its address. Verdicts go to a file; the next build obeys them if
    a source of the config names it: verdicts = "mine.verdicts.jsonl".

    \b
    Example: ko-instruct browse processed/sample
    """
    from pipeline.browse.answers import Answers
    from pipeline.browse.server import Server
    from pipeline.dataset.layout import REJECTS

    file = verdict_file or file_of(folder)
    answers = Answers(folder, file, names, workers)
    if answers.manifest.counts.rejected and not (folder / REJECTS).is_file():
        click.echo(visible(f"{folder / REJECTS} is not there: no rejected row can be shown."), err=True)
    try:
        with Server(answers, port) as server:
            click.echo(f"{visible(str(folder))}: open {server.address}")
            click.echo("Ctrl-C ends it.", err=True)
            server.serve_forever()
    except Stopped as stopped:
        if stopped.number != signal.SIGINT:
            name = signal.Signals(stopped.number).name
            raise Failure(f"stopped by {name}. {ending(answers.given, file)}", 128 + stopped.number) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Failure(f"port {port} is taken: name another one, or leave --port out") from None
    click.echo(visible(f"\n{ending(answers.given, file)}"), err=True)


def file_of(folder: Path) -> Path:
    """Where the verdicts on a dataset go: to the file that its sources name, or a new one beside processed/."""
    from pipeline.dataset.manifest_file import read_manifest

    whole = folder.absolute()
    above = whole.parents[1] if whole.parent.name == "processed" else whole.parent
    named = {source.verdicts for source in read_manifest(folder).sources if source.verdicts}
    return above / (named.pop() if len(named) == 1 else f"{whole.name}.verdicts.jsonl")


def ending(given: int, file: Path) -> str:
    """The line that ends the command."""
    if not given:
        return "browse has ended. No verdict was given."
    return f"browse has ended. Verdicts given: {given:,}. They are in {file}"
