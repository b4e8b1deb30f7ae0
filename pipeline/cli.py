"""The command line: the list of commands, each imported when it is asked for, and how errors are shown."""

from __future__ import annotations

import gc
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple, TextIO

import click

from pipeline.commands.shared import CLOSED, GATE, Failure
from pipeline.commands.signals import Stopped, failure, stopping
from schemas.errors import GateError, KoInstructError

#: How many values may be new before Python looks for those that only circles hold.
YOUNG = 50_000


class Family(NamedTuple):
    """Commands that belong together: their heading, their module below `pipeline.commands`, a line for each."""

    heading: str
    module: str
    commands: dict[str, str]


FAMILIES = (
    Family(
        "Build a dataset",
        "build",
        {
            "run": "Build a dataset in one process, from a config or from files.",
            "dedupe": "Decide which rows of all sources are duplicates.",
            "export": "Write the dataset from the stage files.",
            "plan": "Show what make processed would do, and why.",
        },
    ),
    Family(
        "Several machines",
        "machines",
        {
            "rows": "Make the stage files of a share of the raw files.",
            "upload": "Copy a dataset to an object store.",
        },
    ),
    Family(
        "One stage, from rows to rows",
        "stages",
        {
            "ingest": "Read a raw file into rows.",
            "validate": "Reject the rows that are not valid records.",
            "normalize": "Repair the Korean text of rows.",
            "screen": "Find foreign language, defects and personal data.",
            "tokenize": "Add the token ids.",
        },
    ),
    Family(
        "Look at files and datasets",
        "look",
        {
            "inspect": "Show how a raw file would be read, and why.",
            "show": "Print a row of a dataset as its tokens.",
            "explain": "Show the way of a record through the stages, and why it went.",
            "diff": "Compare two datasets: what came, went, changed, and why.",
            "report": "Write a report on a dataset, to look at in a browser.",
            "verify": "Check a dataset: files, columns, rows, token ids.",
        },
    ),
    Family(
        "Look at a dataset in a browser",
        "browse",
        {"browse": "Look at a dataset on a page, and give verdicts on its rows."},
    ),
    Family(
        "Hugging Face Hub",
        "hub",
        {
            "fetch": "Download a dataset into raw/ and declare it in the config.",
            "push": "Publish a dataset.",
        },
    ),
    Family("New data", "self_instruct", {"self-instruct": "Let a model write new instructions from seed tasks."}),
    Family(
        "The config",
        "config",
        {
            "init": "Write a pipeline.toml for the files in raw/.",
            "check": "Show every fault of a config, before anything is read.",
            "schema": "Print the JSON schema of pipeline.toml, for an editor.",
        },
    ),
)
#: Commands for the Makefile alone, not in the list.
PRIVATE = Family("", "make", {"make-plan": "", "make-rows": "", "make-dataset": "", "make-forget": ""})

MODULES = {command: family.module for family in (*FAMILIES, PRIVATE) for command in family.commands}


def open_closed_streams() -> None:
    """Let nothing stand where stdin, stdout or stderr is closed: the next file would take its number, and its lines."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def put_nowhere(*streams: TextIO) -> None:
    """Let no error come of what is still to be written: the reader of a pipe has seen enough."""
    with open(os.devnull, "w") as nowhere:
        for stream in streams:
            os.dup2(nowhere.fileno(), stream.fileno())


class Commands(click.Group):
    """Imports a command's module when the command is asked for: the command line starts fast.

    Shows errors that the project raises, and errors of files, as a message. All others are bugs: with a traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [command for family in FAMILIES for command in family.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        command = getattr(import_module(f"pipeline.commands.{MODULES[cmd_name]}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in MODULES and (near := get_close_matches(args[0], self.list_commands(ctx), 1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for family in FAMILIES:
            with formatter.section(family.heading):
                formatter.write_dl(list(family.commands.items()))

    def invoke(self, ctx: click.Context) -> Any:
        open_closed_streams()
        # Millions of small values live for a moment, and none is in a circle: Python need not look for those so often.
        gc.set_threshold(YOUNG)
        try:
            with stopping():
                return super().invoke(ctx)
        except Stopped as stop:
            raise failure(stop) from None
        except BrokenPipeError:
            put_nowhere(sys.stdout, sys.stderr)
            ctx.exit(CLOSED)
        except GateError as error:
            raise Failure(str(error), GATE) from error
        except KoInstructError as error:
            raise Failure(str(error)) from error
        except MemoryError as error:
            raise Failure(
                "not enough memory. No file is half written: close other programs, or use a machine with more memory."
            ) from error
        except OSError as error:
            named = error.filename is not None and error.strerror is not None
            raise Failure(f"{error.filename}: {error.strerror}" if named else str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ko-instruct", message="%(prog)s %(version)s")
def main() -> None:
    """Korean instruction datasets: raw files in; a clean, tokenised, deduplicated dataset out.

    \b
    make processed                   rebuild processed/ from raw/, redoing only what changed
    ko-instruct run                  the same in one process, without Make
    ko-instruct push FOLDER REPO     publish a dataset on the Hugging Face Hub

    The stages work on files of rows: FILE.arrow, FILE.jsonl, or - for JSON Lines on stdin and stdout.
    `ko-instruct COMMAND --help` shows the options of a command, with an example.
    """
