"""Phrases of instructions: tests/cases/report_requests.jsonl."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.report.phrases import ending, opening, request_of
from tests.support.paths import ROOT
from tests.support.tables import texts

CASES = [json.loads(line) for line in (ROOT / "tests/cases/report_requests.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["instruction"][:30])
def test_requests(case: dict[str, str]) -> None:
    assert request_of(case["instruction"]) == (case["form"], case["verb"], case["object"])


@given(st.one_of(texts, st.text()))
def test_every_text_has_a_short_answer(text: str) -> None:
    request = request_of(text)
    assert request.form
    assert max(map(len, (opening(text), ending(text), request.verb, request.object))) <= 60
