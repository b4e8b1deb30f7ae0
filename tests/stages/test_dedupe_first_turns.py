"""Conversations by their first turn: no message is lost, and the rows that took no part take none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.dedupe import dedupe
from pipeline.stages.dedupe.first_turns import first_turns
from schemas.options import DedupeOptions
from tests.stages.test_dedupe import table_of

FIRST_TURN = DedupeOptions(within="first-turn", conflict="drop")
#: Each text with a letter of its own, so that it can be found.
TEXTS = st.lists(st.sampled_from("가나다라마바사아자차"), min_size=4, max_size=10, unique=True)


@given(TEXTS, st.integers(0, 3), st.integers(0, 2), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_message_is_in_the_prompt_or_in_the_answer(
    texts: list[str], turns: int, steps: int, greets: bool
) -> None:
    output, instruction, *others = texts
    history = [
        {"role": ("user", "assistant")[(at + greets) % 2], "content": text} for at, text in enumerate(others[:turns])
    ]
    called = [{"role": "tool", "content": text} for text in others[turns : turns + steps]]
    row = {"history": history, "instruction": instruction, "input": "", "steps": called, "output": output}
    found = first_turns(table_of([row])).to_pylist()[0]
    users = [message["content"] for message in history if message["role"] == "user"]
    assert found["instruction"] == (users or [instruction])[0]
    assert (found["history"], found["steps"]) == ([], [])
    before = {message["content"] for message in (*history, *called)} | {instruction}
    assert all((text in found["output"]) == (text != found["instruction"]) for text in before)
    assert found["output"].endswith(output)


@pytest.mark.parametrize(("stage", "reason"), [(None, "conflict"), ("validate", None)])
def test_a_row_that_was_rejected_before_takes_no_part(stage: str | None, reason: str | None) -> None:
    talk = [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "안녕하세요."}]
    first: dict[str, Any] = {"instruction": "안녕?", "input": "", "output": "반가워요.", "reject_stage": stage}
    rows = [first, {"history": talk, "instruction": "잘 지내?", "input": "", "output": "네."}]
    assert dedupe(table_of(rows), FIRST_TURN)["reject_reason"].to_pylist()[1] == reason


def test_a_call_differs_by_its_arguments_and_not_by_its_id() -> None:
    def row(call_id: str, city: str) -> dict[str, Any]:
        calls = f'[{{"id":"{call_id}","type":"function","function":{{"name":"날씨","arguments":{{"city":"{city}"}}}}}}]'
        steps = [
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "content": "맑음", "tool_call_id": call_id},
        ]
        return {"instruction": "날씨 어때?", "input": "", "steps": steps, "output": "맑아요."}

    rows = table_of([row("a", "서울"), row("b", "서울"), row("c", "부산")])
    done = dedupe(rows, DedupeOptions(within="first-turn"))
    assert done["reject_reason"].to_pylist() == [None, "exact", None]
    assert "conflict" in done["flags"].to_pylist()[2]
