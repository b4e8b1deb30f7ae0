"""validate: the columnar check and the model agree, and every rejection names field, rule and place."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from pydantic import ValidationError

from pipeline import validate
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED
from schemas.options import ValidateOptions
from schemas.record import Record
from tests.support.tables import message, table_of, tables

OPTIONAL = ValidateOptions(answer="optional")
PLAIN = {"instruction": "요약해 줘.", "output": "네."}
CASES: list[tuple[dict[str, str | None], str | None, str | None]] = [
    (PLAIN, None, None),
    ({"instruction": "요약해 줘.", "output": ""}, "output-blank", "`output`: The text has no visible character."),
    ({"instruction": "요약해 줘.", "output": " \n\u200b"}, "output-blank", "no visible character"),
    (
        {"instruction": "\u3164", "output": "네."},
        "instruction-blank",
        "`instruction`: The text has no visible character.",
    ),
    ({"instruction": None, "output": "네."}, "instruction-missing", "`instruction` is missing or null."),
    ({"instruction": "가", "output": None}, "output-missing", 'set [validate] answer = "optional".'),
    ({"instruction": "ㅋ", "output": "1"}, None, None),
    ({"instruction": "가", "input": None, "output": "나"}, None, None),
    (PLAIN | {"rejected": "아니요."}, None, None),
    (PLAIN | {"rejected": " "}, "rejected-blank", "`rejected`: The text has no visible character."),
    (PLAIN | {"tools": "[]"}, None, None),
    (PLAIN | {"tools": "{}"}, "tools-not-a-list", "`tools`: Tools are a JSON array."),
]


@pytest.mark.parametrize(("row", "reason", "says"), CASES)
def test_cases(row: dict[str, str | None], reason: str | None, says: str | None) -> None:
    after = validate(pa.Table.from_pylist([row], schema=pa.schema([(name, pa.string()) for name in row])))
    assert after["reject_reason"].to_pylist() == [reason]
    if says:
        assert after["reject_stage"].to_pylist() == ["validate"]
        assert says in after["reject_detail"][0].as_py()


def call(name: str = "weather", **more: Any) -> dict[str, Any]:
    return more | {"type": "function", "function": {"name": name, "arguments": {"city": "부산"}}}


def calling(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return message("assistant", tool_calls=json.dumps(calls, ensure_ascii=False), **fields)


def judge(row: dict[str, Any], options: ValidateOptions = ValidateOptions()) -> tuple[str | None, str | None]:
    after = validate(table_of([PLAIN | {"source": "가", "reject": None} | row]), options).to_pylist()[0]
    return after["reject_reason"], after["reject_detail"]


USER, ANSWER, RESULT = (
    message("user", content="?"),
    message("assistant", content="네."),
    message("tool", content="21도"),
)
CONVERSATIONS: list[tuple[list[dict[str, Any] | None], str | None, str | None]] = [
    ([USER, ANSWER], None, None),
    ([message("user"), ANSWER, USER, ANSWER], None, None),
    ([USER, calling(call()), RESULT, ANSWER], None, None),
    ([USER, calling(call(), call()), RESULT, RESULT, ANSWER], None, None),
    ([USER, calling(call(), call()), RESULT, ANSWER], None, None),
    ([USER, calling(call())], None, None),
    ([USER, calling(call()), USER, ANSWER], None, None),
    ([USER, message("assistant", learn=False)], None, None),
    (
        [USER, message("assistant")],
        "history-blank",
        "Message 2 of history has no visible character and no call of a tool.",
    ),
    ([USER, USER], "history-order", "Message 2 of history has the role user. The expected role is assistant."),
    ([ANSWER], "history-order", "Message 1 of history has the role assistant. The expected role is user."),
    ([USER], "history-order", "The last message of history has the role user."),
    ([USER, RESULT], "history-order", "The expected role is assistant."),
    ([USER, calling(call()), RESULT, RESULT], "history-order", "Message 4 of history has the role tool."),
    ([USER, calling(call()), RESULT, USER, ANSWER], "history-order", "Message 4 of history has the role user."),
    ([None], "history-missing", "`history.0` is missing or null."),
    ([message("user", content=None), ANSWER], "history-content-missing", "`history.0.content` is missing or null."),
    ([message("system"), ANSWER], "history-role-unknown", "`history.0.role` is neither user, assistant nor tool."),
    ([message(None), ANSWER], "history-role-missing", "`history.0.role` is missing or null."),
    (
        [USER, message("assistant", tool_calls='[{"name": "weather"}]')],
        "history-tool-calls-not-calls",
        "`history.1.tool_calls`: Calls of tools are a JSON array",
    ),
]


@pytest.mark.parametrize(("history", "reason", "says"), CONVERSATIONS)
def test_history(history: list[Any], reason: str | None, says: str | None) -> None:
    found, detail = judge({"history": history})
    assert found == reason
    assert says is None or says in str(detail)


STEPS: list[tuple[list[dict[str, Any]], str | None]] = [
    ([calling(call()), RESULT], None),
    ([calling(call()), RESULT, calling(call()), RESULT], None),
    ([calling(call())], "steps-order"),
    ([RESULT], "steps-order"),
    ([ANSWER], "steps-order"),
    ([calling(call()), RESULT, USER], "steps-order"),
    ([calling(call()), RESULT, ANSWER], "steps-order"),
]


@pytest.mark.parametrize(("steps", "reason"), STEPS)
def test_steps(steps: list[dict[str, Any]], reason: str | None) -> None:
    assert judge({"steps": steps})[0] == reason


@pytest.mark.parametrize(
    ("ids", "results", "reason"),
    [
        (["a", "b"], ["b", "a"], None),
        (["a", "b"], ["a", None], None),
        ([None], ["a"], None),
        (["a"], [None], None),
        (["a"], ["b"], "steps-call-id"),
        (["a", "b"], ["a", "a"], "steps-call-id"),
    ],
)
def test_a_result_answers_a_call(ids: list[str | None], results: list[str | None], reason: str | None) -> None:
    made = calling(*(call(id=number) if number else call() for number in ids))
    steps = [made, *(message("tool", content="21도", tool_call_id=number) for number in results)]
    assert judge({"steps": steps})[0] == reason


def test_an_answer_is_a_text_or_calls() -> None:
    calls = calling(call())["tool_calls"]
    assert judge({"output": None, "tool_calls": calls}) == (None, None)
    assert judge({"output": "", "tool_calls": calls}) == (None, None)
    assert judge({"output": None, "tool_calls": "[]"})[0] == "tool-calls-not-calls"
    assert judge({"output": None})[0] == "output-missing"
    assert judge({"output": None, "history": [USER, ANSWER]}) == (None, None)
    assert judge({"output": None, "steps": [calling(call()), RESULT]}) == (None, None)


def test_prompts_without_answers_by_option() -> None:
    assert judge({"output": None}, OPTIONAL) == (None, None)
    assert judge({"output": None, "instruction": ""}, OPTIONAL)[0] == "instruction-blank"
    assert judge({"output": " "}, OPTIONAL)[0] == "output-blank"


def test_no_detail_quotes_a_text() -> None:
    secret = "010-2345-6789"
    broken = json.dumps([{"phone": secret}])
    for row in (
        {"tools": f'"{secret}"'},
        {"tool_calls": broken},
        {"history": [USER, calling() | {"tool_calls": broken}]},
    ):
        reason, detail = judge(row)
        assert reason
        assert secret not in str(detail)


def test_history_in_the_old_form() -> None:
    turn = pa.struct([("user", pa.string()), ("assistant", pa.string())])
    history = pa.array([[{"user": "가", "assistant": "나"}], [{"user": "가", "assistant": None}], []], pa.list_(turn))
    table = pa.table({"instruction": ["가"] * 3, "output": ["나"] * 3, "history": history})
    after = validate(table)
    assert after["reject_reason"].to_pylist() == [None, "history-content-missing", None]


@pytest.mark.parametrize("options", [ValidateOptions(), OPTIONAL], ids=["required", "optional"])
@given(table=tables)
def test_the_columns_and_the_model_agree(options: ValidateOptions, table: pa.Table) -> None:
    kept = {"content", "role"}
    for row in validate(table, options).to_pylist():
        if row["reject_stage"] == "ingest":
            continue
        given = {name: row[name] for name in Record.model_fields if row[name] is not None}
        for name in ("history", "steps"):
            given[name] = [
                one and {key: value for key, value in one.items() if value is not None or key in kept}
                for one in given[name]
            ]
        try:
            Record.model_validate(given)
        except ValidationError as error:
            lacks = error.errors()[0]["type"] == "output-missing"
            assert (row["reject_stage"] == "validate") != (lacks and options is OPTIONAL)
        else:
            assert row["reject_stage"] is None


def test_a_bare_table_is_enough() -> None:
    table = pa.table({"instruction": ["가"], "output": ["나"]})
    assert validate(table).select(INGESTED.names).equals(complete(table).select(INGESTED.names))
