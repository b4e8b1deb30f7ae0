"""What a person sees while tables pass by: a bar on a terminal, one plain line at the end everywhere."""

import sys
from collections.abc import Iterable, Iterator, Sequence

import click
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.terminal_text import visible

#: In the context of the command line: whether nothing but errors is shown.
QUIET = "ko_instruct.quiet"


def note(line: str) -> None:
    """Tell something on stderr, unless the command is to be quiet."""
    if not quiet():
        click.echo(visible(line), err=True)


def quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def watch(
    tables: Iterable[pa.Table], step: str, what: str, total: int | None = None, stages: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """Pass tables through; show on stderr how far they are, and how many rows the stages of this step rejected.

    `total`: rows to come, where that is known. `stages`: those of the step, where it is not one stage of that name.
    """
    from tqdm import tqdm

    rows = 0
    rejected = dict.fromkeys(stages or [step], 0)
    label = visible(f"{step:<11} {what}")
    with tqdm(total=total, desc=label, unit=" rows", leave=False, disable=quiet() or not sys.stderr.isatty()) as bar:
        for table in tables:
            rows += len(table)
            if "reject_stage" in table.column_names:
                for stage in rejected:
                    rejected[stage] += pc.sum(pc.equal(table["reject_stage"], stage)).as_py() or 0
            bar.update(len(table))
            yield table
    found = ", ".join(f"{count:,} by {stage}" for stage, count in rejected.items() if count)
    note(f"{label}: {rows:,} rows" + (f"; rejected: {found}" if found else ""))
