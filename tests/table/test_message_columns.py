"""Columns of messages as training code gives them."""

from typing import Any

import pyarrow as pa
import pytest

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
    with pytest.raises(ColumnTypeError, match="The column label has the type string, not bool"):
        complete(pa.table({"instruction": ["가"], "output": ["나"], "label": ["글쎄"]}))
