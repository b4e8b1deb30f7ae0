"""Calls that other processes share: the same results in the same order, whatever becomes of the processes."""

import sys

import pytest

from pipeline.io.processes import _MANY, Processes

COUNT = _MANY + 1
PAIRS = [(number, 7) for number in range(COUNT)]
RESULTS = [divmod(*pair) for pair in PAIRS]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_results_come_in_the_order_of_the_calls(count: int) -> None:
    with Processes(count) as python:
        assert python.calls(divmod, PAIRS) == RESULTS
        assert python.calls(divmod, []) == []
        assert python.calls(pow, [(2, 3), (3, 2)]) == [8, 9]
        assert python.calls(divmod, PAIRS[::-1]) == RESULTS[::-1]
        assert len(python._started) == count


@pytest.mark.parametrize("bad", [0, COUNT // 2, COUNT - 1])
def test_an_error_comes_out_as_it_would_without_processes(bad: int) -> None:
    pairs = [*PAIRS[:bad], (1, 0), *PAIRS[bad + 1 :]]
    with Processes(1) as python, pytest.raises(ZeroDivisionError):
        python.calls(divmod, pairs)


def test_what_a_process_that_has_ended_leaves_is_done_here() -> None:
    with Processes(2) as python:
        assert python.calls(divmod, PAIRS) == RESULTS
        for process in python._started:
            process.kill()
        assert python.calls(divmod, PAIRS) == RESULTS
        assert python.calls(divmod, PAIRS) == RESULTS


def test_a_process_that_cannot_begin_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for executable in ("/no/such/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", executable)
        with Processes(1) as python:
            assert python.calls(divmod, PAIRS) == RESULTS


def test_no_process_outlives_its_use() -> None:
    with Processes(2) as python:
        python.calls(divmod, PAIRS)
    assert len(python._started) == 2
    assert all(process.poll() is not None for process in python._started)
