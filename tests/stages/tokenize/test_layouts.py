"""The layouts for classifiers and encoder-decoders: what is trained is the answer, by construction."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import tokenize
from schemas.options import TokenizeOptions
from tests.stages.tokenize.test_tokenize import embedded
from tests.support import small_tokenizers as small
from tests.support.tables import table_of, texts

Row = dict[str, Any]


def row_of(output: str | None = "서울입니다.", **others: Any) -> Row:
    return {"instruction": "한국의 수도는?", "input": "", "output": output, "reject": None} | others


def laid_out(rows: list[Row], tokenizer: Any, **options: Any) -> list[Row]:
    after: list[Row] = tokenize(table_of(rows), tokenizer, TokenizeOptions.model_validate(options)).to_pylist()
    return after


# Classification.


def test_classification() -> None:
    rows = [row_of("긍정", input="재미있다"), row_of("부정", input=""), row_of("모름"), row_of(None), row_of("긍정 ")]
    after = laid_out(rows, embedded(), layout="classification", labels=["부정", "긍정"])
    assert [row["labels"] for row in after] == [1, 0, None, None, None]
    assert [row["reject_reason"] for row in after] == [None, None, *["label-unknown"] * 3]
    assert after[2]["reject_detail"] == "the output '모름' is none of the declared labels: '부정', '긍정'"
    text = embedded().encode(pa.array(["한국의 수도는?\n재미있다"])).to_pylist()[0]
    assert after[0]["input_ids"] == [2, *text, 3]
    assert after[0]["token_type_ids"] == [0] * (len(text) + 2)
    assert (after[0]["n_tokens"], after[0]["truncated"], after[2]["input_ids"]) == (len(text) + 2, 0, None)


def test_classification_of_the_input_alone() -> None:
    rows = [row_of("가", input="재미있다"), row_of("가", input="")]
    after = laid_out(rows, embedded(), layout="classification", labels=["가"], text="input")
    assert after[0]["input_ids"] == [2, *embedded().encode(pa.array(["재미있다"])).to_pylist()[0], 3]
    assert (after[1]["reject_reason"], after[1]["labels"]) == ("nothing-to-learn", None)
    assert "the input gives no token" in after[1]["reject_detail"]


@pytest.mark.parametrize(("policy", "outcome"), [("longest-first", None), ("truncate-output", "too-long")])
def test_classification_of_a_long_text(policy: str, outcome: str | None) -> None:
    options = {"layout": "classification", "labels": ["가"], "max_length": 8, "truncation": policy}
    after = laid_out([row_of("가", input="나라의 말 " * 20)], embedded(), **options)[0]
    assert after["reject_reason"] == outcome
    if outcome is None:
        assert len(after["input_ids"]) == 8
        assert after["truncated"] > 0


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "classification"},
        {"layout": "classification", "labels": ["가", "가"]},
        {"layout": "causal", "padding": True},
    ],
)
def test_options_that_do_not_fit_together(options: Row) -> None:
    with pytest.raises(ValidationError, match=r"labels|padding"):
        TokenizeOptions.model_validate(options)


# Fields apart.


@pytest.mark.parametrize(
    ("policy", "long", "outcome"),
    [
        ("longest-first", "input", None),
        ("longest-first", "output", None),
        ("truncate-prompt", "instruction", None),
        ("truncate-prompt", "output", "too-long"),
        ("truncate-output", "output", None),
        ("truncate-output", "input", "too-long"),
        ("drop", "instruction", "too-long"),
        ("drop", "output", "too-long"),
    ],
)
def test_a_long_field_under_each_policy(policy: str, long: str, outcome: str | None) -> None:
    row = row_of() | {long: "나라의 말 " * 20}
    after = laid_out([row], embedded(), layout="fields", max_length=24, truncation=policy)[0]
    assert after["reject_reason"] == outcome
    if outcome is None:
        assert len(after[f"{long}_ids"]) == 24
        assert after["truncated"] > 0
    else:
        assert after["output_ids"] is None
        assert long in after["reject_detail"]


# Encoder and decoder.


@given(rows=st.lists(st.tuples(texts, texts, texts), max_size=4), max_length=st.integers(8, 30))
def test_seq2seq_is_what_a_tokenizer_call_gives(rows: list[tuple[str, str, str]], max_length: int) -> None:
    tokenizer = small.t5()
    names = ("instruction", "input", "output")
    table = [dict(zip(names, row, strict=True)) | {"reject": None} for row in rows]
    for before, after in zip(table, laid_out(table, tokenizer, layout="seq2seq", max_length=max_length), strict=True):
        prompt = f"{before['instruction']}\n{before['input']}" if before["input"] else before["instruction"]
        whole = tokenizer.backend(before["output"])["input_ids"]
        if len(whole) == 1:
            assert after["reject_reason"] == "nothing-to-learn"
            assert after["labels"] is None
            continue
        source = tokenizer.backend(prompt)["input_ids"]
        wanted = [*source[:-1][: max_length - 1], 1]
        assert after["input_ids"] == wanted
        cut = len(whole) > max_length
        assert after["labels"] == (whole[: max_length - 1] if cut else whole)
        assert after["n_tokens"] == len(wanted) + len(after["labels"])
        assert (after["truncated"] > 0) == (cut or len(source) > max_length)


@pytest.mark.parametrize(
    ("policy", "row", "outcome"),
    [
        ("truncate-prompt", row_of(input="가나다라 " * 30), None),
        ("truncate-prompt", row_of("가나다라 " * 30), "too-long"),
        ("truncate-output", row_of("가나다라 " * 30), None),
        ("truncate-output", row_of(input="가나다라 " * 30), "too-long"),
        ("drop", row_of("가나다라 " * 30), "too-long"),
    ],
)
def test_seq2seq_policies(policy: str, row: Row, outcome: str | None) -> None:
    after = laid_out([row], small.t5(), layout="seq2seq", max_length=24, truncation=policy)[0]
    assert after["reject_reason"] == outcome
    assert (after["labels"] is None) == (outcome is not None)
