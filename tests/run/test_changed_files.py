"""Raw files that come, change and go: what is redone gives the bytes of a build from nothing."""

import hashlib
import shutil
from pathlib import Path
from random import Random

import pytest

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table
from pipeline.run.duplicates import find_duplicates, trial_of
from pipeline.run.export import export_units
from pipeline.run.plan import Plan, plan_of_config
from pipeline.run.row_wise import tokenize_unit
from pipeline.run.stamps import write_plan
from pipeline.run.tokenizer import find_tokenizer
from schemas.run_times import RUN

CONFIG = """
[dataset]
name = "small"

[[source]]
name = "a"
files = ["*.jsonl"]

[tokenize]
tokenizer = ["embedded"]

[export]
shard_rows = 40
"""
WORDS = ("사과", "바나나", "포도나무", "자전거", "도서관", "컴퓨터", "한국어", "날씨", "김치찌개", "지하철")
ASKED = ("{}을 설명해 주세요.", "{}을 설명해 줘", "{} 설명해줘!!", "{}에 대해 알려 주세요", "{}을 소개해 주세요.")
ANSWERS = ("{}은 이런 것입니다.", "{}은 이런 것이에요", "{}은 저런 것입니다. ㅋㅋ")
ROW = '{{"instruction": "{}", "output": "{}"}}\n'


def lines(random: Random) -> str:
    """Rows of which many are similar to rows of other files."""
    words = (random.choice(WORDS) for _ in range(random.randrange(1, 60)))
    return "".join(ROW.format(random.choice(ASKED).format(word), random.choice(ANSWERS).format(word)) for word in words)


def redo(project: Path) -> dict[str, str]:
    """The steps of Make; of raw files those that have changed. The sha256 of each file that they leave."""
    plan = plan_of_config(project / "pipeline.toml")
    write_plan(plan)
    tokenizer = find_tokenizer(plan)
    for unit in plan.units:
        source, made = (plan.file(unit, name) for name in (stage_files.SOURCE, stage_files.OF_MAKE.tokenized))
        if not made.exists() or made.stat().st_mtime_ns < source.stat().st_mtime_ns:
            tokenize_unit(plan, unit, False, 1)
    find_duplicates(trial_of(plan, None, (), project), 2)
    export_units(plan, stage_files.OF_MAKE, open_table(plan.stages / stage_files.DECISIONS), tokenizer, 2)
    return digests(plan)


def digests(plan: Plan) -> dict[str, str]:
    times = plan.folder / RUN
    files = [*(set(plan.folder.rglob("*")) - {times}), plan.stages / stage_files.duplicates()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


@pytest.mark.parametrize("seed", range(2))
def test_what_is_redone_has_the_bytes_of_a_build_from_nothing(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    project = tmp_path / "project"
    raw = project / "raw"
    raw.mkdir(parents=True)
    (project / "pipeline.toml").write_text(CONFIG)
    for _ in range(3):
        for name in ("a", "b", "c", "d"):
            happens = random.random()
            if happens < 0.5:
                (raw / f"{name}.jsonl").write_text(lines(random))
            elif happens < 0.7:
                (raw / f"{name}.jsonl").unlink(missing_ok=True)
        (raw / "always.jsonl").write_text(lines(Random(seed)))
        found = redo(project)
        shutil.rmtree(project / "processed")
        assert redo(project) == found
