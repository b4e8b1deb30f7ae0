"""The laws of DESIGN: conservation, locality, purity, idempotence, explanation; over generated tables.

To generate a table takes longer than any stage takes to work on it, so that every stage sees the same tables.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline import dedupe, normalize, screen, tokenize, validate
from pipeline.stages.screen.pii import KINDS
from pipeline.stages.tokenize import Tokenizer
from pipeline.tokenizers.load import load_tokenizer
from schemas.columns import MARKS, MESSAGES, TEXTS
from schemas.options import ScreenOptions, TokenizeOptions
from tests.support.tables import tables

Stage = Callable[[pa.Table], pa.Table]
Row = dict[str, Any]


@cache
def embedded() -> Tokenizer:
    return load_tokenizer(["embedded"]).tokenizer


def pairs(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(max_length=16, truncation="drop"))


def fields(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(layout="fields", max_length=16))


def padded(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(max_length=24, padding=True))


def labelled(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(layout="classification", labels=("", "가", " "), max_length=16))


def source_and_target(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(layout="seq2seq", max_length=16))


def conversations(table: pa.Table) -> pa.Table:
    """Tools and calls have to be JSON, which validate sees to."""
    return tokenize(validate(table), embedded(), TokenizeOptions(layout="causal", answers="all", max_length=128))


def questions(table: pa.Table) -> pa.Table:
    return tokenize(table, embedded(), TokenizeOptions(layout="qa", max_length=48, stride=4))


def masking(table: pa.Table) -> pa.Table:
    return screen(table, ScreenOptions(mask=tuple(kind.name for kind in KINDS)))


LAYOUTS: list[Stage] = [pairs, fields, padded, labelled, questions, source_and_target, conversations]
ROW_WISE: list[Stage] = [validate, normalize, screen, masking, *LAYOUTS]
IDEMPOTENT: list[Stage] = [validate, normalize, screen, masking, dedupe]
ALL: list[Stage] = [*ROW_WISE, dedupe]

#: What a stage may change only with a new fix.
HELD = (*TEXTS, *MESSAGES, "tools", "tool_calls", "meta", "raw", "label", "learn")


@given(table=tables)
def test_laws_of_one_table(table: pa.Table) -> None:
    rows, given = table.to_pylist(), copied(table)
    for stage in ALL:
        name, after = stage.__name__, stage(table)
        assert table.equals(given), f"{name} changes the table that it is given"
        assert after.equals(stage(table)), f"{name} is not pure"
        done = after.to_pylist()
        assert [row["origin"] for row in done] == [row["origin"] for row in rows], f"{name} does not conserve rows"
        for before, row in zip(rows, done, strict=True):
            check_explanation(name, before, row)
            if stage is not masking:
                check_rejected_rows_pass_untouched(name, before, row)
        if stage in IDEMPOTENT:
            assert stage(after).equals(after), f"{name} is not idempotent"


def copied(table: pa.Table) -> pa.Table:
    """The same rows in other buffers."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def check_explanation(stage: str, before: Row, after: Row) -> None:
    """A text changes only with a new fix; a mark comes with stage, reason and detail."""
    if any(before[name] != after[name] for name in HELD):
        assert set(after["fixes"]) - set(before["fixes"]), f"{stage} changes a row without a fix"
    if before["reject_stage"] is None and after["reject_stage"] is not None:
        assert all(after[name] for name in MARKS.names), f"{stage} rejects a row without a reason"


def check_rejected_rows_pass_untouched(stage: str, before: Row, after: Row) -> None:
    if before["reject_stage"]:
        assert {name: after[name] for name in before} == before, f"{stage} changes a row that was rejected before"


@given(a=tables, b=tables, data=st.data())
def test_locality(a: pa.Table, b: pa.Table, data: st.DataObject) -> None:
    """Of tables one behind the other, and of every slice of them."""
    table = pa.concat_tables([a, b])
    start = data.draw(st.integers(0, len(table)))
    length = data.draw(st.integers(0, len(table) - start))
    for stage in ROW_WISE:
        whole = stage(table)
        apart = pa.concat_tables([stage(a), stage(b)])
        assert whole.schema == apart.schema, stage.__name__
        assert whole.equals(apart), stage.__name__
        part = stage(table.slice(start, length))
        assert part.equals(whole.slice(start, length)), stage.__name__
