"""Conditions: what they mean, what is refused, and that whole columns give what a slow reading of each row gives."""

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.table.keep import holds, keep, stage_of
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED, MESSAGE
from schemas.errors import TableError
from schemas.parse_condition import DEEPEST, LONGEST, ConditionError, parse
from tests.support.paths import CASES
from tests.support.tables import tables, texts

Row = dict[str, Any]


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines()]


def table_of(rows: list[Row]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        name: [row.get(name) for row in rows] for name in {"instruction", *(name for row in rows for name in row)}
    }
    for name, values in columns.items():
        if name == "meta":
            columns[name] = [json.dumps(value, ensure_ascii=False) for value in values]
        if name == "history":
            empty = dict.fromkeys(field.name for field in MESSAGE)
            columns[name] = [[empty | message for message in value or ()] for value in values]
    kinds = {field.name: field.type for field in INGESTED} | {"n_tokens": pa.int32()}
    return complete(pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()}))


@pytest.mark.parametrize("case", lines("keep.jsonl"), ids=lambda case: case["case"])
def test_what_a_condition_means(case: dict[str, Any]) -> None:
    table = table_of(case["rows"])
    assert holds(table, parse(case["condition"])).to_pylist() == case["holds"]
    marked = keep(table, case["condition"])
    assert [reason is None for reason in marked["reject_reason"].to_pylist()] == case["holds"]
    assert keep(marked, case["condition"]).equals(marked)


@pytest.mark.parametrize("case", lines("keep_faults.jsonl"), ids=lambda case: case["condition"])
def test_what_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ConditionError, match=re.escape(case["fault"])):
        parse(case["condition"])


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("(" * 10_000 + "label", f"more than {DEEPEST} deep"),
        ("not " * 4_000 + "label", f"more than {DEEPEST} deep"),
        ("label or " * LONGEST + "label", f"at most {LONGEST:,} are allowed"),
    ],
)
def test_no_condition_exhausts_the_machine(condition: str, fault: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(fault)):
        parse(condition)


def test_a_long_condition() -> None:
    condition = "label" + " and label" * ((LONGEST - 5) // 10)
    assert holds(table_of([{"label": True}, {"label": None}]), parse(condition)).to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("condition", "stage"),
    [
        ("meta.score > 1 and source == 'a' and n_turns > 1 and label", "ingest"),
        ("flags has 'open-thought'", "ingest"),
        ("len(output) > 3 or meta.x", "normalize"),
        ("flags has 'refusal' and len(output) > 3", "screen"),
        ("flags has 'refusal' and n_tokens > 3", "tokenize"),
        ("flags has 'unk'", "tokenize"),
    ],
)
def test_the_stage_follows_from_the_columns(condition: str, stage: str) -> None:
    assert stage_of(parse(condition)) == stage
    (row,) = keep(table_of([{"output": "가"}]).append_column("n_tokens", pa.array([1])), condition).to_pylist()
    assert (row["reject_stage"], row["reject_reason"]) == (stage, "not-wanted")
    assert row["reject_detail"] == f"does not fit the condition: {condition}"


def test_a_row_that_is_rejected_keeps_its_first_mark() -> None:
    marks = {"reject_stage": "ingest", "reject_reason": "invalid-json", "reject_detail": "…"}
    (row,) = keep(table_of([{"output": "가"} | marks]), "label").to_pylist()
    assert {name: row[name] for name in marks} == marks


def test_a_count_of_a_later_stage() -> None:
    with pytest.raises(TableError, match="n_tokens, which tokenize writes: run it before"):
        keep(table_of([{"output": "가"}]), "n_tokens > 3")


# Against a slow evaluator: a generated condition is a text, and a function from a row to what it must give.


class Pair(NamedTuple):
    text: str
    of: Callable[[Row], Any]


def nfc(value: Any) -> Any:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def kinds(value: Any) -> dict[type, Any]:
    """What a value of JSON is: a text that is written as a number is both."""
    if isinstance(value, bool):
        return {bool: value}
    if isinstance(value, int | float):
        return {float: float(value)}
    if not isinstance(value, str):
        return {}
    number = {float: float(value)} if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", value) else {}
    return {str: nfc(value)} | number


def field(name: str) -> Pair:
    return Pair(f'meta."{name}"', lambda row: (json.loads(row["meta"]) if row["meta"] else {}).get(name))


NAMES = ("score", "b c", "태그")
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
plain_texts = texts.filter(lambda text: not {'"', "'"} & set(text))
quoted = plain_texts.map(lambda text: Pair(f'"{text}"', lambda row: nfc(text)))
numbers = st.sampled_from(["0", "1", "-2", "3.5", "1e2"]).map(lambda text: Pair(text, lambda row: float(text)))
text_columns = st.sampled_from(["instruction", "output", "input", "source", "system"]).map(
    lambda name: Pair(name, lambda row: nfc(row[name]))
)
fields = st.sampled_from(NAMES).map(field)


def length(value: Any) -> Any:
    return float(len(nfc(value))) if isinstance(value, str | list) else None


lengths = st.one_of(text_columns, fields).map(lambda one: Pair(f"len({one.text})", lambda row: length(one.of(row))))
turns = st.just(
    Pair(
        "n_turns", lambda row: sum(m["role"] == "user" for m in row["history"] or ()) + (row["instruction"] is not None)
    )
)


def compared(left: Pair, sign: str, right: Pair) -> Pair:
    def of(row: Row) -> bool:
        one, other = kinds(left.of(row)), kinds(right.of(row))
        return any(
            SIGNS[sign](one[kind], other[kind]) for kind in one if kind in other and (kind is not bool or sign == "==")
        )

    return Pair(f"{left.text} {sign} {right.text}", of)


def unequal(one: Pair, other: Pair) -> Pair:
    same = compared(one, "==", other)
    return Pair(f"{one.text} != {other.text}", lambda row: not same.of(row))


def part(text: Pair, of: Pair) -> Pair:
    def found(row: Row) -> bool:
        value = of.of(row)
        if isinstance(value, list):
            return text.of(row) in [nfc(item) for item in value]
        return isinstance(value, str) and text.of(row) in nfc(value)

    return Pair(f"{text.text} in {of.text}", found)


signs = st.sampled_from(sorted(SIGNS))
numeric, textual = st.one_of(lengths, turns, fields), st.one_of(text_columns, fields)
tests = st.one_of(
    st.builds(compared, numeric, signs, numbers),
    st.builds(compared, numbers, signs, numeric),
    st.builds(compared, textual, signs, quoted),
    st.builds(compared, fields, signs, fields),
    st.builds(unequal, textual, quoted),
    st.builds(part, quoted, textual),
    fields.map(lambda one: Pair(one.text, lambda row: one.of(row) is True)),
    st.one_of(text_columns, fields).map(lambda one: Pair(f"{one.text} == null", lambda row: one.of(row) is None)),
)
conditions = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(lambda one: Pair(f"not ({one.text})", lambda row: not one.of(row))),
        st.builds(lambda a, b: Pair(f"({a.text}) and ({b.text})", lambda row: a.of(row) and b.of(row)), inner, inner),
        st.builds(lambda a, b: Pair(f"({a.text}) or ({b.text})", lambda row: a.of(row) or b.of(row)), inner, inner),
    ),
    max_leaves=4,
)
json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from(["3.5", "1e2", "가", "네"]),
    texts,
    st.lists(texts, max_size=2),
)
metas = st.one_of(st.none(), st.dictionaries(st.sampled_from(NAMES), json_values, max_size=3).map(json.dumps))


@given(table=tables, condition=conditions, data=st.data())
def test_conditions_equal_a_slow_evaluator(table: pa.Table, condition: Pair, data: st.DataObject) -> None:
    found = [data.draw(metas) for _ in range(len(table))]
    table = table.set_column(table.column_names.index("meta"), "meta", pa.array(found, pa.string()))
    assert holds(table, parse(condition.text)).to_pylist() == [bool(condition.of(row)) for row in table.to_pylist()]
