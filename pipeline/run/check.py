"""Every fault of a config at once, before a raw file is read."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from shlex import quote

from pipeline.run.config import read_config
from pipeline.run.plan import Unit, find_benchmarks, find_existing, find_steps, find_units
from pipeline.run.verdicts import find_verdicts
from schemas.columns import INGESTED
from schemas.errors import KoInstructError
from schemas.options import Config, Source


def faults_of(path: Path, changes: Sequence[str] = ()) -> Iterator[str]:
    """A sentence for each fault. Raises ConfigError where the file is no TOML."""
    config, faults = read_config(path, changes)
    yield from faults
    if config is None:
        return
    root = path.parent
    yield from _of_names(config)
    for source in config.source:
        yield from _of_source(source, root / "raw")
    yield from _of_stages(config)
    yield from _of_call(find_benchmarks, config, root / "raw")
    yield from _of_call(find_existing, config, root, Path())
    yield from _of_call(find_steps, config, root)
    for source in config.source:
        yield from _of_call(find_verdicts, [source], root)


def _of_names(config: Config) -> Iterator[str]:
    for name, times in Counter(source.name for source in config.source).items():
        if times > 1:
            yield f"source {name!r}: {times} sources have this name. Give each its own."


def _of_source(source: Source, raw: Path) -> Iterator[str]:
    from pipeline.stages.ingest.detect.declared import declared_shape

    yield from (f"source {source.name!r}: {fault}" for fault in _of_call(declared_shape, source))
    units: tuple[Unit, ...] = ()
    try:
        units = find_units([source], raw)
    except KoInstructError as error:
        yield str(error) + _alike(source, raw)
    for unit in units:
        if not os.access(unit.path, os.R_OK):
            yield f"{unit.path}: it cannot be read. Change its permissions: chmod +r {quote(str(unit.path))}"


def _alike(source: Source, raw: Path) -> str:
    """A hint where a glob matches files only if capital letters do not count, or is nearly the name of a file."""
    wanted = [pattern.casefold() for pattern in source.files]
    names = [path.relative_to(raw) for path in sorted(raw.rglob("*")) if path.is_file()]
    alike = [name for name in names if any(Path(str(name).casefold()).match(pattern) for pattern in wanted)]
    if alike:
        return f" There is {alike[0]}: capital letters count."
    missing = [pattern for pattern in source.files if not any(raw.glob(pattern))]
    # The ending alone makes short names half alike.
    near = [name for pattern in missing for name in get_close_matches(pattern, map(str, names), 1, cutoff=0.85)]
    return f" Did you mean {near[0]}?" if near else ""


def _of_stages(config: Config) -> Iterator[str]:
    """What the stages do not accept of their options: names of fixes and findings, extras that are not installed."""
    from pipeline.stages.dedupe import dedupe
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen

    rows = INGESTED.empty_table()
    yield from _of_call(normalize, rows, config.normalize)
    yield from _of_call(screen, rows, config.screen)
    yield from _of_call(dedupe, rows, config.dedupe)
    for source in config.source:
        own, place = config.of(source), f"source {source.name!r}: "
        if source.normalize:
            yield from (place + fault for fault in _of_call(normalize, rows, own.normalize))
        if source.screen:
            yield from (place + fault for fault in _of_call(screen, rows, own.screen))


def _of_call(function: Callable[..., object], *arguments: object) -> Iterator[str]:
    """What a function says against its arguments."""
    try:
        function(*arguments)
    except KoInstructError as error:
        yield str(error)
