"""Every recipe reads a file in the exact shape of its dataset; where a shape speaks for itself, detection does too."""

import csv
import fnmatch
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.stages.ingest import IngestError
from pipeline.stages.ingest.detect.recipes import recipe, recipes
from tests.stages.ingest.test_ingest import check, rows_of
from tests.support.paths import CASES

CASES = [json.loads(line) for line in (CASES / "ingest/recipes.jsonl").read_text("utf-8").splitlines()]


def write(path: Path, case: dict[str, Any]) -> None:
    records = case["records"]
    match case["format"]:
        case "parquet":
            table = pa.Table.from_pylist(records)
            for name, kind in case.get("types", {}).items():
                table = table.set_column(
                    table.column_names.index(name), name, table[name].cast(pa.type_for_alias(kind))
                )
            pq.write_table(table, path)
        case "json":
            path.write_text(json.dumps(records, ensure_ascii=False, indent=2), "utf-8")
        case "jsonl":
            path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        case "tsv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
                writer.writerow(records[0])
                writer.writerows(record.values() for record in records)
        case "text":
            path.write_bytes(records.encode())


@pytest.mark.parametrize("case", CASES, ids=[case["recipe"] for case in CASES])
def test_recipe(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case.get("name", f"train.{case['format']}")
    write(path, case)
    check(rows_of(path, recipe=case["recipe"]), case["rows"], path.name)
    if case["detect"]:
        check(rows_of(path), case["rows"], path.name)


def test_every_recipe_has_a_case() -> None:
    assert {case["recipe"] for case in CASES} == set(recipes())


@pytest.mark.parametrize(
    "case", [case for case in CASES if "name" in case and recipe(case["recipe"]).files], ids=lambda case: case["recipe"]
)
def test_the_globs_of_a_recipe_fit_its_files(case: dict[str, Any]) -> None:
    assert any(fnmatch.fnmatch(case["name"], pattern) for pattern in recipe(case["recipe"]).files)


def test_an_unknown_recipe_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"instruction": "예?", "output": "네."}]')
    with pytest.raises(IngestError, match=r"did you mean nlpai-lab/kullm-v2"):
        rows_of(path, recipe="nlpai-lab/kullm-v3")
