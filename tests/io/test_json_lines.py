"""JSON Lines from columns: the bytes that orjson gives row by row."""

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.json_lines import json_lines
from tests.support.tables import tables, texts


def row_by_row(table: pa.Table) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in table.to_pylist())


@given(table=tables)
def test_tables_of_the_chain(table: pa.Table) -> None:
    assert json_lines(table) == row_by_row(table)


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "text": st.one_of(st.none(), texts, st.text('\\"\n\t\r\x00\x1f\x7f\u2028가', max_size=8)),
                "number": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
                "names": st.one_of(st.none(), st.lists(texts, max_size=2)),
                "share": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
            }
        ),
        max_size=6,
    ),
    start=st.integers(0, 6),
)
def test_every_type(rows: list[dict[str, object]], start: int) -> None:
    types = {"text": pa.string(), "number": pa.int32(), "names": pa.list_(pa.string()), "share": pa.float64()}
    table = pa.Table.from_pylist(rows, schema=pa.schema(types)).slice(start)
    assert json_lines(table) == row_by_row(table)


def test_nothing_is_nothing() -> None:
    assert json_lines(pa.table({"a": pa.array([], pa.string())})) == b""
