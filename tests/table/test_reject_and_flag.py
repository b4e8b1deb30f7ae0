"""Marks: completing bare tables, rejecting once, adding names to lists."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline import normalize
from pipeline.table.reject_and_flag import add_names, complete, reject, replace_rows, row_mask
from schemas.columns import INGESTED

NAMES = ["nfc", "spaces", "unk"]


@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.lists(st.sampled_from(NAMES), unique=True)),
            *([st.one_of(st.none(), st.booleans())] * len(NAMES)),
        ),
        max_size=6,
    ),
    start=st.integers(0, 3),
)
def test_names_are_added_once_and_in_order(rows: list[tuple[list[str] | None, ...]], start: int) -> None:
    lists = pa.array([row[0] for row in rows], pa.list_(pa.string())).slice(start)
    hits = [(name, pa.array([row[at] for row in rows], pa.bool_()).slice(start)) for at, name in enumerate(NAMES, 1)]
    wanted = [
        had and had + [name for name, hit in zip(NAMES, row, strict=True) if hit and name not in had]
        if had
        else had
        if had is None
        else [name for name, hit in zip(NAMES, row, strict=True) if hit]
        for had, *row in rows[start:]
    ]
    assert add_names(lists, hits).to_pylist() == wanted


def test_a_bare_table_is_completed() -> None:
    table = complete(pa.table({"instruction": ["가", "나"], "output": ["다", None], "점수": [1, 2]}))
    assert set(INGESTED.names) <= set(table.column_names)
    row = table.to_pylist()[0]
    assert (row["input"], row["history"], row["fixes"], row["system"], row["점수"]) == ("", [], [], None, 1)


def test_columns_without_nulls_by_their_schema_may_have_some() -> None:
    """As Parquet files of Spark have them. One batch of two is changed, and both are one table again."""
    text = pa.field("instruction", pa.string(), nullable=False)
    parts = [pa.table({"instruction": [each], "output": ["나"]}) for each in ("가\r\n나", "다")]
    table = pa.concat_tables([part.set_column(0, text, part["instruction"]) for part in parts])
    assert normalize(table)["instruction"].to_pylist() == ["가\n나", "다"]


def test_the_first_rejection_stays() -> None:
    table = complete(pa.table({"instruction": ["가", "나"], "output": ["다", "라"]}))
    once = reject(table, pa.array([True, False]), "validate", "output-blank", "첫째")
    twice = reject(once, pa.array([True, None]), "screen", "refusal", "둘째")
    assert twice["reject_detail"].to_pylist() == ["첫째", None]


@given(st.lists(st.tuples(st.text(max_size=3), st.none() | st.text(max_size=3)), max_size=8), st.integers(0, 3))
def test_rows_are_replaced(rows: list[tuple[str, str | None]], start: int) -> None:
    column = pa.array(["앞"] * start + [old for old, _ in rows], pa.string()).slice(start)
    new = [new for _, new in rows if new is not None]
    places = np.array([place for place, row in enumerate(rows) if row[1] is not None], np.int64)
    wanted = [old if new is None else new for old, new in rows]
    assert replace_rows(column, places, new).to_pylist() == wanted
    assert row_mask(places, len(rows)).to_pylist() == [new is not None for _, new in rows]
