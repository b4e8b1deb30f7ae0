"""Sources on the Hub (hf://), from a small Hub on the loopback: huggingface_hub's own file system, real HTTP."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.support import hub_server
from tests.support.hub_server import Hub

CONFIG = """
[dataset]
name = "x"

[[source]]
name = "far"
files = ["hf://datasets/tester/korean/data/*.jsonl"]

[tokenize]
tokenizer = "embedded"
"""


def lines(numbers: range) -> bytes:
    rows = ({"instruction": f"{number}번 상자에는 무엇이 있나요?", "output": f"구슬 {number}개."} for number in numbers)
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


FILES = {
    "datasets/tester/korean/data/a.jsonl": lines(range(100)),
    "datasets/tester/korean/data/b.jsonl": lines(range(100, 150)),
    "datasets/tester/korean/README.md": b"# none of the rows",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(CONFIG)
    with hub_server.running(FILES) as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        yield hub


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def copied(done: Result) -> list[str]:
    return [
        line.partition("data/")[2].partition(":")[0] for line in done.stderr.splitlines() if line.startswith("copy")
    ]


def test_a_source_on_the_hub_is_copied_once_and_again_when_it_changes(hub: Hub) -> None:
    done = command("run")
    assert done.exit_code == 0, done.stderr
    assert copied(done) == ["a.jsonl", "b.jsonl"]
    copies = Path("raw/hf:/datasets/tester/korean/data")
    assert {path.name: path.read_bytes() for path in copies.iterdir()} == {
        Path(name).name: data for name, data in FILES.items() if name.endswith(".jsonl")
    }
    assert json.loads(Path("processed/x/manifest.json").read_text())["counts"]["rows_in"] == 150
    assert copied(command("run")) == []
    hub.seed({"datasets/tester/korean/data/b.jsonl": lines(range(200, 250))})  # of the same size
    assert copied(command("run")) == ["b.jsonl", "a.jsonl is gone, and its copy is removed"]
    assert (copies / "b.jsonl").read_bytes() == lines(range(200, 250))


def test_a_file_that_the_hub_refuses_is_not_there_in_part(hub: Hub) -> None:
    hub.fail("GET", "b.jsonl", 403)
    done = command("run")
    assert done.exit_code == 1
    assert "hf://datasets/tester/korean/data/b.jsonl" in done.stderr
    assert [path.name for path in Path("raw").rglob("*.jsonl*")] == ["a.jsonl"]
    assert copied(command("run")) == ["b.jsonl"]


@pytest.mark.parametrize(("scheme", "remedy"), [("s3", "-e '.[storage]'"), ("gs", "pip install gcsfs")])
def test_a_store_whose_library_is_not_installed(
    scheme: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(CONFIG.replace("hf://datasets", f"{scheme}://bucket"))
    done = command("run")
    assert done.exit_code == 1
    assert f"{scheme}:// needs a library: " in done.stderr
    assert remedy in done.stderr


def test_no_such_dataset(hub: Hub) -> None:
    Path("pipeline.toml").write_text(CONFIG.replace("korean", "nothing"))
    done = command("run")
    assert done.exit_code == 1
    assert "hf://datasets/tester/nothing" in done.stderr
    assert "Check the address, and the credentials of hf:// on this machine" in done.stderr
