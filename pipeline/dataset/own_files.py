"""A dataset that ko-instruct exported, as a source of another one: which of its files hold its records, each once.

Such a dataset holds its rows several times (formats, layouts, text forms), beside files that describe them. It lies
in a folder as `export` wrote it, or in a repository as `push` published it: then each config has a folder and a
manifest. Names of files and folders are below one folder, such as raw/; `manifests` are by their folder, "" for that
one itself.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from pipeline.dataset.layout import MANIFEST, format_and_split, inside_config, kind_of
from schemas.manifest import config_of

#: Formats that hold the whole record, the best first.
OF_RECORDS = ("parquet", "arrow", "jsonl")
#: What holds no record: a card, a manifest, packed rows.
NO_RECORDS = ""


class Tokenize(BaseModel):
    layout: str


class Export(BaseModel):
    packing: bool = False


class Options(BaseModel):
    tokenize: Tokenize
    export: Export


class Counts(BaseModel):
    rows_in: int
    kept: int


class Credit(BaseModel):
    """Of a source: its licence, and whom to credit."""

    name: str
    license: str = "unknown"
    attribution: str = ""


class Described(BaseModel):
    """What every version of ko-instruct says in a manifest (`schemas.manifest` has what this version says)."""

    options: Options
    counts: Counts
    sources: list[Credit]
    files: dict[str, object]

    @property
    def packed(self) -> bool:
        return self.options.export.packing

    @property
    def config(self) -> str:
        return config_of(self.options.tokenize.layout, self.packed)


class Part(NamedTuple):
    """What a file of a dataset holds: records in a format ("parquet"), texts in a form ("messages .jsonl"), "rejects",
    or NO_RECORDS. `folder`: that of its manifest.
    """

    folder: str
    holds: str


class OwnFiles(NamedTuple):
    """The files of a folder with a manifest that hold its records, each once; () where none does."""

    folder: str
    manifest: Described
    files: tuple[str, ...]

    @property
    def globs(self) -> list[str]:
        """Globs of the files.

        >>> OwnFiles("own", Described.model_construct(), ("own/pair/train-0.parquet", "own/pair/test-0.parquet")).globs
        ['own/pair/*.parquet']
        """
        return sorted({f"{PurePosixPath(name).parent}/*{PurePosixPath(name).suffix}" for name in self.files})


def own_files(names: Iterable[str], manifests: Mapping[str, Described]) -> list[OwnFiles]:
    """The files with records, of these, for each folder with a manifest; that with the most rows comes first."""
    found: dict[Part, list[str]] = {}
    for name in sorted(names):
        if part := part_of(name, manifests):
            found.setdefault(part, []).append(name)

    def records(folder: str) -> tuple[str, ...]:
        kinds = (found.get(Part(folder, kind), ()) for kind in OF_RECORDS)
        return tuple(next(filter(None, kinds), ()))

    own = [OwnFiles(folder, manifest, records(folder)) for folder, manifest in manifests.items()]
    return sorted(own, key=lambda one: (not one.files, -one.manifest.counts.kept, one.folder))


def place_read_wrongly(names: Iterable[str], manifests: Mapping[str, Described]) -> str | None:
    """The folder of a dataset whose records these files do not give, each once; None where there is no such dataset.

    They give records twice (two formats, two layouts), or a file without records.
    """
    found: dict[str, set[Part]] = {}
    for name in names:
        if part := part_of(name, manifests):
            found.setdefault(place_of(part.folder, manifests[part.folder]), set()).add(part)
    wrong = (place for place, parts in found.items() if len(parts) > 1 or NO_RECORDS in {part.holds for part in parts})
    return next(wrong, None)


def place_of(folder: str, manifest: Described) -> str:
    """The folder of a whole dataset: that of the manifest; where it is of a config in a repository, the one above."""
    path = PurePosixPath(folder)
    return _name(path.parent) if path.name == manifest.config else folder


def part_of(name: str, manifests: Mapping[str, Described]) -> Part | None:
    """What a file holds; None where it is not part of such a dataset."""
    path = PurePosixPath(name)
    folder = next((_name(parent) for parent in path.parents if _name(parent) in manifests), None)
    if folder is None:
        return None
    manifest = manifests[folder]
    inside = name.removeprefix(f"{folder}/") if folder else name
    if data := format_and_split(inside):
        packed = manifest.packed and data[0] != "jsonl"
        return Part(folder, NO_RECORDS if packed else data[0])
    match kind_of(inside_config(inside, manifest.config)):
        case None:
            return None
        case "forms" if len(PurePosixPath(inside).parts) > 1:
            return Part(folder, f"{PurePosixPath(inside).parts[0]} {path.suffix}")
        case "rejects":
            return Part(folder, "rejects")
    return Part(folder, NO_RECORDS)


def manifests_of(folders: Iterable[Path], root: Path) -> dict[str, Described]:
    """The manifests of ko-instruct in these folders below `root`. Others are files like any others."""
    found = {}
    for folder in sorted(folders):
        if (folder / MANIFEST).is_file():
            try:
                described = Described.model_validate_json((folder / MANIFEST).read_bytes())
            except ValidationError:
                continue
            found[_name(PurePosixPath(folder.relative_to(root).as_posix()))] = described
    return found


def own_below(folder: Path, root: Path) -> list[OwnFiles]:
    """What `own_files` gives for all files in a folder below `root`."""
    manifests = manifests_of((path.parent for path in folder.rglob(MANIFEST)), root)
    names = (path.relative_to(root).as_posix() for path in folder.rglob("*") if path.is_file()) if manifests else ()
    return own_files(names, manifests)


def _name(folder: PurePosixPath) -> str:
    return "" if folder == PurePosixPath() else folder.as_posix()
