"""Texts as they were before they were fixed, read again from the raw files, where these are still the same.

`export` does not import this: a report that a run writes has only what is in the dataset.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.sample import Row
from pipeline.io.hashed_files import describe_file
from pipeline.stages.ingest import ingest
from schemas.errors import KoInstructError
from schemas.manifest import File, Manifest
from schemas.options import IngestOptions, Source

#: Rows of each fix whose texts are looked for, and bytes of a raw file that is read for them.
PER_FIX, LARGEST = 3, 1 << 28


def texts_before(raw: Path, summary: Summary) -> dict[str, Row]:
    """By origin, rows of fixes as `ingest` reads them. Rows with masked personal data are left out, and so are those of
    raw files that cannot be read here."""
    keys = [key for key in summary.kept.every_key() if key.facet == "fix"]
    rows = [summary.kept.row(number) for key in keys for number in summary.kept.of(key)[:PER_FIX]]
    rows = [row for row in rows if "mask" not in row["fixes"]]
    found: dict[str, Row] = {}
    for name, source in dict.fromkeys(filter(None, (_file_of(row, summary.manifest) for row in rows))):
        wanted = {row["origin"] for row in rows if _file_of(row, summary.manifest) == (name, source)}
        with contextlib.suppress(OSError, KoInstructError):
            if _is_same(raw / name, summary.manifest.raw[name]):
                found |= _read(raw / name, name, _source(summary.manifest, source), summary.manifest, wanted)
    return found


def _file_of(row: Row, manifest: Manifest) -> tuple[str, str] | None:
    """The raw file that a row is from, and its source; of several names that fit the longest."""
    names = [name for name in manifest.raw if row["origin"].startswith(name)]
    known = any(source.name == row["source"] for source in manifest.sources)
    return (max(names, key=len), row["source"]) if names and known else None


def _is_same(path: Path, file: File) -> bool:
    """Whether this is the raw file that the dataset was made of, and not too large to be read again."""
    if file.bytes > LARGEST or not path.exists():
        return False
    found = describe_file(path)
    return (found.sha256, found.bytes) == (file.sha256, file.bytes)


def _source(manifest: Manifest, name: str) -> Source:
    return next(source for source in manifest.sources if source.name == name)


def _read(path: Path, name: str, source: Source, manifest: Manifest, wanted: set[str]) -> dict[str, Row]:
    own = source.ingest.model_dump(exclude_unset=True) if source.ingest else {}
    options = IngestOptions.model_validate(manifest.options.ingest.model_dump() | own)
    found: dict[str, Row] = {}
    for table in _tables(ingest(path, name, source, options), wanted):
        found |= {row["origin"]: row for row in table.to_pylist()}
        if len(found) == len(wanted):
            break
    return found


def _tables(tables: Iterator[pa.Table], wanted: set[str]) -> Iterator[pa.Table]:
    origins = pa.array(sorted(wanted), pa.string())
    return (table.filter(pc.is_in(table["origin"], origins)) for table in tables)
