"""The plan of a run: which files, in which order, and what each stage's result depends on.

Make compares times; these files give it times that mean something. A stamp holds what a stage depends on (its options,
its code, the state of a raw file) and is rewritten only when that changes.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.io.files import files_of, is_saved_dataset, write_if_changed
from pipeline.tokenizers.load import LoadError, resolve
from schemas.errors import KoInstructError, problems
from schemas.options import Config, Dataset, Source, TokenizeOptions, glob_of
from schemas.tokenizer import Resolution

#: The stages in order, each with the modules whose code (and all the project's code that they import) makes its result.
STAGES = {
    "ingest": ("pipeline.stages.ingest", "schemas.recipes"),
    "validate": ("pipeline.stages.validate",),
    "normalize": ("pipeline.stages.normalize",),
    "screen": ("pipeline.stages.screen",),
    "tokenize": ("pipeline.stages.tokenize", "pipeline.tokenizers.load"),
    "fingerprint": ("pipeline.stages.dedupe",),
    "dedupe": ("pipeline.stages.dedupe", "pipeline.dataset.reference"),
    "export": ("pipeline.dataset.export",),
}
#: Packages whose version may change a result.
LIBRARIES = ("numpy", "orjson", "pandas", "pyarrow", "pydantic", "sentencepiece", "transformers", "xxhash")
#: Endings of a file name that are no part of a source's name.
EXTENSIONS = re.compile(r"(\.(jsonl?|csv|tsv|txt|parquet|arrow|xlsx|zip|gz|zst|bz2|xz))+$", re.IGNORECASE)


class ChangedError(KoInstructError, RuntimeError):
    """A raw file changed while it was read."""


class ConfigError(KoInstructError, ValueError):
    """pipeline.toml cannot be used as it stands: the message says where and why."""


@dataclass(frozen=True)
class Unit:
    """One raw file, the unit of rebuilding. `origin`: its name below raw/. `key`: a name that any shell can bear."""

    source: Source
    path: Path
    origin: str

    @property
    def key(self) -> str:
        safe = re.sub(r"[^\w.-]", "_", self.origin.replace("/", "--"))
        if safe != self.origin.replace("/", "--"):
            safe += "-" + hashlib.sha256(self.origin.encode()).hexdigest()[:8]
        return f"{self.source.name}/{safe}"


@dataclass(frozen=True)
class Plan:
    """A run: its configuration, the raw files in order, the folder it writes and the one for its stage files."""

    config: Config
    units: tuple[Unit, ...]
    #: Evaluation sets that `screen` looks for; the folder is the source's name.
    benchmarks: tuple[Unit, ...]
    folder: Path
    stages: Path
    #: Datasets that exist already, which `dedupe` compares the rows with; the origin is the name in the config.
    existing: tuple[Unit, ...] = ()

    @property
    def tokenizer(self) -> Path:
        """Which tokenizer the run uses, and why: a `Resolution` as JSON."""
        return self.stages / "tokenizer.json"

    def file(self, unit: Unit, name: str) -> Path:
        return self.stages / unit.key / name

    def stamp(self, name: str) -> Path:
        """What a stage depends on besides its input (`stamp`), for Make."""
        return self.stages / "stamps" / f"{name}.json"


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
    """The config with another layout or another list of tokenizers, as if pipeline.toml said so; None, (): as it is.

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
        raise ConfigError(f"{asked} in place of what the config says: {'; '.join(faults)}") from None


def plan_of_config(path: Path) -> Plan:
    """The plan of a pipeline.toml: raw/ and processed/ lie beside it."""
    config = load_config(path)
    root = path.parent
    name = config.dataset.name
    folder, stages = root / "processed" / name, root / "processed" / ".stages" / name
    raw = root / "raw"
    existing = find_existing(config, root, folder)
    return Plan(config, find_units(config.source, raw), find_benchmarks(config, raw), folder, stages, existing)


def plan_of_files(files: Sequence[Path], out: Path, config: Config, root: Path = Path()) -> Plan:
    """A plan for files named one by one, written to `out`: each is a source of its own.

    `config`: for its options. `root`: the folder of the config, beside which raw/ lies.
    """
    once = list(dict.fromkeys(files))
    names = [file.name for file in once]
    units = []
    for file in once:
        origin = file.name if names.count(file.name) == 1 else file.as_posix()
        source = Source(name=_as_name(EXTENSIONS.sub("", file.name)), files=(glob_of(file.name),))
        units.append(Unit(source, file, origin))
    declared = {unit.source.name: unit.source for unit in units}
    about = {"dataset": Dataset(name=_as_name(out.resolve().name)), "source": tuple(declared.values())}
    benchmarks = find_benchmarks(config, root / "raw")
    existing = find_existing(config, root, out)
    stages = out.parent / ".stages" / out.name
    return Plan(config.model_copy(update=about), tuple(units), benchmarks, out, stages, existing)


def compared_with(plan: Plan, paths: Sequence[Path], root: Path) -> Plan:
    """The plan with more datasets that exist already. `root`: the folder of the config, beside which they are named."""
    names = (*plan.config.dedupe.against, *(Path(os.path.relpath(path, root)).as_posix() for path in paths))
    options = plan.config.dedupe.model_copy(update={"against": names})
    config = plan.config.model_copy(update={"dedupe": options})
    return replace(plan, config=config, existing=find_existing(config, root, plan.folder))


def _as_name(text: str) -> str:
    """A name that a config allows, from that of a file or folder."""
    return re.sub(r"[^\w.-]|^\W", "_", text) or "file"


def find_benchmarks(config: Config, raw: Path) -> tuple[Unit, ...]:
    """The files of the evaluation sets that `screen` is to look for."""
    return find_units([Source(name="benchmarks", files=config.screen.benchmarks)], raw)


def find_existing(config: Config, root: Path, folder: Path) -> tuple[Unit, ...]:
    """The datasets that exist already, which `dedupe` compares the rows with. `folder`: where the new one goes."""
    for name in config.dedupe.against:
        if not (root / name).exists():
            raise ConfigError(f"dedupe.against: no file or folder {root / name}.")
        if (root / name).resolve() == folder.resolve():
            raise ConfigError(
                f"dedupe.against: {name!r} is the dataset that is to be built. Give the new one another name, "
                "and compare it with the old one."
            )
    return tuple(Unit(Source(name="against", files=()), root / name, name) for name in config.dedupe.against)


def find_units(sources: Sequence[Source], raw: Path) -> tuple[Unit, ...]:
    """The raw files of all sources: sources in their order, files by name.

    Raises ConfigError for a glob that matches nothing, a file that two sources claim, or a link that leads out of raw.
    """
    claimed: dict[Path, str] = {}
    units = []
    for source in sources:
        for pattern in source.files:
            found = sorted(path for path in raw.glob(pattern) if path.is_file() or is_saved_dataset(path))
            if not found and not source.optional:
                raise ConfigError(f"source {source.name!r}: no file below {raw} matches {pattern!r}.")
            for path in found:
                _refuse_links_out(path, raw)
                if path not in claimed:
                    units.append(Unit(source, path, path.relative_to(raw).as_posix()))
                elif claimed[path] != source.name:
                    raise ConfigError(f"{path} belongs to two sources: {claimed[path]!r} and {source.name!r}.")
                claimed[path] = source.name
    return tuple(units)


def _refuse_links_out(path: Path, raw: Path) -> None:
    """A link in raw/, which may come from anyone, must not bring other files of this machine into a dataset."""
    for part in (path, *path.rglob("*")):
        if not part.resolve().is_relative_to(raw.resolve()):
            raise ConfigError(
                f"{part} is a link that leads out of {raw}, to {part.resolve()}: copy the file there, "
                "or name it yourself: ko-instruct run FILE --out FOLDER"
            )


def write_plan(plan: Plan) -> Path:
    """Write the stamps of all stages and units, and `plan.mk`, which the Makefile includes. Gives the latter's path."""
    read_besides = {"screen": plan.benchmarks, "dedupe": plan.existing}
    for stage, modules in STAGES.items():
        files = [_state(unit) for unit in read_besides.get(stage, ())]
        write_if_changed(plan.stamp(stage), stamp(plan.config, stage, modules, files))
    for unit in plan.units:
        write_if_changed(plan.file(unit, "source.json"), _json(_state(unit)))
    declared = plan.config.model_dump(mode="json", include={"dataset", "source"})
    write_if_changed(plan.stamp("sources"), _json([declared, [unit.key for unit in plan.units]]))
    _forget_old_units(plan)
    makefile = plan.stages / "plan.mk"
    lines = [f"FOLDER := {plan.folder}", f"STAGES := {plan.stages}", f"UNITS := {' '.join(u.key for u in plan.units)}"]
    for unit in plan.units:
        raw = shlex.quote(str(unit.path)).replace("$", "$$").replace("#", "\\#")
        lines.append(f"{plan.file(unit, 'tokenize.arrow')} {plan.file(unit, 'fingerprint.arrow')}: RAW = {raw}")
    write_if_changed(makefile, "\n".join(lines) + "\n")
    return makefile


def find_tokenizer(plan: Plan) -> Resolution:
    """Which tokenizer the plan's list gives, kept in the plan's stages so that it stays the same from run to run.

    The network is asked once for a list, and again only if what was found has gone; a better one that can be had on
    this machine by now is taken.
    """
    names = plan.config.tokenize.tokenizer
    if plan.tokenizer.exists():
        before = Resolution.model_validate_json(plan.tokenizer.read_bytes())
        if names[: len(before.tried) + 1] == (*(name for name, _ in before.tried), before.name):
            try:
                now = resolve(names, online=False)
            except LoadError:
                now = None
            if now and (now.name, now.sha256) == (before.name, before.sha256):
                return now.model_copy(update={"tried": before.tried})
            if now and len(now.tried) < len(before.tried):
                return _keep_tokenizer(plan, now)
    return _keep_tokenizer(plan, resolve(names))


def _keep_tokenizer(plan: Plan, found: Resolution) -> Resolution:
    write_if_changed(plan.tokenizer, found.model_dump_json(indent=1) + "\n")
    return found


def _state(unit: Unit) -> dict[str, Any]:
    """A raw file as it is now. Whatever touches it touches its state; an older file copied over it, too."""
    states = [path.stat() for path in files_of(unit.path)]
    times = [[state.st_size, state.st_mtime_ns, state.st_ctime_ns] for state in states]
    return {"origin": unit.origin, "source": unit.source.model_dump(mode="json"), "state": times}


@contextlib.contextmanager
def unchanged(unit: Unit) -> Iterator[None]:
    """Raises ChangedError where a raw file is not the same after reading as before: what was read is no file then."""
    before = _state(unit)
    yield
    try:
        after = _state(unit)
    except FileNotFoundError:
        raise ChangedError(
            f"{unit.path} vanished while it was read: put it back, or take it out of the sources"
        ) from None
    if after != before:
        raise ChangedError(f"{unit.path} changed while it was read: run again when nothing writes to it any more")


def stamp(config: Config, stage: str, modules: tuple[str, ...], files: Sequence[dict[str, Any]] = ()) -> str:
    """What the results of a stage depend on besides their input: its options, its code, its libraries, its files."""
    options = config.model_dump(mode="json", by_alias=True).get(stage)
    return _json({"options": options, "code": code_of(modules), "versions": versions(), "files": list(files)})


def versions() -> dict[str, str]:
    """Versions of all that decides about bytes."""
    found = {name: importlib.metadata.version(name) for name in ("ko-instruct", *LIBRARIES)}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **found}


def code_of(modules: tuple[str, ...]) -> dict[str, str]:
    """sha256 of the source of these modules and of every module of this project that they import, at any depth."""
    waiting, seen = list(modules), dict[str, str]()
    while waiting:
        for name, digest, imports in _files_of(waiting.pop()):
            if name not in seen:
                seen[name] = digest
                waiting += imports
    return dict(sorted(seen.items()))


#: An import of this project's modules. Those within a package need no following: a package is taken whole.
IMPORT = re.compile(r"^\s*(?:from|import) ((?:pipeline|schemas)[\w.]*)(?: import ([\w, ]+))?", re.MULTILINE)


@cache
def _files_of(module: str) -> list[tuple[str, str, list[str]]]:
    """Name, sha256 and imports of the files of a module, or of a package with its data."""
    home = Path(__file__).resolve().parents[2]
    base = home.joinpath(*module.split("."))
    files = sorted(path for path in base.rglob("*") if path.suffix in (".py", ".toml")) if base.is_dir() else []
    found = []
    for file in files or [base.with_suffix(".py"), base.with_suffix(".toml")]:
        if file.is_file():
            source = file.read_bytes()
            imports = []
            for package, names in IMPORT.findall(source.decode()):
                parts = [f".{name.strip()}" for name in names.split(",")] if "." not in package else [""]
                imports += [package + part for part in parts]
            found.append((file.relative_to(home).as_posix(), hashlib.sha256(source).hexdigest(), imports))
    return found


def _forget_old_units(plan: Plan) -> None:
    """Remove the stage files of raw files that are gone or claimed by another source now."""
    for marker in plan.stages.glob("*/*/source.json"):
        if marker.parent.relative_to(plan.stages).as_posix() not in {unit.key for unit in plan.units}:
            shutil.rmtree(marker.parent)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
