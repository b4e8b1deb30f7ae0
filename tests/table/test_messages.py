"""A row as messages and messages as a row: each is the inverse of the other."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.messages import SPOKEN, from_messages, to_messages
from schemas.errors import TableError
from tests.support.tables import calls, histories, marks, maybe, texts, tool_rounds


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def canonical(row: dict[str, Any]) -> dict[str, Any]:
    """As ingest writes a row: calls are compact JSON, and an answer has a text, if only ""."""

    def one(message: dict[str, Any]) -> dict[str, Any]:
        made = message["tool_calls"]
        return message | {"tool_calls": made and compact(json.loads(made))}

    for column in ("history", "steps"):
        row[column] = [one(message) for message in row[column]]
    if row["output"] is None:
        row |= dict.fromkeys(("reasoning", "tool_calls", "learn"))
    return row


rows = st.fixed_dictionaries(
    {
        "system": st.one_of(st.none(), texts.filter(bool)),
        "history": histories(),
        "instruction": texts,
        "input": texts,
        "steps": tool_rounds(),
        "reasoning": maybe,
        "output": maybe,
        "tool_calls": st.one_of(st.none(), calls.map(compact)),
        "learn": marks,
    }
).map(canonical)


@given(rows)
def test_a_row_comes_back_from_its_messages(row: dict[str, Any]) -> None:
    assert from_messages(to_messages(row)) == row
    assert set(row) == set(SPOKEN)


def spoken(role: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"role": st.just(role), "content": texts}, optional=fields)


users = spoken("user")
assistants = spoken(
    "assistant", reasoning_content=texts, tool_calls=calls, name=st.just("봇"), weight=st.sampled_from([0, 1])
)
tools = spoken("tool", tool_call_id=st.just("a"), name=st.just("weather"))


@given(
    st.lists(spoken("system").filter(lambda message: bool(message["content"])), max_size=1),
    st.lists(st.one_of(users, assistants, tools), max_size=6),
)
def test_messages_come_back_from_their_row(system: list[dict[str, Any]], talk: list[dict[str, Any]]) -> None:
    """In any order, so that it holds for every conversation. The last answer is the row's own: it has no name."""
    if talk and talk[-1]["role"] == "assistant":
        talk[-1].pop("name", None)
    assert to_messages(from_messages(system + talk)) == system + talk


def test_the_row_of_a_conversation_with_tools() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": {"n": 2**70}}}
    talk = [
        {"role": "user", "content": "안녕?"},
        {"role": "assistant", "content": "안녕하세요.", "weight": 0},
        {"role": "user", "content": "날씨는?\n부산", "input": "부산"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "21도", "tool_call_id": "a"},
        {"role": "assistant", "content": "21도예요.", "reasoning_content": "도구가 답했다."},
    ]
    row = from_messages(talk)
    assert (row["instruction"], row["input"], row["output"]) == ("날씨는?", "부산", "21도예요.")
    assert [message["role"] for message in row["history"] + row["steps"]] == ["user", "assistant", "assistant", "tool"]
    assert row["reasoning"] == "도구가 답했다."
    assert row["history"][1]["learn"] is False
    assert json.loads(row["steps"][0]["tool_calls"]) == [call]
    assert to_messages(row) == talk


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "assistant", "content": "가", "weight": 0.5}, "message 1: the weight 0.5; it is 0 or 1."),
        (
            {"role": "assistant", "content": [{"type": "text"}]},
            "message 1: content that is not text: [{'type': 'text'}]",
        ),
        ({"role": "assistant", "content": "가", "audio": "x"}, "message 1: the key 'audio', which has no column."),
        ({"role": "system", "content": "가"}, "message 1: the role 'system' at this place."),
        ({"role": "bot", "content": "가"}, "message 1: the role 'bot' at this place."),
        ({"content": "가"}, "message 1: the role None at this place."),
        ({"role": "assistant", "content": "가", "name": "봇"}, "message 1: the key 'name', which has no column."),
        ({"role": "assistant", "content": "가", "input": "나"}, "message 1: the key 'input', which has no column."),
        ({"role": "user", "content": "가", "name": "철수"}, "message 1: the key 'name', which has no column."),
        ({"role": "user", "content": "가", "input": ["나"]}, "message 1: an input that is not text: ['나']"),
        (
            {"role": "assistant", "content": "가", "thinking": "나", "reasoning": "다"},
            "message 1: two different thoughts.",
        ),
    ],
)
def test_nothing_in_a_message_is_left_out(message: dict[str, object], says: str) -> None:
    with pytest.raises(TableError, match=re.escape(says)) as error:
        from_messages([{"role": "user", "content": "질문"}, message])
    assert str(error.value).endswith("Read records of other forms with `ingest`.")


def test_a_system_prompt_is_a_text_alone() -> None:
    with pytest.raises(TableError, match="message 0: the key 'name', which has no column"):
        from_messages([{"role": "system", "content": "짧게.", "name": "봇"}])


def test_other_names_of_a_thought_and_of_the_system() -> None:
    row = from_messages(
        [
            {"role": "developer", "content": "짧게."},
            {"role": "user", "content": "질문", "name": None},
            {"role": "assistant", "content": None, "reasoning": "생각", "tool_calls": []},
        ]
    )
    assert (row["system"], row["reasoning"], row["output"]) == ("짧게.", "생각", "")
