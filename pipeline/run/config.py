"""pipeline.toml: read, checked, and changed by the command line."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from schemas.errors import KoInstructError, Location, place, problems
from schemas.options import Config, TokenizeOptions


class ConfigError(KoInstructError, ValueError):
    """pipeline.toml cannot be used: the message says where and why."""


def load_config(path: Path) -> Config:
    """Read a pipeline.toml. Raises ConfigError with file, place, what was found and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file. Name one with --config, or run this beside a pipeline.toml."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        faults = problems(error, Config, place=lambda location: _place(location, text))
        raise ConfigError("\n  ".join([f"{path}:", *faults])) from None


def _place(location: Location, text: str) -> str:
    line = line_of(location, text)
    return f"line {line}: {place(location)}" if line else place(location)


def line_of(location: Location, text: str) -> int | None:
    """The line of a TOML text where an option is, or else its section; None where neither is found.

    >>> line_of(("source", 1, "files"), '[[source]]\\nname = "a"\\n[[source]]\\nfiles = 1')
    4
    >>> line_of(("screen", "benchmarks", 1, "files"), '[[screen.benchmarks]]\\n[[screen.benchmarks]]\\nfiles = 2')
    3
    >>> line_of(("tokenize", "layout"), "[tokenize]")
    1
    """
    names = [step for step in location if isinstance(step, str)]
    # The first number in a location is the place in an array of tables, such as [[source]].
    array, wanted = next(((location[:at], step) for at, step in enumerate(location) if isinstance(step, int)), ((), 0))
    section, count, found = "", -1, None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]\s]+)\s*\]", line):
            section = header[1]
            count += "[[" in line and section == ".".join(names[: len(array)])
        inside = section.split(".")
        in_array = bool(array) and inside[: len(array)] == list(array)
        if inside != names[: len(inside)] or (in_array and count != wanted):
            continue
        if header and found is None:
            found = number
        rest = names[len(inside) :]
        if rest and re.match(rf"\s*[\"']?{re.escape(rest[0])}[\"']?\s*=", line):
            return number
    return found


def with_tokenize(config: Config, layout: str | None, names: Sequence[str]) -> Config:
    """The config with another layout or another list of tokenizers, as if pipeline.toml had them; None, (): as it is.

    Raises ConfigError where that does not go with the other options.
    """
    changes = ({"layout": layout} if layout else {}) | ({"tokenizer": tuple(names)} if names else {})
    if not changes:
        return config
    try:
        options = TokenizeOptions.model_validate(config.tokenize.model_dump() | changes)
        changed = config.model_copy(update={"tokenize": options})
        changed.check_export()
        return changed
    except ValueError as error:
        faults = problems(error, TokenizeOptions) if isinstance(error, ValidationError) else [str(error)]
        asked = ", ".join(f"{name} {value!r}" for name, value in changes.items())
        raise ConfigError(f"{asked} in place of the config's: {'; '.join(faults)}") from None
