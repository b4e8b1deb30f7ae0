"""The files of a dataset: those that the manifest lists, with their sizes, hashes and columns."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from pipeline.dataset.layout import CARD, UNLISTED, Kind, inside_config, kind_of
from pipeline.dataset.reader import (
    DataFile,
    files_below,
    read_lines,
    schema_of,
    type_name,
)
from pipeline.dataset.verify.check import NAMED, UNREADABLE, Check
from pipeline.io.hashed_files import describe_file
from schemas.manifest import File, Manifest, config_name


def check_files(folder: Path, manifest: Manifest) -> tuple[Check, set[str]]:
    """Every file by size and sha256, and the names of those that are missing or not as described."""
    here = files_below(folder)
    absent = _absent_kinds(manifest, here)
    notes = [f"no {kind} files here, as in a snapshot of the Hub" for kind in absent]
    expected = {name: file for name, file in manifest.files.items() if name not in set().union(*absent.values())}
    faults = {name: fault for name, file in expected.items() if (fault := _difference(name, file, here.get(name)))}
    if CARD in faults and CARD in here:
        del faults[CARD]
        notes.append(f"{CARD} was edited after it was generated")
    size = sum(file.bytes for file in expected.values())
    strays, others = _other_files(here.keys() - manifest.files.keys() - set(UNLISTED), config_name(manifest.options))
    found = [
        *faults.values(),
        *(f"{name} would be read with the dataset, and is not in its manifest" for name in strays),
    ]
    notes += [f"{name} is not a file of this dataset" for name in others if not name.startswith(".")]
    return Check("files", f"{len(expected)} files, {size:,} bytes", found, notes), set(faults)


def _other_files(names: AbstractSet[str], config: str) -> tuple[list[str], list[str]]:
    """Of files that are not in the manifest: those that have the name of a file of data, and all others."""
    strays = sorted(name for name in names if kind_of(inside_config(name, config)) is not None)
    return strays, sorted(names - set(strays))


def _absent_kinds(manifest: Manifest, here: Mapping[str, Path]) -> dict[Kind, set[str]]:
    """The kinds of files that may be left out, and are: with the names of their files."""
    config = config_name(manifest.options)
    listed: dict[Kind | None, set[str]] = {}
    for name in manifest.files:
        listed.setdefault(kind_of(inside_config(name, config)), set()).add(name)
    optional: tuple[Kind, ...] = ("jsonl", "arrow", "forms", "rejects") if "parquet" in listed else ("rejects",)
    return {kind: listed[kind] for kind in optional if kind in listed and not listed[kind] & here.keys()}


def _difference(name: str, file: File, path: Path | None) -> str | None:
    """How this file differs from its description."""
    found = describe_file(path) if path else None
    if found == file:
        return None
    if found is None:
        return f"{name} is missing"
    if found.bytes != file.bytes:
        return f"{name} has {found.bytes:,} bytes, and the manifest says {file.bytes:,}"
    return f"{name} has the sha256 {found.sha256}, and the manifest says {file.sha256}"


def check_columns(files: Iterable[DataFile], manifest: Manifest) -> Check:
    """Names and types of the columns of every file; of JSON Lines the keys of every row."""
    faults: list[str] = []
    for file in files:
        try:
            faults += _key_faults(file, manifest) if file.format == "jsonl" else _column_faults(file, manifest)
        except UNREADABLE as error:
            faults.append(f"{file.name} cannot be read: {error}")
    return Check("columns", f"{len(manifest.columns)} columns", faults)


def _key_faults(file: DataFile, manifest: Manifest) -> Iterator[str]:
    """The rows of a JSON Lines file that have other keys than the columns of texts."""
    if manifest.packing:
        return  # its rows are the records, and the columns those of packs
    texts = [name for name, kind in manifest.columns.items() if not re.fullmatch(r"list<item: u?int\d+>", kind)]
    wrong = (number for number, row in enumerate(read_lines(file.path), 1) if list(row) != texts)
    for number in itertools.islice(wrong, NAMED):
        yield f"{file.name}:{number} has other keys than the columns"


def _column_faults(file: DataFile, manifest: Manifest) -> Iterator[str]:
    found = {field.name: type_name(field.type) for field in schema_of(file)}
    for name in sorted(found.keys() | manifest.columns.keys()):
        here, expected = found.get(name, "missing"), manifest.columns.get(name, "missing")
        if here != expected:
            yield f"{file.name}, column {name}: {here}, and the manifest says {expected}"
