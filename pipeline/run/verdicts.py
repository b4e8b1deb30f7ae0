"""The verdicts of a run: the files that the sources name, those on the rows of a raw file, and what became of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.io.atomic_files import write_if_changed
from pipeline.io.verdict_file import read_verdicts
from pipeline.table.verdicts import VerdictError, Verdicts
from schemas.manifest import UsedVerdicts
from schemas.options import Source
from schemas.verdict import Key, Outcome


class VerdictFile(NamedTuple):
    """A file of verdicts. `name`: as the config names it."""

    name: str
    sha256: str
    verdicts: Verdicts


def find_verdicts(sources: Sequence[Source], root: Path) -> dict[str, VerdictFile]:
    """The files of verdicts by their names in the config. `root`: its folder. Raises VerdictError for a missing one,
    and for a line that is no verdict."""
    found = {}
    for source in sources:
        path = root / source.verdicts
        if source.verdicts and source.verdicts not in found:
            if not path.is_file():
                raise VerdictError(
                    f"source {source.name!r}: no file of verdicts {path}. `ko-instruct browse` writes it with the "
                    "first verdict; until then leave `verdicts` out."
                )
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[source.verdicts] = VerdictFile(source.verdicts, digest, read_verdicts(path))
    return found


def of_file(verdicts: Verdicts, origin: str) -> Verdicts:
    """The verdicts that may be on rows of this raw file: an origin begins with the name of its file."""
    return {key: verdict for key, verdict in verdicts.items() if key.origin.startswith(origin)}


def state_of_verdicts(verdicts: Verdicts) -> str:
    """A digest of the verdicts on the rows of a raw file: it is read again where that changes. "" without any."""
    lines = "\n".join(verdicts[key].model_dump_json() for key in sorted(verdicts))
    return hashlib.sha256(lines.encode()).hexdigest() if lines else ""


def write_outcomes(path: Path, outcomes: Mapping[Key, Outcome]) -> None:
    """What became of the verdicts on the rows of a raw file, for the manifest. No file where there are none."""
    if not outcomes:
        path.unlink(missing_ok=True)
        return
    write_if_changed(path, json.dumps([[*key, outcomes[key]] for key in sorted(outcomes)], ensure_ascii=False) + "\n")


def used(files: Iterable[VerdictFile], outcomes: Sequence[Path]) -> list[UsedVerdicts]:
    """What became of the verdicts of these files, from what `write_outcomes` wrote for the raw files."""
    became = {Key(origin, digest): what for path in outcomes if path.exists() for origin, digest, what in _read(path)}
    found = []
    for file in files:
        counts = Counter(became[key] for key in file.verdicts if key in became)
        unmatched = sorted(key.origin for key in file.verdicts if key not in became)
        found.append(
            UsedVerdicts(
                file=file.name,
                sha256=file.sha256,
                **{name: counts[name] for name in ("keep", "drop", "fix")},
                without_effect=counts["without-effect"],
                unmatched=unmatched,
            )
        )
    return found


def _read(path: Path) -> list[list[str]]:
    rows: list[list[str]] = json.loads(path.read_bytes())
    return rows
