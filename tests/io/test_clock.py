"""Clock: the stages of several workers are summed, and a step lasts from its begin to its end."""

import time
from concurrent.futures import ThreadPoolExecutor

from pipeline.io.clock import Clock


def test_the_work_of_several_workers_is_summed() -> None:
    clock = Clock()

    def work(_: int) -> None:
        with clock.stage("normalize"):
            time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    times = clock.times("rows", 7, 4, "a.jsonl")
    assert 0.2 <= times.stages["normalize"] < 2
    assert times.seconds < times.stages["normalize"]
    assert (times.step, times.rows, times.workers, times.file) == ("rows", 7, 4, "a.jsonl")


def test_what_makes_the_items_is_measured_and_not_what_is_done_with_them() -> None:
    clock = Clock()
    for _ in clock.each("ingest", [1, 2, 3]):
        time.sleep(0.05)
    assert clock.times("rows", 3, 1).stages["ingest"] < 0.05


def test_the_stages_come_in_their_order() -> None:
    clock = Clock()
    for name in ("zeta", "screen", "alpha", "ingest"):
        with clock.stage(name):
            pass
    found = clock.times("rows", 0, 1, order=["ingest", "screen"]).stages
    assert list(found) == ["ingest", "screen", "alpha", "zeta"]
