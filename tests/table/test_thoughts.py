"""Thoughts: the parts of an answer are the answer, and what is joined comes apart again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.thoughts import ALONE, CLOSERS, CLOSING, OPENING, Thought, join_thought, split_thought
from tests.support.tables import texts

MARKS = [*CLOSERS, *CLOSERS.values(), OPENING, CLOSING, "<THINK>", "</Think>", "\n", "\n\n", " "]
marked = st.lists(st.one_of(st.sampled_from(MARKS), texts), max_size=6).map("".join)
unclosed = marked.map(lambda text: re.sub("</think>", "", text, flags=re.IGNORECASE))


@given(st.one_of(marked, st.builds("{}{}".format, st.sampled_from(list(CLOSERS)), marked)))
def test_the_parts_are_the_text(text: str) -> None:
    thought = split_thought(text)
    if thought is None:
        opened = [mark for mark in CLOSERS if text.lstrip().lower().startswith(mark)]
        assert not opened or not any(CLOSERS[mark] in text.lower() for mark in opened)
    else:
        assert "".join(thought) == text
        opening, closing = thought.opening.strip().lower(), thought.closing.strip().lower()
        assert closing.startswith(CLOSERS[opening] if opening else ALONE)
        assert opening or not any(mark in text.casefold() for mark in CLOSERS)


@given(unclosed, marked)
def test_what_is_joined_comes_apart(reasoning: str, answer: str) -> None:
    assert split_thought(join_thought(reasoning, answer)) == Thought(OPENING, reasoning, CLOSING, answer)


@pytest.mark.parametrize(
    "text", ["", "답", "답 <think>음</think>", "<think>음", "<think>음</thought>", "<thinker>음</thinker>"]
)
def test_no_thought_at_the_beginning(text: str) -> None:
    assert split_thought(text) is None
