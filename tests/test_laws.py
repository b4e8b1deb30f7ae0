"""The laws of DESIGN: conservation, locality, purity, idempotence, explanation; over generated tables."""

from collections.abc import Callable
from functools import cache

import pyarrow as pa
import pytest
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

by_name = {"ids": lambda stage: stage.__name__}


@pytest.mark.parametrize("stage", ALL, **by_name)
@given(table=tables)
def test_conservation(stage: Stage, table: pa.Table) -> None:
    after = stage(table)
    assert after["origin"].to_pylist() == table["origin"].to_pylist()


@pytest.mark.parametrize("stage", ROW_WISE, **by_name)
@given(a=tables, b=tables)
def test_locality(stage: Stage, a: pa.Table, b: pa.Table) -> None:
    both = stage(pa.concat_tables([a, b]))
    apart = pa.concat_tables([stage(a), stage(b)])
    assert both.schema == apart.schema
    assert both.to_pylist() == apart.to_pylist()


@pytest.mark.parametrize("stage", ROW_WISE, **by_name)
@given(table=tables, data=st.data())
def test_locality_of_slices(stage: Stage, table: pa.Table, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(table)))
    length = data.draw(st.integers(0, len(table) - start))
    assert stage(table.slice(start, length)).to_pylist() == stage(table).slice(start, length).to_pylist()


@pytest.mark.parametrize("stage", ALL, **by_name)
@given(table=tables)
def test_purity(stage: Stage, table: pa.Table) -> None:
    before = table.to_pylist()
    assert stage(table).equals(stage(table))
    assert table.to_pylist() == before


@pytest.mark.parametrize("stage", IDEMPOTENT, **by_name)
@given(table=tables)
def test_idempotence(stage: Stage, table: pa.Table) -> None:
    once = stage(table)
    assert stage(once).to_pylist() == once.to_pylist()


@pytest.mark.parametrize("stage", [stage for stage in ALL if stage is not masking], **by_name)
@given(table=tables)
def test_rejected_rows_pass_untouched(stage: Stage, table: pa.Table) -> None:
    for before, after in zip(table.to_pylist(), stage(table).to_pylist(), strict=True):
        if before["reject_stage"]:
            assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("stage", ALL, **by_name)
@given(table=tables)
def test_explanation(stage: Stage, table: pa.Table) -> None:
    """A text changes only with a new fix; a mark comes with stage, reason and detail."""
    for before, after in zip(table.to_pylist(), stage(table).to_pylist(), strict=True):
        if any(before[name] != after[name] for name in HELD):
            assert set(after["fixes"]) - set(before["fixes"])
        if before["reject_stage"] is None and after["reject_stage"] is not None:
            assert all(after[name] for name in MARKS.names)
