"""The plan of a run: which raw files, in which order, and where their stage files and the dataset go."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.dataset.own_files import manifests_of, own_below, place_read_wrongly
from pipeline.io import stage_files
from pipeline.io.hashed_files import MUCH, size_of
from pipeline.io.object_store import is_url
from pipeline.io.saved_dataset import is_saved_dataset
from pipeline.io.terminal_text import visible
from pipeline.run.config import ConfigError, load_config
from pipeline.run.verdicts import VerdictFile, find_verdicts, of_file
from pipeline.table.verdicts import Verdicts
from schemas.manifest import UsedStep
from schemas.options import Benchmark, Config, Dataset, Source, Step, glob_of
from schemas.shapes import Questions

#: Endings of a file name that do not belong to a source's name.
EXTENSIONS = re.compile(r"(\.(jsonl?|csv|tsv|txt|parquet|arrow|xlsx|zip|tar|tgz|gz|zst|bz2|xz))+$", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """One raw file, the unit of rebuilding. `origin`: its name below raw/. `key`: a name that is safe in any shell."""

    source: Source
    path: Path
    origin: str

    def __post_init__(self) -> None:
        places = (self.path, *self.path.parents)[: len(PurePosixPath(self.origin).parts)]
        for place in reversed(places):
            need_utf8(place)

    @property
    def is_small(self) -> bool:
        """Whether a process of its own would take longer to start than to read it."""
        return size_of(self.path) < MUCH

    @property
    def key(self) -> str:
        safe = re.sub(r"[^\w.-]", "_", self.origin.replace("/", "--"))
        if safe != self.origin.replace("/", "--"):
            safe += "-" + hashlib.sha256(self.origin.encode()).hexdigest()[:8]
        return f"{self.source.name}/{safe}"


def need_utf8(path: Path) -> None:
    """Raises ConfigError where the name of a raw file, or of a folder of such files, is not UTF-8."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        name, kind = os.fsencode(path.name).decode("cp949", "replace"), "folder" if path.is_dir() else "file"
        raise ConfigError(
            f"In {visible(str(path.parent))} is a {kind} whose name is not UTF-8; read as CP949 it is {name}. "
            "Give it a name in UTF-8."
        ) from None


class OwnStep(NamedTuple):
    """A step of the config, and the file of its function."""

    step: Step
    path: Path

    @property
    def name(self) -> str:
        return self.step.function.partition(":")[2]

    def used(self) -> UsedStep:
        """What its result depends on: the function and the file that holds it."""
        return UsedStep(**self.step.model_dump(), sha256=hashlib.sha256(self.path.read_bytes()).hexdigest())


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
    #: The user's own steps.
    steps: tuple[OwnStep, ...] = ()
    #: The files of verdicts that the sources name, by these names.
    verdicts: Mapping[str, VerdictFile] = field(default_factory=dict)

    @property
    def tokenizer(self) -> Path:
        """Which tokenizer the run uses, and why: a `Resolution` as JSON."""
        return self.stages / stage_files.TOKENIZER

    def file(self, unit: Unit, name: str) -> Path:
        """A stage file of a raw file, by its name in `pipeline.io.stage_files`."""
        return self.stages / unit.key / name

    def verdicts_on(self, unit: Unit) -> Verdicts:
        """The verdicts on the rows of a raw file."""
        file = self.verdicts.get(unit.source.verdicts)
        return of_file(file.verdicts, unit.origin) if file else {}

    def place_of(self, unit: Unit) -> str:
        """Which file of how many this is, where there are several."""
        count = len(self.units)
        return f"file {self._numbers[unit.path]:,} of {count:,}" if count > 1 else ""

    @cached_property
    def _numbers(self) -> dict[Path, int]:
        return {unit.path: number for number, unit in enumerate(self.units, 1)}

    def stamp(self, name: str) -> Path:
        """What a stage depends on besides its input (`pipeline.run.stamps`), for Make."""
        return self.stages / stage_files.STAMPS / f"{name}.json"


def plan_of_config(path: Path, layout: str | None = None, changes: Sequence[str] = ()) -> Plan:
    """The plan of a pipeline.toml: raw/ and processed/ are beside it.

    `layout`: one in place of the config's has a folder of its own, processed/mine-causal beside processed/mine.
    `changes`: of options, as `load_config` takes them.
    """
    config = load_config(path, changes)
    root = path.parent
    other = f"-{layout}" if layout and layout != config.tokenize.layout else ""
    folder = root / "processed" / (config.dataset.name + other)
    raw = root / "raw"
    units = find_units(config.source, raw)
    return Plan(
        config,
        units,
        find_benchmarks(config, raw),
        folder,
        stage_files.stages_of(folder),
        find_existing(config, root, folder),
        find_steps(config, root),
        find_verdicts(config.source, root),
    )


def require_raw_files(plan: Plan) -> None:
    """Raises ConfigError for a plan without raw files: no dataset can be built of it."""
    if not plan.units:
        raise ConfigError("no source has a file below raw. Put one there, or name one that is there in `files`.")


def plan_of_files(files: Sequence[Path], out: Path, config: Config, root: Path = Path()) -> Plan:
    """A plan for files named one by one, written to `out`: each is a source of its own.

    `config`: for its options. `root`: the folder of the config, which raw/ is in.
    """
    once = list(dict.fromkeys(files))
    names = [file.name for file in once]
    units = []
    for file in once:
        origin = file.name if names.count(file.name) == 1 else file.as_posix()
        source = Source(name=source_name(file.name), files=(glob_of(file.name),))
        units.append(Unit(source, file, origin))
    declared = {unit.source.name: unit.source for unit in units}
    about = {"dataset": Dataset(name=_as_name(out.resolve().name)), "source": tuple(declared.values())}
    benchmarks = find_benchmarks(config, root / "raw")
    existing = find_existing(config, root, out)
    changed = config.model_copy(update=about)
    return Plan(changed, tuple(units), benchmarks, out, stage_files.stages_of(out), existing, find_steps(config, root))


def compared_with(plan: Plan, paths: Sequence[Path], root: Path) -> Plan:
    """The plan with more datasets that exist already. `root`: the folder of the config, where their names begin."""
    names = (*plan.config.dedupe.against, *(Path(os.path.relpath(path, root)).as_posix() for path in paths))
    options = plan.config.dedupe.model_copy(update={"against": names})
    config = plan.config.model_copy(update={"dedupe": options})
    return replace(plan, config=config, existing=find_existing(config, root, plan.folder))


def unit_of(plan: Plan | None, path: Path) -> Unit:
    """The plan's unit for this raw file; where no plan has one, a source of its own, to be detected."""
    for unit in plan.units if plan else ():
        if unit.path.samefile(path):
            return unit
    return Unit(Source(name="file", files=(glob_of(path.name),)), path, path.name)


def source_name(file: str) -> str:
    """The name of a source, from that of its file or folder.

    >>> source_name("KoAlpaca v1.1.jsonl.gz")
    'KoAlpaca_v1.1'
    >>> source_name("①데이터.json")
    '_데이터'
    """
    return _as_name(EXTENSIONS.sub("", file))


def _as_name(text: str) -> str:
    """A name that a config allows, from that of a file or folder."""
    allowed = re.sub(r"[^\w.-]|^\W", "_", text)
    # Numbers such as ① and ² are letters to `re`, and not to the pattern of a name.
    return "".join("_" if unicodedata.category(each) == "No" else each for each in allowed) or "file"


def find_benchmarks(config: Config, raw: Path) -> tuple[Unit, ...]:
    """The files of the evaluation sets that `screen` looks for."""
    return find_units([source_of(benchmark) for benchmark in config.screen.benchmarks], raw)


def source_of(benchmark: Benchmark) -> Source:
    """An evaluation set as a source of prompts."""
    shape = Questions(prompt=benchmark.prompt, more=benchmark.more) if benchmark.prompt else None
    return Source(name=benchmark.name, files=benchmark.files, shape=shape)


def find_existing(config: Config, root: Path, folder: Path) -> tuple[Unit, ...]:
    """The datasets that exist already, which `dedupe` compares the rows with. `folder`: where the new one goes."""
    for name in config.dedupe.against:
        if not (root / name).exists():
            raise ConfigError(f"dedupe.against: no file or folder {root / name}.")
        if (root / name).resolve() == folder.resolve():
            raise ConfigError(
                f"dedupe.against: {name!r} is the dataset that this run builds. Give the new one another name, "
                "and compare it with the old one."
            )
    return tuple(Unit(Source(name="against", files=()), root / name, name) for name in config.dedupe.against)


def find_steps(config: Config, root: Path) -> tuple[OwnStep, ...]:
    """The steps of a config. `root`: its folder. Raises ConfigError where a file is missing."""
    found = []
    for step in config.step:
        path = root / f"{step.function.partition(':')[0]}.py"
        if not path.is_file():
            raise ConfigError(f"step {step.function!r}: no file {path}. The file is beside the config.")
        found.append(OwnStep(step, path))
    return tuple(found)


def find_units(sources: Sequence[Source], raw: Path) -> tuple[Unit, ...]:
    """The raw files of all sources: sources in their order, files by name.

    Raises ConfigError for a glob that matches nothing, a file that two sources claim, or a link that leads out of raw.
    """
    claimed: dict[Path, str] = {}
    units = []
    for source in sources:
        excluded = {path for pattern in source.exclude for path in _matching(pattern, source, raw)}
        for pattern in source.files:
            found = [path for path in _matching(pattern, source, raw) if path not in excluded]
            for path in found:
                _refuse_links_out(path, raw)
                if path not in claimed:
                    units.append(Unit(source, path, path.relative_to(raw).as_posix()))
                elif claimed[path] != source.name:
                    raise ConfigError(f"{path} belongs to two sources: {claimed[path]!r} and {source.name!r}.")
                claimed[path] = source.name
    _refuse_rows_read_twice(units, raw)
    return tuple(units)


def _matching(pattern: str, source: Source, raw: Path) -> list[Path]:
    """The files that match a glob of a source. Raises ConfigError where there are none."""
    found = sorted(path for path in raw.glob(pattern) if path.is_file() or is_saved_dataset(path))
    if not found and not source.optional and is_url(pattern):
        raise ConfigError(
            f"source {source.name!r}: {raw} has no copy of {pattern!r}. `ko-instruct run` copies what is there: where "
            "that was this command, correct the address."
        )
    if not found and not source.optional:
        raise ConfigError(f"source {source.name!r}: no file below {raw} matches {pattern!r}.")
    return found


def _refuse_rows_read_twice(units: Sequence[Unit], raw: Path) -> None:
    """A dataset that ko-instruct wrote holds its rows several times, beside files that describe them."""
    parents = {unit.path.parent for unit in units}
    folders = {folder for parent in parents for folder in (parent, *parent.parents) if folder.is_relative_to(raw)}
    manifests = manifests_of(folders, raw)
    place = place_read_wrongly((unit.origin for unit in units), manifests) if manifests else None
    if place is None:
        return
    wrong = next(unit for unit in units if (raw / place) in unit.path.parents)
    globs = next((own.globs for own in own_below(raw / place, raw) if own.files), None)
    raise ConfigError(
        f"source {wrong.source.name!r}: {raw / place} is a dataset that ko-instruct wrote, and these files of it hold "
        + ("the same rows several times, or none. " if globs else "packed rows, without texts. ")
        + (f"Name one kind: files = {json.dumps(globs, ensure_ascii=False)}" if globs else "Take it out of `files`.")
    )


def _refuse_links_out(path: Path, raw: Path) -> None:
    """A link in raw/, which may come from anyone, must not bring other files of this machine into a dataset."""
    inside = os.path.join(os.path.realpath(raw), "")
    for part in (path, *(path.rglob("*") if path.is_dir() else ())):
        if not os.path.realpath(part).startswith(inside):
            raise ConfigError(
                f"{part} is a link that leads out of {raw}, to {part.resolve()}. Copy the file to {raw}, "
                "or name it in the command: ko-instruct run FILE --out FOLDER"
            )
