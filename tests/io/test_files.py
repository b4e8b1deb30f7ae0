"""Files appear whole or not at all; batches are of one size however the rows came."""

import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.arrow_files import BATCH_ROWS, open_table, read_column, read_tables, write_tables
from pipeline.io.atomic_files import whole, write_if_changed
from tests.support.tables import rechunk


@given(sizes=st.lists(st.integers(0, 7), max_size=8), rows=st.integers(1, 5))
def test_batches_do_not_depend_on_how_rows_came(sizes: list[int], rows: int) -> None:
    numbers = list(range(sum(sizes)))
    tables, start = [], 0
    for size in sizes:
        tables.append(pa.table({"n": pa.array(numbers[start : start + size], pa.int64())}))
        start += size
    batches = rechunk(tables, rows)
    assert [number for batch in batches for number in batch["n"].to_pylist()] == numbers
    assert all(len(batch) == rows for batch in batches[:-1])
    assert all(0 < len(batch) <= rows and batch["n"].num_chunks == 1 for batch in batches)


def test_bytes_do_not_depend_on_how_rows_came(tmp_path: Path) -> None:
    table = pa.table({"a": [None if n % 7 == 0 else f"글 {n}" for n in range(2 * BATCH_ROWS + 5)]})
    write_tables(tmp_path / "one.arrow", [table], table.schema)
    parts = [table.slice(start, 1000) for start in range(0, len(table), 1000)]
    write_tables(tmp_path / "many.arrow", parts, table.schema)
    assert (tmp_path / "one.arrow").read_bytes() == (tmp_path / "many.arrow").read_bytes()
    assert [len(batch) for batch in read_tables(tmp_path / "one.arrow")] == [BATCH_ROWS, BATCH_ROWS, 5]


def test_a_column_is_read_as_it_was_written(tmp_path: Path) -> None:
    numbers = pa.chunked_array([range(BATCH_ROWS), range(5)], pa.int64())
    table = pa.table({"a": numbers.cast(pa.string()), "b": numbers, "c": pa.nulls(len(numbers))})
    write_tables(tmp_path / "some.arrow", [table], table.schema)
    assert pa.chunked_array(read_column(tmp_path / "some.arrow", "b")).equals(numbers)


def test_no_rows_still_make_a_file(tmp_path: Path) -> None:
    schema = pa.schema({"a": pa.string()})
    write_tables(tmp_path / "none.arrow", [], schema)
    assert open_table(tmp_path / "none.arrow").schema == schema


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
