"""Duplicates decided in parts: of many rows, and as tasks of Ray."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.run.chain import run
from pipeline.run.engines.ray import cluster
from pipeline.run.plan import plan_of_config
from pipeline.table.reject_and_flag import complete
from schemas.options import DedupeOptions
from tests.stages.test_dedupe_parts import check
from tests.support.folders import digests

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def rows(data: Path) -> pa.Table:
    """220,000 records, 4,000 of which are conversations that continue another one."""
    from benchmarks.synthetic import large

    names = ["origin", "instruction", "input", "output"]
    records = complete(pa.Table.from_batches(large(216_000)).select(names))
    first = complete(records.slice(50_000, 4_000)).to_pylist()
    talks = [talk(number, record) for number, record in enumerate(first)]
    return pa.concat_tables([records, pa.Table.from_pylist(talks, records.schema)])


def talk(number: int, record: dict[str, Any]) -> dict[str, Any]:
    asked = {"role": "user", "content": "\n".join(filter(None, (record["instruction"], record["input"])))}
    history = [asked, {"role": "assistant", "content": record["output"]}]
    more = {"instruction": f"{number}번째로 다시 물어요. 더 짧게 말해 주세요.", "input": "", "output": f"네. {number}"}
    return record | more | {"origin": f"talks:{number}", "history": history}


@pytest.mark.parametrize(("parts", "most_links"), [(2, 1 << 26), (7, 1 << 26), (50, 1 << 26), (7, 0)])
def test_parts_of_many_rows_decide_as_one(parts: int, most_links: int, rows: pa.Table) -> None:
    """`most_links` of 0: links between contexts are brought together by tasks."""
    check(rows, DedupeOptions(), parts, against=1_000, span=30_000, most_links=most_links)


def test_parts_as_tasks_give_the_same_bytes(project: Path, local: dict[str, str]) -> None:
    plan = plan_of_config(project / "pipeline.toml", changes=["run.parts=7"])
    with cluster(None, workers=2) as running:
        run(plan, 2, running)
    assert digests(plan.folder) == local
