"""ko_instruct: the door for training code and notebooks, and what it says when another module hides a package."""

import importlib
import inspect
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import ko_instruct
from ko_instruct import (
    DedupeOptions,
    ExportOptions,
    NormalizeOptions,
    ScreenOptions,
    TokenizeOptions,
    dedupe,
    export,
    find_personal_data,
    fix_text,
    ingest,
    load_tokenizer,
    normalize,
    screen,
    split,
    tokenize,
    validate,
)
from pipeline.io.source_code import source_of
from schemas.options import OptionError
from tests.dataset.test_export import about
from tests.support.paths import ROOT

#: `load` needs torch; the tests of training import it.
WITHOUT_TORCH = ko_instruct.__all__


def python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


# The names.


def test_a_type_checker_sees_every_name_where_it_is_imported_from() -> None:
    typed = {each.name: each.module for each in source_of("ko_instruct").imports if each.typing}
    assert typed.keys() == {*ko_instruct.__all__, "load"}
    for name in WITHOUT_TORCH:
        assert getattr(ko_instruct, name) is getattr(importlib.import_module(typed[name]), name)
    assert typed["load"] == ko_instruct.ELSEWHERE["load"]


def test_the_names_are_sorted_and_listed() -> None:
    assert ko_instruct.__all__ == sorted(ko_instruct.__all__)
    assert dir(ko_instruct) == sorted([*ko_instruct.__all__, "load"])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ko_instruct.nothing  # noqa: B018


def test_every_stage_has_its_options() -> None:
    for stage in ("ingest", "validate", "normalize", "screen", "tokenize", "dedupe", "export"):
        parameters = inspect.signature(getattr(ko_instruct, stage)).parameters
        assert parameters["options"].annotation is getattr(ko_instruct, f"{stage.capitalize()}Options")


def test_the_version_is_that_of_the_project() -> None:
    assert ko_instruct.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_an_import_alone_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import ko_instruct, sys; print({'pyarrow', 'pydantic', 'transformers', 'torch'} & sys.modules.keys())"
    assert python("-c", code, cwd=tmp_path).stdout == "set()\n"


def test_load_without_torch_names_the_extra(tmp_path: Path) -> None:
    done = python("-c", "import sys; sys.modules['torch'] = None; from ko_instruct import load", cwd=tmp_path)
    assert done.stderr.splitlines()[-1].endswith("pip install -c constraints.txt -e '.[train]'")


def test_the_project_installs_the_package_and_its_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "ko_instruct" in project["tool"]["setuptools"]["packages"]
    module, _, function = project["project"]["scripts"]["ko-instruct"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_package_is_a_command(tmp_path: Path) -> None:
    done = python("-m", "ko_instruct", "--help", cwd=tmp_path)
    assert "Build a dataset" in done.stdout


# Another module by the name of a package of ours.

MESSAGE = "hides the package {package} of ko-instruct. Give it another name, and start Python again."


#: Files of a user in the folder of the program. {}: nothing is hidden.
CLASHES: list[tuple[Mapping[str, str], str, str]] = [
    ({"pipeline.py": "x = 1"}, "pipeline", "pipeline.py"),
    ({"pipeline/__init__.py": ""}, "pipeline", "pipeline"),
    ({"schemas.py": "raise SystemExit"}, "schemas", "schemas.py"),
    ({"schemas/__init__.py": ""}, "schemas", "schemas"),
]
IMPORT = "from ko_instruct import KoInstructError; print(KoInstructError.__name__)"


@pytest.fixture(scope="module", params=["editable", "wheel"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment in which ko-instruct is installed, as pip does it."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/*/site-packages")
    paths = [path for path in sys.path if path.endswith("site-packages")]
    if request.param == "editable":
        paths.append(str(ROOT))  # setuptools writes this line, too
    else:
        for package in ("ko_instruct", "pipeline", "schemas"):
            shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    (site / "own.pth").write_text("\n".join(paths))
    script = folder / "bin" / "ko-instruct"
    script.write_text(f"#!{folder / 'bin' / 'python'}\nfrom ko_instruct.__main__ import main\nmain()\n")
    script.chmod(0o755)
    return folder / "bin"


def program(*command: Path | str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False)


def put(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(("files", "package", "named"), CLASHES, ids=[named for *_, named in CLASHES])
def test_files_that_are_named_like_a_package_of_ours(
    files: Mapping[str, str], package: str, named: str, installed: Path, tmp_path: Path
) -> None:
    put(files, tmp_path)
    done = program(installed / "ko-instruct", "--help", cwd=tmp_path, PYTHONPATH=".")
    assert done.stdout.startswith("Usage: "), done.stderr
    done = program(installed / "python", "-c", IMPORT, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / named} {MESSAGE.format(package=package)}" in done.stderr.splitlines()[-1]
    (tmp_path / named).rename(tmp_path / "other")  # the remedy
    assert program(installed / "python", "-c", IMPORT, cwd=tmp_path).stdout == "KoInstructError\n"


def test_a_program_that_is_named_like_a_package_of_ours(installed: Path, tmp_path: Path) -> None:
    put({"pipeline.py": IMPORT}, tmp_path)
    assert program(installed / "python", "pipeline.py", cwd=tmp_path).stdout == "KoInstructError\n"
    done = program(installed / "python", "-m", "ko_instruct", "--help", cwd=tmp_path)
    assert done.stdout.startswith("Usage: "), done.stderr


def test_a_folder_of_data_hides_nothing(installed: Path, tmp_path: Path) -> None:
    put({"schemas/person.json": "{}", "pipeline/notes.txt": ""}, tmp_path)
    assert program(installed / "python", "-c", IMPORT, cwd=tmp_path, PYTHONPATH=".").stdout == "KoInstructError\n"


def test_a_library_that_hides_a_package_is_named(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages"
    library.mkdir(parents=True)
    (library / "pipeline.py").write_text("")
    done = python("-c", IMPORT, cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(library), str(ROOT)]))
    message = done.stderr.splitlines()[-1]
    assert f"{library / 'pipeline.py'} hides the package pipeline of ko-instruct." in message
    assert message.endswith("uninstall that one, or install ko-instruct in its own environment.")


def test_a_module_that_was_imported_before_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pipeline.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(other)!r}); import pipeline; sys.path.pop(0); {IMPORT}"
    done = python("-c", code, cwd=tmp_path)
    assert f"{other / 'pipeline.py'} {MESSAGE.format(package='pipeline')}" in done.stderr


# Tables from and to pandas.


def test_a_data_frame_goes_through_every_stage(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "instruction": ["한국의 수도는 어디인가요?", "하늘은 왜 파란가요?", "셋째 질문은 무엇인가요?"],
            "input": pd.Categorical([None, "낮입니다.", "낮입니다."]),
            "output": ["서울\u200b입니다.", "빛이 흩어집니다. 전화는 010-2345-6789입니다.", None],
            "history": [[{"user": "안녕하세요.", "assistant": "네\u200b, 안녕하세요."}], [], []],
            "source": "수업",
            "점수": [3, 4, 5],
        },
        index=[7, 9, 11],
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = screen(normalize(validate(table), NormalizeOptions()), ScreenOptions(mask=("pii-phone",)))
    table = tokenize(table, load_tokenizer(["embedded"]).tokenizer, TokenizeOptions())
    table = dedupe(table, DedupeOptions())
    options = ExportOptions(validation=0)
    table = table.append_column("split", split(table, options))
    done = table.to_pandas()
    assert done["output"].tolist()[:2] == ["서울입니다.", "빛이 흩어집니다. 전화는 <전화번호>입니다."]
    assert done["input"].tolist() == ["", "낮입니다.", "낮입니다."]
    assert [message["content"] for message in done["history"][0]] == ["안녕하세요.", "네, 안녕하세요."]
    assert done["reject_reason"].fillna("").tolist() == ["", "", "output-missing"]
    assert done["점수"].tolist() == [3, 4, 5]
    manifest = export([table], tmp_path / "mine", options, about())
    assert (manifest.counts.rows_in, manifest.counts.kept) == (3, 2)


def test_a_table_comes_back_from_pandas() -> None:
    table = normalize(pa.table({"instruction": ["수도는?"] * 2, "output": ["서울\u200b입니다.", "서울"]}))
    again = pa.Table.from_pandas(table.to_pandas(), preserve_index=False)
    assert normalize(again).to_pylist() == table.to_pylist()


def test_a_path_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"instruction": "수도는?", "output": "서울"}\n' * 2, "utf-8")
    for given in (path, str(path)):
        table = pa.concat_tables(ingest(given))
        assert table["origin"].to_pylist() == ["a.jsonl:1", "a.jsonl:2"]
        assert tokenize(table, "embedded")["n_tokens"].null_count == 0


# One text.


TEXTS = ["가\ufeff나\u200b다 \r\n", "“따옴표” ㅋㅋㅋㅋㅋ", "제 번호는 010-2345-6789, 메일은 a@mail.kr입니다.", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_fixed_as_in_a_table(text: str) -> None:
    options = NormalizeOptions(on=("repeats", "quotes"))
    row = normalize(pa.table({"instruction": [text], "output": ["네"]}), options).to_pylist()[0]
    assert fix_text(text, options) == (row["instruction"], tuple(row["fixes"]))


@pytest.mark.parametrize("text", TEXTS)
def test_personal_data_is_found_as_in_a_table(text: str) -> None:
    row = screen(pa.table({"instruction": [text], "output": ["네"]})).to_pylist()[0]
    found = find_personal_data(text)
    assert {each.kind for each in found} == {flag for flag in row["flags"] if flag.startswith("pii-")}
    for _, start, end in reversed(found):
        text = text[:start] + text[end:]
    assert find_personal_data(text) == []


def test_an_unknown_fix_is_an_error() -> None:
    with pytest.raises(OptionError, match="nothing"):
        fix_text("가", NormalizeOptions(off=("nothing",)))
