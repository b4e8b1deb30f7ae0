"""The form openai against the rules that OpenAI publishes for its fine-tuning files, and the types of its own library.

The rules: a JSON object on each line, with `messages` and nothing that the service does not know; known roles; a text
or a call in each message; an answer at the end; weights 0 or 1, on answers alone; at least 10 lines; at most 512 MB.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import TypeAdapter

from pipeline.dataset.trainers import trainer_lines
from tests.support.small_tokenizers import TOOLS
from tests.trainers.built import CALLS, TALKS, Built, Rows
from tests.trainers.conftest import Record

pytestmark = pytest.mark.trainers
KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id"}
WEIGHED: Rows = [
    {"messages": [*row["messages"][:-1], row["messages"][-1] | {"weight": number % 2}]}
    for number, row in enumerate(TALKS)
]


class Types(NamedTuple):
    """What the library takes as messages and as definitions of tools."""

    messages: TypeAdapter[Any]
    tools: TypeAdapter[Any]


@pytest.fixture(scope="module")
def types() -> Types:
    """Imported when a test asks: every test process reads this file, and the library takes long to import."""
    chat = pytest.importorskip("openai.types.chat", reason="the library openai is not installed")
    one, other = chat.ChatCompletionMessageParam, chat.ChatCompletionToolParam
    return Types(TypeAdapter(list[one]), TypeAdapter(list[other]))


def assert_allowed(line: dict[str, Any], types: Types) -> None:
    assert line.keys() <= {"messages", "tools"}
    for message in line["messages"]:
        assert message.keys() <= KEYS
        assert message["role"] in ("system", "user", "assistant", "tool")
        assert isinstance(message["content"], str)
        assert message["content"] or message["tool_calls"]
        assert "weight" not in message or (message["role"] == "assistant" and message["weight"] in (0, 1))
    assert line["messages"][-1]["role"] == "assistant"
    plain = [{key: value for key, value in message.items() if key != "weight"} for message in line["messages"]]
    types.messages.validate_python(plain, strict=True)
    types.tools.validate_python(line.get("tools", []), strict=True)


@pytest.mark.parametrize("rows", [TALKS, CALLS, WEIGHED], ids=["talks", "calls", "weights"])
def test_the_rules(rows: Rows, tmp_path: Path, record: Record, types: Types) -> None:
    built = Built(tmp_path, rows, TOOLS, "openai", layout="causal")
    path = built.folder / "openai" / "train" / "openai.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert 10 <= len(lines) == len(rows)
    assert path.stat().st_size < 512_000_000
    for line in lines:
        assert_allowed(line, types)
    weights = [message.get("weight") for line in lines for message in line["messages"][-1:]]
    assert weights == [row["messages"][-1].get("weight") for row in rows]
    with_ = {id(TALKS): "conversations", id(CALLS): "tools, calls and results"}.get(id(rows), "weights")
    record("openai", "OpenAI: rules, types of its library", "openai", with_, "–", "–", "allowed, 40 of 40")


def test_a_file_that_is_too_small_says_so(tmp_path: Path) -> None:
    few, enough = (Built(tmp_path / str(size), TALKS[:size], TOOLS, "openai", layout="causal") for size in (9, 10))
    lines = [
        {lines.trainer: lines.text for lines in trainer_lines(built.manifest)}["OpenAI: openai"]
        for built in (few, enough)
    ]
    assert "takes no file of fewer than 10 lines, and this one has 9" in lines[0]
    assert "fewer" not in lines[1]
