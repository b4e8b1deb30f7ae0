"""A project of several raw files, its dataset as this process makes it, and clusters of Ray on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config
from tests.support.folders import digests

ray = pytest.importorskip("ray", reason="Ray is not installed")

#: `late` comes first in the order of preference, and last by the names of its files.
CONFIG = """
[dataset]
name = "x"

[[source]]
name = "late"
files = ["z.jsonl"]

[[source]]
name = "early"
files = ["a*.jsonl"]

[[source]]
name = "many"
files = ["many.jsonl"]

[[step]]
function = "own:mark"
after = "screen"

[tokenize]
tokenizer = "embedded"

[export]
formats = ["arrow", "parquet", "jsonl"]
"""
STEP = """
import pyarrow.compute as pc
from pipeline import reject

def mark(table):
    return reject(table, pc.match_substring(table["output"], "7777"), "screen", "sevens", "네 번의 7")
"""
#: More rows than the task of a file works on itself (`pipeline.run.engines.ray.ALONE` batches).
MANY = 150_000


def record(number: int) -> str:
    asked = f"{number % 40_000}번 상자에는 무엇이 들어 있나요?"
    row = {"instruction": asked, "input": "", "output": f"구슬 {number}개."}
    return json.dumps(row, ensure_ascii=False)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "raw").mkdir()
    files = {"z.jsonl": range(100), "many.jsonl": range(MANY)}
    files |= {f"a{part}.jsonl": range(part * 40, part * 40 + 100) for part in range(6)}
    for name, numbers in files.items():
        (folder / "raw" / name).write_text("\n".join(map(record, numbers)), "utf-8")
    (folder / "own.py").write_text(STEP, "utf-8")
    (folder / "pipeline.toml").write_text(CONFIG, "utf-8")
    return folder


@pytest.fixture(scope="session")
def local(project: Path) -> dict[str, str]:
    """The sha256 of every file of the dataset, made by this process."""
    plan = plan_of_config(project / "pipeline.toml")
    run(plan, workers=2)
    found = digests(plan.folder)
    assert "manifest.json" in found
    return found


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    """A cluster of a head without cores, and of two nodes with a core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
