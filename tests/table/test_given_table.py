"""What people give a stage in a notebook: each is taken, or the message holds the line that works."""

import pandas as pd
import pyarrow as pa
import pytest
from datasets import Dataset

from pipeline import dedupe, normalize, validate
from pipeline.table.given_table import NotATableError
from pipeline.table.message_columns import ColumnTypeError
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
        (Dataset.from_dict(COLUMNS), lambda dataset: dataset.with_format("arrow")[:]),
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


def test_two_columns_of_one_name() -> None:
    table = pa.table([["가"], ["나"], ["다"]], names=["instruction", "output", "output"])
    with pytest.raises(TableError, match=r"There are two columns output\. Keep one, by its number: table\.select"):
        validate(table)
    assert validate(table.select([0, 1]))["output"].to_pylist() == ["나"]


def test_without_an_instruction() -> None:
    table = pa.table({"질문": ["가"], "답": ["나"]})
    with pytest.raises(TableError, match=r"There is no column instruction; the columns are: 질문, 답. Rename yours: "):
        normalize(table)
    assert normalize(table.rename_columns({"질문": "instruction", "답": "output"}))["output"].to_pylist() == ["나"]


@pytest.mark.parametrize("values", [[1, 2], [1.5, None], [True, False]])
def test_a_text_column_of_another_type(values: list[object]) -> None:
    table = pa.table({"instruction": ["가", "나"], "output": values})
    with pytest.raises(ColumnTypeError, match=r"The column output has the type \w+, not string") as caught:
        validate(table)
    remedy = str(caught.value).split("cast them: ")[1].removesuffix(".")
    cast = eval(remedy, {"table": table})
    assert validate(cast)["output"].to_pylist() == cast["output"].to_pylist()
    assert validate(table.set_column(1, "output", pa.nulls(2, pa.float64())))["output"].null_count == 2


def test_dedupe_in_map_warns_that_a_batch_is_all_that_it_compares() -> None:
    dataset = Dataset.from_dict({"instruction": ["가나다"] * 4, "output": ["라마바"] * 4}).with_format("arrow")
    with pytest.warns(UserWarning, match="a batch at a time") as caught:
        kept = dataset.map(dedupe, batched=True, batch_size=2).with_format(None)["reject_reason"]
    assert list(kept) == [None, "exact"] * 2
    remedy = str(caught[0].message).split("at once: ")[1].removesuffix(".")
    table = eval(remedy, {"dataset": dataset, "dedupe": dedupe})  # no warning, which would be an error here
    assert table["reject_reason"].to_pylist() == [None, "exact", "exact", "exact"]


def test_other_columns_are_no_matter() -> None:
    table = pa.table({**COLUMNS, "instruction_ids": [1], "labels": [0], "source_text": ["x"]})
    assert validate(table)["reject_stage"].null_count == 1
