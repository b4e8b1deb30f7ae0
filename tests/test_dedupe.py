"""Exact duplicates, conflicts and shared outputs; the laws of dedupe."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedupe import apply, decide, dedupe, fingerprint
from schemas.columns import INGESTED
from schemas.options import DedupeOptions

TEXT = Path(__file__).with_name("cases").joinpath("dedupe.jsonl").read_text(encoding="utf-8")
CASES = [json.loads(line) for line in TEXT.rstrip("\n").split("\n")]

SHORT = st.text("가나 ᄀ\u1161aAß12,.", max_size=4)
ROW = st.fixed_dictionaries(
    {"system": st.none() | SHORT, "instruction": SHORT, "input": SHORT, "output": SHORT},
    optional={"history": st.lists(st.fixed_dictionaries({"user": SHORT, "assistant": SHORT}), max_size=2)},
)
OPTIONS = st.builds(DedupeOptions)


def table_of(rows: list[dict]) -> pa.Table:
    rows = [
        {"origin": f"a:{number}", "fixes": [], "flags": [], "history": [], **row} for number, row in enumerate(rows, 1)
    ]
    return pa.Table.from_pylist(rows, INGESTED)


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case: dict) -> None:
    rows = dedupe(table_of(case["rows"]), DedupeOptions(**case.get("options", {}))).to_pylist()
    for row, want in zip(rows, case["want"], strict=True):
        assert {key: row[key] for key in want} == want


@given(st.lists(ROW, max_size=12), OPTIONS)
@settings(max_examples=60, deadline=None)
def test_laws(rows: list[dict], options: DedupeOptions) -> None:
    table = table_of(rows)
    done = dedupe(table, options)
    assert len(done) == len(table)
    assert dedupe(done, options).equals(done)
    alive = {row["origin"] for row in done.to_pylist() if row["reject_stage"] is None}
    for row in done.to_pylist():
        assert (row["duplicate_of"] is None) == (row["reject_stage"] is None)
        assert row["duplicate_of"] is None or row["duplicate_of"] in alive
        assert row["cluster"] is None or row["cluster"] in {other["origin"] for other in done.to_pylist()}


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
@settings(max_examples=30, deadline=None)
def test_fingerprints_are_row_by_row(some: list[dict], more: list[dict]) -> None:
    whole = fingerprint(table_of(some + more))
    assert whole.equals(pa.concat_tables([fingerprint(table_of(some)), fingerprint(table_of(more))]).combine_chunks())


def test_decisions_apply_to_any_slice() -> None:
    table = table_of([{"instruction": text, "input": "", "output": "네"} for text in "가나가다나가"])
    decisions = decide(fingerprint(table), table)
    whole = apply(table, decisions)
    parts = [apply(table.slice(at, 2), decisions.slice(at, 2)) for at in range(0, 6, 2)]
    assert pa.concat_tables(parts).combine_chunks().equals(whole.combine_chunks())


def test_a_bare_table_needs_no_origins() -> None:
    done = dedupe(pa.table({"instruction": ["가", "가"], "output": ["나", "나"]}))
    assert done["duplicate_of"].to_pylist() == [None, "#0"]
    assert done["origin"].null_count == 2
