"""KoBERTTokenizer as tutorials use it, old ones and those of fast tokenizers: places, windows, old names, the Hub."""

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kobert import KoBERTTokenizer
from pipeline.tokenizers import kobert
from pipeline.tokenizers.kobert import NoVocabularyError
from tests.support import hub_server
from tests.support.hub_server import Hub

EMBEDDED = kobert.EMBEDDED / "spiece.model"
LONG = "오늘은 날씨가 참 좋네요. 내일도 좋을까요?"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return KoBERTTokenizer.from_pretrained(str(EMBEDDED))


texts = st.lists(
    st.sampled_from(["안녕", "하세요", " ", "  ", "\n", "[MASK]", "②", "``", "e\u0301", "한국어를", "?", "ㄳ", "👍"]),
    max_size=8,
).map("".join)


#: Ways to pad and cut.
SIZES: list[dict[str, Any]] = [
    {},
    {"padding": True},
    {"padding": True, "pad_to_multiple_of": 5},
    {"padding": "max_length", "max_length": 9},
    {"truncation": True, "max_length": 5},
    {"truncation": True, "max_length": 4, "padding": True},
    {"truncation": True, "max_length": 10, "padding": "max_length", "pad_to_multiple_of": 5},
]


# Places.


@given(text=texts)
def test_places_are_those_of_the_text(tokenizer: Any, text: str) -> None:
    found = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    assert found["input_ids"] == tokenizer(text)["input_ids"]
    places = [
        place for place, added in zip(found["offset_mapping"], found["special_tokens_mask"], strict=True) if not added
    ]
    assert places == sorted(places)
    for start, end in places:
        part = text[start:end]
        assert part == part.strip()
        for place in range(start, end):
            token = found.char_to_token(place)
            assert found["offset_mapping"][token][0] <= place < found["offset_mapping"][token][1]
    words = [word for word in found.word_ids() if word is not None]
    assert len(words) == len(places)
    for word, (start, end) in zip(words, places, strict=True):
        if start < end:
            assert word == len(text[: start + 1].split()) - 1


@given(column=st.lists(st.tuples(texts, texts), min_size=1, max_size=4), data=st.data())
def test_rows_with_places_are_the_rows(tokenizer: Any, column: list[tuple[str, str]], data: st.DataObject) -> None:
    """With and without pairs, special tokens, padding and truncation: the ids do not depend on the places."""
    how: dict[str, Any] = {
        **data.draw(st.sampled_from(SIZES)),
        "add_special_tokens": data.draw(st.booleans()),
        "padding_side": data.draw(st.sampled_from(["left", "right"])),
        "split_special_tokens": data.draw(st.booleans()),
        "return_special_tokens_mask": True,
    }
    first, second = (list(side) for side in zip(*column, strict=True))
    for inputs in ((first,), (first, second), (first[0],), (first[0], second[0])):
        plain, placed = tokenizer(*inputs, **how), tokenizer(*inputs, **how, return_offsets_mapping=True)
        offsets = placed.pop("offset_mapping")
        assert dict(placed) == dict(plain)
        rows = offsets if isinstance(inputs[0], list) else [offsets]
        assert [encoding.offsets for encoding in plain.encodings] == rows
        assert plain.word_ids() == placed.word_ids()
        assert plain.sequence_ids() == placed.sequence_ids()


def test_words_of_a_list(tokenizer: Any) -> None:
    """As for labels of tokens: each word is encoded for itself."""
    words = ["서울에", "[MASK]", "삽니다"]
    found = tokenizer(words, is_split_into_words=True)
    numbers = [number for number in found.word_ids() if number is not None]
    assert sorted(set(numbers)) == [0, 1, 2]
    assert found["input_ids"] == [2, *(token for word in words for token in tokenizer(word)["input_ids"][1:-1]), 3]
    batch = tokenizer([words, ["하나"]], is_split_into_words=True, padding=True)
    assert batch.word_ids(0) == found.word_ids()
    assert batch.word_ids(1)[: len(tokenizer("하나")["input_ids"])][-1] is None


def test_the_recipe_of_questions_and_answers(tokenizer: Any) -> None:
    """Windows of a context with the place of each token, and the text that each window is of."""
    contexts = ["서울은 대한민국의 수도이며 가장 큰 도시입니다.", "짧은 글."]
    how = {"truncation": "only_second", "max_length": 16, "stride": 3, "return_overflowing_tokens": True}
    found = tokenizer(["수도는?", "무엇?"], contexts, **how, return_offsets_mapping=True, padding="max_length")
    assert found["overflow_to_sample_mapping"] == sorted(found["overflow_to_sample_mapping"])
    assert len(found["input_ids"]) > 2
    for number, context in enumerate(contexts):
        covered = set()
        for row, sample in enumerate(found["overflow_to_sample_mapping"]):
            if sample == number:
                assert len(found["input_ids"][row]) == 16
                sides = found.sequence_ids(row)
                spans = [span for span, side in zip(found["offset_mapping"][row], sides, strict=True) if side == 1]
                covered |= {place for start, end in spans for place in range(start, end)}
        assert covered == {place for place, character in enumerate(context) if not character.isspace()}


def test_windows_from_the_left(tokenizer: Any) -> None:
    left = KoBERTTokenizer.from_pretrained(str(EMBEDDED), truncation_side="left")
    how = {"truncation": True, "max_length": 8, "return_overflowing_tokens": True, "return_offsets_mapping": True}
    rows = left(LONG, **how)["input_ids"]
    whole = tokenizer(LONG)["input_ids"][1:-1]
    assert rows[0] == left(LONG, truncation=True, max_length=8)["input_ids"] == [2, *whole[-6:], 3]
    assert [token for row in rows[::-1] for token in row[1:-1]] == whole


def test_places_of_ids_and_of_added_tokens(tokenizer: Any) -> None:
    ids = tokenizer([tokenizer(LONG)["input_ids"][1:-1]])
    with pytest.raises(ValueError, match="Ids have no places in a text"):
        ids.word_ids()
    with pytest.raises(ValueError, match="Ids have no places in a text"):
        tokenizer([4, 5], return_offsets_mapping=True)
    own = KoBERTTokenizer.from_pretrained(str(EMBEDDED))
    own.add_tokens(["<질문>"])
    found = own("<질문> 안녕", return_offsets_mapping=True)
    assert found["input_ids"] == own("<질문> 안녕")["input_ids"]
    assert found["offset_mapping"][1] == (0, 4)


# Truncation.


def test_what_cannot_be_cut_is_refused(tokenizer: Any) -> None:
    for text, pair, strategy in ((LONG, "네", "only_second"), ("네", LONG, "only_first")):
        for more in ({}, {"return_offsets_mapping": True}):
            with pytest.raises(ValueError, match=f"truncation='{strategy}' cannot remove .* what it cuts has"):
                tokenizer(text, pair, truncation=strategy, max_length=8, **more)
            assert len(tokenizer(text, pair, truncation=True, max_length=8, **more)["input_ids"]) == 8
    with pytest.raises(ValueError, match="what it cuts has"):
        tokenizer(LONG, truncation=True, max_length=1)
    with pytest.raises(ValueError, match="stride=9 leaves no room"):
        tokenizer(
            LONG, truncation=True, max_length=8, stride=9, return_overflowing_tokens=True, return_offsets_mapping=True
        )
    with pytest.raises(ValueError, match="name the text that is cut"):
        tokenizer(
            LONG, LONG, truncation=True, max_length=8, return_overflowing_tokens=True, return_offsets_mapping=True
        )


def test_overflow_of_unequal_rows(tokenizer: Any) -> None:
    found = tokenizer(["네.", LONG, ""], truncation=True, max_length=8, return_overflowing_tokens=True)
    whole = tokenizer(LONG)["input_ids"][1:-1]
    assert found["overflowing_tokens"] == [[], whole[6:], []]
    assert found["num_truncated_tokens"] == [0, len(whole) - 6, 0]
    assert len(found["input_ids"]) == 3
    assert tokenizer("네.", truncation=True, max_length=8, return_overflowing_tokens=True)["overflowing_tokens"] == []
    with pytest.raises(ValueError, match="2 texts and 1 second texts"):
        tokenizer(["가", "나"], ["다"], return_offsets_mapping=True)


# Old names and options.


def test_old_names_of_the_call(tokenizer: Any) -> None:
    assert tokenizer.encode_plus("안녕", "하세요") == tokenizer("안녕", "하세요")
    column = ["안녕", LONG]
    assert tokenizer.batch_encode_plus(column, padding=True) == tokenizer(column, padding=True)
    pairs = [("안녕", "하세요"), (LONG, "네")]
    assert tokenizer.batch_encode_plus(pairs) == tokenizer(["안녕", LONG], ["하세요", "네"])


def test_options_that_would_be_ignored_are_refused(tokenizer: Any) -> None:
    with pytest.raises(
        TypeError, match=r'no option pad_to_max_length. It is padding="max_length", truncation=True now'
    ):
        tokenizer.encode_plus("안녕", max_length=8, pad_to_max_length=True)
    assert len(tokenizer.encode_plus("안녕", max_length=8, padding="max_length", truncation=True)["input_ids"]) == 8
    with pytest.raises(TypeError, match="no option lower"):
        tokenizer("안녕", lower=False)
    for name, value in (("do_lower_case", True), ("keep_accents", True), ("remove_space", False)):
        with pytest.raises(ValueError, match=f"Leave out {name}={value}"):
            KoBERTTokenizer.from_pretrained(str(EMBEDDED), **{name: value})
    assert KoBERTTokenizer.from_pretrained(str(EMBEDDED), do_lower_case=False)("Ab") == tokenizer("Ab")


# Files, pickles, and the Hub.


def test_a_pickle_holds_the_vocabulary_once(tokenizer: Any) -> None:
    before = len(pickle.dumps(tokenizer))
    tokenizer([LONG, "안녕"], return_offsets_mapping=True)
    assert len(pickle.dumps(tokenizer)) == before < 1.1 * EMBEDDED.stat().st_size
    found = pickle.loads(pickle.dumps(tokenizer([LONG])))
    assert found.word_ids() == tokenizer([LONG]).word_ids()


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NoVocabularyError, match="no such file or folder"):
        KoBERTTokenizer.from_pretrained(str(tmp_path / "spiece.model"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server.running({"skt/kobert-base-v1/spiece.model": EMBEDDED.read_bytes()}) as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "hf")
        yield hub


def test_from_the_hub_then_from_the_cache(hub: Hub, tokenizer: Any) -> None:
    first = KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")
    assert first(LONG) == tokenizer(LONG)
    asked = len(hub.requests)
    assert asked
    assert KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")(LONG) == tokenizer(LONG)
    assert len(hub.requests) == asked


def test_a_hub_that_does_not_answer(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tokenizers.load.TIMEOUT", 0.2)
    hub.hang("HEAD", "skt/", times=9)
    started = time.monotonic()
    with pytest.raises(NoVocabularyError, match=r"skt/kobert-base-v1 is not on this machine.*cannot be reached"):
        KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")
    assert time.monotonic() - started < 3


def test_the_hub_switched_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NoVocabularyError, match="HF_HUB_OFFLINE is set") as raised:
        KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")
    assert 'KoBERTTokenizer.from_pretrained("/path/to/spiece.model")' in str(raised.value)
    assert hub.requests == []
