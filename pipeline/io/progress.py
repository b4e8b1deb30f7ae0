"""What a person sees while tables pass by: a bar on a terminal, lines elsewhere, and one line at the end everywhere."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import TypeVar

import click
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.terminal_text import visible

Item = TypeVar("Item")

#: In the context of the command line: whether nothing but errors is shown.
QUIET = "ko_instruct.quiet"
#: Seconds between lines where there is no bar.
BETWEEN_LINES = 30
#: Takes the lines of `note` in a process whose lines another one shows (`recorded`).
_LINES: ContextVar[list[str] | None] = ContextVar("lines", default=None)
COUNTED = "{desc}: {n:,}{unit} [{elapsed}, {rate_noinv_fmt}]{postfix}"
MEASURED = (
    "{desc}: {percentage:3.0f}%|{bar}| {n:,} of {total:,}{unit}"
    " [{elapsed}, {remaining} left, {rate_noinv_fmt}]{postfix}"
)


def quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def has_bars() -> bool:
    """Whether bars can be drawn: on a terminal, and not beside other processes of Make that draw there, too (-j)."""
    flags = os.environ.get("MAKEFLAGS", "").split(" -- ")[0]  # letters without a dash come first, variables behind --
    return _LINES.get() is None and not quiet() and sys.stderr.isatty() and not re.search(r"^\w*j| -\w*j", flags)


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """The lines of `note` in here, for another process that shows them when all is done."""
    lines: list[str] = []
    before = _LINES.set(lines)
    try:
        yield lines
    finally:
        _LINES.reset(before)


def note(line: str) -> None:
    """Write a line to stderr, above the bars that are there, unless the command is to be quiet."""
    if (lines := _LINES.get()) is not None:
        lines.append(line)
    elif has_bars():
        from tqdm import tqdm

        tqdm.write(visible(line), file=sys.stderr)
    elif not quiet():
        click.echo(visible(line), err=True)


def watch(
    tables: Iterable[pa.Table],
    step: str,
    what: str,
    total: int | None = None,
    stages: Sequence[str] = (),
    place: str = "",
) -> Iterator[pa.Table]:
    """Pass tables through; show on stderr how far they are, and how many rows the stages of this step rejected.

    `total`: rows to come, where that is known. `stages`: those of the step, where it is not one stage of that name.
    `place`: which of several files this is, or what else is to be known of it.
    """
    rows, begin = 0, time.monotonic()
    shown = begin
    rejected = dict.fromkeys(stages or [step], 0)
    label, which = visible(f"{step:<11} {what}"), f" ({place})" if place else ""
    with _bar(label + which, "rows", total) as advance:
        for table in tables:
            rows += len(table)
            if "reject_stage" in table.column_names:
                for stage in rejected:
                    rejected[stage] += pc.sum(pc.equal(table["reject_stage"], stage)).as_py() or 0
            advance(len(table))
            if time.monotonic() - shown > BETWEEN_LINES and not has_bars() and _LINES.get() is None:
                shown = time.monotonic()
                note(f"{label}: {rows:,} rows so far, {_pace(rows, shown - begin, total)}{which}")
            yield table
    found = ", ".join(f"{count:,} by {stage}" for stage, count in rejected.items() if count)
    note(f"{label}: {rows:,} rows" + (f"; rejected: {found}" if found else "") + which)


def _pace(rows: int, seconds: float, total: int | None) -> str:
    """Rows per second, and the time that is left where the number of rows is known.

    >>> _pace(90_000, 60, 180_000), _pace(5, 0, None)
    ('1,500 a second, 1 min left', '5 a second')
    """
    rate = rows / max(seconds, 1)
    left = f", {(total - rows) / rate / 60:,.0f} min left" if total and rate else ""
    return f"{rate:,.0f} a second{left}"


def watch_bytes(items: Sequence[tuple[Item, int]]) -> Iterator[Item]:
    """Pass items through, each with its size in bytes; on a terminal show the share that is done, and the time left."""
    with _bar(f"{len(items):,} files", "bytes", sum(size for _, size in items)) as advance:
        for item, size in items:
            yield item
            advance(size)


@contextlib.contextmanager
def _bar(what: str, unit: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A bar, where there can be one: a function that moves it on."""
    if not has_bars():
        yield lambda done: None
        return
    from tqdm import tqdm

    form = COUNTED if total is None else MEASURED
    with tqdm(total=total, desc=what, unit=f" {unit}", unit_scale=True, leave=False, bar_format=form) as bar:
        yield bar.update
