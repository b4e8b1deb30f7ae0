"""Sources and datasets in object stores: real servers of S3 (moto's) and of Google Cloud Storage on the loopback."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
CONFIG = """
[dataset]
name = "x"

[[source]]
name = "far"
files = ["SCHEME://bucket/data/*.jsonl"]

[tokenize]
tokenizer = "embedded"
"""


class Store(NamedTuple):
    """A server on the loopback, and its file system, which its own library opens. `config`: reads from it."""

    scheme: str
    kind: Any
    files: Any

    @property
    def config(self) -> str:
        return CONFIG.replace("SCHEME", self.scheme)


@contextlib.contextmanager
def s3(patch: pytest.MonkeyPatch) -> Iterator[Store]:
    """moto's server, and s3fs."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    patch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*running.get_host_and_port()))
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret"), ("DEFAULT_REGION", "us-east-1")):
        patch.setenv(f"AWS_{name}", value)
    yield Store("s3", s3fs.S3FileSystem, s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True))
    running.stop()


@contextlib.contextmanager
def gs(patch: pytest.MonkeyPatch) -> Iterator[Store]:
    """gcp-storage-emulator, and gcsfs."""
    gcsfs = pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = emulator.create_server("127.0.0.1", port, in_memory=True)
    running.start()
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # else it asks the server for more than it is
    yield Store("gs", gcsfs.GCSFileSystem, gcsfs.GCSFileSystem(use_listings_cache=False, skip_instance_cache=True))
    running.stop()


@pytest.fixture(scope="module", params=[s3, gs])
def server(request: pytest.FixtureRequest) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch, request.param(patch) as store:
        yield store


@pytest.fixture
def store(server: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(server.config)
    server.files.mkdir("bucket")
    put(server, "a.jsonl", range(100))
    put(server, "b.jsonl", range(50, 150))
    yield server
    server.files.rm("bucket", recursive=True)


def put(store: Store, name: str, numbers: range) -> None:
    store.files.pipe(f"bucket/data/{name}", "\n".join(map(record, numbers)).encode())


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def copied(done: Result) -> list[str]:
    return [
        line.partition("data/")[2].partition(":")[0] for line in done.stderr.splitlines() if line.startswith("copy")
    ]


def test_a_source_is_copied_once_and_again_when_it_changes(store: Store) -> None:
    done = command("run")
    assert done.exit_code == 0, done.stderr
    assert copied(done) == ["a.jsonl", "b.jsonl"]
    assert "  train" in done.stdout
    manifest = json.loads(Path("processed/x/manifest.json").read_text())
    assert manifest["counts"]["rows_in"] == 200
    assert list(manifest["raw"]) == [f"{store.scheme}:/bucket/data/{name}.jsonl" for name in "ab"]
    assert copied(command("run")) == []
    put(store, "b.jsonl", range(60, 160))  # of the same size
    put(store, "c.jsonl", range(300, 310))
    store.files.rm("bucket/data/a.jsonl")
    done = command("run")
    assert copied(done) == ["b.jsonl", "c.jsonl", "a.jsonl is gone, and its copy is removed"]
    assert json.loads(Path("processed/x/manifest.json").read_text())["counts"]["rows_in"] == 110


def test_the_copies_give_the_rows_of_local_files(store: Store, tmp_path: Path) -> None:
    def rows() -> list[str]:
        files = sorted(Path("processed/x/jsonl").iterdir())
        return [
            line.replace(f"{store.scheme}:/bucket/data/", "")
            for file in files
            for line in file.read_text("utf-8").splitlines()
        ]

    config = store.config + '[export]\nformats = ["jsonl"]\nvalidation = 0.0\n'
    Path("pipeline.toml").write_text(config)
    command("run")
    far = rows()
    for name in ("a", "b"):
        (tmp_path / "raw" / f"{name}.jsonl").write_bytes(store.files.cat(f"bucket/data/{name}.jsonl"))
    Path("pipeline.toml").write_text(config.replace(f"{store.scheme}://bucket/data/", ""))
    command("run")
    assert len(far) == 150
    assert rows() == far


def test_no_bucket_and_no_file(store: Store) -> None:
    done = command("check")
    assert done.exit_code == 1
    missing = (
        f"source 'far': raw has no copy of '{store.scheme}://bucket/data/*.jsonl'. `ko-instruct run` copies what is"
    )
    assert missing in done.stdout + done.stderr
    assert command("run").exit_code == 0
    assert command("check").exit_code == 0
    Path("pipeline.toml").write_text(store.config.replace("bucket", "nowhere"))
    done = command("run")
    assert done.exit_code == 1
    assert "nowhere" in done.stderr
    Path("pipeline.toml").write_text(store.config.replace(f"{store.scheme}:", "s9:"))
    done = command("run")
    assert done.exit_code == 1
    assert "s9://" in done.stderr
    assert "s3, gs, hf" in done.stderr


def uploaded(folder: str) -> dict[str, str]:
    """What goes to a store: not the report, which shows rejected rows, too."""
    return {name: digest for name, digest in digests(Path(folder)).items() if name != "report.html"}


def test_a_dataset_is_uploaded_with_its_manifest_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    command("run")
    done = command("upload", "processed/x", f"{store.scheme}://bucket/sets/x/")
    assert done.exit_code == 0, done.stderr
    store.files.get("bucket/sets/x", "back", recursive=True)
    assert digests(Path("back")) == uploaded("processed/x")
    assert "is up to date" in command("upload", "processed/x", f"{store.scheme}://bucket/sets/x").stderr

    old = set(store.files.find("bucket/sets/x"))
    Path("pipeline.toml").write_text(store.config + '[export]\nformats = ["jsonl"]\n')
    command("run")
    seen: list[bool] = []
    put_file = store.kind._put_file

    async def stop(self: Any, local: str, remote: str, **options: Any) -> None:
        seen.append(await self._exists("bucket/sets/x/manifest.json"))
        if len(seen) == 2:
            raise OSError("the network is gone")
        await put_file(self, local, remote, **options)

    with monkeypatch.context() as patched:
        patched.setattr(store.kind, "_put_file", stop)
        done = command("upload", "processed/x", f"{store.scheme}://bucket/sets/x")
    assert done.exit_code == 1
    assert f"{store.scheme}://bucket/sets/x: the network is gone" in done.stderr
    assert seen == [False, False]
    assert not store.files.exists("bucket/sets/x/manifest.json")
    assert command("upload", "processed/x", f"{store.scheme}://bucket/sets/x").exit_code == 0
    store.files.get("bucket/sets/x", "again", recursive=True)
    assert digests(Path("again")) == uploaded("processed/x")
    assert old - set(store.files.find("bucket/sets/x"))


def test_an_upload_that_is_not_one(store: Store) -> None:
    command("run")
    for url in ("hf://me/x", "/tmp/x"):
        done = command("upload", "processed/x", url)
        assert done.exit_code == 2
        assert "ko-instruct push" in done.stderr


def test_names_of_files_and_addresses() -> None:
    assert object_store.is_url("s3://a/b")
    assert not object_store.is_url("a:b/*.jsonl")
