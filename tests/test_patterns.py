"""No pattern of the package goes back and forth without end: a short text that nearly matches takes no time.

Such a pattern can read a text in many ways, (a|aa)+ for one, and tries each of them where the text does not match:
their number grows by a factor with each character. `make test` tries some texts on each pattern, `make test-attack`
thousands (ATTACKS=…, SEED=…).
"""

import dataclasses
import os
import pkgutil
import random
import re
import signal
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from types import FrameType, ModuleType
from typing import Any

import pytest

import pipeline
from pipeline.table import patterns
from tests.support.adversarial import UNITS

ATTACKS = int(os.environ.get("ATTACKS", "10"))
SEED = int(os.environ.get("SEED", "0"))
#: How often a text repeats its unit: to try 2 ** REPEATED ways would take hours.
REPEATED = 32
BEFORE, BEHIND = ("", "password=", "a", "가", "1", " "), ("", "가", "a!", "\0", "1")
#: Seconds of a processor for one text: most take some millionths.
LIMIT = 1
#: Texts of which one was too much for a pattern before.
KNOWN = ("0" * 40 + "가", "일" * 40 + "가나", "일" + "번째" * 40 + "수", "아직은" * 40 + "수")
#: Needs torch.
TRAINING = "pipeline.training"


class TooLongError(Exception):
    """The text took longer than LIMIT."""


def modules() -> list[ModuleType]:
    names = [found.name for found in pkgutil.walk_packages(pipeline.__path__, "pipeline.", onerror=lambda name: None)]
    return [import_module(name) for name in names if not name.startswith(TRAINING)]


def patterns_in(value: Any, seen: set[int]) -> Iterator[re.Pattern[str]]:
    """The patterns in the value of a name of a module, and in what it holds."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, patterns._Pattern):
        yield value.compiled
    elif isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from patterns_in(each, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from patterns_in(each, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from patterns_in(getattr(value, field.name), seen)


@pytest.fixture(scope="module")
def found() -> list[re.Pattern[str]]:
    seen: set[int] = set()
    values = (value for module in modules() for value in vars(module).values())
    every = {each.pattern: each for value in values for each in patterns_in(value, seen)}
    texts = [each for each in every.values() if isinstance(each.pattern, str)]
    assert len(texts) > 400
    return texts


def units_of(each: re.Pattern[str]) -> list[str]:
    """What the pattern itself speaks of: its words and characters, and words with what parts them."""
    words = re.findall(r"[가-힣]{1,6}|[A-Za-z]{1,8}", each.pattern)
    return list(
        dict.fromkeys([*words, *each.pattern, *(word + " " for word in words), *(f"{word}, " for word in words)])
    )


def attempts(each: re.Pattern[str]) -> list[str]:
    places = list(product(BEFORE, [*UNITS, *units_of(each)], BEHIND))
    drawn = random.Random(f"{SEED} {each.pattern!a}").sample(places, min(ATTACKS, len(places)))
    return [*KNOWN, *(before + unit * REPEATED + behind for before, unit, behind in drawn)]


def test_no_text_takes_long(found: list[re.Pattern[str]]) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    slow = []
    try:
        for each in found:
            text = ""
            signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT * ATTACKS)
            try:
                for text in attempts(each):
                    each.search(text)
                    each.fullmatch(text)
            except TooLongError:
                slow.append((each.pattern[:60], text))
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert not slow
