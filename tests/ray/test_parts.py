"""Duplicates decided in parts: of many rows, and as tasks of Ray."""

from pathlib import Path

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


@pytest.mark.parametrize("parts", [2, 7, 50])
def test_parts_of_many_rows_decide_as_one(parts: int, data: Path) -> None:
    from benchmarks.synthetic import large

    rows = pa.Table.from_batches(large(220_000)).select(["origin", "instruction", "input", "output"])
    check(complete(rows), DedupeOptions(), parts, against=1_000)


def test_parts_as_tasks_give_the_same_bytes(project: Path, local: dict[str, str]) -> None:
    plan = plan_of_config(project / "pipeline.toml", changes=["run.parts=7"])
    with cluster(None, workers=2) as running:
        run(plan, 2, running)
    assert digests(plan.folder) == local
