"""Columns of messages as training code gives them."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import validate
from pipeline.table.message_columns import ColumnTypeError
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED, MESSAGE
from tests.support.tables import message

USER, ANSWER = {"role": "user", "content": "가"}, {"role": "assistant", "content": "나"}


def completed(history: pa.Array | list[Any]) -> list[Any]:
    count = len(history)
    table = complete(pa.table({"instruction": ["가"] * count, "output": ["나"] * count, "history": history}))
    assert table.schema.field("history").type == INGESTED.field("history").type
    return table["history"].to_pylist()  # type: ignore[no-any-return]


FULL = [message("user", content="가"), message("assistant", content="나")]


def test_the_old_form() -> None:
    history = [[{"user": "가", "assistant": "나"}, {"user": "다", "assistant": None}], [], None]
    more = [message("user", content="다"), message("assistant", content=None)]
    assert completed(history) == [FULL + more, [], None]
    # The names of the sides decide, not their order; and a slice begins where it begins.
    turn = pa.struct([("assistant", pa.string()), ("user", pa.string())])
    assert completed(pa.array(history, pa.list_(turn))) == [FULL + more, [], None]
    sliced = pa.array([[{"user": "앞", "assistant": "앞"}], *history], pa.list_(turn)).slice(1)
    assert completed(sliced) == [FULL + more, [], None]


def test_messages_with_some_of_the_fields() -> None:
    assert completed([[USER, ANSWER], []]) == [FULL, []]
    assert completed([[USER | {"learn": None}, ANSWER | {"learn": False}]]) == [[FULL[0], FULL[1] | {"learn": False}]]
    assert completed([[USER, ANSWER | {"content": None, "tool_calls": "[]"}]]) == [
        [FULL[0], message("assistant", tool_calls="[]")]
    ]
    assert completed(pa.array([[USER], None], pa.list_(MESSAGE)).slice(1)) == [None]


def test_lists_of_other_types() -> None:
    assert completed(pa.array([None, None])) == [None, None]
    assert completed([[], []]) == [[], []]
    assert completed(pa.array([[USER, ANSWER], None, []]).cast(pa.large_list(pa.array([USER]).type))) == [
        FULL,
        None,
        [],
    ]


@pytest.mark.parametrize(
    "history",
    [["가"], [["가"]], [[{"from": "human", "value": "가"}]], [[{"role": "user", "content": "가", "weight": 1}]]],
)
def test_what_cannot_be_read_is_an_error_that_says_what_can(history: list[Any]) -> None:
    with pytest.raises(ColumnTypeError, match="dicts with role and content"):
        completed(history)


def test_json_is_a_text() -> None:
    calls = [{"function": {"name": "f"}}]
    for name in ("tools", "tool_calls", "meta"):
        with pytest.raises(ColumnTypeError, match=rf"The column {name} .*json.dumps"):
            complete(pa.table({"instruction": ["가"], "output": ["나"], name: [calls]}))
    with pytest.raises(ColumnTypeError, match=r"tool_calls in the messages of the column history .*json.dumps"):
        completed([[USER, ANSWER | {"tool_calls": calls}]])


@pytest.mark.parametrize(
    ("values", "truth"),
    [
        ([True, None, False], [True, None, False]),
        ([1, None, 0], [True, None, False]),
        ([1.0, None, 0.0], [True, None, False]),
        (["true", None, "false"], [True, None, False]),
    ],
)
def test_truth_values(values: list[Any], truth: list[bool | None]) -> None:
    for name in ("label", "learn"):
        table = complete(pa.table({"instruction": ["가"] * 3, "output": ["나"] * 3, name: values}))
        assert table[name].to_pylist() == truth
    history = [[USER, ANSWER | {"learn": value}] for value in values]
    assert [messages[1]["learn"] for messages in completed(history)] == truth


@pytest.mark.parametrize("value", [0.5, 2, -1, float("nan"), "글쎄", [True]])
def test_a_value_between_true_and_false_is_an_error(value: Any) -> None:
    for name in ("label", "learn"):
        with pytest.raises(ColumnTypeError, match=rf"The column {name} .* true \(1\), false \(0\) or null"):
            complete(pa.table({"instruction": ["가"], "output": ["나"], name: [value]}))
    with pytest.raises(ColumnTypeError, match=r"The field learn in the column history .* false \(0\) or null"):
        completed([[USER, ANSWER | {"learn": value}]])


OPENAI = [
    {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "부산", "days": 2}'}},
    {"id": None, "type": "function", "function": {"name": "clock", "arguments": ""}},
]
WRITTEN = (
    '[{"id":"1","type":"function","function":{"name":"weather","arguments":{"city":"부산","days":2}}},'
    '{"type":"function","function":{"name":"clock","arguments":{}}}]'
)
WITHOUT_NULL = [OPENAI[0], {name: value for name, value in OPENAI[1].items() if name != "id"}]


@pytest.mark.parametrize("calls", [OPENAI, json.dumps(WITHOUT_NULL), json.dumps(WITHOUT_NULL, ensure_ascii=False)])
def test_calls_in_the_form_of_openai(calls: Any) -> None:
    """With arguments as text: in the columns and in messages, as lists and as JSON."""
    table = complete(pa.Table.from_pylist([{"instruction": "가", "output": "", "tool_calls": calls}, {"output": "나"}]))
    assert table["tool_calls"].to_pylist() == [WRITTEN, None]
    history = [[USER, {"role": "assistant", "content": None, "tool_calls": calls}], [USER, ANSWER]]
    assert completed(history)[0][1] == message("assistant", tool_calls=WRITTEN)
    if isinstance(calls, str):
        typed = pa.array([[message(**each) for each in history[0]], None], pa.list_(MESSAGE))
        assert completed(typed)[0][1] == message("assistant", tool_calls=WRITTEN)
    assert validate(table)["reject_reason"].to_pylist()[0] is None


def test_a_null_in_the_place_of_a_call_stays_for_validate_to_reject() -> None:
    calls = [[*OPENAI, None], [{**OPENAI[0], "function": None}]]
    rows = [{"instruction": "가", "output": "", "tool_calls": each} for each in [OPENAI, *calls]]
    table = complete(pa.Table.from_pylist(rows))
    assert [json.loads(text)[-1] for text in table["tool_calls"].to_pylist()[1:]] == [
        None,
        {"id": OPENAI[0]["id"], "type": "function", "function": None},
    ]
    assert validate(table)["reject_reason"].to_pylist() == [None, "tool-calls-not-calls", "tool-calls-not-calls"]


def test_lists_of_calls_without_calls() -> None:
    rows = [{"instruction": "가", "output": "나", "tool_calls": calls} for calls in ([], None)]
    assert complete(pa.Table.from_pylist(rows))["tool_calls"].to_pylist() == [None, None]
    assert complete(pa.Table.from_pylist(rows[:1]))["tool_calls"].to_pylist() == [None]


def test_calls_as_a_dictionary_column() -> None:
    calls = pa.array([json.dumps(WITHOUT_NULL), None, json.dumps(WITHOUT_NULL)]).dictionary_encode()
    table = complete(pa.table({"instruction": ["가"] * 3, "output": [""] * 3, "tool_calls": calls}))
    assert table["tool_calls"].to_pylist() == [WRITTEN, None, WRITTEN]


@pytest.mark.parametrize(
    "arguments", ['{"a": "\\ud800"}', '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"], ids=["half", "deep"]
)
def test_arguments_that_no_call_can_hold_reject_the_row(arguments: str) -> None:
    """Half a character, and lists that are nested too deep."""
    calls = json.dumps([{"type": "function", "function": {"name": "f", "arguments": arguments}}])
    table = validate(pa.table({"instruction": ["가"], "output": [""], "tool_calls": [calls]}))
    assert table["reject_reason"].to_pylist() == ["tool-calls-not-calls"]


def test_calls_whose_arguments_are_objects_are_written_as_json() -> None:
    """Arrow gives all objects of a column the same fields: what one call lacks would become null in it."""
    calls = [{"type": "function", "function": {"name": "weather", "arguments": {"city": "부산"}}}]
    row = {"instruction": "가", "output": "", "tool_calls": calls}
    with pytest.raises(ColumnTypeError, match=r"json\.dumps"):
        complete(pa.Table.from_pylist([row]))
    mended = row | {"tool_calls": json.dumps(calls, ensure_ascii=False)}
    assert validate(complete(pa.Table.from_pylist([mended])))["reject_reason"].to_pylist() == [None]


@given(text=st.text(max_size=8) | st.sampled_from(['[{"function": {"arguments": "{"}}]', '{"arguments": "1"}', "[1]"]))
def test_what_is_no_call_stays_as_it_is(text: str) -> None:
    table = complete(pa.table({"instruction": ["가"], "output": [""], "tool_calls": [text]}))
    assert table["tool_calls"].to_pylist() == [text]
