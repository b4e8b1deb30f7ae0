"""The file of verdicts: JSON Lines, to which each new verdict is added. The last line on a record counts."""

import os
from pathlib import Path

import orjson
from pydantic import ValidationError

from pipeline.io.atomic_files import naming
from pipeline.table.verdicts import VerdictError
from schemas.errors import problems
from schemas.verdict import Key, Verdict


def read_verdicts(path: Path) -> dict[Key, Verdict]:
    """The verdicts that count, by record. Raises VerdictError with file and line for a line that is none."""
    found: dict[Key, Verdict] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            verdict = _verdict(line, f"{path}, line {number}")
            found.pop(verdict.key, None)
            if verdict.verdict != "none":
                found[verdict.key] = verdict
    return found


def _verdict(line: bytes, place: str) -> Verdict:
    try:
        return Verdict.model_validate(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise VerdictError(f"{place}: not JSON: {error}. Correct the line, or remove it.") from None
    except ValidationError as error:
        raise VerdictError(f"{place}: {'; '.join(problems(error, Verdict))}. Correct the line, or remove it.") from None


def add_verdict(path: Path, verdict: Verdict) -> None:
    """Add a line, and flush it to the disk. The file and its folder are made with the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps(verdict.model_dump(exclude_defaults=True), option=orjson.OPT_APPEND_NEWLINE)
    with naming(path), path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line  # a person may have edited the last line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
