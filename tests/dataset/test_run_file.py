"""run.json: written by every run beside the manifest, read by one function, and no part of the dataset."""

import json
from pathlib import Path

import pytest

from pipeline.dataset.layout import MANIFEST, RUN, kind_of
from pipeline.dataset.run_file import RunFileError, read_run
from pipeline.dataset.verify import verify
from pipeline.hub.publishable import publication_of
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.options import Config
from schemas.push import PushOptions

ROWS = [
    {"instruction": "한국의 수도는?", "output": "서울"},
    {"instruction": "인사해 줘.", "output": "안녕하세요."},
]
CONFIG = Config.model_validate(
    {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": "embedded", "max_unk_rate": 1},
    }
)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    raw = tmp_path / "a.jsonl"
    raw.write_text("\n".join(map(json.dumps, ROWS)))
    run(plan_of_files([raw], tmp_path / "out", CONFIG), workers=2)
    return tmp_path / "out"


def test_every_stage_has_its_time_and_no_path_of_this_machine(built: Path, tmp_path: Path) -> None:
    times = read_run(built)
    assert times is not None
    assert [(step.step, step.file, step.rows) for step in times.steps] == [
        ("rows", "a.jsonl", 2),
        ("dedupe", "", 2),
        ("export", "", 2),
    ]
    stages = ["ingest", "validate", "normalize", "screen", "tokenize", "fingerprint"]
    assert list(times.steps[0].stages) == stages
    assert list(times.stages()) == [*stages, "dedupe", "export"]
    assert all(step.seconds > 0 for step in times.steps)
    assert str(tmp_path) not in (built / RUN).read_text()


def test_it_is_no_part_of_the_dataset(built: Path) -> None:
    assert RUN not in json.loads((built / MANIFEST).read_text())["files"]
    assert kind_of(RUN) == "run"
    checks = {check.name: check for check in verify(built)}
    assert not any(check.faults for check in checks.values())
    assert RUN not in " ".join(checks["files"].notes)
    published = publication_of(built, PushOptions(allow_embedded=True, rejects=True))
    assert not [file for file in published.files if RUN in file.path]


def test_an_old_one_does_not_stay(built: Path, tmp_path: Path) -> None:
    """A dataset that is written anew has the times of its own run, or none."""
    (built / RUN).write_text("{}")
    run(plan_of_files([tmp_path / "a.jsonl"], built, CONFIG), workers=1)
    times = read_run(built)
    assert times is not None
    assert times.steps[0].workers == 1


def test_without_it_and_damaged(built: Path) -> None:
    (built / RUN).write_text('{"steps": [{"step": "rows"}]}')
    with pytest.raises(RunFileError, match=r"rows: missing, and has no default; .*Remove the file") as fault:
        read_run(built)
    assert str(built / RUN) in str(fault.value)
    (built / RUN).unlink()  # the remedy
    assert read_run(built) is None
    assert not any(check.faults for check in verify(built))
