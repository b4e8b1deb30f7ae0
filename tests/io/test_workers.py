"""Work side by side: results in the order of the items, and errors that come out instead of hanging."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.workers import Background, ordered


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(ordered(lambda number: number * number, range(20), workers)) == [n * n for n in range(20)]


@given(items=st.lists(st.integers(), max_size=30), ahead=st.integers(1, 3))
def test_a_background_takes_all_items_in_order(items: list[int], ahead: int) -> None:
    background: Background[int, list[int]] = Background(list, ahead)
    for item in items:
        background.put(item)
    background.end()
    assert background.done.result() == items


@given(count=st.integers(0, 30), good=st.integers(0, 30))
def test_an_error_in_the_background_holds_up_nobody_and_comes_out(count: int, good: int) -> None:
    def consume(items: Iterator[int]) -> None:
        for item in items:
            if item == good:
                raise OSError("disk full")

    background: Background[int, None] = Background(consume, 1)
    for item in range(count):
        background.put(item)
    background.end()
    if good < count:
        with pytest.raises(OSError, match="disk full"):
            background.done.result()
    else:
        assert background.done.result() is None
