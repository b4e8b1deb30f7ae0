"""Batches are of one size however the rows came."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.arrow_files import BATCH_ROWS, open_table, read_column, read_tables, validated, write_tables
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


def test_two_columns_of_one_name_are_a_damaged_file() -> None:
    with pytest.raises(pa.ArrowInvalid, match="it has two columns 글"):
        validated(pa.table([["가"], ["나"]], names=["글", "글"]))
