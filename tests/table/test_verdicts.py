"""Verdicts of people on rows: cases, laws, and the file that holds them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import apply_verdicts, normalize, read_verdicts, screen, validate
from pipeline.io.verdict_file import add_verdict
from pipeline.table.reject_and_flag import complete
from pipeline.table.verdicts import VerdictError, digest_of, key_of
from schemas.columns import MARKS, MESSAGES, SCREENED, TEXTS
from schemas.options import ScreenOptions
from schemas.verdict import Key, Outcome, Verdict
from tests.support.paths import ROOT
from tests.support.tables import tables

CASES = [json.loads(line) for line in (ROOT / "tests/cases/verdicts.jsonl").read_text().splitlines()]


def without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_cases(case: dict[str, Any]) -> None:
    options = ScreenOptions(reject=tuple(case.get("reject", ())), mask=("pii-phone",))

    def clean(table: pa.Table) -> pa.Table:
        return screen(normalize(validate(table)), options)

    table = clean(complete(pa.Table.from_pylist([{"origin": "a.jsonl:1", **case["row"]}])))
    (row,) = table.to_pylist()
    verdicts = []
    for fields in case["verdicts"]:
        on = digest_of({**row, **fields.pop("on", {})})
        verdicts.append(Verdict(origin="a.jsonl:1", digest=on, **fields))
    outcomes: dict[Key, Outcome] = {}
    by_key = {verdict.key: verdict for verdict in verdicts}
    after = apply_verdicts(table, by_key, clean, outcomes)
    (judged,) = after.to_pylist()
    assert {name: without_nulls(judged[name]) for name in case["want"]} == case["want"]
    assert [outcomes[verdict.key] for verdict in verdicts if verdict.key in outcomes] == case["outcomes"]
    assert apply_verdicts(after, by_key, clean).equals(after), "idempotent"


texts = st.dictionaries(st.sampled_from(TEXTS), st.text(max_size=5), min_size=1)


@given(table=tables, data=st.data())
def test_laws(table: pa.Table, data: st.DataObject) -> None:
    """No row comes or goes or moves; a text changes only with the fix; a reject comes and goes with a name; parts of a
    table give parts of the result; nothing else changes."""
    table = screen(table)
    rows = table.to_pylist()
    verdicts = {}
    for row in data.draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []:
        what = data.draw(st.sampled_from(["keep", "drop", "fix", "none"]))
        new = data.draw(texts) if what == "fix" else {}
        verdict = Verdict(origin=row["origin"], digest=digest_of(row), verdict=what, texts=new)
        verdicts[verdict.key] = verdict
    after = apply_verdicts(table, verdicts)
    assert table.to_pylist() == rows, "the table that is given stays as it is"
    done = after.to_pylist()
    assert len(done) == len(rows)
    for before, row in zip(rows, done, strict=True):
        check_row(before, row, verdicts.get(key_of(before)))
    cut = data.draw(st.integers(0, len(table)))
    parts = pa.concat_tables([apply_verdicts(part, verdicts) for part in (table.slice(0, cut), table.slice(cut))])
    assert parts.to_pylist() == done
    assert apply_verdicts(after, verdicts).to_pylist() == done


def check_row(before: dict[str, Any], row: dict[str, Any], verdict: Verdict | None) -> None:
    if verdict is None or verdict.verdict == "none":
        assert row == before
    if any(row[name] != before[name] for name in (*TEXTS, *MESSAGES)):
        assert "verdict" in row["fixes"]
    if before["reject_stage"] is None and row["reject_stage"]:
        assert row["reject_reason"] == "verdict"
        assert all(row[name] for name in MARKS.names)
    if before["reject_stage"] and not row["reject_stage"]:
        assert "verdict" in row["fixes"] or "kept-by-verdict" in row["flags"]


def test_the_digest_is_the_same_for_a_row_of_a_stage_and_for_an_exported_row() -> None:
    row = {"origin": "a:1", "history": [{"role": "user", "content": "안녕"}], "instruction": "이름은?", "output": "나"}
    table = complete(complete(pa.Table.from_pylist([row])), SCREENED)
    (whole,) = table.to_pylist()
    assert digest_of(whole) == digest_of(row)
    assert digest_of({**whole, "meta": "{}", "label": True, "flags": ["unk"], "n_tokens": 3}) == digest_of(row)
    assert digest_of({**whole, "output": "너"}) != digest_of(row)


def test_a_fix_of_a_message_that_is_not_there_is_an_error() -> None:
    table = complete(complete(pa.table({"origin": ["a:1"], "instruction": ["가"], "output": ["나"]})), SCREENED)
    (row,) = table.to_pylist()
    verdict = Verdict(origin="a:1", digest=digest_of(row), verdict="fix", texts={"history[3].content": "다"})
    with pytest.raises(VerdictError, match=r"the verdict on a:1 fixes history\[3\]\.content, and the record"):
        apply_verdicts(table, {verdict.key: verdict})


def line(**changes: Any) -> str:
    return json.dumps({"origin": "a:1", "digest": "0" * 32, "verdict": "drop", **changes}, ensure_ascii=False) + "\n"


def test_the_last_verdict_counts_and_none_takes_it_back(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(
        line() + "\n" + line(verdict="keep", note="좋다") + line(origin="a:2") + line(origin="a:2", verdict="none")
    )
    found = read_verdicts(path)
    assert {key.origin: verdict.verdict for key, verdict in found.items()} == {"a:1": "keep"}


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: "),
        (
            line(verdict="dorp"),
            "line 2: verdict: found \"dorp\"; allowed: 'keep', 'drop', 'fix' or 'none'. Did you mean drop?",
        ),
        (line(verdict="fix"), 'line 2: a fix names its new texts, as in "texts": {"output": "..."}'),
        (line(texts={"output": "x"}), 'line 2: texts are for the verdict "fix", and this one is "drop"'),
        (line(verdict="fix", texts={"answer": "x"}), "line 2: texts: no text has the place 'answer'; allowed: system,"),
        (line(digest="12"), 'line 2: digest: found "12"'),
        (line(nte="x"), "line 2: nte: unknown name; allowed: origin, digest, verdict, note, texts. Did you mean note?"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, wrong: str, fault: str) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(line() + wrong)
    with pytest.raises(VerdictError) as error:
        read_verdicts(path)
    assert str(error.value).startswith(f"{path}, {fault}")
    assert str(error.value).endswith("Correct the line, or remove it.")
    path.write_text(line())  # the line removed
    assert len(read_verdicts(path)) == 1


def test_a_verdict_is_added_behind_a_last_line_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "v.jsonl"
    verdict = Verdict(origin="가.jsonl:1", digest="a" * 32, verdict="fix", texts={"output": "새\n답"})
    add_verdict(path, verdict)
    path.write_bytes(path.read_bytes().rstrip() + b"\n" + line().encode().rstrip())
    add_verdict(path, verdict.model_copy(update={"origin": "b:1"}))
    assert [key.origin for key in read_verdicts(path)] == ["가.jsonl:1", "a:1", "b:1"]
