"""A row as a record of each text form: read back by ingest, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.dataset.text_forms import SPEAKERS, TEXT_FORMS, FormError
from pipeline.stages.ingest import ingest
from schemas.options import IngestOptions, Source
from schemas.text_forms import TextForm
from tests.support.tables import histories, maybe, message, texts, tool_rounds

PLAIN: dict[str, Any] = {"instruction": "수도는 어디인가요?", "output": "서울입니다."}
TALK = [message("user", content="안녕하세요?"), message("assistant", content="네, 안녕하세요.")]
TOOLS = '[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{}}}}]'
OF_FORM: dict[TextForm, dict[str, Any]] = {"preference": {"rejected": "부산입니다."}, "unpaired": {"label": False}}
READ_BACK = ("system", "instruction", "input", "output", "rejected", "label", "learn")


def back(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "file.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    (table,) = ingest(path, path.name, Source(name="source", files=(path.name,)), IngestOptions(), set())
    row: dict[str, Any]
    (row,) = table.to_pylist()
    assert row["reject_reason"] is None, row["reject_detail"]
    return row


def comparable(row: dict[str, Any], form: TextForm) -> dict[str, Any]:
    """What a row holds for a trainer: JSON as values, an empty thought as none, and learn = true as nothing.

    In sharegpt a result belongs to the call before it, and so has no id and no name.
    """
    links = {"tool_call_id": None, "name": None} if form == "sharegpt" else {}

    def calls_of(part: dict[str, Any]) -> list[dict[str, Any]]:
        calls = json.loads(part.get("tool_calls") or "[]")
        return [{key: call[key] for key in call if key != "id" or not links} for call in calls]

    def one(part: dict[str, Any]) -> dict[str, Any]:
        learn = None if part.get("learn") else part.get("learn")
        reasoning = part.get("reasoning") or None
        return part | {"reasoning": reasoning, "tool_calls": calls_of(part), "learn": learn} | links

    found = {name: row.get(name) for name in READ_BACK} | {"input": row.get("input") or ""}
    found |= {name: [one(part) for part in row.get(name) or ()] for name in ("history", "steps")}
    found |= {"tool_calls": calls_of(row), "tools": json.loads(row.get("tools") or "null")}
    return found | {"reasoning": row.get("reasoning") or None, "learn": None if row.get("learn") else row.get("learn")}


@pytest.mark.parametrize("more", [{}, {"system": "짧게 답하라."}, {"history": TALK}, {"tools": TOOLS}], ids=str)
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_ingest_reads_a_record_back(form: TextForm, more: dict[str, Any], tmp_path: Path) -> None:
    row = PLAIN | OF_FORM.get(form, {}) | more
    if form == "alpaca" and "tools" in more:
        with pytest.raises(FormError, match=r"alpaca .* no place for tools"):
            TEXT_FORMS[form](row)
        return
    assert comparable(back(TEXT_FORMS[form](row), tmp_path), form) == comparable(row, form)


written = texts.filter(str.strip)
plain_talk = st.lists(st.tuples(written, written), max_size=2).map(
    lambda pairs: [message(role, content=text) for pair in pairs for role, text in zip(SPEAKERS, pair, strict=True)]
)
generated = st.fixed_dictionaries(
    {
        "system": st.one_of(st.none(), written),
        "history": st.one_of(plain_talk, histories()),
        "instruction": written,
        "steps": st.one_of(st.just([]), tool_rounds()),
        "reasoning": st.one_of(st.none(), maybe),
        "output": written,
        "tools": st.sampled_from([None, None, TOOLS]),
    }
)


@pytest.mark.parametrize("form", TEXT_FORMS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=generated)
def test_a_generated_row_is_read_back_or_refused(form: TextForm, row: dict[str, Any], tmp_path: Path) -> None:
    row = row | OF_FORM.get(form, {})
    try:
        record = TEXT_FORMS[form](row)
    except FormError:
        return  # by name: the tests below
    assert comparable(back(record, tmp_path), form) == comparable(row, form)


NOT_LEARNED = [TALK[0], TALK[1] | {"learn": False}]


@pytest.mark.parametrize("form", ["messages", "alpaca", "sharegpt"])
def test_a_weight_in_the_history_is_refused(form: TextForm) -> None:
    with pytest.raises(FormError, match="no place for learn = false"):
        TEXT_FORMS[form](PLAIN | {"history": NOT_LEARNED})


@pytest.mark.parametrize("form", ["prompt-completion", "preference", "unpaired", "openai"])
def test_an_earlier_answer_that_is_not_learned_is_part_of_a_prompt(form: TextForm, tmp_path: Path) -> None:
    row = PLAIN | OF_FORM.get(form, {}) | {"history": NOT_LEARNED}
    assert comparable(back(TEXT_FORMS[form](row), tmp_path), form) == comparable(row, form)


@pytest.mark.parametrize("form", ["messages", "prompt-completion", "preference", "unpaired", "alpaca", "sharegpt"])
def test_a_last_answer_that_is_not_learned_is_refused(form: TextForm) -> None:
    with pytest.raises(FormError, match="no place for learn = false"):
        TEXT_FORMS[form](PLAIN | OF_FORM.get(form, {}) | {"learn": False})


def test_a_long_number_in_a_tool_is_refused_where_tools_are_no_text() -> None:
    tools = TOOLS.replace('"properties":{}', '"maximum":18446744073709551616')
    with pytest.raises(FormError, match="a number of more than 64 bits in tools"):
        TEXT_FORMS["openai"](PLAIN | {"tools": tools})
    assert TEXT_FORMS["messages"](PLAIN | {"tools": tools})["tools"] == tools


@pytest.mark.parametrize("form", ["preference", "unpaired"])
def test_what_a_form_needs_is_named(form: TextForm) -> None:
    (column,) = OF_FORM[form]
    with pytest.raises(FormError, match=f"{form} .* nothing in {column}"):
        TEXT_FORMS[form](PLAIN)


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_the_input_is_kept_in_the_text_of_the_user(form: TextForm, tmp_path: Path) -> None:
    row = back(TEXT_FORMS[form](PLAIN | OF_FORM.get(form, {}) | {"input": "한국"}), tmp_path)
    found = (row["instruction"], row["input"])
    assert found == (("수도는 어디인가요?", "한국") if form == "alpaca" else ("수도는 어디인가요?\n한국", ""))
