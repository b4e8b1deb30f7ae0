"""Fetch takes the files of a recipe from the Hub at one commit, and says how to declare them."""

import errno
import json
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.hub import FetchError, declare, fetch, push
from pipeline.hub.download import escape, explain, wanted
from pipeline.run.chain import run
from pipeline.run.config import ConfigError, load_config
from pipeline.run.new_config import new_config
from pipeline.run.plan import plan_of_config
from pipeline.stages.ingest import ingest
from schemas.options import Source
from schemas.push import PushOptions
from tests.support import hub_server

# huggingface_hub sends LFS files in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

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


def test_a_disk_that_takes_no_file_is_not_the_network(tmp_path: Path) -> None:
    full = explain(OSError(errno.ENOSPC, "No space left on device"), ID, tmp_path, "main")
    assert full.startswith(f"{tmp_path / ID}: No space left on device. Correct this and run this again")
    locked = explain(PermissionError(errno.EACCES, "Permission denied", "raw/x.part"), ID, tmp_path, "main")
    assert locked.startswith("raw/x.part: Permission denied. ")
    assert "go online" in explain(ConnectionRefusedError(errno.ECONNREFUSED, "refused"), ID, tmp_path, "main")


def test_globs_of_files() -> None:
    assert wanted("data/train-0.parquet", ("**/*.parquet",))
    assert wanted("train.parquet", ("**/*.parquet",))
    assert not wanted("README.md", ("**/*.parquet", "*.json"))
    assert escape("a[1]*.json") == "a[[]1][*].json"


def test_a_list_of_an_extended_config_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(
        '[dataset]\nname = "a"\n\n[[source]]\nname = "b"\nfiles = ["b.json"]\n\n'
        '[[screen.benchmarks]]\nname = "c"\nfiles = ["c.json"]\n'
    )
    config = tmp_path / "pipeline.toml"
    config.write_text('extends = "base.toml"\n\n[dataset]\nname = "d"\n')
    before = config.read_text()
    for arguments, lists in (([ID], "source"), (["--benchmark", "KMMLU"], "screen.benchmarks")):
        done = CliRunner().invoke(main, ["fetch", *arguments], catch_exceptions=False)
        assert done.exit_code == 1
        assert f"pipeline.toml extends a config that lists {lists}, and a table that is added here" in done.stderr
        assert "Name the config that it extends with --config." in done.stderr
    assert config.read_text() == before
    assert not (tmp_path / "raw").exists()


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


# A dataset that this project published.

OWN = "tester/mine"
#: Columns of a record that are the same in the dataset of a dataset. `flags` are found anew.
SAME = [
    *("system", "tools", "history", "instruction", "input", "steps", "reasoning", "output", "tool_calls", "rejected"),
    *("label", "learn", "fixes"),
]
SPOKEN = [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 2, "가나다라", strict=True)]
RECORDS = [
    *(
        {"instruction": f"{number}번 문장을 고쳐 줘.", "output": f"고친 문장 {number}", "id": number}
        for number in range(40)
    ),
    {"messages": [{"role": "system", "content": "짧게 답해."}, *SPOKEN]},
    {"prompt": "인사말을 써 줘.", "chosen": "안녕하세요. 반갑습니다.", "rejected": "어, 왔어?"},
    {"instruction": "바다는?", "output": "동해\u200b입니다.", "split": "validation"},
]
CONFIG = """\
[dataset]
name = "mine"

[[source]]
name = "first"
files = ["a.jsonl"]
license = "cc-by-4.0"
attribution = "처음 만든 이"

[tokenize]
tokenizer = ["embedded"]

[export]
formats = ["parquet", "messages"]
validation = 0.3
"""


def built(folder: Path, config: str = CONFIG, layout: str | None = None) -> Path:
    """A dataset of RECORDS."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "raw" / "a.jsonl").write_text("\n".join(json.dumps(record) for record in RECORDS), "utf-8")
    (folder / "pipeline.toml").write_text(config, "utf-8")
    plan = plan_of_config(folder / "pipeline.toml", layout)
    if layout:
        tokenize = plan.config.tokenize.model_copy(update={"layout": layout})
        plan = replace(plan, config=plan.config.model_copy(update={"tokenize": tokenize}))
    run(plan, workers=1)
    return plan.folder


def records(folder: Path, first: bool = False) -> dict[str, dict[str, Any]]:
    """The records in the Parquet files of a folder, by where they came from first."""
    found = {}
    for path in sorted(folder.iterdir()):
        for row in pq.read_table(path).to_pylist():
            meta = json.loads(row["meta"] or "{}")
            came = row if first else meta.pop("ko_instruct")
            about = {"split": path.name.split("-")[0], "meta": meta, "source": came["source"]}
            found[came["origin"]] = {name: row[name] for name in SAME} | about
    return found


def test_a_dataset_of_ours_is_fetched_and_built_again(hub: hub_server.Hub, tmp_path: Path) -> None:
    first = built(tmp_path / "first")
    push(first, OWN, PushOptions(allow_embedded=True, rejects=True))
    push(built(tmp_path / "first", layout="causal"), OWN, PushOptions(allow_embedded=True))
    again = tmp_path / "again"
    (again / "raw").mkdir(parents=True)
    config = again / "pipeline.toml"
    config.write_text('[dataset]\nname = "mine"\n\n[[source]]\nname = "none"\nfiles = ["x"]\noptional = true\n')
    fetched = fetch(OWN, again / "raw")
    assert not (again / "raw" / OWN / "pair" / "train-00000-of-00001.parquet").exists()
    assert fetched.files == ("causal/train-00000-of-00001.parquet", "causal/validation-00000-of-00001.parquet")
    assert "Its config causal is taken, with 43 records" in fetched.trap
    assert (fetched.license, fetched.attribution) == ("cc-by-4.0", "처음 만든 이")
    declare(fetched, load_config(config), config)
    config.write_text(config.read_text() + '\n[tokenize]\ntokenizer = ["embedded"]\n\n[export]\nvalidation = 0.3\n')
    manifest = run(plan_of_config(config), workers=1)
    assert manifest.counts.kept == manifest.counts.rows_in == len(RECORDS)
    assert records(again / "processed" / "mine" / "pair") == records(first / "pair", first=True)


def test_packed_rows_hold_no_texts_and_texts_beside_them_are_taken(hub: hub_server.Hub, tmp_path: Path) -> None:
    packed = CONFIG.replace("[export]", 'layout = "causal"\n\n[export]\npacking = true').replace("messages", "jsonl")
    folder = built(tmp_path / "first", packed)
    push(folder, OWN, PushOptions(allow_embedded=True))
    with pytest.raises(FetchError, match=r"packed rows alone, which hold no texts.*--also jsonl"):
        fetch(OWN, tmp_path)
    push(folder, OWN, PushOptions(allow_embedded=True, also=("jsonl",)))
    files = fetch(OWN, tmp_path).files
    assert [file.split("/")[1] for file in files] == ["jsonl"] * 2


def test_a_dataset_of_another_version_is_one_of_ours(hub: hub_server.Hub, tmp_path: Path) -> None:
    folder = built(tmp_path / "first")
    push(folder, OWN, PushOptions(allow_embedded=True))
    repo = hub.repos[f"datasets/{OWN}"]
    manifest = json.loads(repo.files["pair/manifest.json"]) | {"later": 1}
    manifest["options"]["tokenize"]["later"] = 2
    del manifest["tokens"]
    blob = hub_server.Blob(json.dumps(manifest).encode(), False)
    repo.commit("refs/heads/main", repo.head.oid, "later", {**repo.head.files, "pair/manifest.json": blob})
    assert fetch(OWN, tmp_path).files == ("pair/train-00000-of-00001.parquet", "pair/validation-00000-of-00001.parquet")


def test_a_manifest_of_something_else_changes_nothing(hub: hub_server.Hub, tmp_path: Path) -> None:
    head = hub.repos[f"datasets/{ID}"].head
    files = {**head.files, "manifest.json": hub_server.Blob(b'{"files": []}', False)}
    other = hub.repos.setdefault("datasets/a/b", hub_server.Repo(private=False))
    other.commit("refs/heads/main", None, "first", files)
    assert fetch("a/b", tmp_path).files == ("kullm-v2.jsonl", "manifest.json")


def test_a_dataset_of_ours_in_raw_is_read_once(tmp_path: Path) -> None:
    again = tmp_path / "again"
    copied = shutil.copytree(built(tmp_path / "first"), again / "raw" / "old")
    config = again / "pipeline.toml"
    wrong = '["old/**/*.parquet"]', '["old/*.json"]', '["old/*/*.parquet", "old/messages/train/*"]'
    for globs in wrong:
        config.write_text(f'[dataset]\nname = "mine"\n\n[[source]]\nname = "old"\nfiles = {globs}\n')
        with pytest.raises(ConfigError, match=r'Name one kind: files = \["old/pair/\*.parquet"\]'):
            plan_of_config(config)
    config.write_text(new_config(again / "raw", "mine").replace("skt/kobert-base-v1", "embedded"))
    manifest = run(plan_of_config(config), workers=1)
    assert manifest.counts.kept == manifest.counts.rows_in == len(RECORDS)
    assert records(again / "processed" / "mine" / "pair") == records(copied / "pair", first=True)
    config.write_text('[dataset]\nname = "mine"\n\n[[source]]\nname = "old"\nfiles = ["old/rejects.jsonl"]\n')
    assert len(plan_of_config(config).units) == 1
