"""run.json, written and read: here alone."""

from pathlib import Path

from pydantic import ValidationError

from pipeline.dataset.layout import RUN
from pipeline.io.atomic_files import whole
from schemas.errors import KoInstructError, problems
from schemas.run_times import RunTimes


class RunFileError(KoInstructError, ValueError):
    """A run.json is not one of this version."""


def read_run(folder: Path) -> RunTimes | None:
    """The times of the run that made the dataset in this folder; None where it has none, as a dataset of the Hub.

    Raises RunFileError.
    """
    path = folder / RUN
    if path.exists() and not path.is_file():
        raise RunFileError(f"{path}: it is not a regular file. Remove it.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return RunTimes.model_validate_json(data)
    except ValidationError as error:
        faults = "; ".join(problems(error, RunTimes))
    raise RunFileError(f"{path}: {faults}. Remove the file, or build the dataset again (make processed).")


def write_run(folder: Path, times: RunTimes) -> None:
    """Write run.json into the folder of a finished dataset."""
    with whole(folder / RUN) as sink:
        sink.write(times.model_dump_json(indent=1).encode() + b"\n")
