"""The search for signs in a whole column finds what a search in each text finds."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.rare_signs import SIGNS, hold_sign

TEXTS = st.lists(st.text(st.sampled_from("가힣 .,?!~…\n9z@Ａ０！x{") | st.characters(codec="utf-8"), max_size=12))


@given(TEXTS, st.integers(0, 3), st.booleans())
def test_as_each_text_is_searched(texts: list[str], start: int, large: bool) -> None:
    array = pa.array(texts, pa.large_string() if large else pa.string())[start:]
    wide = range(0xF000, 0x10000)
    expected = [any(sign in SIGNS or ord(sign) in wide for sign in text) for text in texts[start:]]
    assert hold_sign(array).to_pylist() == expected
