"""What people give a stage in a notebook: each is taken, or the message holds the line that works."""

import pandas as pd
import pyarrow as pa
import pytest
from datasets import Dataset

from pipeline import normalize, validate
from pipeline.table.given_table import NotATableError
from schemas.errors import TableError

COLUMNS = {"instruction": ["한국의 수도는?"], "output": ["서울\u200b입니다."]}


def test_a_table_and_a_batch() -> None:
    table = pa.table(COLUMNS)
    assert normalize(table)["output"].to_pylist() == ["서울입니다."]
    assert normalize(table.to_batches()[0])["output"].to_pylist() == ["서울입니다."]


@pytest.mark.parametrize(
    ("rows", "made"),
    [
        (pd.DataFrame(COLUMNS), lambda frame: pa.Table.from_pandas(frame, preserve_index=False)),
        (Dataset.from_dict(COLUMNS), lambda dataset: dataset.data.table),
        (COLUMNS, pa.table),
        ([{"instruction": "가", "output": "서울\u200b입니다."}], pa.Table.from_pylist),
    ],
    ids=["DataFrame", "Dataset", "dict", "list"],
)
def test_something_else_and_the_line_that_makes_a_table(rows: object, made: object) -> None:
    with pytest.raises(
        NotATableError, match=rf"takes a pyarrow\.Table, and this is a {type(rows).__name__}\. Make one: "
    ):
        normalize(rows)
    assert normalize(made(rows))["output"].to_pylist() == ["서울입니다."]


def test_map_without_its_format() -> None:
    dataset = Dataset.from_dict(COLUMNS)
    with pytest.raises(NotATableError, match=r"LazyBatch\. Make one: dataset\.with_format"):
        dataset.map(normalize, batched=True)
    done = dataset.with_format("arrow").map(normalize, batched=True).with_format(None)
    assert done[0]["output"] == "서울입니다."


@pytest.mark.parametrize(("name", "column"), [("ouput", "output"), ("Instruction", "instruction"), ("inputs", "input")])
def test_a_column_that_is_nearly_right(name: str, column: str) -> None:
    table = pa.table({"instruction": ["가"], "input": [""], "output": ["나"]}).rename_columns({column: name})
    with pytest.raises(TableError, match=f"There is no column {column}, but {name}. Rename it: "):
        validate(table)
    assert validate(table.rename_columns({name: column}))["reject_stage"].null_count == 1


def test_other_columns_are_no_matter() -> None:
    table = pa.table({**COLUMNS, "instruction_ids": [1], "labels": [0], "source_text": ["x"]})
    assert validate(table)["reject_stage"].null_count == 1
