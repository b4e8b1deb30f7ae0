"""The finders of defects: cases by kind, what instructions ask for, and earlier exchanges of a conversation."""

import doctest
import importlib
import json
import re
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from pipeline.stages.screen import disclaimers, screen
from pipeline.stages.screen.requests import REQUESTS, Request, requests
from pipeline.stages.screen.texts import any_of
from pipeline.stages.validate import validate
from tests.support.paths import CASES
from tests.support.tables import message, table_of

#: The kinds of the case files → the finding that shows them.
FINDING = {
    "mixed_register": "mixed-speech",
    "template_residue": "template-residue",
    "echo": "echo",
    "wrong_language": "wrong-language",
    "untranslated": "untranslated",
    "truncated": "truncated",
    "refusal": "refusal",
    "ai_disclaimer": "disclaimer",
    "merged_instruction": "merged-instruction",
    "mojibake_residue": "mojibake",
    "url_only_input": "url-only",
    "missing_image": "missing-image",
    "repetition": "repetition",
    "empty_answer": "no-answer",
}
ROWS = [
    json.loads(line)
    for name in ("screen_defects.jsonl", "screen_defects_fresh.jsonl")
    for line in (CASES / name).read_text("utf-8").splitlines()
]


@cache
def screened() -> list[dict[str, Any]]:
    """ROWS as `screen` leaves them, all in one table: most of the time of a row is that of its table."""
    table = pa.table({name: [row[name] for row in ROWS] for name in ("instruction", "input", "output")})
    rows: list[dict[str, Any]] = screen(validate(table)).to_pylist()
    return rows


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[str(case["id"]) for case in ROWS])
def test_defect(number: int) -> None:
    case, row = ROWS[number], screened()[number]
    found = {flag for flag in row["flags"] if not flag.startswith("pii")}
    if case["defect"] is None:
        assert not found
    elif case["defect"] == "empty_answer" and row["reject_stage"]:
        assert row["reject_stage"] == "validate"
    else:
        assert FINDING[case["defect"]] in found


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: str(request.name))
def test_each_request_has_an_example(request_: Request) -> None:
    assert request_.name in requests(request_.example)


@pytest.mark.parametrize(
    "name",
    [
        *("requests", "texts", "language", "speech", "repetition", "disclaimers", "placeholders", "mojibake", "ending"),
        *("own_words", "foreign", "missing", "nothing_new"),
    ],
)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(f"pipeline.stages.screen.{name}")
    assert doctest.testmod(module).failed == 0


def test_earlier_exchanges_are_looked_through() -> None:
    history = [
        message("user", content="감자를 삶는 법은?"),
        message("assistant", content="죄송하지만 그 질문에는 답변드릴 수 없습니다."),
        message("user", content="{question}"),
        message("assistant", content="네.", learn=False),
        message("user", content="다시 물을게요."),
        message("assistant", content="N/A", learn=False),
    ]
    row = screen(table_of([{"reject": None, "instruction": "물음", "output": "답", "history": history}])).to_pylist()[0]
    found = [(item["flag"], item["field"]) for item in row["evidence"]]
    assert found == [("refusal", "history[1].content"), ("template-residue", "history[2].content")]


def test_a_system_prompt_chooses_the_language() -> None:
    answer = "The capital of Korea is Seoul, and it is on the Han river."
    row = {"reject": None, "instruction": "한국의 수도는 어디인가요?", "output": answer}
    assert screen(table_of([row])).to_pylist()[0]["flags"] == ["wrong-language"]
    assert screen(table_of([row | {"system": "모든 물음에 영어로 답하세요."}])).to_pylist()[0]["flags"] == []


def test_the_first_disclaimer_is_that_of_all_patterns_in_one() -> None:
    """Names and beginnings decide which patterns are tried: no text with a match may lack them."""
    every = re.compile(any_of(*disclaimers.SPEECHES.values(), *disclaimers.ENGLISH_SPEECHES.values()))
    texts = [row[name] for row in ROWS for name in ("instruction", "input", "output") if row[name]]
    texts += [
        "Sorry, AS AN AI, I cannot.",
        "İ am an AI",
        "My \u212anowledge cutoff is 2023",
        "저는 AI입니다만, as an AI",
    ]
    found = [every.search(text) for text in texts]
    assert sum(map(bool, found)) > 10
    spans = [match and match.span() for match in map(disclaimers.first_disclaimer, texts)]
    assert spans == [match and match.span() for match in found]
