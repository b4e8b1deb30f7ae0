"""What people give as a tokenizer gives the same ids as what `load_tokenizer` opens."""

from pathlib import Path

import pyarrow as pa
import pytest
from transformers import AutoTokenizer

from ko_instruct import KoBERTTokenizer, TokenizeOptions, load_tokenizer, tokenize
from pipeline.tokenizers.given_tokenizer import NotATokenizerError, given_tokenizer
from pipeline.tokenizers.kobert import EMBEDDED
from tests.support.small_tokenizers import save_causal

TABLE = pa.table({"instruction": ["한국의 수도는?", "가나다"], "output": ["서울입니다.", "[SEP] 라"]})
SPIECE = EMBEDDED / "spiece.model"


@pytest.mark.parametrize(
    "given",
    ["embedded", str(SPIECE), SPIECE, EMBEDDED, load_tokenizer(["embedded"])],
    ids=["name", "path as text", "path", "folder", "what load_tokenizer gives"],
)
def test_names_and_paths(given: object) -> None:
    expected = tokenize(TABLE, load_tokenizer(["embedded"]).tokenizer)
    assert tokenize(TABLE, given).equals(expected)  # type: ignore[arg-type]


def test_kobert_of_transformers() -> None:
    kobert = KoBERTTokenizer(str(SPIECE))
    assert tokenize(TABLE, kobert).equals(tokenize(TABLE, "embedded"))
    assert given_tokenizer(kobert) is kobert.encoder
    kobert.add_tokens(["가나"])
    (first, second) = tokenize(TABLE, kobert)["input_ids"].to_pylist()
    assert first == tokenize(TABLE, "embedded")["input_ids"][0].as_py()
    assert kobert.convert_tokens_to_ids("가나") in second


def test_a_tokenizer_of_transformers(tmp_path: Path) -> None:
    folder = save_causal(tmp_path)
    given = AutoTokenizer.from_pretrained(folder)
    for layout in ("pair", "causal"):
        options = TokenizeOptions(layout=layout)
        expected = tokenize(TABLE, str(folder), options)
        given(
            ["가", "나다라마바사"], padding="max_length", truncation=True, max_length=2
        )  # a setting that must not stay
        assert tokenize(TABLE, given, options).equals(expected)
        given("가", padding="max_length", truncation=True, max_length=2)
        assert tokenize(TABLE, given, options).equals(expected)
    given.chat_template = "{% for m in messages %}<{{ m.content }}>{% endfor %}"
    changed = tokenize(TABLE, given, TokenizeOptions(layout="causal"))
    assert not changed.equals(tokenize(TABLE, str(folder), TokenizeOptions(layout="causal")))


def test_something_else() -> None:
    with pytest.raises(NotATokenizerError, match="this is a int"):
        tokenize(TABLE, 3)  # type: ignore[arg-type]
