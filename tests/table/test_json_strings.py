"""The strings inside JSON: all are met, and what is left alone stays byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.json_strings import map_strings
from tests.support.tables import as_json, objects, values

JSON = as_json(st.one_of(values, objects))


def strings_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in strings_of(one)]
    return [t for key, one in value.items() for t in (key, *strings_of(one))] if isinstance(value, dict) else []


@given(JSON)
def test_what_is_left_alone_stays_as_it_is_spelled(text: str) -> None:
    met: list[str] = []

    def look(string: str, path: str) -> str:
        met.append(string)
        return string

    assert map_strings(text, look) == text
    assert met == strings_of(json.loads(text))


@given(JSON, st.sampled_from(["", '"', "\n", "가", "\ud800"]))
def test_json_stays_json(text: str, more: str) -> None:
    """Every string gets this at its end; two keys are never one."""
    changed = json.loads(map_strings(text, lambda string, path: string + more))
    before, after = strings_of(json.loads(text)), strings_of(changed)
    assert after == [string + more for string in before]


@given(JSON)
def test_no_key_is_lost(text: str) -> None:
    def count(value: Any) -> int:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, children))

    assert count(json.loads(map_strings(text, lambda string, path: "x"))) == count(json.loads(text))


def test_paths() -> None:
    met: dict[str, str] = {}

    def look(string: str, path: str) -> str:
        met[string] = path
        return string

    map_strings('[{"a": {"b-c": ["x", ["y"]]}, "hong@naver.com": "z", "": "w"}]', look)
    paths = {"a": "[0]", "b-c": "[0].a", "x": "[0].a.b-c[0]", "y": "[0].a.b-c[1][0]"}
    assert met == paths | {"hong@naver.com": "[0]", "z": "[0].*", "": "[0]", "w": "[0].*"}


@pytest.mark.parametrize("text", ["", "가나", '{"a": ', "[1,]", "{'a': 1}", "NaN,", '"', "[" * 100_000])
def test_what_is_not_json_is_one_string(text: str) -> None:
    assert map_strings(text, lambda string, path: f"<{string}{path}>") == f"<{text}>"
