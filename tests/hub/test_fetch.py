"""Fetch takes the files of a recipe from the Hub at one commit, and says how to declare them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.hub import FetchError, fetch
from pipeline.hub.download import escape, wanted
from pipeline.run.plan import plan_of_config
from pipeline.stages.ingest import ingest
from schemas.options import Source
from tests.support import hub_server

GOOD = '{"instruction": "예?", "input": "nan", "output": "네."}\n'.encode()
ID = "nlpai-lab/kullm-v2"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_server.Hub]:
    files = {
        f"datasets/{ID}/kullm-v2.jsonl": GOOD * 3,
        f"datasets/{ID}/README.md": b"a card",
        f"datasets/{ID}/x.py": b"1",
    }
    with hub_server.running(files) as running:
        hub_server.lead_here(monkeypatch, running, tmp_path / "home")
        yield running


def test_a_recipe_is_fetched_declared_and_read(hub: hub_server.Hub, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    fetched = fetch(ID, raw)
    assert fetched.files == ("kullm-v2.jsonl",)
    assert fetched.revision == hub.repos[f"datasets/{ID}"].head.oid
    declared = Source.model_validate(tomllib.loads(fetched.toml())["source"][0])
    assert (declared.recipe, declared.revision) == (ID, fetched.revision)
    (path,) = raw.glob(declared.files[0])
    rows = pa.concat_tables(ingest(path, path.name, declared))
    assert rows["instruction"].to_pylist() == ["예?"] * 3
    assert not (raw / ID / "README.md").exists()


def test_an_interrupted_fetch_is_taken_up_again(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.fail("GET", r"resolve/.*kullm", 500, times=50)
    with pytest.raises(FetchError, match="continues the download"):
        fetch(ID, tmp_path)
    hub.faults.clear()
    assert fetch(ID, tmp_path).files == ("kullm-v2.jsonl",)


def test_a_dataset_that_is_gated_says_so(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.fail("GET", r"resolve/", 403, headers={"X-Error-Code": "GatedRepo"}, times=9)
    hub.fail("HEAD", r"resolve/", 403, headers={"X-Error-Code": "GatedRepo"}, times=9)
    with pytest.raises(FetchError, match="is gated: accept its terms"):
        fetch(ID, tmp_path)


def test_what_is_not_there_says_so(hub: hub_server.Hub, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="nobody/nothing at main is not on the Hub"):
        fetch("nobody/nothing", tmp_path)
    with pytest.raises(FetchError, match="not a valid Hub id"):
        fetch("a/b/c", tmp_path)
    with pytest.raises(FetchError, match="a template for files that you have"):
        fetch("klue/nli", tmp_path)


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hub_server.running() as running:
        hub_server.lead_here(monkeypatch, running, tmp_path / "home")
    with pytest.raises(FetchError, match="go online and run this again"):
        fetch(ID, tmp_path)


def test_globs_of_files() -> None:
    assert wanted("data/train-0.parquet", ("**/*.parquet",))
    assert wanted("train.parquet", ("**/*.parquet",))
    assert not wanted("README.md", ("**/*.parquet", "*.json"))
    assert escape("a[1]*.json") == "a[[]1][*].json"


def test_the_command_declares_what_it_fetched_once(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "pipeline.toml"
    config.write_text(
        '[dataset]\nname = "a"\n\n[[source]]\nname = "b"\nfiles = ["b.json"]\n\n[export]\nvalidation = 0\n'
    )
    first = CliRunner().invoke(main, ["fetch", ID], catch_exceptions=False)
    assert "declared in pipeline.toml" in first.stdout
    declared = config.read_text()
    assert [source["name"] for source in tomllib.loads(declared)["source"]] == ["b", ID.replace("/", "--")]
    again = CliRunner().invoke(main, ["fetch", ID], catch_exceptions=False)
    assert "already and is not changed" in again.stdout
    assert config.read_text() == declared


def test_an_evaluation_set_is_fetched_to_be_kept_out(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "pipeline.toml"
    config.write_text('[dataset]\nname = "a"\n\n[[source]]\nname = "b"\nfiles = ["b.json"]\n')
    before = config.read_text()
    output = CliRunner().invoke(main, ["fetch", ID, "--benchmark"], catch_exceptions=False).stdout
    assert config.read_text() == before
    line = output.splitlines()[-1]
    (tmp_path / "raw" / "b.json").write_text('[{"instruction": "예?", "output": "네."}]')
    config.write_text(f"{before}\n[screen]\n{line}\n")
    (unit,) = plan_of_config(config).benchmarks
    assert unit.origin == f"{ID}/kullm-v2.jsonl"
