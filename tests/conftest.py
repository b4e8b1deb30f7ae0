"""What all tests share: a deterministic hypothesis, and where the real data lies (never in this repository).

The 30 examples of a property are the same in each run. HYPOTHESIS_PROFILE=nightly looks for new ones: other
examples in each run, and 1,000 where a test sets no number. The hosted workflow nightly.yml does that.
"""

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import warm

settings.register_profile(
    "ko-instruct", derandomize=True, deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("ko-instruct"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ko-instruct"))


def pytest_runtest_setup() -> None:
    """`make test-attack` ends in time, however slow the machine is."""
    if time.time() > float(os.environ.get("ATTACK_UNTIL", "inf")):
        pytest.skip("the time for the attack is over: MINUTES=… gives more")


def pytest_collection_finish() -> None:
    """Take what thousands of collected tests hold out of the garbage collector, and let it run less often: it took a
    sixth of the time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _named(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} does not name {what}")
    return Path(value)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real public data, named by KO_INSTRUCT_DATA."""
    return _named("KO_INSTRUCT_DATA", "the folder of real data")


@pytest.fixture(scope="session")
def spiece() -> Path:
    """KoBERT's real vocabulary, named by KOBERT_SPIECE."""
    return _named("KOBERT_SPIECE", "KoBERT's spiece.model")


@pytest.fixture(scope="session")
def warm_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An executable file that works as `ko-instruct` in a fraction of its time: see tests/support/warm.py."""
    with warm.running(tmp_path_factory.mktemp("warm")) as command:
        yield command
