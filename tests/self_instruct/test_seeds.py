"""raw/seeds: the seed tasks keep their form, no two are alike, and the pipeline takes them as they are written."""

import json
import re
import tomllib
from collections import Counter
from itertools import combinations

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict

from pipeline.stages.ingest import ingest
from pipeline.stages.normalize import normalize
from pipeline.stages.validate import validate
from schemas.options import Config, Source
from schemas.record import Visible
from tests.support.paths import ROOT

SEEDS = ROOT / "raw" / "seeds" / "seed_tasks.jsonl"
ALIKE = 0.7  # the ROUGE-L from which Self-Instruct drops a new instruction (arXiv:2212.10560, section 2.2)


class Instance(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    input: str
    output: Visible


class Task(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    name: str
    instruction: Visible
    instances: list[Instance]
    is_classification: bool


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return [Task.model_validate_json(line) for line in SEEDS.read_text().splitlines()]


def common(a: str, b: str) -> int:
    """The length of the longest common subsequence of characters, by bit vectors (Hyyrö, 2004)."""
    where: dict[str, int] = {}
    for i, character in enumerate(a):
        where[character] = where.get(character, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full  # a bit is 0 where the row of the table steps up
    for character in b:
        matched = row & where.get(character, 0)
        row = (row + matched | row - matched) & full
    return len(a) - row.bit_count()


def rouge_l(a: str, b: str) -> float:
    """ROUGE-L (F1) of characters."""
    return 2 * common(a, b) / (len(a) + len(b))


@pytest.mark.parametrize(
    ("a", "b", "length"), [("가나다라", "나라", 2), ("가나", "다라", 0), ("가나가나", "나가나", 3)]
)
def test_the_common_subsequence(a: str, b: str, length: int) -> None:
    assert common(a, b) == common(b, a) == length


def test_ids_run_in_order_and_names_are_unique(tasks: list[Task]) -> None:
    assert len(tasks) >= 175
    assert [task.id for task in tasks] == [f"seed_task_{i:03d}" for i in range(len(tasks))]
    assert max(Counter(task.name for task in tasks).values()) == 1
    assert all(re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", task.name) for task in tasks)


def test_each_task_has_one_to_four_different_instances(tasks: list[Task]) -> None:
    for task in tasks:
        assert 1 <= len({instance.input for instance in task.instances}) == len(task.instances) <= 4, task.id


def test_there_are_classification_tasks_of_several_labels(tasks: list[Task]) -> None:
    labelled = [task for task in tasks if task.is_classification]
    assert 25 <= len(labelled) <= len(tasks) / 6
    outputs = {instance.output for task in labelled for instance in task.instances}
    assert max(map(len, outputs)) <= 10  # a label, not a text
    assert len(outputs) >= 40


def test_both_registers_are_spoken(tasks: list[Task]) -> None:
    polite = [task for task in tasks if re.search("(요|시오|니까|니다)[.?!]", task.instruction)]
    plain = [task for task in tasks if re.search("(줘|봐|라|래|해|써|돼)[.?!]", task.instruction)]
    assert len(polite) >= 50
    assert len(plain) >= 50


def test_no_two_instructions_are_alike(tasks: list[Task]) -> None:
    alike = [(a.id, b.id) for a, b in combinations(tasks, 2) if rouge_l(a.instruction, b.instruction) >= ALIKE]
    assert alike == []


def test_the_pipeline_takes_them_as_they_are_written(tasks: list[Task]) -> None:
    table = normalize(validate(pa.concat_tables(ingest(SEEDS, "seed_tasks.jsonl", Source(name="seeds", files=("x",))))))
    rows = table.to_pylist()
    assert [row["reject_reason"] for row in rows if row["reject_reason"]] == []
    assert [row["fixes"] for row in rows if row["fixes"]] == []
    written = [(task, instance) for task in tasks for instance in task.instances]
    assert [(row["instruction"], row["input"], row["output"]) for row in rows] == [
        (task.instruction, instance.input, instance.output) for task, instance in written
    ]
    assert [json.loads(row["meta"])["id"] for row in rows] == [task.id for task, _ in written]


def test_the_shipped_config_does_not_take_them() -> None:
    config = Config.model_validate(tomllib.loads((ROOT / "pipeline.toml").read_text()))
    taken = {path for source in config.source for pattern in source.files for path in (ROOT / "raw").glob(pattern)}
    assert taken
    assert SEEDS not in taken
