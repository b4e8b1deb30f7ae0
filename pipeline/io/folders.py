"""A folder that appears only whole. What a killed run leaves is finished, or removed, by the next one."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from pipeline.io import stage_files
from pipeline.io.atomic_files import naming
from pipeline.io.lock import locked
from schemas.manifest import MANIFEST, UNLISTED
from schemas.run_times import RUN

#: Stage files of `run` alone, and files that were being written (`pipeline.io.atomic_files.whole`).
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
    """Finish the replacement of an old folder by a new one, wherever it was interrupted.

    Where the new folder is not in place yet, the old one comes back. Where it is, the files that the manifest of the
    old folder lists are removed. All other files are the user's own, and move to the new folder.
    """
    old = _beside(folder, "old")
    if not old.exists():
        return
    if not folder.exists():
        old.rename(folder)
        return
    try:
        ours = set(orjson.loads((old / MANIFEST).read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    for path in [path for path in old.rglob("*") if path.is_symlink() or not path.is_dir()]:
        name = path.relative_to(old)
        if name.as_posix() in ours:
            path.unlink()
        elif name.as_posix() not in UNLISTED and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(folder / name)
    shutil.rmtree(old)  # the manifest is removed last: without it, all files that are left would look like the user's


def clean_up(folder: Path, stages: Path) -> None:
    """Remove what a killed run left of a dataset and its stage files. The caller holds their lock."""
    settle(folder)
    for rest in (_beside(folder, "export"), stages / stage_files.EXCHANGES):
        shutil.rmtree(rest, ignore_errors=True)
    for left in (*folder.glob(f".{RUN}.*.part"), *(left for name in LEFTOVERS for left in stages.rglob(name))):
        left.unlink(missing_ok=True)


def forget(stages: Path) -> None:
    """Remove the stage files of every dataset in this folder. Raises LockedError, and removes nothing, while a run
    works on one of them.

    The lock files stay: a process that waits for one has it open, and would hold a lock on a file that no other process
    can see.
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
