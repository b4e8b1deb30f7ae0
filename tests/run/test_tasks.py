"""Work that goes to other processes as pickles, and comes back: the bytes are those of one process."""

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.io.stage_files import EXCHANGES
from pipeline.io.workers import threads
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config
from tests.support.folders import digests

pytestmark = pytest.mark.long

CONFIG = """
[dataset]
name = "x"

[[source]]
name = "a"
files = ["a*.jsonl"]

[[source]]
name = "b"
files = ["b.jsonl"]

[tokenize]
tokenizer = "embedded"

[dedupe]
against = ["old.jsonl"]

[export]
formats = ["arrow", "parquet", "jsonl"]
shard_rows = 40
"""
#: What is asked for; the report, which is made of the other files, is written in the first.
MORE = {
    "as they come": [],
    "a mixture": ["export.report=false", "mix.total_rows=90", 'mix.order="shuffled"'],
    "a share": ["export.report=false", "source.a.repeat=2"],
    "packs": ["export.report=false", "export.packing=true", "tokenize.layout=causal"],
}


class Elsewhere:
    """An engine whose work has been pickled."""

    inside, workers, has_others = threads(1), 1, True
    python = None

    def prepare(self, load: Callable[[], object]) -> None: ...

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        return map(pickle.loads(pickle.dumps(work)), pickle.loads(pickle.dumps(items)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    files = {"raw/a1": range(120), "raw/a2": range(100, 130), "raw/b": range(90, 200), "old": range(10, 30)}
    for name, numbers in files.items():
        lines = (
            {"instruction": f"{number % 80}번 상자에는 무엇이 들어 있나요?", "output": f"구슬 {number}개입니다."}
            for number in numbers
        )
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize("changes", MORE.values(), ids=list(MORE))
def test_tasks_give_the_bytes_of_one_process(
    project: Path, changes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def made(*more: str, engine: Elsewhere | None = None) -> dict[str, str]:
        plan = plan_of_config(project / "pipeline.toml", changes=[*changes, *more])
        run(plan, 1, engine)
        assert not (plan.stages / EXCHANGES).exists()
        return digests(plan.folder)

    whole = made()
    capsys.readouterr()
    assert made(engine=Elsewhere()) == whole
    assert ("pieces, each the work of a task" in capsys.readouterr().err) == (changes != MORE["packs"])
    assert made("run.parts=3", engine=Elsewhere()) == whole
    assert made("run.parts=3") == whole
