"""map_texts: every text of a row is met once, wherever the row holds it, and only where the scan finds something."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.map_texts import DATA, _known, map_texts, matches, suspects
from schemas.columns import MESSAGES, TEXTS
from tests.support.tables import message, table_of, tables

ALL = (*TEXTS, *MESSAGES, *DATA)


def one(row: dict[str, Any]) -> pa.Table:
    return table_of([{"source": "가", "reject": None} | row])


def met(table: pa.Table, pattern: str, whole: bool = True) -> dict[str, str]:
    """Field → text of every text that is met."""
    found: dict[str, str] = {}

    def look(text: str, row: int, field: str) -> str:
        found[field] = text
        return text

    same = map_texts(table, suspects(table, dict.fromkeys(ALL, pattern), whole=whole), look)
    assert same is table
    return found


def test_fields() -> None:
    calls = json.dumps([{"function": {"name": "f", "arguments": {"city": "가1"}}}])
    steps = [message("assistant", tool_calls=calls, reasoning="가2"), message("tool", content="가3", name="가4")]
    table = one({"instruction": "가5", "output": "나", "steps": steps, "meta": '{"a": {"b": ["나", "가6"]}}'})
    assert met(table, "가") == {
        "instruction": "가5",
        "steps[0].reasoning": "가2",
        "steps[0].tool_calls[0]": "function",
        "steps[0].tool_calls[0].function": "arguments",
        "steps[0].tool_calls[0].function.name": "f",
        "steps[0].tool_calls[0].function.arguments": "city",
        "steps[0].tool_calls[0].function.arguments.city": "가1",
        "steps[1].content": "가3",
        "steps[1].name": "가4",
        "meta": "a",
        "meta.a": "b",
        "meta.a.b[0]": "나",
        "meta.a.b[1]": "가6",
    }
    prose = met(table, "가", whole=False).keys()
    assert prose >= {"steps[0].reasoning", "steps[1].content", "instruction"}
    assert not {"steps[1].name", "steps[0].tool_calls[0].function.name"} & prose


@pytest.mark.parametrize(
    ("meta", "found"),
    [
        ('{"id": 1234567}', False),
        ('{"id":-1234567.5,"n":null}', False),
        ('{"id": "1234567"}', True),
        ('{"id": "\\u0031\\u0032"}', True),
        ('{"a": "\\": 1234567,"}', True),
        ('{"1234567": 1}', True),
    ],
)
def test_a_number_is_not_a_text(meta: str, found: bool) -> None:
    table = one({"meta": meta})
    assert bool(len(suspects(table, {"meta": "[0-9]{7}"})["meta"])) == found


@given(tables, st.booleans())
def test_the_scan_overlooks_nothing(table: pa.Table, whole: bool) -> None:
    """A row with a text that matches is among the suspects: what a scan of all texts meets, the narrow one meets."""
    table = table.combine_chunks()
    if not len(table):
        return
    everything: list[tuple[int, str, str]] = []
    narrow: list[tuple[int, str, str]] = []
    for pattern, seen in (("(?s).*", everything), ("[0-9]{3}|가", narrow)):

        def look(text: str, row: int, field: str, seen: list[tuple[int, str, str]] = seen) -> str:
            seen.append((row, field, text))
            return text

        map_texts(table, suspects(table, dict.fromkeys(ALL, pattern), whole=whole), look)
    wanted = {item for item in everything if "가" in item[2] or any(part in item[2] for part in ("100", "123", "010"))}
    assert wanted <= set(narrow)


@given(tables)
def test_a_change_reaches_each_text_and_nothing_else(table: pa.Table) -> None:
    table = table.combine_chunks()
    if not len(table):
        return
    rows = suspects(table, dict.fromkeys((*TEXTS, *MESSAGES), "(?s).*"))
    changed = map_texts(table, rows, lambda text, row, field: text + "!").to_pylist()
    for before, after in zip(table.to_pylist(), changed, strict=True):
        if before["reject_stage"]:
            assert before == after
            continue
        for name in TEXTS:
            assert after[name] == (None if before[name] is None else before[name] + "!")
        for name in MESSAGES:
            for old, new in zip(before[name], after[name], strict=True):
                prose = {key: old[key] + "!" for key in ("content", "reasoning") if old[key] is not None} if old else {}
                assert new == (old and old | prose)
        assert {name: before[name] for name in DATA} == {name: after[name] for name in DATA}


def test_a_thread_may_forget_the_known_texts_while_another_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = pc.match_substring_regex

    def scan_and_forget(texts: pa.Array, pattern: str) -> pa.Array:
        _known(pattern).clear()
        return scan(texts, pattern)

    assert matches(pa.array(["긍정", "긍정", "긍정"]), "긍").to_pylist() == [True] * 3
    monkeypatch.setattr(pc, "match_substring_regex", scan_and_forget)
    assert matches(pa.array(["긍정", "부정", "긍정", "부정"]), "긍").to_pylist() == [True, False] * 2
