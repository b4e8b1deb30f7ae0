"""The recipe of docs/spark.md: the rows that Spark gives are those of the stages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.stages.ingest import ingest
from pipeline.tokenizers.load import load_tokenizer
from schemas.options import Source
from tests.support.paths import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("pyspark", reason="pyspark is not installed")
if not shutil.which("java"):
    pytest.skip("Java is not installed", allow_module_level=True)

FILES = [ROOT / "raw" / "sample" / name for name in ("everyday.jsonl", "study.json", "office.csv")]


def test_the_recipe_gives_the_rows_of_the_stages(tmp_path: Path) -> None:
    from examples.spark_rows import OPTIONS, rows

    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "examples" / "spark_rows.py"), str(out), *map(str, FILES)]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    tokenizer = load_tokenizer(OPTIONS.tokenizer).tokenizer
    tables = [
        rows(table, tokenizer)
        for path in FILES
        for table in ingest(path, path.name, Source(name="spark", files=(path.name,)))
    ]
    assert by_origin(pq.read_table(out)) == by_origin(pa.concat_tables(tables))


def by_origin(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: str(row["origin"]))
