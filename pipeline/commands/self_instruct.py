"""The command that lets a model write new instruction data."""

from pathlib import Path

import click

from pipeline.commands.model_options import options_of
from pipeline.commands.shared import Command
from schemas.self_instruct import SelfInstructOptions


@click.command(cls=Command)
@click.option(
    "--seeds",
    type=click.Path(path_type=Path, allow_dash=True, exists=True),
    default="raw/seeds",
    show_default=True,
    help="Seed tasks: a .jsonl file, or a folder of such files. With --simple: a text file, one sentence a line, or -.",
)
@click.option("--generator", "name", required=True, help="openai:MODEL, a folder with a model, or a Hub id.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="Number of new tasks to make.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write, .jsonl.")
@click.option("--simple", "family", flag_value="simple", help="An instruction for each sentence, then the answer.")
@click.option("--evolve", "family", flag_value="evolve", help="Make old instructions harder or rarer (Evol-Instruct).")
@options_of(SelfInstructOptions, "family")
@click.option(
    "--patience", type=click.IntRange(min=1), default=5, show_default=True, help="Stop after this many empty rounds."
)
@click.option(
    "--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Prompts at a time, for a local model."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Requests at a time, for an endpoint.",
)
@click.option(
    "--retries", type=click.IntRange(min=0), default=6, show_default=True, help="Retries of a request to an endpoint."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=120, show_default=True, help="Seconds to wait for an endpoint."
)
@click.option(
    "--price", type=(float, float), default=(0, 0), metavar="IN OUT", help="Per million tokens read and written."
)
def self_instruct(
    seeds: Path,
    name: str,
    count: int,
    out: Path,
    options: SelfInstructOptions,
    patience: int,
    batch: int,
    concurrency: int,
    retries: int,
    timeout: float,
    price: tuple[float, float],
) -> None:
    """Let a model write new instructions and their instances from seed tasks, as raw data for the pipeline.

    Every request, answer and decision goes to a log beside OUT (.log). If a run was killed, run the same command again:
    it continues where the run stopped. A larger --count continues from the end. OPENAI_BASE_URL and OPENAI_API_KEY name
    an endpoint.

    \b
    Examples: ko-instruct self-instruct --generator openai:gpt-4.1-mini --count 1000 --out raw/generated/new.jsonl
              ko-instruct self-instruct --simple --seeds topics.txt --generator ./model --count 50 --out raw/short.jsonl
    """
    from pipeline.self_instruct import command
    from pipeline.self_instruct.generators import open_generator

    if out.suffix != ".jsonl":
        raise click.UsageError(f"--out {out}: the rows are JSON Lines. Name a file that ends in .jsonl.")
    generator = open_generator(name, batch=batch, concurrency=concurrency, retries=retries, timeout=timeout)
    command.run(seeds, generator, options, count, patience, out, price)
