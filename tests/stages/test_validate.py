"""validate: the columnar check and the model agree, and every rejection names field, rule and value."""

import pyarrow as pa
import pytest
from hypothesis import given
from pydantic import ValidationError

from pipeline import validate
from schemas.record import Record
from tests.support.tables import tables

CASES = [
    ({"instruction": "요약해 줘.", "output": "네."}, None, None),
    ({"instruction": "요약해 줘.", "output": ""}, "output-blank", "`output` is ''."),
    ({"instruction": "요약해 줘.", "output": " \n\u200b"}, "output-blank", "at least one visible character"),
    ({"instruction": "\u3164", "output": "네."}, "instruction-blank", "`instruction` is '\u3164'."),
    ({"instruction": None, "output": "네."}, "instruction-missing", "`instruction` is missing or null."),
    ({"instruction": "가", "output": None}, "output-missing", "`output` is missing or null."),
    ({"instruction": "ㅋ", "output": "1"}, None, None),
    ({"instruction": "가", "input": None, "output": "나"}, None, None),
]


@pytest.mark.parametrize(("row", "reason", "says"), CASES)
def test_cases(row: dict[str, str | None], reason: str | None, says: str | None) -> None:
    after = validate(pa.Table.from_pylist([row], schema=pa.schema([(name, pa.string()) for name in row])))
    assert after["reject_reason"].to_pylist() == [reason]
    if says:
        assert after["reject_stage"].to_pylist() == ["validate"]
        assert says in after["reject_detail"][0].as_py()


def test_broken_history() -> None:
    turn = pa.struct([("user", pa.string()), ("assistant", pa.string())])
    history = pa.array([[{"user": "가", "assistant": "나"}], [{"user": "가", "assistant": None}], []], pa.list_(turn))
    table = pa.table({"instruction": ["가"] * 3, "output": ["나"] * 3, "history": history})
    after = validate(table)
    assert after["reject_reason"].to_pylist() == [None, "history-string-type", None]
    assert "`history.0.assistant` is 'None'" in after["reject_detail"][1].as_py()


@given(table=tables)
def test_the_columns_and_the_model_agree(table: pa.Table) -> None:
    after = validate(table).to_pylist()
    for row in after:
        if row["reject_stage"] == "ingest":
            continue
        try:
            Record.model_validate({name: row[name] for name in Record.model_fields if row[name] is not None})
        except ValidationError:
            assert row["reject_stage"] == "validate"
        else:
            assert row["reject_stage"] is None
