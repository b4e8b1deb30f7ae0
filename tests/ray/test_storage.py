"""Sources and datasets in an object store: a real S3 server (moto's) on the loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.io import object_store
from tests.ray.conftest import record
from tests.support.folders import digests

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
server = pytest.importorskip("moto.server", reason="moto's server is not installed")

CONFIG = """
[dataset]
name = "x"

[[source]]
name = "far"
files = ["s3://bucket/data/*.jsonl"]

[tokenize]
tokenizer = "embedded"
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def store(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    names = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in (names | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(CONFIG)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False)
    files.mkdir("bucket")
    put(files, "a.jsonl", range(100))
    put(files, "b.jsonl", range(50, 150))
    yield files
    files.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def put(files: Any, name: str, numbers: range) -> None:
    files.pipe(f"bucket/data/{name}", "\n".join(map(record, numbers)).encode())


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def copied(done: Result) -> list[str]:
    return [
        line.partition("data/")[2].partition(":")[0] for line in done.stderr.splitlines() if line.startswith("copy")
    ]


def test_a_source_is_copied_once_and_again_when_it_changes(store: Any) -> None:
    done = command("run")
    assert done.exit_code == 0, done.stderr
    assert copied(done) == ["a.jsonl", "b.jsonl"]
    assert "  train" in done.stdout
    manifest = json.loads(Path("processed/x/manifest.json").read_text())
    assert manifest["counts"]["rows_in"] == 200
    assert list(manifest["raw"]) == ["s3:/bucket/data/a.jsonl", "s3:/bucket/data/b.jsonl"]
    assert copied(command("run")) == []
    put(store, "b.jsonl", range(60, 160))  # of the same size
    put(store, "c.jsonl", range(300, 310))
    store.rm("bucket/data/a.jsonl")
    done = command("run")
    assert copied(done) == ["b.jsonl", "c.jsonl", "a.jsonl is gone, and its copy is removed"]
    assert json.loads(Path("processed/x/manifest.json").read_text())["counts"]["rows_in"] == 110


def test_the_copies_give_the_rows_of_local_files(store: Any, tmp_path: Path) -> None:
    def rows() -> list[str]:
        files = sorted(Path("processed/x/jsonl").iterdir())
        return [line.replace("s3:/bucket/data/", "") for file in files for line in file.read_text("utf-8").splitlines()]

    config = CONFIG + '[export]\nformats = ["jsonl"]\nvalidation = 0.0\n'
    Path("pipeline.toml").write_text(config)
    command("run")
    far = rows()
    for name in ("a", "b"):
        (tmp_path / "raw" / f"{name}.jsonl").write_bytes(store.cat(f"bucket/data/{name}.jsonl"))
    Path("pipeline.toml").write_text(config.replace("s3://bucket/data/", ""))
    command("run")
    assert len(far) == 150
    assert rows() == far


def test_no_bucket_and_no_file(store: Any) -> None:
    done = command("check")
    assert done.exit_code == 1
    assert "source 'far': raw has no copy of 's3://bucket/data/*.jsonl'. `ko-instruct run` copies what is there" in (
        done.stdout + done.stderr
    )
    assert command("run").exit_code == 0
    assert command("check").exit_code == 0
    Path("pipeline.toml").write_text(CONFIG.replace("bucket", "nowhere"))
    done = command("run")
    assert done.exit_code == 1
    assert "nowhere" in done.stderr
    Path("pipeline.toml").write_text(CONFIG.replace("s3:", "s9:"))
    done = command("run")
    assert done.exit_code == 1
    assert "s9://" in done.stderr
    assert "s3, gs, hf" in done.stderr


def uploaded(folder: str) -> dict[str, str]:
    """What goes to a store: not the report, which shows rejected rows, too."""
    return {name: digest for name, digest in digests(Path(folder)).items() if name != "report.html"}


def test_a_dataset_is_uploaded_with_its_manifest_last(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    command("run")
    done = command("upload", "processed/x", "s3://bucket/sets/x/")
    assert done.exit_code == 0, done.stderr
    store.get("bucket/sets/x", "back", recursive=True)
    assert digests(Path("back")) == uploaded("processed/x")
    assert "is up to date" in command("upload", "processed/x", "s3://bucket/sets/x").stderr

    old = set(store.find("bucket/sets/x"))
    Path("pipeline.toml").write_text(CONFIG + '[export]\nformats = ["jsonl"]\n')
    command("run")
    seen: list[bool] = []
    put_file = s3fs.S3FileSystem._put_file

    async def stop(self: Any, local: str, remote: str, **options: Any) -> None:
        seen.append(await self._exists("bucket/sets/x/manifest.json"))
        if len(seen) == 2:
            raise OSError("the network is gone")
        await put_file(self, local, remote, **options)

    with monkeypatch.context() as patched:
        patched.setattr(s3fs.S3FileSystem, "_put_file", stop)
        s3fs.S3FileSystem.clear_instance_cache()
        done = command("upload", "processed/x", "s3://bucket/sets/x")
    s3fs.S3FileSystem.clear_instance_cache()
    assert done.exit_code == 1
    assert "s3://bucket/sets/x: the network is gone" in done.stderr
    assert seen == [False, False]
    assert not store.exists("bucket/sets/x/manifest.json")
    assert command("upload", "processed/x", "s3://bucket/sets/x").exit_code == 0
    store.get("bucket/sets/x", "again", recursive=True)
    assert digests(Path("again")) == uploaded("processed/x")
    assert old - set(store.find("bucket/sets/x"))


def test_an_upload_that_is_not_one(store: Any) -> None:
    command("run")
    for url in ("hf://me/x", "/tmp/x"):
        done = command("upload", "processed/x", url)
        assert done.exit_code == 2
        assert "ko-instruct push" in done.stderr


def test_names_of_files_and_addresses() -> None:
    assert object_store.is_url("s3://a/b")
    assert not object_store.is_url("a:b/*.jsonl")
