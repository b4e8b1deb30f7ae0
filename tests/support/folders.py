"""What is compared of two folders that two runs wrote: every file but those that say how long a run took."""

import hashlib
from pathlib import Path

from pipeline.io.stage_files import DECISION_TIMES, TIMES
from schemas.run_times import RUN

TIMED = (RUN, TIMES, DECISION_TIMES)


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of each file below the folder, by its name there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }
