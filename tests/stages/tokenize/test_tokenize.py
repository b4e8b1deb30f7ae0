"""tokenize: the layouts against a plain reference, truncation policies, the gate against wrong vocabularies."""

from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tokenize
from pipeline.stages.tokenize import Tokenizer, TooLongError, UnknownTokensError, check_unknown
from pipeline.tokenizers.load import load_tokenizer
from schemas.options import TokenizeOptions
from tests.support.tables import texts

CLS, SEP, PAD = 2, 3, 1


@cache
def embedded() -> Tokenizer:
    return load_tokenizer(["embedded"]).tokenizer


def ids_of(text: str) -> list[int]:
    return embedded().encode(pa.array([text]))[0].as_py()


def table_of(*rows: tuple[str, str, str]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(("instruction", "input", "output"), row, strict=True)) for row in rows])


ROWS = st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=4)


@given(rows=ROWS, max_length=st.integers(8, 40))
def test_pair_is_what_a_tokenizer_call_gives(rows: list[tuple[str, str, str]], max_length: int) -> None:
    options = TokenizeOptions(max_length=max_length)
    after = tokenize(table_of(*rows), embedded(), options).to_pylist()
    for (instruction, given_input, output), row in zip(rows, after, strict=True):
        prompt = ids_of(f"{instruction}\n{given_input}" if given_input else instruction)
        answer = ids_of(output)
        cut = 0
        if not answer:
            assert (row["reject_reason"], row["input_ids"]) == ("nothing-to-learn", None)
            continue
        while len(prompt) + len(answer) + 3 > max_length:  # transformers' longest_first, token by token
            (prompt if len(prompt) > len(answer) else answer).pop()
            cut += 1
        assert row["input_ids"] == [CLS, *prompt, SEP, *answer, SEP]
        assert row["token_type_ids"] == [0] * (len(prompt) + 2) + [1] * (len(answer) + 1)
        assert (row["n_tokens"], row["truncated"]) == (len(prompt) + len(answer) + 3, cut)
        assert row["n_unk"] == row["input_ids"].count(0)
        assert ("unk" in row["flags"]) == (row["n_unk"] > 0)


@given(rows=ROWS)
def test_fields_are_encoded_apart(rows: list[tuple[str, str, str]]) -> None:
    after = tokenize(table_of(*rows), embedded(), TokenizeOptions(layout="fields", max_length=12)).to_pylist()
    for fields, row in zip(rows, after, strict=True):
        if not ids_of(fields[2]):
            assert (row["reject_reason"], row["output_ids"]) == ("nothing-to-learn", None)
            continue
        wanted = [[CLS, *ids_of(text)[:10], SEP] for text in fields]
        assert [row["instruction_ids"], row["input_ids"], row["output_ids"]] == wanted
        assert row["n_tokens"] == sum(map(len, wanted))
        assert row["truncated"] == sum(max(0, len(ids_of(text)) - 10) for text in fields)


@given(rows=ROWS)
def test_padding_only_adds_pads(rows: list[tuple[str, str, str]]) -> None:
    table = table_of(*rows)
    bare = tokenize(table, embedded(), TokenizeOptions(max_length=24)).to_pylist()
    full = tokenize(table, embedded(), TokenizeOptions(max_length=24, padding=True)).to_pylist()
    for short, long in zip(bare, full, strict=True):
        if short["reject_reason"]:
            assert long["input_ids"] is long["n_tokens"] is None
            continue
        pads = 24 - short["n_tokens"]
        assert long["input_ids"] == short["input_ids"] + [PAD] * pads
        assert long["token_type_ids"] == short["token_type_ids"] + [0] * pads
        assert long["attention_mask"] == [1] * short["n_tokens"] + [0] * pads
        assert long["n_tokens"] == short["n_tokens"]


LONG = "국어사전과 백과사전을 나란히 놓고 낱말의 뜻을 하나하나 찾아 견주어 보았습니다. " * 4


@pytest.mark.parametrize(
    ("policy", "row", "outcome"),
    [
        ("drop", (LONG, "", "네."), "too-long"),
        ("drop", ("네?", "", "네."), None),
        ("truncate-prompt", (LONG, "", "네."), None),
        ("truncate-prompt", ("네?", "", LONG), "too-long"),
        ("truncate-output", ("네?", "", LONG), None),
        ("truncate-output", (LONG, "", "네."), "too-long"),
        ("longest-first", (LONG, LONG, LONG), None),
    ],
)
def test_truncation_policies(policy: str, row: tuple[str, str, str], outcome: str | None) -> None:
    options = TokenizeOptions.model_validate({"max_length": 32, "truncation": policy})
    after = tokenize(table_of(row), embedded(), options).to_pylist()[0]
    assert after["reject_reason"] == outcome
    if outcome:
        assert after["input_ids"] is None
        assert "max_length 32" in after["reject_detail"]
    else:
        assert len(after["input_ids"]) <= 32
        whole_output = policy == "truncate-prompt"
        if whole_output:
            assert after["input_ids"][-len(ids_of(row[2])) - 1 : -1] == ids_of(row[2])


def test_the_policy_error_names_the_row() -> None:
    table = table_of(("네?", "", "네."), (LONG, "", "네.")).append_column(
        "origin", pa.array(["a.jsonl:1", "a.jsonl:2"])
    )
    with pytest.raises(TooLongError, match=r"^a\.jsonl:2: prompt \d+ \+ output \d+ tokens"):
        tokenize(table, embedded(), TokenizeOptions(max_length=32, truncation="error"))


CALLS = '[{"type":"function","function":{"name":"weather","arguments":{"city":"부산"}}}]'
MESSAGES = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": ""}]


@pytest.mark.parametrize("layout", ["pair", "fields", "seq2seq"])
@pytest.mark.parametrize(
    "context",
    [
        {"system": "친절하게"},
        {"tools": "[]"},
        {"reasoning": "음…"},
        {"tool_calls": CALLS},
        {"history": MESSAGES},
        {"steps": [{"role": "assistant", "content": "", "tool_calls": CALLS}, {"role": "tool", "content": "맑음"}]},
    ],
    ids=lambda context: str(*context),
)
def test_context_that_the_layout_leaves_out_is_flagged(layout: str, context: dict[str, object]) -> None:
    options = TokenizeOptions.model_validate({"layout": layout})
    rows = [{"instruction": "가", "output": "나"}, {"instruction": "가", "output": "나"} | context]
    flags = [tokenize(pa.Table.from_pylist([row]), embedded(), options)["flags"].to_pylist()[0] for row in rows]
    assert flags == [[], ["context-left-out"]]


def test_context_beside_a_history_that_is_null_is_flagged() -> None:
    row = {"instruction": "가", "output": "나", "system": "친절하게", "history": None}
    table = tokenize(pa.Table.from_pylist([row]), embedded(), TokenizeOptions())
    assert table["flags"].to_pylist() == [["context-left-out"]]


@pytest.mark.parametrize("layout", ["pair", "fields", "seq2seq"])
def test_a_conversation_that_ends_with_a_result_gives_its_earlier_answers(layout: str) -> None:
    options = TokenizeOptions.model_validate({"layout": layout})
    called = [{"role": "assistant", "content": "", "tool_calls": CALLS}, {"role": "tool", "content": "맑음"}]
    row = {"instruction": "부산 날씨는?", "output": None, "steps": called}
    answered = row | {"history": [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "네."}]}
    rows = [tokenize(pa.Table.from_pylist([each]), embedded(), options).to_pylist()[0] for each in (row, answered)]
    nothing, one = rows
    assert (nothing["reject_stage"], nothing["reject_reason"]) == ("tokenize", "nothing-to-learn")
    assert one["reject_reason"] is None
    (learned,) = one["sequences"] or [one]
    ids = learned["labels" if layout == "seq2seq" else "output_ids" if layout == "fields" else "input_ids"]
    assert ids[-len(ids_of("네.")) - 1 : -1] == ids_of("네.")


def test_a_vocabulary_that_knows_nothing_stops_the_run() -> None:
    table = table_of(("뷁뙑", "", "쀍뚧꿿"), ("네?", "", "네.")).append_column(
        "origin", pa.array(["x.jsonl:1", "x.jsonl:2"])
    )
    options = TokenizeOptions(max_unk_rate=0.01)
    tables = check_unknown([tokenize(table, embedded(), options)], embedded(), options)
    with pytest.raises(
        UnknownTokensError, match=r"(?s)are \[UNK\] with the tokenizer embedded.*x\.jsonl:1: 뷁뙑 / 쀍뚧꿿"
    ):
        list(tables)
