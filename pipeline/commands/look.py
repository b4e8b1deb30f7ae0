"""The commands that look: at a raw file, at a row, at a whole dataset."""

import os
import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from pipeline.commands.shared import (
    DATASET,
    RAW,
    Command,
    Failure,
    changed,
    config_of,
    config_option,
    json_option,
    layout_option,
    plan_of,
    set_option,
    tokenizer_option,
)
from pipeline.io.terminal_text import visible, visible_json

#: What --out calls standard output.
STDOUT = Path("-")


@click.command(cls=Command)
@click.argument("file", type=RAW)
@config_option
def inspect(file: Path, config_path: Path) -> None:
    """Show how a raw FILE would be read and why, with five records, and print the toml lines that pin it.

    \b
    Example: ko-instruct inspect raw/sample/study.json
    """
    from pipeline.run.plan import unit_of
    from pipeline.stages.ingest import describe
    from pipeline.stages.ingest import inspect as look
    from pipeline.stages.validate import validate
    from schemas.options import IngestOptions, ValidateOptions

    plan = plan_of(config_path)
    unit = unit_of(plan, file)
    held_to = plan.config.validate_ if plan else ValidateOptions()
    options = plan.config.of(unit.source).ingest if plan else IngestOptions()
    click.echo(describe(look(file, unit.source, options, lambda rows: validate(rows, held_to))))


def readable(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """A text from the command line. Raises BadParameter for bytes that are not UTF-8."""
    if text and any("\ud800" <= character <= "\udfff" for character in text):
        raise click.BadParameter(
            f"this is not UTF-8: {text.encode(errors='backslashreplace').decode()}. Write it in UTF-8."
        )
    return text


def _apart(*options: str) -> None:
    """Raises UsageError where two options are given of which one would have no effect."""
    context = click.get_current_context()
    if all(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in options):
        raise click.UsageError(" and ".join(f"--{name}" for name in options) + ": give one of them, not both")


def has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--where",
    default="",
    callback=readable,
    metavar="CONDITION",
    help="Only rows for which this holds, in the language of `keep`: 'len(output) > 500 and flags has \"refusal\"'. "
    "--row and --sample then count these.",
)
@click.option("--row", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the row, from 0.")
@click.option("--sample", type=click.IntRange(min=1), help="Show this number of rows, chosen at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed chooses other rows.")
@click.option("--split", default="train", show_default=True, help="Split of a dataset.")
@click.option("--rejects", is_flag=True, help="Show the rejected rows of a dataset, with their reasons.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["tokens", "messages", "json"]),
    help="How a row is shown: its tokens, the messages of its conversation, or one line of JSON. Rejected rows have "
    "no tokens: they are shown as messages, all others as tokens.",
)
@click.option("--ids", is_flag=True, help="Write the id of each token behind it: 서울⟨3013⟩.")
@tokenizer_option
def show(
    path: Path,
    where: str,
    row: int,
    sample: int | None,
    seed: int,
    split: str,
    rejects: bool,
    kind: Literal["tokens", "messages", "json"] | None,
    ids: bool,
    names: tuple[str, ...],
) -> None:
    """Print rows of a dataset, or of a file of rows (.arrow, .parquet, .jsonl).

    As tokens, what is trained (in layout qa: the answer) is bright, all else is dim. Without colours, what is trained
    is in [brackets]. Special tokens and line ends are visible.

    \b
    Example: ko-instruct show processed/sample --row 3
             ko-instruct show processed/sample --sample 5 --format messages
             ko-instruct show processed/sample --rejects --where 'reject_reason == "exact"'
    """
    from pipeline.dataset.show import show_rows
    from pipeline.dataset.shown_rows import Place, rows_of
    from pipeline.dataset.shown_rows import sample as sampled

    _apart("sample", "row")
    _apart("rejects", "split")
    place = Place(path, split, rejects, where)
    rows = rows_of(place, sampled(place, sample, seed) if sample else [row])
    colour = has_colour()
    for text in show_rows(rows, kind or ("messages" if rejects else "tokens"), path, names, colour, ids):
        click.echo(text, color=colour)


@click.command(cls=Command)
@click.argument("origin", required=False, callback=readable)
@click.option(
    "--text", callback=readable, help="Explain this text instead: what normalize, screen and the tokenizer do with it."
)
@click.option(
    "--raw", is_flag=True, help="Show personal data as it is in the file. Without it, what is found is masked."
)
@layout_option
@tokenizer_option
@set_option
@config_option
def explain(
    origin: str | None,
    text: str | None,
    raw: bool,
    layout: str | None,
    names: tuple[str, ...],
    changes: tuple[str, ...],
    config_path: Path,
) -> None:
    """Show the way of the record of ORIGIN: as it is in the file, what each stage changed, its tokens, its duplicates,
    its split, or why it was rejected.

    ORIGIN is the name of a record in the dataset and in rejects.jsonl: its file below raw/ and its place there. The
    stages are run again on this record; what dedupe and split decided is read from the dataset. Personal data is
    masked here also where the config does not mask it: what is on a terminal is often copied. --raw shows it.

    \b
    Examples: ko-instruct explain sample/office.csv:525
              ko-instruct explain --text "전화는 010-1234-5678 입니다"
    """
    from pipeline.dataset.hidden import masked
    from pipeline.run.explain import explain as explanation
    from pipeline.run.explain import explain_text
    from pipeline.run.explanation_text import report
    from pipeline.run.plan import plan_of_config, plan_of_files

    if origin is None and text is None:
        raise click.UsageError("name the ORIGIN of a record, or a text with --text")
    if origin is not None and text is not None:
        raise click.UsageError("name the ORIGIN of a record or a text with --text, not both")
    needed = origin is not None or config_path.exists()
    plan = plan_of_config(config_path, layout, changes) if needed else plan_of_files((), Path(), config_of(config_path))
    plan = changed(plan, layout, names)
    found = explanation(plan, origin) if origin is not None else explain_text(plan, text or "")
    click.echo(report(found, has_colour(), str if raw else masked), color=has_colour())


@click.command(cls=Command)
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@click.option("--examples", type=click.IntRange(min=0), default=10, show_default=True, help="Examples of each kind.")
@click.option("--exit-code", is_flag=True, help="Exit code 1 if the datasets differ, as in git diff.")
@click.option("--raw", is_flag=True, help="Show personal data in examples. Without it, what is found is masked.")
@json_option
def diff(old: Path, new: Path, examples: int, exit_code: bool, raw: bool, as_json: bool) -> None:
    """Compare two datasets: which records came, went and changed, why, and which options and versions differ.

    OLD and NEW are folders below processed/, configs of a downloaded dataset, or files of rows. A record of one is that
    of the other where both have the same origin and text; else the same text, as after a raw file was renamed or a
    record was inserted; else other fields (an id) that no other record has; else the same origin, as after an option
    changed the text. What changed in a text is in colour, or in brackets: [-old-]{+new+}. Exit code 0, also where they
    differ. Of a folder the Parquet files are read (without them Arrow, then JSON Lines) and rejects.jsonl: `verify`
    checks all files.

    \b
    Example: ko-instruct diff processed/old processed/sample
    """
    from pipeline.dataset.diff import diff as compare
    from pipeline.dataset.diff.report import report
    from pipeline.dataset.hidden import masked

    found = compare(old, new, examples, str if raw else masked)
    click.echo(
        visible_json(found.model_dump_json(indent=1)) if as_json else report(found, has_colour()), color=has_colour()
    )
    if exit_code and found.differs:
        click.get_current_context().exit(1)


@click.command(cls=Command)
@click.argument("folder", type=DATASET)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File to write; default: report.html in FOLDER. - writes to standard output.",
)
@click.option("--no-samples", is_flag=True, help="Leave out all texts of rows, to pass the report on.")
@click.option(
    "--raw",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the raw files, for texts before they were fixed; default: raw/ beside processed/, if it is there.",
)
def report(folder: Path, out: Path | None, no_samples: bool, raw: Path | None) -> None:
    """Write a report on the dataset in FOLDER, built here or downloaded: one HTML file that opens in a browser.

    It shows rows by stage and source, lengths, learned tokens, languages, fixes, flags, duplicates, conversations, the
    phrases of instructions, and a sample of rows to search in. A run writes it, too ([export] report).

    \b
    Example: ko-instruct report processed/sample
             ko-instruct report processed/sample --no-samples --out report.html
    """
    from pipeline.dataset.layout import REPORT
    from pipeline.dataset.manifest_file import read_manifest
    from pipeline.dataset.report import report as html
    from pipeline.dataset.report.before import texts_before
    from pipeline.dataset.run_file import read_run
    from pipeline.io.atomic_files import whole

    manifest = read_manifest(folder)
    out = out or folder / REPORT
    refuse_target(out, folder, manifest.files.keys())
    raw = raw or folder.absolute().parent.parent / "raw"
    run = read_run(folder)
    times = run.stages() if run else None
    page = html(folder, manifest, not no_samples, times, before=partial(texts_before, raw)).encode()
    if out == STDOUT:
        click.echo(page, nl=False)
        return
    with whole(out) as sink:
        sink.write(page)
    click.echo(f"written to {visible(str(out))}")


def refuse_target(out: Path, folder: Path, files: Collection[str]) -> None:
    """Raises Failure where a report cannot be written, or would replace a file that is not a report."""
    from pipeline.dataset.layout import REPORT, UNLISTED
    from pipeline.dataset.report.page import is_report

    if out == STDOUT:
        return
    if not out.parent.is_dir():
        raise Failure(f"{out}: there is no folder {out.parent}. Make it first (mkdir -p), or name another file.")
    target, inside = out.resolve(), folder.resolve()
    if target == inside / REPORT:
        return
    if target in {inside / name for name in (*files, *UNLISTED)}:
        raise Failure(f"{out} is a file of the dataset, and it stays as it is. Name another file with --out.")
    if out.exists() and not is_report(out):
        raise Failure(f"{out} exists and is not a report of ko-instruct. Name another file with --out, or remove it.")


@click.command(cls=Command)
@click.argument("folder", type=DATASET)
@click.option("--tokenizer", "names", multiple=True, help="Where the tokenizer is, if not at the name in the manifest.")
def verify(folder: Path, names: tuple[str, ...]) -> None:
    """Check the dataset in FOLDER, built here or downloaded: its files, columns, rows, clusters and token ids.

    Exit code 1 if anything differs from the manifest.

    \b
    Example: ko-instruct verify processed/sample
    """
    from pipeline.dataset.verify import verify as checks

    faults = 0
    for check in checks(folder, names):
        click.echo(visible(f"{'FAULT' if check.faults else 'ok':<6} {check.name:<10} {check.found}".rstrip()))
        for text in check.faults:
            click.echo(visible(f"       - {text}"))
        for text in check.notes:
            click.echo(visible(f"       note: {text}"))
        faults += len(check.faults)
    if faults:
        count = f"{faults} fault{'s' if faults > 1 else ''}"
        raise Failure(f"{folder} has {count}: build it again (make processed), or download it again")
