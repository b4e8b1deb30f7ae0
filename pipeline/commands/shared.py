"""What the commands share: their options, their errors, the config, and rows from a file through a stage to a file."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, get_args

import click

from pipeline.io.terminal_text import visible, visible_json
from schemas.layouts import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.run.plan import Plan
    from schemas.manifest import Manifest
    from schemas.options import Config

#: A file of rows: to read, and to write.
ROWS = click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True)
OUT = click.Path(path_type=Path, allow_dash=True, dir_okay=False)
#: A raw file, or a folder that `datasets` saved.
RAW = click.Path(path_type=Path, exists=True)
#: A dataset: a folder below processed/.
DATASET = click.Path(path_type=Path, exists=True, file_okay=False)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

rows_argument = click.argument("rows", type=ROWS, default="-")
out_argument = click.argument("out", type=OUT, default="-")
config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="pipeline.toml",
    show_default=True,
    help="The config: sources and options.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=CORES,
    show_default="all cores",
    help="Number of batches that are processed at the same time. The result does not depend on it.",
)
against_option = click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="An existing dataset (processed/old, a file of rows). Its rows stay; new rows that repeat them are dropped.",
)
tokenizer_option = click.option(
    "--tokenizer", "names", multiple=True, help="Hub id, local path or 'embedded'; in order of preference."
)
set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.OPTION=VALUE",
    help="Another value for an option of the config: tokenize.max_length=1024, or source.NAME.weight=2 for a source.",
)


def _be_quiet(context: click.Context, option: click.Parameter, quiet: bool) -> None:
    from pipeline.io.progress import QUIET

    context.meta[QUIET] = quiet


quiet_option = click.option(
    "--quiet", is_flag=True, expose_value=False, callback=_be_quiet, help="Show nothing but errors."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for other programs.")
layout_option = click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    help="Layout, in place of the one in the config. It has a folder of its own: processed/mine-causal.",
)


class Failure(click.ClickException):
    """An error that the user can put right, shown without a traceback."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"ko-instruct: {visible(self.format_message())}", err=True)


#: Exit codes where the rows do not pass the gates of the config, and where the reader of a pipe has left: what shells
#: give to a process that SIGPIPE has ended.
GATE, CLOSED = 3, 141


class Command(click.Command):
    """A command that works on Arrow tables."""

    def invoke(self, ctx: click.Context) -> Any:
        check_address_space()
        # Nothing here needs torch but `pipeline.training`: transformers need not say that it is missing.
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
        do_without_pandas()
        return super().invoke(ctx)


#: Bytes of address space (`ulimit -v`) with which Arrow works: a thread reserves up to 72 MiB, and a processor has at
#: least two. With less they stop, or wait for ever.
ADDRESS_SPACE = (2 << 30) + (os.cpu_count() or 1) * (256 << 20)


def check_address_space() -> None:
    """Raises Failure where `ulimit -v` leaves too little to work with."""
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise Failure(
            f"this process may use {limit >> 10:,} KiB of address space, and Arrow needs {ADDRESS_SPACE >> 10:,}: "
            f"allow it with `ulimit -v {ADDRESS_SPACE >> 10}`, or limit the memory with a container"
        )


def do_without_pandas() -> None:
    """Keep Arrow from importing pandas, which takes as long as all else that a command needs to start.

    When the first value is converted, Arrow's Cython and its C++ each look once for pandas, in case the value is a
    Series. They find None; later pandas can be imported as usual. Only Excel files need it.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        sys.modules["pandas"] = None  # type: ignore[assignment]
        for _ in range(2):
            with contextlib.suppress(ImportError, AttributeError):
                pa.array([0])
        del sys.modules["pandas"]


def config_of(path: Path, changes: tuple[str, ...] = ()) -> Config:
    """The config at this path, changed so; where there is none, the defaults of every stage."""
    from pipeline.run.config import config_without_file, load_config

    return load_config(path, changes) if path.exists() else config_without_file(changes)


def show_summary(manifest: Manifest, folder: Path, as_json: bool) -> None:
    """The table that ends a run, or the same as JSON: what the manifest counts."""
    from pipeline.io.progress import quiet
    from pipeline.run.summary import report

    if as_json:
        counted = {"dataset", "counts", "tokens", "examples", "packing", "forms", "mixture", "tokenizer"}
        summary = {"folder": str(folder), **manifest.model_dump(mode="json", include=counted)}
        click.echo(visible_json(json.dumps(summary, ensure_ascii=False, indent=1)))
    elif not quiet():
        click.echo("\n" + report(manifest, folder))


def plan_of(path: Path) -> Plan | None:
    """The plan of the config at this path, if there is one."""
    from pipeline.run.plan import plan_of_config

    return plan_of_config(path) if path.exists() else None


def plan_to_run(path: Path, layout: str | None, changes: tuple[str, ...]) -> Plan:
    """The plan of the config at this path, when what is new in object stores is copied to raw/."""
    from pipeline.run.config import load_config
    from pipeline.run.plan import plan_of_config
    from pipeline.run.remote import copy_sources

    copy_sources(load_config(path, changes), path.parent / "raw")
    return plan_of_config(path, layout, changes)


def changed(plan: Plan, layout: str | None, names: tuple[str, ...]) -> Plan:
    """The plan with the layout and the tokenizers of the command line."""
    from pipeline.run.config import with_tokenize

    return replace(plan, config=with_tokenize(plan.config, layout, names))


def row_wise(
    stage: str,
    function: Callable[[pa.Table], pa.Table],
    rows: Path,
    out: Path,
    workers: int,
    gate: Callable[[Iterable[pa.Table]], Iterator[pa.Table]] = iter,
) -> None:
    """Rows from a file through a row-wise stage to a file. `gate` sees the results and may stop the run."""
    from pipeline.io.progress import watch
    from pipeline.io.row_files import count_rows, read_rows, write_rows
    from pipeline.io.workers import ordered
    from schemas.columns import INGESTED

    what = out.parent.name if out.suffix == ".arrow" else str(out)
    tables = gate(ordered(function, read_rows(rows), workers))
    write_rows(out, watch(tables, stage, what, count_rows(rows)), INGESTED)
