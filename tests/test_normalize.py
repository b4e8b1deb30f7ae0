"""normalize: the laws of a stage, on tables."""

import pyarrow as pa
import pytest

from pipeline.normalize import normalize
from schemas.options import NormalizeOptions


def test_each_row_names_what_changed_it() -> None:
    table = pa.table(
        {"instruction": ["안녕\u200b하세요", "멀쩡한 글"], "input": ["", None], "output": ["서울\u00a0시", "답"]}
    )
    fixed = normalize(table)
    assert fixed["instruction"].to_pylist() == ["안녕하세요", "멀쩡한 글"]
    assert fixed["output"].to_pylist() == ["서울 시", "답"]
    assert fixed["fixes"].to_pylist() == [["zero-width", "spaces"], []]
    assert normalize(fixed).equals(fixed)


def test_the_turns_of_history_are_texts_too() -> None:
    history = [[{"user": "\ufeff가", "assistant": None}], []]
    table = pa.table({"history": history, "instruction": ["가", "나"], "input": ["", ""], "output": ["다", "라"]})
    fixed = normalize(table)
    assert fixed["history"].to_pylist() == [[{"user": "가", "assistant": None}], []]
    assert fixed["fixes"].to_pylist() == [["byte-order-mark"], []]


def test_an_option_that_names_no_fix_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero-with"):
        normalize(pa.table({"instruction": ["가"]}), NormalizeOptions(off=("zero-with",)))
