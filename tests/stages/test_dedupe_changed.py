"""Where rows came and went and the others are decided, all have the decisions of a build from nothing."""

import random
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.dedupe import changed, decide, fingerprint, texts
from pipeline.stages.dedupe.changed import decide_changed
from schemas.options import DedupeOptions
from tests.stages.test_dedupe_parts import ANSWERS, OPTIONS, RECORDS, table_of

WORDS = [*"봄산들강숲", "여름", "가을", "겨울", "아침", "저녁", "바다", "하늘", "나무", "구름", "도서관", "자전거"]
ENDS = (
    "이야기를 들려 주세요",
    "이야기를 들려줘",
    "이야기 들려주세요!!",
    "설명을 해 주세요.",
    "3번 쓰세요",
    "4번 쓰세요",
)


def check(table: pa.Table, new: set[int], gone: set[int], options: DedupeOptions) -> int | None:
    """The number of rows that were decided on again; None where all are to be decided on."""
    number = np.arange(len(table))
    is_new, is_gone = (np.isin(number, sorted(some)) for some in (new, gone - new))
    prints, rows = fingerprint(table), texts(table, "#")
    there, now = (pa.array(np.flatnonzero(~some)) for some in (is_new, is_gone))
    before = decide(prints.take(there), rows.take(there), options)
    place = np.where(is_new, -1, np.cumsum(~is_new) - 1)[~is_gone]
    found = decide_changed(prints.take(now), rows.take(now), before, place, options)
    if found is None:
        return None
    whole = decide(prints.take(now), rows.take(now), options)
    assert found.decisions.schema == whole.schema
    for name in whole.column_names:
        assert found.decisions[name].to_pylist() == whole[name].to_pylist(), name
    return len(found.rows)


SOME = st.sets(st.integers(0, 39), max_size=4)


@given(RECORDS, st.sampled_from(OPTIONS), SOME, SOME)
def test_changed_rows_are_decided_as_all(
    records: list[Any], options: DedupeOptions, new: set[int], gone: set[int]
) -> None:
    with mock.patch.object(changed, "MOST", 1):
        check(table_of(records), new, gone, options)


def records_of(chosen: random.Random, count: int) -> list[Any]:
    def context() -> str:
        return f"{chosen.choice(WORDS)} {chosen.choice(WORDS)} {chosen.choice(WORDS)} {chosen.choice(ENDS)}"

    return [(context(), "", chosen.choice(ANSWERS), [], None) for _ in range(count)]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_few_are_decided_again(options: DedupeOptions, seed: int) -> None:
    chosen = random.Random(seed)
    table = table_of(records_of(chosen, 400))
    new, gone = (set(chosen.sample(range(400), count)) for count in (3, 2))
    again = check(table, new, gone, options)
    assert again is None or 3 <= again <= 100


def test_nothing_new_decides_nothing() -> None:
    assert check(table_of(records_of(random.Random(1), 50)), set(), set(), DedupeOptions()) == 0


def test_an_output_that_fewer_prompts_share_loses_its_flag() -> None:
    table = table_of([(f"{word} 이야기", "", "네.", [], None) for word in WORDS[:6]])
    assert check(table, set(), {2, 3}, DedupeOptions(shared_by=5)) == 0


def test_where_many_contexts_are_alike_all_rows_are_decided_on() -> None:
    """Of many contexts in one bucket some pairs are not compared: a new one among them changes which."""
    chosen = random.Random(1)
    contexts = [f"{' '.join(chosen.sample(WORDS[:6], 3))} 이야기를 들려 주세요" for _ in range(500)]
    table = table_of([(context, "", chosen.choice(ANSWERS), [], None) for context in contexts])
    with mock.patch.object(changed, "MOST", 1):
        assert check(table, {7}, set(), DedupeOptions(threshold=0.5)) is None
        assert check(table, set(), {7}, DedupeOptions(threshold=0.5)) is None


@pytest.mark.parametrize("options", [DedupeOptions(within="first-turn"), DedupeOptions(semantic=True)])
def test_options_that_compare_all_rows_decide_on_all(options: DedupeOptions) -> None:
    table = table_of(records_of(random.Random(1), 9))
    before = decide(fingerprint(table), texts(table, "#"))
    assert decide_changed(fingerprint(table), table, before, np.arange(9), options) is None


def test_another_order_decides_on_all() -> None:
    table = table_of(records_of(random.Random(1), 9))
    before = decide(fingerprint(table), texts(table, "#"))
    assert decide_changed(fingerprint(table), table, before, np.arange(9)[::-1]) is None
