"""What changed between two texts: nothing of either is lost, and what cannot be seen is shown."""

import json
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.highlight import changes, highlighted
from tests.support.paths import CASES
from tests.support.tables import texts

LINES = [json.loads(line) for line in (CASES / "highlight.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["case"])
def test_what_is_shown(case: dict[str, Any]) -> None:
    assert highlighted(case["old"], case["new"], colour=False) == case["shown"]


@given(texts, texts)
def test_the_parts_are_both_texts(old: str, new: str) -> None:
    spans = changes(old, new)
    assert "".join(span.text for span in spans if span.kind != "new") == old
    assert "".join(span.text for span in spans if span.kind != "old") == new


@given(texts, texts, st.booleans())
def test_nothing_steers_the_terminal(old: str, new: str, colour: bool) -> None:
    shown = click.unstyle(highlighted(old, new, colour))
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown.replace("\t", ""))


def test_colours() -> None:
    assert highlighted("가 나", "가 다", colour=True) == "가 \x1b[31m\x1b[9m나\x1b[0m\x1b[32m\x1b[1m다\x1b[0m"


def test_long_texts_take_linear_time() -> None:
    old, new = " ".join(map(str, range(200_000))), " ".join(map(str, range(1, 200_001)))
    assert "…" in highlighted(old, new, colour=False)
