"""Files appear whole or not at all."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.io.atomic_files import whole, write_if_changed


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
    other = tmp_path / f".x[1].arrow.{os.getppid()}.part"  # of a process that lives
    for left in (tmp_path / f".x[1].arrow.{ended.pid}.part", other, tmp_path / ".x[1].arrow.mine.part"):
        left.write_bytes(b"half")
    with whole(tmp_path / "x[1].arrow") as sink:
        sink.write(b"all")
    assert sorted(os.listdir(tmp_path)) == sorted([other.name, ".x[1].arrow.mine.part", "x[1].arrow"])


def test_a_stamp_keeps_its_time_while_its_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "stamp"
    assert write_if_changed(path, "가")
    os.utime(path, ns=(1, 1))
    assert not write_if_changed(path, "가")
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, "나")
