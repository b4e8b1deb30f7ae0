"""Passes over the bytes of a text: exact at every place, also where a piece ends."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.ingest.parse import signs
from pipeline.stages.ingest.parse.json_text import quotes_and_slashes

#: Bytes at which the rules of UTF-8 change.
EDGES = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signs, "PIECE", 8)
        yield


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


CUT = st.tuples(
    st.text("a가힣é中🌌\ud7ff\u0800\uffff\U0010ffff", max_size=12), st.integers(0, 9), st.binary(max_size=1)
)


@given(st.one_of(st.lists(st.sampled_from(EDGES), max_size=12).map(bytes), st.binary(max_size=20)))
def test_bytes_are_utf8_where_python_decodes_them(data: bytes) -> None:
    assert signs.is_utf8(data) == decodes(data)


@given(CUT)
def test_texts_that_are_cut_or_hold_a_wrong_byte(drawn: tuple[str, int, bytes]) -> None:
    text, at, other = drawn
    data = text.encode()
    for found in (data, data[:at], data[at:], data[:at] + other + data[at + 1 :]):
        assert signs.is_utf8(found) == decodes(found)


@given(st.text('a"\\\n가', max_size=40).map(str.encode))
def test_places_of_signs(data: bytes) -> None:
    assert signs.places_of(np.less, 0x20, data).tolist() == [found.start() for found in re.finditer(rb"\n", data)]
    quotes, slashes = quotes_and_slashes(data)
    assert slashes.tolist() == [found.start() for found in re.finditer(rb"\\", data)]
    escaped = {found.end() - 1 for found in re.finditer(rb"\\.", data, re.DOTALL)}
    assert quotes.tolist() == [found.start() for found in re.finditer(rb'"', data) if found.start() not in escaped]
