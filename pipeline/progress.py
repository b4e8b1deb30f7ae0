"""What a person sees while tables pass by: a bar on a terminal, one plain line at the end everywhere."""

import sys
from collections.abc import Iterable, Iterator

import click
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.visible import visible


def watch(tables: Iterable[pa.Table], stage: str, what: str, total: int | None = None) -> Iterator[pa.Table]:
    """Pass tables through; show on stderr how far they are, and how many rows this stage rejected.

    `total`: rows to come, where that is known.
    """
    from tqdm import tqdm

    rows = rejected = 0
    label = visible(f"{stage:<11} {what}")
    with tqdm(total=total, desc=label, unit=" rows", leave=False, disable=not sys.stderr.isatty()) as bar:
        for table in tables:
            rows += len(table)
            if "reject_stage" in table.column_names:
                rejected += pc.sum(pc.equal(table["reject_stage"], stage)).as_py() or 0
            bar.update(len(table))
            yield table
    click.echo(f"{label}: {rows:,} rows" + (f", {rejected:,} rejected" if rejected else ""), err=True)
