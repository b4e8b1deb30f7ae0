"""`ko-instruct rows --shard`: shares of the raw files on several machines, and the run that goes on from them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.io.lock import take
from pipeline.run.plan import plan_of_config
from pipeline.run.shards import Shard
from tests.support.folders import digests
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONFIG = """
[dataset]
name = "x"

[[source]]
name = "sample"
files = ["*"]

[tokenize]
tokenizer = "embedded"

[export]
formats = ["jsonl"]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "raw").mkdir()
    for name in ("everyday.jsonl", "study.json", "office.csv"):
        shutil.copy(ROOT / "raw" / "sample" / name, tmp_path / "raw")
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def dataset() -> dict[str, str]:
    return digests(Path("processed/x"))


@given(st.integers(1, 6))
def test_each_file_is_in_one_share(shares: int) -> None:
    plan = plan_of_config(Path("pipeline.toml"))
    dealt = [unit.origin for number in range(1, shares + 1) for unit in Shard(number, shares).of(plan)]
    assert sorted(dealt) == sorted(unit.origin for unit in plan.units)


def test_the_run_goes_on_from_the_shares_and_keeps_them() -> None:
    assert command("run").exit_code == 0
    whole = dataset()
    shutil.rmtree("processed")
    for shard in ("1/2", "2/2"):
        assert command("rows", "--shard", shard).exit_code == 0
    for _ in range(2):
        done = command("run")
        assert "3 of 3 files were made by ko-instruct rows" in done.stderr
        assert "tokenize" not in done.stderr
        assert dataset() == whole
    assert "is there already" in command("rows", "--shard", "1/1").stderr


def test_a_share_that_is_missing_or_of_other_options_is_made_again() -> None:
    command("rows", "--shard", "1/2")
    made = [unit.origin for unit in Shard(1, 2).of(plan_of_config(Path("pipeline.toml")))]
    done = command("run", "--set", "normalize.on=['quotes']")
    for origin in made:
        assert f"{origin}: is made again, since this differs: normalize" in done.stderr
    assert done.stderr.count("\ntokenize ") == 3
    other = dataset()
    shutil.rmtree("processed")
    command("run", "--set", "normalize.on=['quotes']")
    assert dataset() == other
    done = command("run")
    assert done.stderr.count("tokenize ") == 3


def test_a_raw_file_that_changed_is_made_again(project: Path) -> None:
    command("rows", "--shard", "1/1")
    with (project / "raw" / "everyday.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"instruction": "바다는 무슨 색인가요?", "output": "파랗습니다."}\n')
    done = command("run")
    assert "everyday.jsonl: is made again, since this differs: the raw file" in done.stderr
    assert "2 of 3 files were made by ko-instruct rows" in done.stderr
    rows = [path.read_text("utf-8") for path in Path("processed/x/jsonl").iterdir()]
    assert "바다는 무슨 색인가요?" in "".join(rows)


@pytest.fixture
def make(warm_command: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    venv = Path("venv/bin")
    venv.mkdir(parents=True)
    (venv / "ko-instruct").symlink_to(warm_command)
    (venv.parent / ".installed").touch()
    shutil.copy(ROOT / "Makefile", "Makefile")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    line = ["make", "-o", "venv/.installed", "VENV=venv", "processed"]
    return partial(subprocess.run, line, env=environment, capture_output=True, text=True, check=False)


def test_make_goes_on_from_the_shares(make: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    for shard in ("1/2", "2/2"):
        command("rows", "--shard", shard)
    done = make()
    assert done.returncode == 0, done.stderr
    assert "3 of 3 files were made by ko-instruct rows" in done.stderr
    assert "tokenize" not in done.stderr
    made = dataset()
    assert "is up to date" in make().stdout
    command("run")
    assert dataset() == made


def test_make_does_not_take_shares_of_other_options(make: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    command("rows", "--shard", "1/1", "--set", "normalize.on=['quotes']")
    done = make()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("tokenize ") == 3
    made = dataset()
    command("run")
    assert dataset() == made


def test_shares_work_side_by_side_and_no_run_with_them() -> None:
    stages = plan_of_config(Path("pipeline.toml")).stages
    assert command("rows", "--shard", "1/2").exit_code == 0
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import sys, time
from pathlib import Path
from pipeline.io.lock import locked_with_others
with locked_with_others(Path({str(stages)!r}), "ko-instruct rows --shard 1/2"):
    print("held", flush=True)
    time.sleep(60)
""",
        ],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"held\n"
        assert command("rows", "--shard", "2/2").exit_code == 0
        refused = command("run")
        assert refused.exit_code == 1
        assert "another run works on" in refused.stderr
        assert "ko-instruct rows --shard" in refused.stderr
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()
    held = take(stages, "ko-instruct run")
    try:
        refused = command("rows", "--shard", "2/2")
        assert refused.exit_code == 1
        assert "ko-instruct run, process" in refused.stderr
    finally:
        os.close(held)


def test_a_share_of_no_meaning() -> None:
    for shard in ("0/2", "3/2", "1", "1/0", "a/b"):
        done = command("rows", "--shard", shard)
        assert done.exit_code == 2
        assert "write it as I/N, from 1/N to N/N, as in --shard 1/8" in done.stderr
