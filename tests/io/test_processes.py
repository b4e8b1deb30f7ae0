"""Calls that other processes share: the same results in the same order, whatever becomes of the processes."""

import os
import signal
import sys

import pyarrow as pa
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


TABLES = [pa.table({"text": [f"{number}번째 글"] * number, "ids": [[number]] * number}) for number in range(40)]


def doubled(table: pa.Table) -> tuple[pa.Table, int]:
    """A table in, a table and the process that made it out."""
    return pa.concat_tables([table, table]), os.getpid()


def failing(table: pa.Table) -> pa.Table:
    if len(table) == 7:
        raise ZeroDivisionError("of seven rows")
    return table


def ending(table: pa.Table) -> tuple[pa.Table, int]:
    """What kills the process that does it, unless it is the first one."""
    if os.getpid() != int(os.environ["FIRST_PROCESS"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return doubled(table)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_tables_go_to_copies_of_the_process_and_come_back_in_order(count: int) -> None:
    with Processes(count) as processes:
        processes.fork()
        done = list(processes.each(doubled, TABLES))
        assert python_of(processes, count) >= {pid for _, pid in done}
    for table, (twice, _) in zip(TABLES, done, strict=True):
        assert twice.equals(pa.concat_tables([table, table]))
    assert all(not _runs(pid) for pid in python_of(processes, count) - {os.getpid()})


def python_of(processes: Processes, count: int) -> set[int]:
    """The processes that may have done the work."""
    started = {process.pid for process in processes._started}
    assert len(started) == (count if sys.platform == "linux" else 0)
    return started | {os.getpid()}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_error_of_a_copy_is_raised_here() -> None:
    with Processes(1) as processes:
        processes.fork()
        with pytest.raises(ZeroDivisionError, match="seven"):
            list(processes.each(failing, TABLES))


def test_what_a_copy_that_has_ended_leaves_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_PROCESS", str(os.getpid()))
    with Processes(2) as processes:
        processes.fork()
        done = list(processes.each(ending, TABLES))
    assert [len(table) for table, _ in done] == [2 * len(table) for table in TABLES]
    assert {pid for _, pid in done} == {os.getpid()}


def test_copies_answer_calls_too() -> None:
    with Processes(2) as processes:
        processes.fork()
        assert processes.calls(divmod, PAIRS) == RESULTS
        assert [len(table) for table, _ in processes.each(doubled, TABLES)] == [2 * len(table) for table in TABLES]


def test_without_copies_threads_do_the_work() -> None:
    with Processes(2) as processes:
        assert {pid for _, pid in processes.each(doubled, TABLES)} == {os.getpid()}
