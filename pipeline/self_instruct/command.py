"""What `ko-instruct self-instruct` does: read the seeds, run the rounds, show the progress, write the rows."""

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import click
import orjson

from pipeline.io.atomic_files import whole
from pipeline.self_instruct import Counts, SeedError, grow, read_seeds, read_sentences, rows
from pipeline.self_instruct.generators import Generator
from pipeline.self_instruct.log import Log
from schemas.self_instruct import SelfInstructOptions, Task


def run(
    seeds: Path,
    generator: Generator,
    options: SelfInstructOptions,
    count: int,
    patience: int,
    out: Path,
    price: tuple[float, float],
) -> None:
    """Make `count` tasks and write their rows to `out`, whole or not at all; the log is beside it.

    `price`: of a million tokens read, and written. On stderr a bar on a terminal, else a line for each round.
    """
    from tqdm import tqdm

    tasks = read(seeds, options)
    counts = Counts()
    made = []
    with (
        Log(out.with_suffix(".log")) as log,
        tqdm(total=count, desc="self-instruct", unit=" tasks", leave=False, disable=not sys.stderr.isatty()) as bar,
    ):
        for number, new in enumerate(grow(tasks, generator, options, log, counts, count, patience)):
            made += new
            bar.update(min(len(new), count - bar.n))
            bar.set_postfix_str(rate(counts.candidates))
            if bar.disable and not log.replaying:
                done = min(len(made), count)
                click.echo(f"round {number}: {done:,} of {count:,} tasks; {rate(counts.candidates)}", err=True)
    with whole(out) as sink:
        for row in rows(islice(made, count), generator.name):
            sink.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    click.echo(report(counts, price), err=True)
    if len(made) < count:
        click.echo(
            f"stopped at {len(made):,} of {count:,} tasks: {patience} rounds in a row brought nothing new. "
            "More --patience goes on from here; more seeds or a higher --temperature bring more from the start.",
            err=True,
        )
    click.echo(f"{min(len(made), count):,} tasks written to {out}, the log to {out.with_suffix('.log')}", err=True)


def read(seeds: Path, options: SelfInstructOptions) -> list[Task]:
    if options.family != "simple":
        return read_seeds(seeds)
    data = sys.stdin.buffer.read() if str(seeds) == "-" else seeds.read_bytes()
    try:
        return read_sentences(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SeedError(f"{seeds}: not UTF-8 ({error.reason} at byte {error.start}). Save the file as UTF-8.") from None


def rate(candidates: Counter[str | None]) -> str:
    """How many instructions were taken, and why most of the others were not."""
    total = candidates.total()
    against = [f"{reason} {number:,}" for reason, number in candidates.most_common() if reason is not None]
    taken = f"{candidates[None]:,} of {total:,} instructions taken ({candidates[None] / max(total, 1):.0%})"
    return "; ".join([taken, *against[:3]])


def report(counts: Counts, price: tuple[float, float]) -> str:
    """What became of everything, by reason, and what it cost."""
    lines = []
    for what, counter in (("instructions", counts.candidates), ("instances", counts.instances)):
        total = counter.total()
        lines.append(f"{what:<20} {total:>12,}")
        for reason, number in counter.most_common():
            name = "taken" if reason is None else f"- {reason}"
            lines.append(f"  {name:<20} {number:>10,} {number / total:>6.1%}")
    lines.append(f"{'tokens read':<20} {counts.prompt_tokens:>12,}")
    lines.append(f"{'tokens written':<20} {counts.completion_tokens:>12,}")
    if any(price):
        cost = (counts.prompt_tokens * price[0] + counts.completion_tokens * price[1]) / 1e6
        lines.append(f"{'cost':<20} {cost:>12,.4f}")
    return "\n".join(lines)
