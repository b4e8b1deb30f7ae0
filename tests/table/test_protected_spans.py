"""Protected spans are found at few places of a text, and no other ones than by looking everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table import protected_spans
from pipeline.table.protected_spans import MARK, find_spans

#: Signs of spans, and what may be before and behind them.
SIGNS = "`~$@/\\|{[<>.:-*+•1)] \n\tahwx가나\"'}" + MARK
PARTS = ["https://a.b", "www.a.kr", "a@b.kr", "C:\\x", "~/x", "./x", "../x", "/x", "| a |", "|---|", "```", "~~~"]
PARTS += ["$x$", "\\begin{a}", "\\end{a}", '{"a": 1}', "<a>", "</a>", "- ", "1. ", "\n", " ", "가나"]


def found_everywhere(text: str) -> list[tuple[int, int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protected_spans, "_search_at_signs", protected_spans._START.search)
        return find_spans(text)


@pytest.mark.parametrize("part", PARTS)
def test_a_span_is_found_wherever_it_is(part: str) -> None:
    for before in ("", "가 ", "가\n", "가 \n  ", "가"):
        for behind in ("", " 나", "\n나", "나"):
            text = before + part + behind
            assert find_spans(text) == found_everywhere(text), text


@given(st.one_of(st.text(SIGNS, max_size=40), st.lists(st.sampled_from(PARTS), max_size=12).map("".join)))
def test_the_places_that_are_looked_at_are_enough(text: str) -> None:
    assert find_spans(text) == found_everywhere(text)
