"""The mixture as a function: shares within one record, few rows move, and it is a stage like the others."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import mix
from pipeline.stages.mix import COPIES, mixture, record_keys, sizes_of
from pipeline.stages.mix.shares import Ints, Sizes
from pipeline.table.reject_and_flag import complete
from schemas.errors import TableError
from schemas.options import Measure, MixOptions, Source

NAMES = ("a", "b", "c")
counts = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9), st.booleans()), max_size=60)
weights = st.lists(st.sampled_from([0.3, 1, 2.5, 7]), min_size=3, max_size=3)
measures: st.SearchStrategy[Measure] = st.sampled_from(["tokens", "learned-tokens", "rows"])


class Row(NamedTuple):
    source: int
    tokens: int
    alive: bool
    key: int


def sizes(rows: list[Row]) -> Sizes:
    source, tokens, key = ([row[field] for row in rows] for field in (0, 1, 3))
    number = np.array(source, np.int64)
    number[[not row.alive for row in rows]] = -1
    length = np.array(tokens, np.int64)
    return Sizes(number, length, (length + 1) // 2, np.array(key, np.uint64))


def rows_of(found: list[tuple[int, int, bool]], first: int = 0) -> list[Row]:
    return [Row(*row, key=first + 7919 * number) for number, row in enumerate(found)]


def options_of(total: int | None, by: Measure) -> MixOptions:
    if total is None:
        return MixOptions(by=by)
    return MixOptions(total_rows=total) if by == "rows" else MixOptions(total_tokens=total, by=by)


def weighted(numbers: list[float], repeat: float = 1) -> list[Source]:
    return [Source(name=name, files=(), weight=w, repeat=repeat) for name, w in zip(NAMES, numbers, strict=True)]


def copies_of(rows: list[Row], sources: list[Source], options: MixOptions) -> Ints:
    found: Ints = mixture(sizes(rows), sources, options)[0].fill_null(0).to_numpy()
    return found


@given(
    found=counts,
    numbers=weights,
    total=st.one_of(st.none(), st.integers(1, 200)),
    by=measures,
    repeat=st.sampled_from([1, 1.5, 3]),
)
def test_shares_are_within_one_record_of_what_was_asked(
    found: list[tuple[int, int, bool]], numbers: list[float], total: int | None, by: Measure, repeat: float
) -> None:
    sources, of_rows = weighted(numbers, repeat), sizes(rows_of(found))
    counted, shares = mixture(of_rows, sources, options_of(total, by))
    copies, measure = counted.fill_null(0).to_numpy(), of_rows.measured(by)
    living = {source: w for source, w in enumerate(numbers) if (of_rows.source == source).any()}
    for source, share in enumerate(shares.sources):
        own = of_rows.source == source
        got = int((copies * measure)[own].sum())
        if total is not None and source in living:
            asked = total * numbers[source] / sum(living.values())
            least = min(asked, share.available) - measure[own].max(initial=0)
            assert least - 1 < got <= asked + 1e-6
        assert share.rows == copies[own].sum()
        assert share.repeated == np.maximum(copies[own] - 1, 0).sum()
        assert share.tokens == (copies * of_rows.tokens)[own].sum()
    if total is None and living:
        units = [shares.sources[source].available / w for source, w in living.items()]
        for source, w in living.items():
            asked = min(units) * w
            got = int((copies * measure)[of_rows.source == source].sum())
            assert asked - measure.max(initial=0) - 1 < got <= asked + 1e-6


@given(found=counts, more=counts, numbers=weights, total=st.integers(1, 200), by=measures, data=st.data())
def test_a_row_that_comes_moves_as_few_as_possible(
    found: list[tuple[int, int, bool]],
    more: list[tuple[int, int, bool]],
    numbers: list[float],
    total: int,
    by: Measure,
    data: st.DataObject,
) -> None:
    """Of a source with its share, rows only go, in favour of new ones. In rows, as many as come."""
    before = [*rows_of(found), *(Row(source, 1, True, 5 + source) for source in range(3))]
    new = rows_of(more, first=1)
    places = [data.draw(st.integers(0, len(before))) for _ in new]
    after = list(before)
    for place, row in sorted(zip(places, new, strict=True), key=lambda pair: -pair[0]):
        after.insert(place, row)
    options, sources = options_of(total, by), weighted(numbers)
    old = {row.key for row, n in zip(before, copies_of(before, sources, options), strict=True) if n}
    now = {row.key for row, n in zip(after, copies_of(after, sources, options), strict=True) if n}
    came = {row.key for row in new}
    assert now - came <= old
    if by == "rows":
        assert len(old - now) <= len(now & came)


@given(found=counts, numbers=weights, total=st.integers(1, 200), by=measures)
def test_rows_in_another_order_are_the_same_rows(
    found: list[tuple[int, int, bool]], numbers: list[float], total: int, by: Measure
) -> None:
    rows, options, sources = rows_of(found), options_of(total, by), weighted(numbers, 1.5)
    one = dict(zip([row.key for row in rows], copies_of(rows, sources, options), strict=True))
    other = dict(zip([row.key for row in rows[::-1]], copies_of(rows[::-1], sources, options), strict=True))
    assert one == other


def table_of(rows: int) -> pa.Table:
    texts = [f"질문 {number}" for number in range(rows)]
    columns = {"instruction": texts, "output": texts, "source": [NAMES[number % 3] for number in range(rows)]}
    numbers = [number % 7 + 1 for number in range(rows)]
    columns |= {"n_tokens": numbers, "n_learned": numbers}
    return complete(pa.table(columns))


@pytest.mark.parametrize(
    "options", [MixOptions(), MixOptions(total_rows=20), MixOptions(total_tokens=50), MixOptions(by="rows", seed=3)]
)
def test_it_is_a_stage_like_the_others(options: MixOptions) -> None:
    table = table_of(60)
    before = table.to_pylist()
    sources = [source.model_copy(update={"max_tokens": 60}) for source in weighted([3, 1, 1], 1.5)]
    after = mix(table, sources, options)
    assert table.to_pylist() == before
    assert after.equals(mix(table, sources, options))
    assert mix(after, sources, options).to_pylist() == after.to_pylist()
    rows = after.to_pylist()
    assert len(rows) == len(before)
    assert all((row["reject_stage"] == "mix") == (row[COPIES] is None) for row in rows)
    assert all(row["reject_detail"] for row in rows if row["reject_stage"])
    assert {row["reject_reason"] for row in rows} == {None, "over-share"}


def test_another_seed_chooses_other_rows() -> None:
    one, other = (mix(table_of(90), weighted([1, 1, 1]), MixOptions(total_rows=30, seed=seed)) for seed in (0, 1))
    assert one[COPIES].null_count == other[COPIES].null_count == 60
    assert one[COPIES].to_pylist() != other[COPIES].to_pylist()


def test_equal_records_have_one_key_wherever_they_are() -> None:
    table = table_of(9)
    moved = table.set_column(table.column_names.index("origin"), "origin", pa.array([f"x:{n}" for n in range(9)]))
    one, other = (sizes_of(t, record_keys(t), []).key for t in (table, moved))
    assert (one == other).all()
    assert len(set(one.tolist())) == 9


def test_a_table_that_is_not_tokenized() -> None:
    with pytest.raises(TableError, match="mix needs the column n_tokens, which the table does not have: run tokenize"):
        mix(pa.table({"instruction": ["가"], "output": ["나"]}), [], MixOptions())
