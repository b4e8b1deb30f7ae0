"""File names in Korean, where the locale or the name has another encoding than UTF-8."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from tests.support.paths import ROOT

pytestmark = pytest.mark.long

CONFIG = '[dataset]\nname = "x"\n\n[[source]]\nname = "s"\nfiles = ["*.jsonl"]\n\n[tokenize]\ntokenizer = "embedded"\n'
ROW = '{"instruction": "대한민국의 수도는?", "output": "서울입니다."}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "질문과 답.jsonl").write_text(ROW, "utf-8")
    (tmp_path / "내 설정.toml").write_text(CONFIG, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(not shutil.which("localedef"), reason="needs localedef")
def test_a_locale_of_euc_kr(project: Path) -> None:
    made = ["localedef", "-i", "ko_KR", "-f", "EUC-KR", project / "ko_KR.EUC-KR"]
    if subprocess.run(made, capture_output=True, check=False).returncode > 1:
        pytest.skip("the locale cannot be made here")
    foreign = ("PYTHON", "LC_", "LANG")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment = clean | {"LOCPATH": str(project), "LC_ALL": "ko_KR.EUC-KR", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ko_instruct", "run", "--config", "내 설정.toml"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert "tokenize    질문과 답.jsonl: 1 rows\n" in done.stderr.decode("euc-kr")
    assert (done.returncode, done.stdout.decode("euc-kr").splitlines()[-1]) == (0, "written to processed/x")
    assert '"질문과 답.jsonl"' in (project / "processed" / "x" / "manifest.json").read_text("utf-8")


def test_a_file_name_that_is_not_utf8(project: Path) -> None:
    bad = os.fsencode(project / "raw") + b"/" + "답변.jsonl".encode("cp949")
    try:
        Path(os.fsdecode(bad)).write_text(ROW, "utf-8")
    except OSError:
        pytest.skip("the file system takes no such name")
    done = CliRunner().invoke(main, ["run", "--config", "내 설정.toml"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "a file whose name is not UTF-8; read as CP949 it is 답변.jsonl. Give it a name in UTF-8." in done.stderr
    os.rename(bad, project / "raw" / "답변.jsonl")
    assert CliRunner().invoke(main, ["run", "--config", "내 설정.toml"], catch_exceptions=False).exit_code == 0


def test_a_config_whose_name_is_not_utf8(project: Path) -> None:
    name = os.fsdecode("설정.toml".encode("cp949"))
    try:
        Path(name).write_text(CONFIG, "utf-8")
    except OSError:
        pytest.skip("the file system takes no such name")
    done = CliRunner().invoke(main, ["check", name], catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (0, "\\udcbc\\udcb3\\udcc1\\udca4.toml: no fault found\n")
    Path(name).unlink()
    done = CliRunner().invoke(main, ["init", name], catch_exceptions=False)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "written: \\udcbc\\udcb3\\udcc1\\udca4.toml")


def test_init_names_a_raw_file_that_is_not_utf8(project: Path) -> None:
    try:
        (project / "raw" / os.fsdecode("답변".encode("cp949"))).mkdir()
    except OSError:
        pytest.skip("the file system takes no such name")
    done = CliRunner().invoke(main, ["init"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "a folder whose name is not UTF-8; read as CP949 it is 답변. Give it a name in UTF-8." in done.stderr
    assert not (project / "pipeline.toml").exists()
