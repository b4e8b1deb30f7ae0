"""Files appear whole or not at all."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.io.atomic_files import HOST, whole, write_if_changed


def test_a_failure_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half() -> None:
        with whole(path) as sink:
            sink.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_process_had_begun_goes_with_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    others = {
        f".x[1].arrow.{HOST}.{os.getppid()}.part",  # of a process that lives
        f".x[1].arrow.another-{HOST}.{ended.pid}.part",  # of another machine, whose processes are not seen here
        ".x[1].arrow.mine.part",
    }
    for left in (f".x[1].arrow.{HOST}.{ended.pid}.part", *others):
        (tmp_path / left).write_bytes(b"half")
    with whole(tmp_path / "x[1].arrow") as sink:
        sink.write(b"all")
    assert set(os.listdir(tmp_path)) == {*others, "x[1].arrow"}


def test_a_stamp_keeps_its_time_while_its_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "stamp"
    assert write_if_changed(path, "가")
    os.utime(path, ns=(1, 1))
    assert not write_if_changed(path, "가")
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, "나")
