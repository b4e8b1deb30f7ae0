"""Crashes and faults: killed runs, two runs at once, no room, no permission, raw files that change, killed stages."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from pipeline.io.atomic_files import WriteError, naming
from pipeline.io.folders import clean_up, forget, settle, whole_folder
from pipeline.io.hashed_files import describe_file
from pipeline.io.lock import LockedError, locked
from pipeline.io.stage_files import RAW
from pipeline.run import read_units
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config
from pipeline.run.raw_state import ChangedError, unchanged
from pipeline.run.read_units import ingest_unit
from pipeline.run.stamps import write_plan
from pipeline.stages import ingest
from pipeline.stages.ingest.parse.unpacking import IngestError
from schemas.manifest import File
from tests.kills import NOTE, Project, Unbroken, random_kills, step_kills

pytestmark = pytest.mark.long

FILES = ("office.csv",)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.at(tmp_path / "project", FILES)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of which nothing is built until `wanted` builds it."""
    return Project.at(tmp_path_factory.mktemp("unbroken"), FILES)


@pytest.fixture(scope="module")
def wanted(unbroken: Project) -> Unbroken:
    return Unbroken.of(unbroken)


@pytest.fixture
def built(project: Project, unbroken: Project, wanted: Unbroken) -> Project:
    """The project, with what unbroken runs made."""
    shutil.copytree(unbroken.folder / "processed", project.folder / "processed")
    return project


@pytest.fixture
def warm(project: Project, warm_command: Path) -> None:
    """The project starts `ko-instruct` in a fraction of its time, where it need not be a process of the test itself."""
    project.use(warm_command)


def dataset(digest: dict[str, str]) -> dict[str, str]:
    """Of the files of a project those of its dataset."""
    return {name: value for name, value in digest.items() if name.startswith("small/")}


# --- killed ---


def test_a_killed_run_is_as_if_it_had_not_been(project: Project, wanted: Unbroken) -> None:
    """A few of the kills of `make test-kill`."""
    assert sum(random_kills(project, wanted, "make", 1, seed=8).values()) == 1
    assert sum(random_kills(project, wanted, "run", 1, seed=5).values()) == 1
    assert sum(step_kills(project, wanted, "other", 2, seed=3).values()) == 2


class Killed(BaseException):
    pass


class Steps:
    """Kills at the n-th step from now that changes a folder: as a kill does, it lets nobody clean up."""

    def __init__(self) -> None:
        self.left = 0
        sys.addaudithook(self.look)

    def look(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.left and event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir"):
            self.left -= 1
            if not self.left:
                raise Killed


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps()


def test_an_exchange_of_folders_may_end_at_any_step(tmp_path: Path, steps: Steps) -> None:
    """Whatever step an exchange stops at, the next run has the old dataset or the new, and every file of the user."""
    ours = ("train/data.arrow", "manifest.json")
    folder = tmp_path / "processed" / "표본"

    def build(version: str) -> None:
        with whole_folder(folder) as fresh:
            (fresh / "train").mkdir()
            (fresh / "train" / "data.arrow").write_text(version)
            (fresh / "manifest.json").write_text(f'{{"files": {{"train/data.arrow": "{version}"}}}}')

    seen = set()
    for number in range(1, 100):
        shutil.rmtree(tmp_path / "processed", ignore_errors=True)
        build("old")
        (folder / "글" / "속").mkdir(parents=True)
        (folder / "글" / "속" / "메모.txt").write_text("메모")
        steps.left = number
        with contextlib.suppress(Killed):
            build("new")
        ended, steps.left = bool(steps.left), 0
        clean_up(folder, tmp_path / "processed" / ".stages")
        seen.add((folder / "train" / "data.arrow").read_text())
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        assert files == sorted([*ours, "글/속/메모.txt"]), f"killed at step {number}"
        assert not list((tmp_path / "processed" / ".stages").iterdir())
        build("next")
        assert (folder / "글" / "속" / "메모.txt").exists()
        if ended:
            break
    assert number > 8
    assert seen == {"old", "new"}


def test_a_manifest_cannot_name_files_elsewhere_to_be_removed(tmp_path: Path) -> None:
    folder, old = tmp_path / "표본", tmp_path / ".stages" / "표본.old"
    precious = tmp_path / "precious"
    precious.write_text("소중한 것")
    folder.mkdir()
    old.mkdir(parents=True)
    (old / "manifest.json").write_text('{"files": {"../../precious": {}}}')
    settle(folder)
    assert precious.exists()
    assert not old.exists()


def test_make_exports_anew_what_run_exported(project: Project) -> None:
    """Else a run of other options would stay: Make's stamps are as they were, and the manifest is newer than all."""
    plan = plan_of_config(project.folder / "pipeline.toml")
    write_plan(plan)
    run(plan, 1)
    write_plan(plan)
    assert plan.stamp("export").stat().st_mtime_ns > (project.built / "manifest.json").stat().st_mtime_ns


# --- two at once ---


@pytest.fixture
def another(project: Project, warm: None) -> Iterator["subprocess.Popen[str]"]:
    """A `make processed` that is held up in its midst: its `make-dataset` waits until the file `go` is there."""
    script = project.folder / "venv" / "bin" / "ko-instruct"
    real = script.resolve()
    script.unlink()
    wait = 'if [ "$1" = make-dataset ] && [ ! -e go ]; then touch waiting; while [ ! -e go ]; do sleep 0.05; done; fi'
    script.write_text(f'#!/bin/sh\n{wait}\nexec {shlex.quote(str(real))} "$@"\n')
    script.chmod(0o755)
    process = project.start(["make", "processed", "VENV=venv"])
    for _ in range(600):
        if (project.folder / "waiting").exists():
            break
        time.sleep(0.05)
    else:
        pytest.fail("make-dataset did not begin")
    yield process
    (project.folder / "go").touch()
    process.communicate()


def failing(project: Project, command: list[str], code: int) -> str:
    return failed(project.start(command), code)


def failed(process: "subprocess.Popen[str]", code: int) -> str:
    _, err = process.communicate()
    assert process.returncode == code, err
    assert "Traceback" not in err
    return err


def test_what_would_disturb_a_run_is_refused_and_the_run_goes_on(
    project: Project, another: "subprocess.Popen[str]"
) -> None:
    clean = ["make", "clean", "VENV=venv"]
    commands = ((project.command("make"), 2), (project.command("run"), 1), (clean, 2))
    for process, code in [(project.start(command), code) for command, code in commands]:  # each waits 2 s for the lock
        said = failed(process, code)
        named = r"another run works on processed/.stages/small: make processed, process (\d+), since 20\d\d-"
        found = re.search(named, said)
        assert found, said
        os.kill(int(found[1]), 0)
    (project.folder / "go").touch()
    _, err = another.communicate()
    assert another.returncode == 0, err
    assert project.built.exists()

    project.finish(clean)
    assert [path.name for path in (project.folder / "processed" / ".stages").rglob("*")] == ["small", "lock"]
    assert (project.built / "manifest.json").exists()
    project.finish(project.command("make"))


def test_what_a_killed_make_left_running_holds_the_lock(
    project: Project, another: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = project.folder / "processed" / ".stages" / "small"
    pid = int(re.findall(r'"pid": (\d+)', (stages / "lock").read_text())[0])
    os.kill(pid, signal.SIGKILL)  # Make alone; the shell of its stage lives
    said = failing(project, project.command("run"), 1)
    assert "was stopped, but a stage that it began still runs" in said
    (project.folder / "go").touch()
    another.communicate()
    project.run()


def test_a_lock_is_free_when_its_holder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.io.lock.PATIENCE", 0)
    with locked(tmp_path, "ko-instruct run"):
        with pytest.raises(LockedError, match=f"ko-instruct run, process {os.getpid()}, since"), locked(tmp_path, "x"):
            pass
        monkeypatch.setenv("KO_INSTRUCT_LOCK", str(tmp_path))  # as Make's stages have it
        with locked(tmp_path, "ko-instruct export"):
            pass
        monkeypatch.delenv("KO_INSTRUCT_LOCK")
    with locked(tmp_path, "x"):
        pass
    (tmp_path / "lock").write_text("not what we write")
    with locked(tmp_path, "x"):
        pass


def test_what_a_killed_run_put_aside_is_no_stage_file(tmp_path: Path) -> None:
    """A run killed when it had moved the old dataset away, and the new one was not in its place yet."""
    stages = tmp_path / "processed" / ".stages"
    with locked(stages / "표본", "ko-instruct run"):
        (stages / "표본.old").mkdir()
        (stages / "표본.old" / "메모.txt").write_text("메모")
    forget(stages)
    assert (tmp_path / "processed" / "표본" / "메모.txt").read_text() == "메모"
    forget(tmp_path / "없는 폴더")


# --- no room, no permission ---


@pytest.mark.parametrize("way", ["run", "make"])
def test_a_limit_of_file_size_is_an_error_that_names_the_file(built: Project, wanted: Unbroken, way: str) -> None:
    built.begin("touched", way)
    command = ["sh", "-c", f"ulimit -f 120; exec {shlex.join(built.command(way))}"]  # blocks of 512 or 1024 bytes
    said = failing(built, command, 2 if way == "make" else 1)
    assert re.search(
        r"ko-instruct: processed/\.stages/\S+\.arrow: File too large\. The files that were finished",
        said,
    )
    assert not built.leftovers()
    (built.built / NOTE).unlink()
    assert dataset(built.digest()) == dataset(wanted.digest)


def namespace(script: str, project: Project, size: str = "1m") -> "subprocess.CompletedProcess[str]":
    """A shell script in a mount namespace of its own, where `processed` is a file system of this size."""
    probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    if probe.returncode:
        pytest.skip(f"no file system can be mounted here: {probe.stderr.decode().strip()}")
    (project.folder / "processed").mkdir(exist_ok=True)
    script = f"set -e; mount -t tmpfs -o size={size} none processed\n{script}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], cwd=project.folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("way", "size"), [("run", "300k"), ("run", "600k"), ("make", "600k")])
def test_a_full_disk_is_an_error_and_the_next_run_goes_on(
    project: Project, wanted: Unbroken, warm_command: Path, way: str, size: str
) -> None:
    """Too small for the rows, or for what is exported of them. The next run has what that left, and more room."""
    done = namespace(
        f"""
        {shlex.join(project.command(way))} && exit 9
        find processed -name '*.part' -o -name 'run.*' -o -name small.export
        test ! -e processed/small
        cp -a processed left
        """,
        project,
        size,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"ko-instruct: processed/\.stages/\S+: No space left on device\. The files", done.stderr)
    assert not [line for line in done.stdout.splitlines() if line.startswith("processed/")]
    (project.folder / "processed").rmdir()
    shutil.move(project.folder / "left", project.folder / "processed")
    project.use(warm_command)
    project.end(way)
    assert dataset(project.digest()) == dataset(wanted.digest)


def test_a_full_disk_at_the_end_harms_nothing_that_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "표본"
    with whole_folder(folder) as fresh:
        (fresh / "manifest.json").write_text('{"files": {}}')

    def write_half() -> None:
        with whole_folder(folder) as fresh:
            (fresh / "half").write_text("half")
            raise OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device")

    with pytest.raises(WriteError, match=r"표본\.export: No space left on device\. The files"):
        write_half()
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    assert not list((tmp_path / ".stages").iterdir())


def test_errors_of_reading_keep_their_own_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), naming(tmp_path / "target"):
        (tmp_path / "nowhere").read_bytes()
    with pytest.raises(OSError, match="could not read"), naming(tmp_path / "target"):
        raise OSError("could not read")


def test_a_full_standard_output_is_an_error(project: Project) -> None:
    ko = project.command("run")[0]
    (project.folder / "small.jsonl").write_text('{"instruction": "예?", "output": "네."}')
    for file in ("raw/sample/office.csv", "small.jsonl"):
        said = failing(project, ["sh", "-c", f"{ko} ingest {file} > /dev/full"], 1)
        assert "No space left on device" in said


@pytest.mark.parametrize("way", ["run", "make"])
def test_a_read_only_folder_is_an_error_that_names_it(project: Project, way: str) -> None:
    done = namespace(f"mount -o remount,ro processed\n{shlex.join(project.command(way))}", project)
    assert done.returncode == (2 if way == "make" else 1)
    assert "Traceback" not in done.stderr
    assert "processed/.stages: Read-only file system" in done.stderr


# --- raw files that do not stay as they are ---


def test_a_raw_file_that_changes_while_it_is_read_is_an_error(project: Project) -> None:
    raw = project.folder / "raw" / "sample" / "office.csv"
    plan = plan_of_config(project.folder / "pipeline.toml")
    (unit,) = plan.units
    for change, says in (
        (lambda: raw.write_bytes(raw.read_bytes() + b"a,b,c\n"), "office.csv changed while it was read"),
        (lambda: os.utime(raw), "changed while it was read"),
        (raw.unlink, "office.csv vanished while it was read: put it back"),
    ):
        tables = ingest_unit(plan, unit)
        next(tables)
        change()
        with pytest.raises(ChangedError, match=says):
            list(tables)


def test_a_raw_file_that_vanishes_before_it_is_hashed_is_the_same_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sha256 is computed beside the reading, which has it open already."""
    raw, gone = project.folder / "raw" / "sample" / "office.csv", Event()

    def describe_late(path: Path) -> File:
        assert gone.wait(60)
        return describe_file(path)

    monkeypatch.setattr(read_units, "describe_file", describe_late)
    plan = plan_of_config(project.folder / "pipeline.toml")
    tables = ingest_unit(plan, plan.units[0])
    next(tables)
    raw.unlink()
    gone.set()
    with pytest.raises(ChangedError, match=r"office.csv vanished while it was read: put it back") as raised:
        list(tables)
    assert isinstance(raised.value.__cause__, FileNotFoundError)
    assert not plan.file(plan.units[0], RAW).exists()


def test_an_error_of_reading_a_file_that_changes_is_the_change(project: Project) -> None:
    plan = plan_of_config(project.folder / "pipeline.toml")
    (unit,) = plan.units
    error = IngestError("the file is empty")
    with pytest.raises(IngestError, match="the file is empty"), unchanged(unit):
        raise error
    reading = unchanged(unit)
    reading.__enter__()
    unit.path.write_bytes(b"")
    with pytest.raises(ChangedError, match=r"office\.csv changed while it was read: run again"):
        reading.__exit__(IngestError, error, None)


def test_a_run_over_a_changing_file_harms_nothing_that_is_finished(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = project.folder / "raw" / "sample" / "office.csv"
    plan = plan_of_config(project.folder / "pipeline.toml")
    run(plan, 1)
    first = project.digest()
    real = ingest.ingest

    def while_written(*arguments: object) -> Iterator[object]:
        with raw.open("a") as file:
            file.write("덧붙임,,답\n")
        yield from real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "ingest", while_written)
    with pytest.raises(ChangedError, match="changed while it was read: run again"):
        run(plan, 1)
    assert project.digest() == first
    assert not project.leftovers()
    monkeypatch.setattr(ingest, "ingest", real)
    manifest = run(plan_of_config(project.folder / "pipeline.toml"), 1)
    assert manifest.raw["sample/office.csv"].bytes == raw.stat().st_size


def test_an_arrow_file_that_is_cut_short_meanwhile_does_not_end_the_process(tmp_path: Path) -> None:
    import pyarrow as pa

    from schemas.options import Source

    path = tmp_path / "a.arrow"
    table = pa.table({"instruction": ["가" * 100] * 50_000, "output": ["나" * 100] * 50_000})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=5000)
    tables = ingest.ingest(path, "a.arrow", Source(name="a", files=("a.arrow",)))
    next(tables)
    os.truncate(path, 1000)
    last = list(tables)[-1]
    assert last["reject_reason"].to_pylist()[-1] == "damaged"


# --- a stage that the kernel kills ---


def test_a_killed_stage_is_an_error_that_names_its_file(project: Project, warm: None, wanted: Unbroken) -> None:
    script = project.folder / "venv" / "bin" / "ko-instruct"
    real = script.resolve()
    script.unlink()
    rows = f"{shlex.quote(str(real))} make-rows raw/sample/*"  # which make-dataset makes of small files first
    killed = f'case "$1" in make-dataset) [ -e spare ] || {{ {rows}; kill -9 $$; }} ;; esac'
    script.write_text(f'#!/bin/sh\n{killed}\nexec {shlex.quote(str(real))} "$@"\n')
    script.chmod(0o755)
    said = failing(project, project.command("make"), 2)
    assert re.search(r"processed/small/manifest\.json\] (Killed|Error 137)", said)
    assert not project.leftovers()
    finished = {path: path.stat().st_mtime_ns for path in (project.folder / "processed").rglob("*.arrow")}
    assert [path.stem for path in sorted(finished)] == ["clean", "fingerprint", "tokenize"]
    (project.folder / "spare").touch()
    project.finish(project.command("make"))
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    assert project.digest() == wanted.digest
