"""A folder that appears only whole, and what a killed run leaves: it is finished, or removed, by the next one."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from pipeline.io import stage_files
from pipeline.io.files import naming
from pipeline.io.lock import locked

#: Stage files of `run` alone, and files that were being written (`pipeline.io.files.whole`).
LEFTOVERS = (*stage_files.OF_RUN, ".*.part")


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` complete, or not at all."""
    fresh = _beside(folder, "export")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        with naming(fresh):
            yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    settle(folder)
    if folder.exists():
        folder.rename(_beside(folder, "old"))
    fresh.rename(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """End an exchange of an old folder for a new one, wherever it was interrupted.

    Where the new one is not in place yet, the old one comes back. Where it is, those files of the old one go that its
    manifest lists; all others are the user's own, and move over.
    """
    old = _beside(folder, "old")
    if not old.exists():
        return
    if not folder.exists():
        old.rename(folder)
        return
    try:
        ours = set(orjson.loads((old / "manifest.json").read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    for path in [path for path in old.rglob("*") if path.is_symlink() or not path.is_dir()]:
        name = path.relative_to(old)
        if name.as_posix() in ours:
            path.unlink()
        elif name.as_posix() != "manifest.json" and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(folder / name)
    shutil.rmtree(old)  # the manifest goes last: without it, what is left would pass for the user's


def clean_up(folder: Path, stages: Path) -> None:
    """What a killed run left of a dataset and its stage files. Only for who holds their lock (`pipeline.io.lock`)."""
    settle(folder)
    shutil.rmtree(_beside(folder, "export"), ignore_errors=True)
    for pattern in LEFTOVERS:
        for left in stages.rglob(pattern):
            left.unlink(missing_ok=True)


def forget(stages: Path) -> None:
    """Remove the stage files of every dataset in this folder. Raises LockedError, with nothing removed, while a run
    works on one of them.

    The locks stay: who waits for one has it open, and would go on with a file that nobody else can see.
    """
    with contextlib.ExitStack() as held:
        folders = [lock.parent for lock in sorted(stages.glob(f"*/{stage_files.LOCK}"))]
        for folder in folders:
            held.enter_context(locked(folder, "make clean"))
        for folder in folders:
            clean_up(stages.parent / folder.name, folder)
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != stage_files.LOCK:
                    path.unlink()


def _beside(folder: Path, what: str) -> Path:
    return stage_files.stages_of(folder).with_name(f"{folder.name}.{what}")
