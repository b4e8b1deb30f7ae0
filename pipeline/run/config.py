"""pipeline.toml: read, with the config that it extends and the changes of the command line, and checked."""

import copy
import re
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from schemas.errors import KoInstructError, Location, place, problems
from schemas.options import Config, TokenizeOptions


class ConfigError(KoInstructError, ValueError):
    """pipeline.toml cannot be used: the message says where and why."""


class Layer(NamedTuple):
    """One file of a config, or the changes of the command line ("" is the text)."""

    name: str
    text: str
    data: dict[str, Any]


def load_config(path: Path, changes: Sequence[str] = ()) -> Config:
    """Read a pipeline.toml, over the one that it extends. Raises ConfigError with file, place, what was found and what
    is allowed.

    `changes`: as in `--set tokenize.max_length=1024`, over what the files say.
    """
    config, faults = read_config(path, changes)
    if config is None or faults:
        raise ConfigError("\n  ".join([f"{path}:", *faults]))
    return config


def read_config(path: Path, changes: Sequence[str] = ()) -> tuple[Config | None, list[str]]:
    """The config without the options that are at fault, and a sentence for each fault, by line; None: too little is
    left for a config. Raises ConfigError where the file is no TOML."""
    layers = _layers(path)
    data: dict[str, Any] = {}
    for layer in reversed(layers):
        data = merged(data, layer.data)
    return _validated(data, layers, changes)


def config_without_file(changes: Sequence[str]) -> Config:
    """The defaults of every stage with these changes; the dataset and its sources are to be named. Raises ConfigError
    with each fault."""
    data: dict[str, Any] = {"dataset": {"name": "unnamed"}, "source": [{"name": "unnamed", "files": ["*"]}]}
    config, faults = _validated(data, [Layer("", "", {})], changes)
    if config is None or faults:
        raise ConfigError("; ".join(faults))
    return config


def _validated(
    data: dict[str, Any], layers: Sequence[Layer], changes: Sequence[str]
) -> tuple[Config | None, list[str]]:
    """As `read_config`, of the data of the layers."""
    for change in changes:
        data = with_change(data, change)
    try:
        return Config.model_validate(data), []
    except ValidationError as error:
        faults = problems(error, Config, place=lambda location: _place(location, layers, changes))
        return _of_the_rest(data, error), sorted(faults, key=_line)


def _of_the_rest(data: dict[str, Any], error: ValidationError) -> Config | None:
    """The config without what is at fault, so that what else is wrong can be told at the same time."""
    faulty = {_known_part(data, fault["loc"]) for fault in error.errors()}
    if () in faulty:
        return None
    # The innermost first: what is left around them may be right.
    inner = {place for place in faulty if not any(place == other[: len(place)] for other in faulty - {place})}
    rest = {"dataset": {"name": "unnamed"}} | _without(data, inner)
    try:
        return Config.model_validate(rest)
    except ValidationError as further:
        return _of_the_rest(rest, further)


def _known_part(data: dict[str, Any], location: Location) -> Location:
    """As much of a location as there is in the data: of a missing option its section, and no name of a type."""
    return next(location[:end] for end in range(len(location), -1, -1) if _has(data, location[:end]))


def _without(data: Any, places: Collection[Location], place: Location = ()) -> Any:
    """Nested data without the values at these places.

    >>> _without({"source": [{"name": "a"}, {"name": "b", "fils": []}]}, {("source", 0), ("source", 1, "fils")})
    {'source': [{'name': 'b'}]}
    """
    if isinstance(data, dict):
        inside = {name: (value, (*place, name)) for name, value in data.items()}
        return {name: _without(value, places, at) for name, (value, at) in inside.items() if at not in places}
    if isinstance(data, list):
        items = [(value, (*place, number)) for number, value in enumerate(data)]
        return [_without(value, places, at) for value, at in items if at not in places]
    return data


def _line(fault: str) -> int:
    """The line that a fault begins with, 0 where it has none."""
    found = re.match(r"line (\d+):", fault)
    return int(found[1]) if found else 0


def _layers(path: Path) -> list[Layer]:
    """The file, the one that it extends, and so on."""
    layers: list[Layer] = []
    seen: list[Path] = []
    while True:
        if path.resolve() in seen:
            raise ConfigError(f"{path}: it extends itself. Remove `extends` from one of {', '.join(map(str, seen))}")
        seen.append(path.resolve())
        text, data = _read(path, extended=bool(layers))
        layers.append(Layer(path.name, text, data))
        extends = data.get("extends", "")
        if not extends or not isinstance(extends, str):
            return layers
        path = path.parent / extends


def _read(path: Path, extended: bool) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        remedy = "Correct `extends`" if extended else "Name one with --config, or run this beside a pipeline.toml"
        raise ConfigError(f"{path}: no such file. {remedy}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Sections are joined, and any other value takes the place of the one below it, lists as well.

    >>> merged({"a": {"x": 1, "y": [2]}, "b": 3}, {"a": {"y": [4]}})
    {'a': {'x': 1, 'y': [4]}, 'b': 3}
    """
    both = {
        name: merged(base[name], value) if isinstance(value, dict) and isinstance(base.get(name), dict) else value
        for name, value in over.items()
    }
    return base | both


def with_change(data: dict[str, Any], change: str) -> dict[str, Any]:
    """The data with one option changed. The value is TOML, or else a text; a source has its name for a place.

    >>> with_change({"tokenize": {"max_length": 512}}, "tokenize.max_length=1024")
    {'tokenize': {'max_length': 1024}}
    >>> with_change({"source": [{"name": "a"}]}, "source.a.keep=n_turns > 1")
    {'source': [{'name': 'a', 'keep': 'n_turns > 1'}]}
    """
    key, equals, written = change.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set {change}: write it as SECTION.OPTION=VALUE, as in tokenize.max_length=1024")
    data = copy.deepcopy(data)
    if names[0] == "source" and len(names) > 2:
        listed = data["source"] if isinstance(data.get("source"), list) else []
        named = [source for source in listed if isinstance(source, dict) and isinstance(source.get("name"), str)]
        sources = {source["name"]: source for source in named}
        # A name may hold dots.
        found = next((at for at in range(len(names) - 1, 1, -1) if ".".join(names[1:at]) in sources), None)
        if found is None:
            raise ConfigError(f"--set {change}: no source has this name; sources are {', '.join(sources) or 'none'}")
        section, names = sources[".".join(names[1:found])], names[found:]
    else:
        section = data
    for name in names[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigError(f"--set {change}: {name} is not a section")
    section[names[-1]] = _value(written.strip())
    return data


def _value(written: str) -> Any:
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _place(location: Location, layers: Sequence[Layer], changes: Sequence[str]) -> str:
    """A place in a config, with its line, and with its file where that is an extended one."""
    options = [".".join(step for step in location if isinstance(step, str)) == _key(change) for change in changes]
    if any(options):
        return f"--set {changes[options.index(True)]}: {place(location)}"
    own = layers[0]
    layer = next((layer for layer in layers if _has(layer.data, location)), own)
    line = line_of(location, layer.text)
    file = "" if layer is own else f"{layer.name}, "
    return f"{file}line {line}: {place(location)}" if line else place(location)


def _key(change: str) -> str:
    return change.partition("=")[0].strip()


def _has(data: Any, location: Location) -> bool:
    for step in location:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


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
