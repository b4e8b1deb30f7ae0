"""What is kept until the code or the installation changes."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.io import kept as module
from pipeline.io import source_code
from pipeline.io.versions import versions
from pipeline.run.stamps import kept_made_of, made_of


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the kept files."""
    monkeypatch.setattr(module, "_place", lambda name: tmp_path / "kept" / f"{name}.json")
    yield tmp_path / "kept"
    source_code.state.cache_clear()


def kept(name: str, derive: Callable[[], str]) -> str:
    """As in a new process."""
    source_code.state.cache_clear()
    return module.kept(name, derive)


def again() -> str:
    pytest.fail("it was derived again")


def test_it_is_derived_once() -> None:
    assert kept("answer", lambda: "first") == "first"
    assert kept("answer", again) == "first"
    assert kept("another", lambda: "second") == "second"


def test_a_process_works_with_the_code_that_it_has_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_code, "HOME", tmp_path)
    assert kept("answer", lambda: "first") == "first"
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "new.py").touch()
    assert module.kept("answer", again) == "first"
    assert kept("answer", lambda: "second") == "second"


def test_an_installation_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept("answer", lambda: "first")
    (tmp_path / "new-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert kept("answer", lambda: "second") == "second"
    assert kept("answer", again) == "second"


def test_the_way_in_which_python_was_started_does_not_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` puts the current folder on the path, and `ko-instruct` the folder of the command."""
    kept("answer", lambda: "first")
    (tmp_path / "ko_instruct.egg-info").mkdir()  # as in a clone of this project
    about = f"Metadata-Version: 2.1\nName: ko-instruct\nVersion: {importlib.metadata.version('ko-instruct')}\n"
    (tmp_path / "ko_instruct.egg-info" / "PKG-INFO").write_text(about)
    for folder in (*reversed(sys.path), "", "/no/such/folder", str(tmp_path)):
        monkeypatch.syspath_prepend(folder)
        assert kept("answer", again) == "first"


def test_the_version_that_is_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1.0", "2.0"):
        (tmp_path / version / f"new-{version}.dist-info").mkdir(parents=True)
        monkeypatch.syspath_prepend(str(tmp_path / version))
        assert kept("answer", lambda version=version: version) == version
    monkeypatch.syspath_prepend(str(tmp_path / "1.0"))
    assert kept("answer", lambda: "the first again") == "the first again"


def test_a_change_of_the_code_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.io.source_code.HOME", tmp_path)
    code = tmp_path / "pipeline" / "a.py"
    code.parent.mkdir()
    code.write_text("a = 1\n")
    assert kept("answer", lambda: "first") == kept("answer", again) == "first"
    code.write_text("a = 2\n")
    assert kept("answer", lambda: "second") == "second"


@pytest.mark.parametrize("left", ["half a fi", "[]", "{}"])
def test_a_damaged_file_is_replaced(place: Path, left: str) -> None:
    kept("answer", lambda: "first")
    (place / "answer.json").write_text(left)
    assert kept("answer", lambda: "second") == "second"
    assert kept("answer", again) == "second"


def test_where_nothing_can_be_written_it_is_derived_each_time(place: Path) -> None:
    place.write_text("a file where the folder would be")
    assert kept("answer", lambda: "first") == "first"
    assert kept("answer", lambda: "second") == "second"


def test_what_is_read_from_the_file_is_what_was_derived() -> None:
    source_code.state.cache_clear()
    first = versions()
    assert list(versions().items()) == list(first.items())
    assert kept_made_of() == kept_made_of() == made_of()
