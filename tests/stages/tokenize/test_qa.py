"""Layout qa: offsets that are exact, windows that hold the answer, and what becomes of rows without one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tokenize
from pipeline.stages.tokenize import NoOffsetsError, Tokenizer
from pipeline.stages.tokenize.qa import OUTSIDE, nearest
from pipeline.table.sequences import unroll
from pipeline.tokenizers import kobert
from pipeline.tokenizers.kobert import prepare, prepare_aligned
from schemas.options import TokenizeOptions
from tests.stages.tokenize.test_tokenize import embedded
from tests.support import small_tokenizers as small
from tests.support.tables import table_of
from tests.tokenizers.test_kobert import texts

Row = dict[str, Any]
TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "kobert": embedded,
    "byte-level": small.causal,
    "metaspace": small.llama2,
    "unigram": small.t5,
}
with_tokenizers = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def row_of(context: str, answer: str, question: str = "어디?", meta: object = None) -> Row:
    row: Row = {"instruction": question, "input": context, "output": answer, "reject": None}
    return row | {"meta": meta and json.dumps(meta)}


def laid_out(rows: list[Row], tokenizer: Tokenizer, **options: Any) -> list[Row]:
    table = tokenize(table_of(rows), tokenizer, TokenizeOptions.model_validate({"layout": "qa", **options}))
    after: list[Row] = table.to_pylist()
    return after


def offsets_of(text: str, tokenizer: Tokenizer) -> list[tuple[int, int]]:
    ids, starts, ends = tokenizer.encode_with_offsets(pa.array([text]))
    assert ids.to_pylist() == tokenizer.encode(pa.array([text])).to_pylist()
    return list(zip(starts[0].as_py(), ends[0].as_py(), strict=True))


# Offsets.


@given(text=texts)
def test_prepare_aligned_is_prepare(text: str) -> None:
    ready, first, behind = prepare_aligned(text)
    assert ready == prepare(text)
    assert (len(first), len(behind)) == (len(ready) + 1, len(ready))
    assert all(start < end for start, end in zip(first, behind, strict=False))


@with_tokenizers
@given(text=texts)
def test_offsets_grow_and_cover_what_the_ids_hold(tokenizer: Callable[[], Tokenizer], text: str) -> None:
    spans = offsets_of(text, tokenizer())
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    covered = {place for start, end in spans for place in range(start, end)}
    for place in set(range(len(text))) - covered:
        assert text[place].isspace() or changes_nothing(text, place, tokenizer())


def test_offsets_of_real_texts_with_the_real_vocabulary(spiece: Path, data: Path) -> None:
    tokenizer = kobert.load(spiece)
    rows = orjson.loads((data / "koalpaca_v1.0_a.json").read_bytes())[:1500]
    texts = pa.array([row[field] for row in rows for field in ("instruction", "output")])
    ids, starts, ends = tokenizer.encode_with_offsets(texts)
    assert ids.to_pylist() == tokenizer.encode(texts).to_pylist()
    for text, first, behind in zip(texts.to_pylist(), starts.to_pylist(), ends.to_pylist(), strict=True):
        assert first == sorted(first)
        assert behind == sorted(behind)
        covered = {place for start, end in zip(first, behind, strict=True) for place in range(start, end)}
        lost = {character for place, character in enumerate(text) if place not in covered and not character.isspace()}
        assert not any(character.isalnum() or character in ".,?!()" for character in lost)


def changes_nothing(text: str, place: int, tokenizer: Tokenizer) -> bool:
    """Whether the ids are the same without this character: they do not hold it."""
    with_it, without = tokenizer.encode(pa.array([text, text[:place] + text[place + 1 :]])).to_pylist()
    return bool(with_it == without)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("서울은  대한민국의", ["서", "울", "은", "대한", "민", "국", "의"]),
        ("5㎏ ½", ["5", "㎏", "½"]),
        ("아…", ["아", "…", "…", "…"]),
        ("[SEP] 네 ``응''", ["[SEP]", "네", "``", "응", "''"]),
        ("\u200b\u3000각\u0301", ["각"]),
        ("\u1100\u1161\u11a8", ["\u1100\u1161\u11a8"]),
    ],
)
def test_offsets_of_kobert(text: str, spans: list[str]) -> None:
    assert [text[start:end] for start, end in offsets_of(text, embedded()) if start < end] == spans


def test_a_tokenizer_without_offsets_is_refused(tmp_path: Any) -> None:
    from transformers import ByT5Tokenizer

    ByT5Tokenizer().save_pretrained(tmp_path)
    with pytest.raises(NoOffsetsError, match=r"use a fast tokenizer"):
        laid_out([row_of("가", "가")], small.open_transformers("byt5", str(tmp_path)))


# Windows.

WORDS = ["서울은", "서울", "부산이", "㎏", "한국의", " ", "수도,", "\n", "뷁뙑", "서울에서는", "10³"]


@with_tokenizers
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    data=st.data(),
    stride=st.integers(0, 12),
    max_length=st.integers(24, 60),
)
def test_the_answer_stands_under_its_tokens(
    tokenizer: Callable[[], Tokenizer], words: list[str], data: st.DataObject, stride: int, max_length: int
) -> None:
    context = "".join(words)
    start = data.draw(st.integers(0, len(context) - 1))
    answer = context[start : data.draw(st.integers(start + 1, min(len(context), start + 6)))]
    row = row_of(context, answer, meta={"answers": [{"text": answer, "answer_start": start}]})
    after = laid_out([row], tokenizer(), stride=stride, max_length=max_length)[0]
    if not answer.strip():
        assert after["reject_reason"] == "answer-not-in-context"
        return
    if after["reject_reason"]:
        assert after["reject_reason"] in ("nothing-to-learn", "too-long")
        return
    whole = tokenizer().encode(pa.array([context])).to_pylist()[0]
    seen: list[int] = []
    found = 0
    for number, window in enumerate(after["sequences"]):
        ids, starts, ends = window["input_ids"], window["offset_starts"], window["offset_ends"]
        assert len(ids) == len(starts) == len(ends) == len(window["token_type_ids"]) == window["n_tokens"] <= max_length
        assert window["window"] == number
        inside = [place for place, at in enumerate(starts) if at != OUTSIDE]
        part = [ids[place] for place in inside]
        assert [window["token_type_ids"][place] for place in inside] == [1] * len(inside)
        assert part == whole[len(seen) - stride * (number > 0) :][: len(part)]
        seen += part[stride * (number > 0) :]
        first, last = window["start_positions"], window["end_positions"]
        if last:
            found += 1
            assert first in inside
            assert last in inside
            under = context[starts[first] : ends[last]]
            assert answer.strip() in under
            if first < last:  # no token more than needed
                assert answer.strip() not in context[ends[first] : ends[last]]
                assert answer.strip() not in context[starts[first] : starts[last]]
        else:
            assert first == 0
    assert seen == whole
    assert found
    assert after["n_tokens"] == sum(window["n_tokens"] for window in after["sequences"])


def test_a_particle_in_the_token_of_the_answer() -> None:
    """서울은 is one token here: it is the answer 서울, as in SQuAD."""
    from tokenizers import Tokenizer as Fast
    from tokenizers import models, pre_tokenizers

    words = {"[UNK]": 0, "서울은": 1, "한국의": 2, "수도이다": 3, "어디?": 4, "[SEP]": 5}
    tokenizer = Fast(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = small.save(small.Path(small.mkdtemp()), tokenizer, unk_token="[UNK]", eos_token="[SEP]")
    opened = small.open_transformers("words", str(folder))
    opened = replace(opened, pair=([5], [5], [5]))
    window = laid_out([row_of("서울은 한국의 수도이다", "서울")], opened, max_length=16, stride=2)[0]["sequences"][0]
    assert window["input_ids"] == [5, 4, 5, 1, 2, 3, 5]
    assert (window["start_positions"], window["end_positions"]) == (3, 3)
    assert (window["offset_starts"][3], window["offset_ends"][3]) == (0, 3)


@pytest.mark.parametrize(
    ("meta", "place"),
    [
        (None, 0),
        ({"answers": [{"text": "서울", "answer_start": 9}]}, 7),
        ({"answers": {"text": ["서울"], "answer_start": [8]}}, 7),
        ({"answer": {"text": "서울", "answer_start": 7}}, 7),
        ({"answer_start": 3}, 0),
        ({"answers": [], "id": "answer_start"}, 0),
        ({"answer_start": "여덟"}, 0),
    ],
)
def test_the_answer_is_that_which_the_record_means(meta: object, place: int) -> None:
    window = laid_out([row_of("서울은 크고 서울은 넓다", "서울", meta=meta)], embedded())[0]["sequences"][0]
    assert window["offset_starts"][window["start_positions"]] == place


@given(context=st.text("가나 ", max_size=12), answer=st.text("가나", min_size=1, max_size=2), place=st.integers(-1, 15))
def test_nearest(context: str, answer: str, place: int) -> None:
    every = [at for at in range(len(context)) if context.startswith(answer, at)]
    if not every:
        assert nearest(context, answer, place) == -1
    elif place < 0:
        assert nearest(context, answer, place) == every[0]
    else:
        assert nearest(context, answer, place) == min(every, key=lambda at: abs(at - place))


def test_rows_that_cannot_be_laid_out() -> None:
    long = "가나다라마바사아자차카타파하 " * 8
    rows = [
        row_of("부산은 크다", "서울"),
        row_of("", "서울"),
        row_of("서울은 크다", "서울", question=long),
        row_of(long, long.strip()),
        row_of("서울은 크다", "서울"),
    ]
    after = laid_out(rows, embedded(), max_length=40, stride=8)
    reasons = ["answer-not-in-context", "answer-not-in-context", "too-long", "nothing-to-learn", None]
    assert [row["reject_reason"] for row in after] == reasons
    assert "'서울' is not in the context (`input`, 6 characters)" in after[0]["reject_detail"]
    assert "raise stride" in after[3]["reject_detail"]
    assert [row["sequences"] is None for row in after] == [True] * 4 + [False]


def test_one_window_a_row() -> None:
    rows = [row_of("서울은 크다 " * 20, "서울"), row_of("서울은 크다", "서울")]
    options = TokenizeOptions(layout="qa", max_length=32, stride=4)
    table = tokenize(table_of(rows), embedded(), options)
    examples = unroll(table).to_pylist()
    windows = [window for row in table["sequences"].to_pylist() for window in row]
    assert [{name: row[name] for name in windows[0]} for row in examples] == windows
    assert [row["origin"] for row in examples] == ["file.jsonl:1"] * (len(windows) - 1) + ["file.jsonl:2"]
    assert unroll(table.drop_columns(["sequences"])) == table.drop_columns(["sequences"])
