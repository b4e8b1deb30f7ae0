"""A text in texts: the same answer as Python's `in`, whatever the columns and the letters."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.substrings import MANY, holds_text

#: Few letters, of one to four bytes, so that parts are found; and some that a pattern would read.
letters = st.text("가나다aA.É(é[😀\n\\_^ ", max_size=6)


@given(texts=st.lists(st.one_of(st.none(), letters), max_size=12), part=letters, cut=st.integers(0, 12))
def test_it_is_python_s_in(texts: list[str | None], part: str, cut: int) -> None:
    column = pa.array(texts, pa.string()).slice(cut)
    wanted = [None if text is None else part in text for text in texts[cut:]]
    assert holds_text(column, part).to_pylist() == wanted
    any_case = [None if text is None else part.lower() in text.lower() for text in texts[cut:]]
    assert holds_text(column, part, any_case=True).to_pylist() == any_case


def test_few_and_many_hits_are_found_alike() -> None:
    for hits in (MANY - 1, MANY, MANY + 1, 5 * MANY):
        texts = ["가나" if row < hits else "나가" for row in range(6 * MANY)]
        assert holds_text(pa.array(texts), "가나").to_pylist() == [text == "가나" for text in texts]
