"""A row as a record of each text form: read back by ingest, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.dataset.text_forms import TEXT_FORMS, FormError, TextForm
from pipeline.stages.ingest import ingest
from schemas.options import IngestOptions, Source

PLAIN: dict[str, Any] = {"instruction": "수도는 어디인가요?", "output": "서울입니다."}
TALK = [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "네, 안녕하세요."}]
TOOLS = '[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{}}}}]'
OF_FORM: dict[TextForm, dict[str, Any]] = {"preference": {"rejected": "부산입니다."}, "unpaired": {"label": False}}
READ_BACK = ("system", "instruction", "input", "output", "rejected", "label", "learn", "reasoning", "tool_calls")


def back(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "file.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    (table,) = ingest(path, path.name, Source(name="source", files=(path.name,)), IngestOptions(), set())
    (row,) = table.to_pylist()
    assert row["reject_reason"] is None, row["reject_detail"]
    return row


def said(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: row.get(name) for name in READ_BACK} | {"input": row.get("input") or ""}
    found["history"] = [(message["role"], message["content"]) for message in row.get("history") or ()]
    found["tools"] = json.loads(row.get("tools") or "null")
    return found


@pytest.mark.parametrize("more", [{}, {"system": "짧게 답하라."}, {"history": TALK}, {"tools": TOOLS}], ids=str)
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_ingest_reads_a_record_back(form: TextForm, more: dict[str, Any], tmp_path: Path) -> None:
    row = PLAIN | OF_FORM.get(form, {}) | more
    if form == "alpaca" and "tools" in more:
        with pytest.raises(FormError, match="alpaca has no place for 'tools'"):
            TEXT_FORMS[form](row)
        return
    assert said(back(TEXT_FORMS[form](row), tmp_path)) == said(row)


@pytest.mark.parametrize("form", sorted(TEXT_FORMS.keys() - {"openai"}))
def test_a_weight_in_the_history_is_refused(form: TextForm) -> None:
    history = [TALK[0], TALK[1] | {"learn": False}]
    with pytest.raises(FormError, match=r"no place for '(learn|weight)'"):
        TEXT_FORMS[form](PLAIN | OF_FORM.get(form, {}) | {"history": history})


@pytest.mark.parametrize("form", ["preference", "unpaired"])
def test_what_a_form_needs_is_named(form: TextForm) -> None:
    (column,) = OF_FORM[form]
    with pytest.raises(FormError, match=f"{form} needs the column '{column}'"):
        TEXT_FORMS[form](PLAIN)
