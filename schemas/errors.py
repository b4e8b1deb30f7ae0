"""Errors: the base class, the tree of all errors of the project, and pydantic's faults as plain sentences.

Each class is defined in the module that raises it; here are those that several modules raise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

#: Where a fault is: names of sections and options, and numbers in lists.
Location = tuple[int | str, ...]

#: Words of pydantic's messages, and what they mean in a file.
PLAIN = {
    "Input should": "it should",
    "String should": "it should",
    "a valid tuple": "a list",
    "a valid dictionary or object to extract fields from": "a section",
}


class KoInstructError(Exception):
    """The base of every error that this project raises on purpose. The message says what is wrong and what to do.

    The command line shows such an error as one message, without a traceback. The built-in base is in brackets: an
    `except ValueError` catches the errors that name it.

    * KoInstructError
      * AskError (ValueError)
      * BrokenAnswer (ValueError)
      * CardError (ValueError)
      * ChangedError (RuntimeError)
      * ChatTemplateError (ValueError)
      * ColumnTypeError (TypeError)
      * ConditionError (ValueError)
      * ConfigError (ValueError)
      * ContaminationError (ValueError)
      * DatasetError (ValueError)
      * DiffError (ValueError)
      * EngineError (RuntimeError)
      * ExistingError (ValueError)
      * Fault
      * FetchError
      * FileFault
        * UnclearLearn
      * FormError (ValueError)
      * GateError (ValueError)
      * GeneratorError (RuntimeError)
      * IngestError
      * LoadError (RuntimeError)
      * LockedError (RuntimeError)
      * LogError (ValueError)
      * ManifestError (ValueError)
      * MissingLibraryError (ImportError)
        * NoveltyError
      * NoOffsetsError (ValueError)
      * NoVocabularyError (FileNotFoundError)
      * NotATableError (TypeError)
      * NotATokenizerError (TypeError)
      * OptionError (ValueError)
      * OriginError (ValueError)
      * PushError
      * RefusedError
      * RowsError (ValueError)
      * RunFileError (ValueError)
      * SeedError (ValueError)
      * ShowError (ValueError)
      * StepError (ValueError)
      * StorageError (OSError)
      * TableError (ValueError)
      * TokenizerMismatchError (ValueError)
      * TooLongError (ValueError)
      * TooLongForModelError (ValueError)
      * UnknownTokensError (ValueError)
      * VerdictError (ValueError)
      * VocabularyError (ValueError)
      * WriteError (OSError)
    """


class MissingLibraryError(KoInstructError, ImportError):
    """A library that an option needs is not installed. The message holds the command that installs it."""


def install(extra: str) -> str:
    """The command that installs an extra, with the versions that it was tested with: no index has this project.

    >>> install("train")
    "in the folder of ko-instruct, run: pip install -c constraints.txt -e '.[train]'"
    """
    return f"in the folder of ko-instruct, run: pip install -c constraints.txt -e '.[{extra}]'"


class TableError(KoInstructError, ValueError):
    """A table lacks a column or a row that a function needs."""


class DatasetError(KoInstructError, ValueError):
    """A folder is not a finished dataset, or does not have what is asked of it."""


class GateError(KoInstructError, ValueError):
    """The rows of a run do not pass the gates of its config, so that no dataset was written. Exit code 3."""


def place(location: Location) -> str:
    """A place in nested data, as people write it.

    >>> place(("source", 0, "files"))
    'source[0].files'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")


def problems(
    error: ValidationError, model: type[BaseModel] | None = None, place: Callable[[Location], str] = place
) -> list[str]:
    """A sentence for each fault that pydantic found: the place, what was found there, and what is allowed.

    `model`: the one that was validated, to list the names that it allows in place of an unknown one. `place`: how to
    write a place.
    """
    faults = error.errors()
    # A list whose items are at fault is too short as well, to pydantic.
    inside = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    return [
        ": ".join(filter(None, [place(fault["loc"]), _sentence(fault, model)]))
        for fault in faults
        if not (fault["type"] == "too_short" and fault["loc"] in inside)
    ]


def _sentence(fault: Any, model: type[BaseModel] | None) -> str:
    kind, context, found = fault["type"], fault.get("ctx", {}), _shown(fault["input"])
    message = fault["msg"].removeprefix("Value error, ")
    for pydantic, plain in PLAIN.items():
        message = message.replace(pydantic, plain)
    if kind == "missing":
        return "missing, and has no default"
    if kind == "extra_forbidden":
        allowed = list(_names(model, fault["loc"][:-1]))
        listed = f"; allowed: {', '.join(allowed)}" if allowed else ""
        return f"unknown name{listed}" + did_you_mean(str(fault["loc"][-1]), allowed)
    if kind == "literal_error":
        expected = context["expected"]
        return f"found {found}; allowed: {expected}" + did_you_mean(fault["input"], re.findall("'([^']*)'", expected))
    return f"found {found}; {message[0].lower()}{message[1:]}" if found else message


def did_you_mean(name: object, allowed: Sequence[str]) -> str:
    """The end of a message about an unknown name: the one that is most alike, if one is.

    >>> did_you_mean("nfcc", ["nfc", "spaces"])
    '. Did you mean nfc?'
    """
    from difflib import get_close_matches

    near = get_close_matches(str(name), allowed, 1)
    return f". Did you mean {near[0]}?" if near else ""


def _shown(value: object) -> str:
    """A value as JSON, where it is short enough to help; "" for a section, a list or a file."""
    if isinstance(value, dict | list | tuple | bytes) or hasattr(value, "model_fields"):
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _names(model: type[BaseModel] | None, location: Location) -> Iterator[str]:
    """The names that are allowed at a place inside a model."""
    for step in location:
        if model is not None and isinstance(step, str):
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = next((kind for kind in _kinds(fields.get(step)) if hasattr(kind, "model_fields")), None)
    for name, field in model.model_fields.items() if model is not None else ():
        yield field.alias or name


def _kinds(annotation: Any) -> Iterator[Any]:
    """A type and the types inside it: those of a list or of a union."""
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)
