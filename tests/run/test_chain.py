"""The composition: evaluation sets kept out, and the same bytes on any number of workers."""

import json
import sys
import tempfile
from pathlib import Path

import pytest
from datasets import Dataset

from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.io.versions import versions
from pipeline.run import piece_rows, row_wise
from pipeline.run.chain import run
from pipeline.run.engines import Engine
from pipeline.run.engines.local import with_processes
from pipeline.run.plan import plan_of_config, plan_of_files
from pipeline.stages import ingest
from pipeline.stages.tokenize import UnknownTokensError
from schemas.options import Config
from tests.support.folders import digests
from tests.support.paths import ROOT
from tests.support.tables import rechunk

pytestmark = pytest.mark.long

GOLDEN = ROOT / "tests" / "cases" / "sample_sha256.json"
QUESTION = "조선 세종 때 만들어진 강우량 측정 기구의 이름과 그 쓰임새를 자세히 설명해 주세요."
CONFIG = """
[dataset]
name = "small"

[[source]]
name = "a"
files = ["a.jsonl"]

[screen]
benchmarks = ["evaluation/*.jsonl"]
reject = ["contaminated"]

[tokenize]
tokenizer = ["embedded"]
"""


def test_rows_of_an_evaluation_set_are_kept_out(tmp_path: Path) -> None:
    evaluation = tmp_path / "raw" / "evaluation"
    evaluation.mkdir(parents=True)
    (evaluation / "시험.jsonl").write_text(json.dumps({"prompt": QUESTION, "answer": "측우기"}) + "\n")
    rows = [
        {"instruction": QUESTION.replace(" ", "  ") + " 세 문장으로 쓰세요.", "input": "", "output": "측우기입니다."},
        {"instruction": "오늘 저녁으로 먹을 만한 음식을 하나 추천해 주세요.", "input": "", "output": "된장찌개요."},
    ]
    (tmp_path / "raw" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    manifest = run(plan_of_config(tmp_path / "pipeline.toml"), workers=1)
    assert [(part.stage, part.reason, part.rows) for part in manifest.counts.rejected] == [
        ("screen", "contaminated", 1)
    ]
    reject = json.loads((tmp_path / "processed" / "small" / "rejects.jsonl").read_text())
    assert "evaluation/시험.jsonl" in reject["reject_detail"]


def test_a_folder_that_datasets_saved_and_a_dropped_file_are_sources(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    saved = {"질문": ["한국의 수도는?", "가장 긴 강은?"], "답변": ["서울입니다.", "압록강입니다."]}
    Dataset.from_dict(saved).save_to_disk(raw / "saved" / "문답")
    (raw / "떨어뜨린 파일.json").write_text('[{"prompt": "인사해 줘.", "completion": "안녕하세요!"}]')
    config = (
        (ROOT / "pipeline.toml").read_text().replace('"sample/*.jsonl", "sample/*.json", "sample/*.csv"', '"saved/*"')
    )
    (tmp_path / "pipeline.toml").write_text(config)
    plan = plan_of_config(tmp_path / "pipeline.toml")
    assert [unit.origin for unit in plan.units] == ["saved/문답", "떨어뜨린 파일.json"]
    manifest = run(plan, workers=1)
    assert manifest.counts.sources == {"sample": 2, "mine": 1}
    assert manifest.raw["saved/문답"].bytes > 0


def test_a_run_that_fails_leaves_no_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"instruction": "뷁뙑", "output": "쀍뚧꿿"}')
    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": "embedded"},
    }
    plan = plan_of_files([tmp_path / "a.jsonl"], tmp_path / "out", Config.model_validate(config))
    with pytest.raises(UnknownTokensError):
        run(plan, workers=1)
    assert not list(tmp_path.rglob("*.arrow"))
    assert not (tmp_path / "out").exists()


def bytes_of(folder: Path, workers: int, engine: Engine | None = None) -> dict[str, str]:
    """raw/sample through the whole chain: sha256 of every file of the dataset."""
    files = [ROOT / "raw" / "sample" / name for name in ("everyday.jsonl", "study.json", "office.csv")]
    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": "embedded"},
        "export": {"formats": ["arrow", "parquet", "jsonl"]},
    }
    run(plan_of_files(files, folder, Config.model_validate(config)), workers, engine)
    return digests(folder)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return bytes_of(tmp_path_factory.mktemp("first") / "sample", workers=1)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("rows", [37, 256, BATCH_ROWS])
def test_the_bytes_do_not_depend_on_workers_or_batches(
    tmp_path: Path, first: dict[str, str], workers: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rows`: of the tables in which rows come to the stages, and later to dedupe's decisions and to export."""
    read, reread = ingest.ingest, piece_rows.read_range
    monkeypatch.setattr(ingest, "ingest", lambda *arguments: rechunk(read(*arguments), rows))
    monkeypatch.setattr(piece_rows, "read_range", lambda *arguments: rechunk(reread(*arguments), rows))
    assert bytes_of(tmp_path / "sample", workers) == first


@pytest.mark.parametrize("workers", [2, 4])
def test_the_bytes_do_not_depend_on_processes(
    tmp_path: Path, first: dict[str, str], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_wise, "MUCH", 0)
    monkeypatch.setattr(row_wise, "PIECE", 50)
    with with_processes(workers) as engine:
        assert bytes_of(tmp_path / "sample", workers, engine) == first
        assert (engine.python and len(engine.python._started) == workers - 1) or sys.platform != "linux"


def test_the_bytes_of_the_sample_are_those_of_every_machine(first: dict[str, str]) -> None:
    """The same versions give the same bytes elsewhere. After an intended change: python -m tests.run.test_chain"""
    golden = json.loads(GOLDEN.read_text())
    here = versions()
    assert golden["versions"].keys() <= here.keys()
    other = [f"{name} {version}" for name, version in golden["versions"].items() if here[name] != version]
    if other:
        pytest.skip(f"made with {', '.join(other)}, which are not installed here: see constraints.txt")
    assert data_of(first) == golden["files"]


def data_of(files: dict[str, str]) -> dict[str, str]:
    """The files of rows: the others name versions and times of this machine's tools."""
    return {name: files[name] for name in sorted(files) if name.endswith((".arrow", ".jsonl"))}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        files = data_of(bytes_of(Path(made) / "sample", workers=1))
    made_with = {name: versions()[name] for name in json.loads(GOLDEN.read_text())["versions"]}
    GOLDEN.write_text(json.dumps({"versions": made_with, "files": files}, indent=1) + "\n")
