"""The plan: raw files, and names for them that every tool can use."""

from pathlib import Path

import pytest

from pipeline.io.hashed_files import MUCH
from pipeline.run.config import ConfigError
from pipeline.run.plan import Unit, plan_of_files
from pipeline.run.stamps import _makefile
from schemas.options import Config, Source


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        ("sample/a.jsonl", "원천/sample--a.jsonl"),
        ("가나/다.json", "원천/가나--다.json"),
        ("a (~1200)#$1.json", "원천/a___1200___1.json-"),
    ],
)
def test_keys_of_units_are_names_that_make_and_shells_can_read(origin: str, key: str) -> None:
    found = Unit(Source(name="원천", files=("*",)), Path(origin), origin).key
    assert found.startswith(key)
    assert not set(found) & set(" ()~#$%:'\"\\")


def test_a_folder_or_file_of_any_name_gives_names_that_a_config_allows(tmp_path: Path) -> None:
    plan = plan_of_files([Path("내 데이터 (1).json")] * 2, tmp_path / "내 폴더!", Config.model_construct())
    assert plan.config.dataset.name == "내_폴더_"
    assert [source.name for source in plan.config.source] == ["내_데이터__1_"]
    assert len(plan.units) == 1


def test_numbers_that_are_letters_to_python_alone_give_names_that_a_config_allows(tmp_path: Path) -> None:
    plan = plan_of_files([Path("①면적m².json")], tmp_path / "②", Config.model_construct())
    assert plan.config.dataset.name == "_"
    assert [source.name for source in plan.config.source] == ["_면적m_"]


@pytest.mark.parametrize(
    ("name", "what"), [("\udcb4\udce4/a.json", "folder"), ("a/\udcb4\udce4.json", "file")], ids=["folder", "file"]
)
def test_a_name_that_is_not_utf8_is_named(name: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / name
    try:
        path.parent.mkdir()
    except OSError:
        pytest.skip("the file system takes no such name")
    with pytest.raises(ConfigError, match=f"is a {what} whose name is not UTF-8; read as CP949 it is 답"):
        Unit(Source(name="a", files=("*",)), path, name)


def test_a_large_file_whose_name_has_a_line_end_is_not_for_make(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.jsonl"
    with path.open("wb") as file:
        file.truncate(MUCH)
    plan = plan_of_files([path], tmp_path / "out", Config.model_construct())
    with pytest.raises(ConfigError, match="Make takes no name with a line end"):
        _makefile(plan)


def test_units_of_files_with_one_name_stay_apart(tmp_path: Path) -> None:
    plan = plan_of_files(
        [Path("a/x.jsonl"), Path("b/x.jsonl.gz"), Path("b/x.jsonl")], tmp_path / "out", Config.model_construct()
    )
    assert len({unit.origin for unit in plan.units}) == 3
    assert len({unit.key for unit in plan.units}) == 3
