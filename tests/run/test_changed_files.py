"""Raw files that come, change and go: what is redone gives the bytes of a build from nothing."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table
from pipeline.run.duplicates import find_duplicates, trial_of
from pipeline.run.export import export_units
from pipeline.run.plan import Plan, plan_of_config
from pipeline.run.small_files import tokenize_small_units
from pipeline.run.stamps import Made, kept_made_of, write_plan
from pipeline.run.tokenizer import find_tokenizer
from schemas.run_times import RUN

pytestmark = pytest.mark.long

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
report = false
"""
#: The report is made of the other files that are compared: two tests have it.
REPORTED = CONFIG.replace("report = false", "report = true")
WORDS = ("사과", "바나나", "포도나무", "자전거", "도서관", "컴퓨터", "한국어", "날씨", "김치찌개", "지하철")
ASKED = ("{}을 설명해 주세요.", "{}을 설명해 줘", "{} 설명해줘!!", "{}에 대해 알려 주세요", "{}을 소개해 주세요.")
ANSWERS = ("{}은 이런 것입니다.", "{}은 이런 것이에요", "{}은 저런 것입니다. ㅋㅋ")
ROW = '{{"instruction": "{}", "output": "{}"}}\n'


def lines(random: Random) -> str:
    """Rows of which many are similar to rows of other files."""
    words = (random.choice(WORDS) for _ in range(random.randrange(1, 60)))
    return "".join(ROW.format(random.choice(ASKED).format(word), random.choice(ANSWERS).format(word)) for word in words)


def redo(project: Path, made: Made | None = None) -> dict[str, str]:
    """The steps of Make; of raw files those that have changed. The sha256 of each file that they leave."""
    plan = plan_of_config(project / "pipeline.toml")
    write_plan(plan)
    tokenizer = find_tokenizer(plan)
    tokenize_small_units(plan, tokenizer, 1)
    find_duplicates(trial_of(plan, None, (), project), 2)
    decisions = open_table(plan.stages / stage_files.DECISIONS)
    export_units(plan, stage_files.OF_MAKE, decisions, tokenizer, 2, made=made or kept_made_of()["export"])
    return digests(plan)


def digests(plan: Plan) -> dict[str, str]:
    times = plan.folder / RUN
    files = [*(set(plan.folder.rglob("*")) - {times}), plan.stages / stage_files.duplicates()]
    return {
        path.relative_to(plan.folder.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def from_nothing(project: Path) -> dict[str, str]:
    """The sha256 of each file of a build from nothing: of equal configs and raw files it is made once."""
    return _from_nothing((project / "pipeline.toml").read_text(), *_raw_files(project))


def _raw_files(project: Path) -> Iterator[tuple[str, str]]:
    return ((path.name, path.read_text()) for path in sorted((project / "raw").iterdir()))


@cache
def _from_nothing(config: str, *raw_files: tuple[str, str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "pipeline.toml").write_text(config)
        (project / "raw").mkdir()
        for name, text in raw_files:
            (project / "raw" / name).write_text(text)
        return redo(project)


@pytest.fixture(autouse=True)
def however_many_are_to_be_decided_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here most rows have to do with most others: they are decided on again all the same, with those that are new."""
    monkeypatch.setattr("pipeline.stages.dedupe.changed.MOST", 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with raw files that have rows in several pieces; it is built."""
    project = tmp_path / "project"
    (project / "raw").mkdir(parents=True)
    (project / "pipeline.toml").write_text(CONFIG)
    for name in ("a", "b", "c"):
        (project / "raw" / f"{name}.jsonl").write_text("".join(lines(Random(f"{name}{part}")) for part in range(3)))
    redo(project)
    return project


def like_a_build_from_nothing(project: Path) -> bool:
    return redo(project) == from_nothing(project)


def test_rows_that_have_nothing_to_do_with_new_ones_are_not_decided_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "raw" / "b2.jsonl").write_text(ROW.format("바다 이야기를 들려 주세요.", "파도가 높습니다."))
    redo(project)
    assert "1 of 283 rows are compared" in capsys.readouterr().err
    (project / "raw" / "b2.jsonl").unlink()
    assert like_a_build_from_nothing(project)
    assert "0 of 282 rows are compared" in capsys.readouterr().err


def test_files_whose_rows_are_as_before_are_not_written_again(project: Path) -> None:
    def files() -> dict[int, Path]:
        return {path.stat().st_ino: path for path in (project / "processed" / "small").rglob("*-of-*")}

    before = files()
    (project / "raw" / "b2.jsonl").write_text(ROW.format("바다 이야기를 들려 주세요.", "파도가 높습니다."))
    redo(project)
    same = before.keys() & files().keys()
    assert len(before) - len(same) <= 4  # one piece: train and validation, in two formats
    assert len(same) >= 10
    assert like_a_build_from_nothing(project)


def damage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-9] + b"x" + data[-8:])


def put_another_in_its_place(path: Path) -> None:
    state = path.stat()
    other = path.with_name("other")
    other.write_bytes(bytes(state.st_size))
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


PARQUET = "small/pair/train-00001-of-*.parquet"


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (PARQUET, damage),
        (PARQUET, put_another_in_its_place),
        (PARQUET, Path.unlink),
        ("small/train/data-00000-of-*.arrow", damage),
        ("small/rejects.jsonl", damage),
        ("small/manifest.json", damage),
        (".stages/small/export.pieces.json", damage),
        (".stages/small/dedupe.arrow", damage),
        (".stages/small/dedupe.rows.json", damage),
        (".stages/small/duplicates.jsonl", damage),
    ],
)
def test_a_kept_file_that_is_not_what_it_was_is_written_again(
    project: Path, file: str, change: Callable[[Path], None]
) -> None:
    change(next((project / "processed").glob(file)))
    assert like_a_build_from_nothing(project)


@pytest.mark.parametrize(
    "options",
    [
        "shard_rows = 20\nreport = false",
        "shard_rows = 40\nreport = true",
        "shard_rows = 40\nvalidation = 0.4\nreport = false",
        "shard_rows = 40\nstratify = true\nreport = false",
        'shard_rows = 40\nformats = ["parquet", "jsonl"]\nreport = false',
        'shard_rows = 40\nformats = ["arrow", "messages"]\nreport = false',
        "shard_rows = 40\nreport = false\n[dedupe]\nnear = 'flag'",
        "shard_rows = 40\nreport = false\n[mix]\ntotal_rows = 30",
    ],
)
def test_other_options_give_the_bytes_of_a_build_from_nothing(project: Path, options: str) -> None:
    (project / "pipeline.toml").write_text(CONFIG.replace("shard_rows = 40\nreport = false", options))
    assert like_a_build_from_nothing(project)
    (project / "pipeline.toml").write_text(CONFIG)
    assert like_a_build_from_nothing(project)


def test_other_code_writes_all_files_again(project: Path) -> None:
    def files() -> set[int]:
        return {path.stat().st_ino for path in (project / "processed" / "small").rglob("*-of-*")}

    before = files()
    redo(project)
    assert files() == before
    redo(project, {**kept_made_of()["export"], "versions": {"pyarrow": "0"}})
    assert not files() & before


@pytest.mark.parametrize("seed", range(2))
def test_what_is_redone_has_the_bytes_of_a_build_from_nothing(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    project = tmp_path / "project"
    raw = project / "raw"
    raw.mkdir(parents=True)
    (project / "pipeline.toml").write_text(REPORTED)
    for _ in range(3):
        for name in ("a", "b", "c", "d"):
            happens = random.random()
            if happens < 0.5:
                (raw / f"{name}.jsonl").write_text(lines(random))
            elif happens < 0.7:
                (raw / f"{name}.jsonl").unlink(missing_ok=True)
        (raw / "always.jsonl").write_text(lines(Random(seed)))
        assert like_a_build_from_nothing(project)
