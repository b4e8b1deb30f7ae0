"""pipeline.toml: read, checked, and changed by the command line."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from schemas.errors import KoInstructError, problems
from schemas.options import Config, TokenizeOptions


class ConfigError(KoInstructError, ValueError):
    """pipeline.toml cannot be used: the message says where and why."""


def load_config(path: Path) -> Config:
    """Read a pipeline.toml. Raises ConfigError with file, place, what was found and what is allowed."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file. Name one with --config, or run this beside a pipeline.toml."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n  ".join([f"{path}:", *problems(error, Config)])) from None


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
        changed.check_packing()
        return changed
    except ValueError as error:
        faults = problems(error, TokenizeOptions) if isinstance(error, ValidationError) else [str(error)]
        asked = ", ".join(f"{name} {value!r}" for name, value in changes.items())
        raise ConfigError(f"{asked} in place of the config's: {'; '.join(faults)}") from None
