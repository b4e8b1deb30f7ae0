"""Push, over real HTTP with the real client, against the Hub of tests/hub_server.py."""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

from pipeline.hub import PushError, push
from pipeline.hub.publishable import FORBIDDING_LICENCES, spelled
from schemas.manifest import Counts, File, Manifest, Tokens
from schemas.options import Dataset, Source
from schemas.push import PushOptions
from tests.support import hub_server
from tests.support.hub_server import Hub

# huggingface_hub sends LFS files in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

REPO = "tester/ko-sample"
KEY = f"datasets/{REPO}"
#: What is published: path in the repository, and in the export's folder.
PUBLISHED = {
    "README.md": "README.md",
    "pair/README.md": "README.md",
    "pair/manifest.json": "manifest.json",
    "pair/train-00000-of-00001.parquet": "pair/train-00000-of-00001.parquet",
    "pair/validation-00000-of-00001.parquet": "pair/validation-00000-of-00001.parquet",
}
TRAIN, VALIDATION = list(PUBLISHED)[3:]
CARD = """---
language:
- ko
license: cc0-1.0
configs:
- config_name: pair
  data_files:
  - split: train
    path: pair/train-*.parquet
  - split: validation
    path: pair/validation-*.parquet
---
# 작은 예제
"""


def rows(*instructions: str) -> pa.Table:
    """As KoBERT's pair layout leaves them."""
    return pa.table(
        {
            "instruction": instructions,
            "output": [f"{text}에 대한 답입니다." for text in instructions],
            "input_ids": pa.array([[2, 517, 3, 490, 3]] * len(instructions), pa.list_(pa.int32())),
            "token_type_ids": pa.array([[0, 0, 0, 1, 1]] * len(instructions), pa.list_(pa.int8())),
        }
    )


def write_manifest(
    folder: Path, tokenizer: dict[str, Any] | None = None, layout: str = "pair", **licenses: str
) -> None:
    """manifest.json for what lies in the folder."""
    files = {
        path.relative_to(folder).as_posix(): File(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    sources = licenses or {"sample": "cc0-1.0"}
    manifest = Manifest(
        dataset=Dataset(name="ko-sample"),
        sources=[Source(name=name, files=("sample/*.jsonl",), license=text) for name, text in sources.items()],
        tokenizer=tokenizer or {"name": "skt/kobert-base-v1", "kind": "kobert", "sha256": "0" * 64},
        options={"tokenize": {"layout": layout}},
        versions={},
        raw={},
        counts=Counts(
            rows_in=3,
            kept=3,
            rejected=[],
            sources={"sample": 3},
            splits={"train": 2, "validation": 1},
            fixes={},
            flags={},
        ),
        tokens=Tokens(total=15, mean=5, longest=5, unknown=0, cut=0, cut_rows=0),
        columns={},
        files=files,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2, by_alias=True), encoding="utf-8")


def put(folder: Path, path: str, data: bytes) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small export of every format."""
    folder = tmp_path / "processed" / "ko-sample"
    put(folder, "README.md", CARD.encode())
    for split, table in (("train", rows("한글의 날은?", "김치란?")), ("validation", rows("서울은 어디?"))):
        put(folder, f"pair/{split}-00000-of-00001.parquet", b"")
        pq.write_table(table, folder / f"pair/{split}-00000-of-00001.parquet")
        put(folder, f"jsonl/{split}-00000-of-00001.jsonl", '{"instruction": "한글의 날은?"}\n'.encode())
        put(folder, f"{split}/data-00000-of-00001.arrow", b"arrow")
        put(folder, f"{split}/state.json", b"{}")
    put(folder, "dataset_dict.json", b'{"splits": ["train", "validation"]}')
    put(folder, "rejects.jsonl", '{"raw": "전화는 010-1234-5678"}\n'.encode())
    write_manifest(folder)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A Hub that this process's client speaks to, logged in with a token that may write."""
    from huggingface_hub import close_session

    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        yield hub
        close_session()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between tries are noted, not waited."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def refused(action: Callable[[], object]) -> PushError:
    with pytest.raises(PushError) as caught:
        action()
    assert caught.value.remedy in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert not any(token in shown for token in hub_server.ROLES)
    error: BaseException | None = caught.value
    while error is not None:  # nor does an error in the chain hold the request, with its headers
        assert not hasattr(error, "request")
        error = error.__cause__ or error.__context__
    return caught.value


# What is published, and how.


def test_one_commit_holds_card_manifest_and_parquet(hub: Hub, folder: Path) -> None:
    result = push(folder, REPO)
    repo = hub.repos[KEY]
    assert repo.private
    assert len(repo.commits) == 2  # the Hub's own first one, and this
    assert set(repo.files) - {".gitattributes"} == set(PUBLISHED)
    assert all(repo.files[there] == (folder / here).read_bytes() for there, here in PUBLISHED.items())
    assert result.commit == repo.head.oid
    assert repo.head.title == "Publish ko-sample"
    assert result.committed
    assert result.created
    assert result.private
    assert result.url == f"{hub.endpoint}/{KEY}"
    assert result.bytes == result.bytes_to_send == sum((folder / path).stat().st_size for path in PUBLISHED.values())


def test_the_same_bytes_make_no_commit(hub: Hub, folder: Path) -> None:
    first = push(folder, REPO)
    hub.requests.clear()
    second = push(folder, REPO)
    assert second.commit == first.commit
    assert not second.committed
    assert second.bytes_to_send == 0
    assert hub.methods == {"GET"}


def test_only_what_changed_is_sent_and_stale_shards_go(hub: Hub, folder: Path) -> None:
    push(folder, REPO, PushOptions(rejects=True, also=("jsonl",)))
    before = set(hub.uploaded)
    hub.repos[KEY].commit(
        "refs/heads/main",
        hub.repos[KEY].head.oid,
        "by hand",
        {**hub.repos[KEY].head.files, "LICENSE": hub_server.Blob(b"CC0", False)},
    )
    (folder / TRAIN).unlink()
    pq.write_table(rows("한글의 날은?"), folder / "pair/train-00000-of-00002.parquet")
    pq.write_table(rows("김치란?"), folder / "pair/train-00001-of-00002.parquet")
    write_manifest(folder)
    result = push(folder, REPO)
    changes = {file.path: file.change for file in result.files}
    assert changes == {
        "README.md": "same",
        "pair/README.md": "same",
        "pair/manifest.json": "update",
        "pair/train-00000-of-00001.parquet": "delete",
        "pair/train-00000-of-00002.parquet": "add",
        "pair/train-00001-of-00002.parquet": "add",
        "pair/validation-00000-of-00001.parquet": "same",
        "pair/jsonl/train-00000-of-00001.jsonl": "delete",
        "pair/jsonl/validation-00000-of-00001.jsonl": "delete",
        "pair/rejects.jsonl": "delete",
    }
    assert set(hub.repos[KEY].files) == {".gitattributes", "LICENSE"} | {
        path for path, change in changes.items() if change != "delete"
    }
    assert len(set(hub.uploaded) - before) == 2


def test_other_formats_and_rejects_go_when_asked(hub: Hub, folder: Path) -> None:
    push(folder, REPO, PushOptions(also=("jsonl", "arrow"), rejects=True))
    everything = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    below = {path if path.startswith("pair/") else f"pair/{path}" for path in everything}
    assert set(hub.repos[KEY].files) == below | {"README.md", ".gitattributes"}


def test_a_name_alone_is_below_the_account(hub: Hub, folder: Path) -> None:
    assert push(folder, "ko-sample", PushOptions(private=False, message="처음 올립니다")).repo_id == REPO
    assert not hub.repos[KEY].private
    assert hub.repos[KEY].head.title == "처음 올립니다"


def test_a_new_branch_is_made_from_main(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    main = hub.repos[KEY].head
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    result = push(folder, REPO, PushOptions(revision="v2"))
    assert hub.repos[KEY].head is main
    assert hub.repos[KEY].at("v2").oid == result.commit
    assert hub.repos[KEY].at("v2").parent == main.oid


def test_a_branch_of_a_new_repository(hub: Hub, folder: Path) -> None:
    result = push(folder, REPO, PushOptions(revision="v2"))
    assert hub.repos[KEY].at("v2").oid == result.commit
    assert set(hub.repos[KEY].files) == {".gitattributes"}


def test_a_pull_request_leaves_the_branch_and_is_made_once(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    main = hub.repos[KEY].head
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    first = push(folder, REPO, PushOptions(create_pr=True))
    assert hub.repos[KEY].head is main
    assert first.pr_url == f"{hub.endpoint}/{KEY}/discussions/1"
    second = push(folder, REPO, PushOptions(create_pr=True))
    assert (second.pr_url, second.commit, second.committed) == (first.pr_url, first.commit, False)
    put(folder, "README.md", CARD.encode() + "셋째 판\n".encode())
    third = push(folder, REPO, PushOptions(create_pr=True))
    assert third.pr_url == f"{hub.endpoint}/{KEY}/discussions/2"


def test_a_tag_names_one_version_for_ever(hub: Hub, folder: Path) -> None:
    first = push(folder, REPO, PushOptions(tag="v1"))
    assert hub.repos[KEY].at("v1").oid == first.commit
    assert push(folder, REPO, PushOptions(tag="v1")).commit == first.commit
    assert push(folder, REPO, PushOptions(tag="v1.0")).committed is False
    assert hub.repos[KEY].at("v1.0").oid == first.commit
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    assert refused(lambda: push(folder, REPO, PushOptions(tag="v1"))).reason == "tag-exists"
    assert hub.repos[KEY].head.oid == first.commit
    with pytest.raises(ValidationError, match="pull request"):
        PushOptions(create_pr=True, tag="v1")


@pytest.mark.parametrize("name", ["", "v 1", "refs/pr/1", "-v", "a..b", "v1/"])
def test_names_that_no_branch_or_tag_can_have(name: str) -> None:
    with pytest.raises(ValidationError, match=r"v1\.0"):
        PushOptions(tag=name)
    with pytest.raises(ValidationError, match=r"v1\.0"):
        PushOptions(revision=name)


def test_load_dataset_reads_it_back(hub: Hub, folder: Path, tmp_path: Path) -> None:
    push(folder, REPO)
    script = f"""
from datasets import load_dataset
data = load_dataset({REPO!r})
assert list(data) == ["train", "validation"], data
assert data["train"]["instruction"] == ["한글의 날은?", "김치란?"]
assert data["train"][0]["input_ids"] == [2, 517, 3, 490, 3]
assert data["validation"].num_rows == 1
"""
    environment = os.environ | hub_server.environment(hub, tmp_path / "reader")
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_command(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """The client reads the environment here as it does for a user."""
    environment = os.environ | hub_server.environment(hub, tmp_path / "new")

    def command(*options: str, **login: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from pipeline.cli import main; main()", "push", str(folder), REPO, *options]
        return subprocess.run(line, env=environment | login, capture_output=True, text=True, timeout=60, check=False)

    dry = command("--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert CARD in dry.stdout
    assert all(f"  {path}\n" in dry.stdout for path in PUBLISHED)
    assert KEY not in hub.repos
    done = command()
    assert done.returncode == 0, done.stderr
    assert set(PUBLISHED) < set(hub.repos[KEY].files)
    refused = command(HF_TOKEN="hf_expiredTokenOfLastYear")
    assert refused.returncode != 0
    assert "hf auth login" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not re.search(r"hf_\w{8}", done.stdout + done.stderr + refused.stdout + refused.stderr)


# Several layouts in one repository.


@pytest.fixture
def fields(tmp_path: Path, folder: Path) -> Path:
    """The same dataset in another layout."""
    other = tmp_path / "processed" / "ko-sample-fields"
    put(other, "README.md", CARD.replace("pair", "fields").replace("cc0-1.0", "cc-by-4.0").encode())
    for split in ("train", "validation"):
        put(other, f"fields/{split}-00000-of-00001.parquet", b"")
        table = rows(f"{split}의 지시").rename_columns(["instruction", "output", "instruction_ids", "output_ids"])
        pq.write_table(table, other / f"fields/{split}-00000-of-00001.parquet")
    write_manifest(other, layout="fields")
    return other


def test_another_layout_joins_as_another_config(hub: Hub, folder: Path, fields: Path, tmp_path: Path) -> None:
    push(folder, REPO)
    first = hub.repos[KEY].files
    result = push(fields, REPO)
    both = hub.repos[KEY].files
    assert {path: both[path] for path in PUBLISHED if path != "README.md"} == {
        path: first[path] for path in PUBLISHED if path != "README.md"
    }
    assert {file.change for file in result.files} == {"update", "add"}
    card = both["README.md"].decode()
    assert result.card == card
    header = yaml.safe_load(card.split("---\n")[1])
    assert [config["config_name"] for config in header["configs"]] == ["fields", "pair"]
    assert header["language"] == ["ko"]
    assert header["license"] == "other"
    assert card.count("# 작은 예제") == 2
    script = f"""
from datasets import load_dataset
assert load_dataset({REPO!r}, "pair", split="train")["instruction"][:] == ["한글의 날은?", "김치란?"]
fields = load_dataset({REPO!r}, "fields", split="validation")
assert fields["instruction"][:] == ["validation의 지시"]
assert "instruction_ids" in fields.column_names
try:
    load_dataset({REPO!r})
except ValueError as error:
    assert "fields" in str(error)
else:
    raise AssertionError("one of two configs was taken unasked")
"""
    environment = os.environ | hub_server.environment(hub, tmp_path / "reader")
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_configs_come_in_any_order_and_again(hub: Hub, folder: Path, fields: Path) -> None:
    push(folder, REPO)
    head = push(fields, REPO).commit
    assert [push(each, REPO).commit for each in (folder, fields)] == [head, head]
    push(fields, "tester/other-order")
    push(folder, "tester/other-order")
    assert hub.repos["datasets/tester/other-order"].files == hub.repos[KEY].files


def test_only_files_of_the_pushed_config_go(hub: Hub, folder: Path, fields: Path) -> None:
    push(folder, REPO)
    push(fields, REPO, PushOptions(rejects=False))
    (folder / TRAIN).rename(folder / "pair/train-00000-of-00002.parquet")
    write_manifest(folder)
    gone = [file.path for file in push(folder, REPO).files if file.change == "delete"]
    assert gone == [TRAIN]
    assert sum(path.startswith("fields/") for path in hub.repos[KEY].files) == 4


@pytest.mark.parametrize("data", [b"# no header\n", b"---\nlicense: [cc0\n---\n", CARD.encode("cp949")])
def test_cards_that_cannot_be_joined(hub: Hub, folder: Path, fields: Path, data: bytes) -> None:
    push(folder, REPO)
    head = hub.repos[KEY].head
    put(fields, "README.md", data)
    error = refused(lambda: push(fields, REPO))
    assert error.reason == "invalid-card"
    assert "config fields" in str(error)
    assert hub.repos[KEY].head is head


# A dry run.


def test_a_dry_run_only_reads(hub: Hub, folder: Path) -> None:
    dry = push(folder, REPO, PushOptions(dry_run=True, tag="v1"))
    assert hub.repos == {}
    assert [(file.path, file.change) for file in dry.files] == [(path, "add") for path in PUBLISHED]
    assert dry.card == CARD
    assert (dry.commit, dry.committed, dry.created) == (None, False, True)
    push(folder, REPO)
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    hub.requests.clear()
    dry = push(folder, REPO, PushOptions(dry_run=True))
    assert {file.path for file in dry.files if file.change == "update"} == {"README.md", "pair/README.md"}
    assert hub.methods == {"GET"}


def test_a_dry_run_needs_no_login(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    dry = push(folder, REPO, PushOptions(dry_run=True))
    assert [file.path for file in dry.files] == list(PUBLISHED)
    assert "hf auth login" in dry.warnings[0]


# What is refused before anything is sent.


def test_the_embedded_tokenizer_is_not_published_by_accident(hub: Hub, folder: Path) -> None:
    write_manifest(folder, tokenizer={"name": "embedded", "kind": "embedded", "sha256": "0" * 64})
    assert refused(lambda: push(folder, REPO)).reason == "embedded-tokenizer"
    assert hub.requests == []
    assert push(folder, REPO, PushOptions(allow_embedded=True)).committed


@pytest.mark.parametrize(
    "name",
    [
        "cc-by-nd-4.0",
        "CC BY-NC-ND 4.0",
        "공공누리 제4유형",
        "KOGL Type 3",
        "All rights reserved",
        "AI Hub",
        "재배포 금지",
    ],
)
def test_a_licence_that_forbids_redistribution_names_its_source(hub: Hub, folder: Path, name: str) -> None:
    write_manifest(folder, free="cc-by-4.0", bound=name)
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "license"
    assert f"bound ({name})" in str(error)
    assert "free" not in str(error)
    assert hub.requests == []
    assert push(folder, REPO, PushOptions(permitted=("bound",))).committed


@pytest.mark.parametrize(
    "name",
    ["cc0-1.0", "cc-by-4.0", "cc-by-nc-sa-4.0", "mit", "apache-2.0", "kogl-type-1", "공공누리 제1유형", "odc-by"],
)
def test_licences_that_permit_it(name: str) -> None:
    assert not FORBIDDING_LICENCES.search(spelled(name))


def test_an_unknown_licence_warns(hub: Hub, folder: Path) -> None:
    write_manifest(folder, found="unknown")
    result = push(folder, REPO)
    assert result.committed
    assert "found" in result.warnings[0]


def test_permission_for_a_source_that_there_is_not(hub: Hub, folder: Path) -> None:
    assert "sampel" in str(refused(lambda: push(folder, REPO, PushOptions(permitted=("sampel",)))))


def test_a_folder_that_is_no_finished_export(hub: Hub, folder: Path) -> None:
    (folder / "manifest.json").write_text('{"dataset": {}}')
    assert refused(lambda: push(folder, REPO)).reason == "not-an-export"
    (folder / "manifest.json").unlink()
    assert refused(lambda: push(folder, REPO)).reason == "not-an-export"


def test_an_export_without_the_format(hub: Hub, folder: Path) -> None:
    for path in folder.glob("jsonl/*"):
        path.unlink()
    write_manifest(folder)
    assert "jsonl" in str(refused(lambda: push(folder, REPO, PushOptions(also=("jsonl",)))))


def test_data_changed_after_the_export(hub: Hub, folder: Path) -> None:
    pq.write_table(rows("바뀐 행"), folder / TRAIN)
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "changed-since-export"
    assert TRAIN in str(error)
    (folder / TRAIN).unlink()
    assert refused(lambda: push(folder, REPO)).reason == "changed-since-export"
    assert hub.requests == []


def test_a_card_edited_by_hand_is_published(hub: Hub, folder: Path) -> None:
    put(folder, "README.md", CARD.encode() + "손으로 고친 설명\n".encode())
    assert "README.md" in push(folder, REPO).warnings[0]
    assert "손으로 고친 설명" in hub.repos[KEY].files["README.md"].decode()


def test_a_public_repository_takes_no_private_push(hub: Hub, folder: Path) -> None:
    push(folder, REPO, PushOptions(private=False))
    head = hub.repos[KEY].head
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    assert refused(lambda: push(folder, REPO)).reason == "visibility"
    assert hub.repos[KEY].head is head


def test_a_private_repository_stays_private(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    assert "stays private" in push(folder, REPO, PushOptions(private=False)).warnings[0]
    assert hub.repos[KEY].private


# What the Hub refuses.


def test_not_logged_in(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "not-logged-in"
    assert "hf auth login" in error.remedy
    assert hub.requests == []


@pytest.mark.parametrize("token", ["hf_expiredTokenOfLastYear", "hf_broken\x01Token", "토큰"])
def test_a_wrong_token_is_refused_and_not_shown(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "not-logged-in"
    assert token not in str(error)
    assert repr(token)[1:-1] not in str(error)


def test_a_token_that_the_hub_repeats_is_not_shown(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hub_server.ROLES, "org-secret-token", "write")
    monkeypatch.setenv("HF_TOKEN", "org-secret-token")
    hub.fail("POST", "/commit/", 500, headers={"X-Error-Message": "org-secret-token and hf_someOtherToken failed"})
    assert "hf_… and hf_… failed" in str(refused(lambda: push(folder, REPO)))


def test_a_token_that_only_reads(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub_server.READ_TOKEN)
    assert refused(lambda: push(folder, REPO)).reason == "forbidden"
    assert hub.methods == {"GET"}


def test_a_foreign_namespace(hub: Hub, folder: Path) -> None:
    error = refused(lambda: push(folder, "someone-else/ko-sample"))
    assert error.reason == "forbidden"
    assert "someone-else/ko-sample" in str(error)
    assert hub.repos == {}


def test_a_foreign_dataset_takes_a_pull_request(hub: Hub, folder: Path) -> None:
    hub.seed({"datasets/someone-else/ko-sample/README.md": CARD.encode()})
    assert refused(lambda: push(folder, "someone-else/ko-sample", PushOptions(private=False))).reason == "forbidden"
    assert push(folder, "someone-else/ko-sample", PushOptions(private=False, create_pr=True)).pr_url
    assert set(hub.repos["datasets/someone-else/ko-sample"].files) == {"README.md"}


def test_a_pull_request_to_a_branch_that_there_is_not(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    assert refused(lambda: push(folder, REPO, PushOptions(create_pr=True, revision="v9"))).reason == "not-found"


def test_a_repository_that_vanishes_meanwhile(hub: Hub, folder: Path) -> None:
    hub.fail("POST", "/commit/", 404)
    assert refused(lambda: push(folder, REPO)).reason == "not-found"


def test_a_name_that_no_repository_can_have(hub: Hub, folder: Path) -> None:
    assert refused(lambda: push(folder, "tester/한국어 데이터")).reason == "invalid-name"


def test_a_card_that_the_hub_does_not_accept(hub: Hub, folder: Path) -> None:
    put(folder, "README.md", b"---\nlicense: [cc0\n---\n# x\n")
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "invalid-card"
    assert set(hub.repos[KEY].files) == {".gitattributes"}


def test_someone_else_commits_meanwhile(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(folder, REPO)
    repo = hub.repos[KEY]
    put(folder, "README.md", CARD.encode() + "둘째 판\n".encode())
    preupload = hub_server.Handler.preupload

    def meanwhile(handler: hub_server.Handler, key: str, revision: str) -> object:
        repo.commit("refs/heads/main", repo.head.oid, "theirs", repo.head.files)
        return preupload(handler, key, revision)

    routes = [(m, p, meanwhile if action is preupload else action) for m, p, action in hub_server.ROUTES]
    monkeypatch.setattr(hub_server, "ROUTES", routes)
    assert refused(lambda: push(folder, REPO)).reason == "conflict"
    assert repo.head.title == "theirs"


# What goes wrong on the way.


@pytest.mark.parametrize("path", ["whoami", "/api/datasets/", "repos/create", "preupload", "objects/batch", "/commit/"])
def test_too_many_requests_waits_and_goes_on(hub: Hub, folder: Path, waits: list[float], path: str) -> None:
    method = "GET" if path in ("whoami", "/api/datasets/") else "POST"
    hub.fail(method, path, 429, times=2, headers={"Retry-After": "7"})
    assert push(folder, REPO).committed
    assert len(waits) == 2
    assert all(7 <= wait <= 8 for wait in waits)


@pytest.mark.parametrize("path", ["repos/create", "objects/batch", "/commit/"])
def test_too_many_requests_for_too_long(hub: Hub, folder: Path, waits: list[float], path: str) -> None:
    hub.fail("POST", path, 429, times=1000)
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "rate-limited"
    assert 3 <= len(waits) <= 5
    assert KEY not in hub.repos or set(hub.repos[KEY].files) == {".gitattributes"}


def test_a_wait_that_is_too_long_is_not_waited(hub: Hub, folder: Path, waits: list[float]) -> None:
    hub.fail("POST", "/commit/", 429, headers={"RateLimit": '"api";r=0;t=3000'})
    assert refused(lambda: push(folder, REPO)).reason == "rate-limited"
    assert waits == []


def big(folder: Path) -> str:
    """A file in the export that does not fit into the buffers of a connection; gives its path."""
    path = "pair/train-00001-of-00002.parquet"
    put(folder, path, bytes(range(256)) * 40_000)
    write_manifest(folder)
    return path


def test_a_cut_in_mid_upload_is_tried_again(hub: Hub, folder: Path, waits: list[float]) -> None:
    path = big(folder)
    hub.cut("PUT", "/lfs/", after=1_000_000, times=2)
    push(folder, REPO)
    assert hub.repos[KEY].files[path] == (folder / path).read_bytes()
    assert waits


def test_a_line_lost_in_mid_upload_changes_nothing_and_the_next_push_goes_on(
    hub: Hub, folder: Path, waits: list[float]
) -> None:
    push(folder, REPO)
    repo = hub.repos[KEY]
    head, refs = repo.head, dict(repo.refs)
    path = big(folder)
    pq.write_table(rows("서울은 어디?", "부산은?"), folder / VALIDATION)
    write_manifest(folder)
    broken = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    hub.uploaded.clear()
    hub.cut("PUT", f"/lfs/{broken}", after=1_000_000, times=1000)
    error = refused(lambda: push(folder, REPO, PushOptions(tag="v2", revision="next")))
    assert error.reason == "connection-lost"
    assert repo.refs == refs
    assert repo.head is head

    hub.faults.clear()
    push(folder, REPO)
    assert repo.files[path] == (folder / path).read_bytes()
    assert len(hub.uploaded) == len(set(hub.uploaded)) == 2


def test_an_interrupt_in_mid_upload_changes_nothing(
    hub: Hub, folder: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(handler: hub_server.Handler, oid: str) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        raise hub_server.Cut

    lfs_put = hub_server.Handler.lfs_put
    with monkeypatch.context() as patch:
        routes = [(m, p, interrupt if action is lfs_put else action) for m, p, action in hub_server.ROUTES]
        patch.setattr(hub_server, "ROUTES", routes)
        with pytest.raises(KeyboardInterrupt):
            push(folder, REPO)
    assert len(hub.repos[KEY].commits) == 1
    assert push(folder, REPO).committed


def test_a_hub_that_never_answers(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.hub.requests.TIMEOUTS", (1.0, 0.2, 0.2, None))
    hub.hang("POST", "/commit/")
    error = refused(lambda: push(folder, REPO))
    assert error.reason == "connection-lost"
    assert "ReadTimeout" in str(error)
    assert set(hub.repos[KEY].files) == {".gitattributes"}


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub: Hub, folder: Path) -> None:
    hub.cut("POST", "/commit/", after=5, of="answer")
    assert refused(lambda: push(folder, REPO)).reason == "connection-lost"
    assert not push(folder, REPO).committed
    assert len(hub.repos[KEY].commits) == 2


def test_a_hub_that_is_not_there(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert refused(lambda: push(folder, REPO)).reason == "connection-lost"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refused(lambda: push(folder, REPO)).reason == "offline"


def test_a_hub_that_fails(hub: Hub, folder: Path) -> None:
    hub.fail("POST", "/commit/", 500)
    assert refused(lambda: push(folder, REPO)).reason == "hub-error"
    assert set(hub.repos[KEY].files) == {".gitattributes"}


# The server itself, as tests of downloads use it.


def test_the_server_gives_files_to_download(hub: Hub) -> None:
    from huggingface_hub import snapshot_download

    hub.seed({"skt/kobert-base-v1/spiece.model": b"\x0a" * 5000, "skt/kobert-base-v1/config.json": b"{}"})
    got = Path(snapshot_download("skt/kobert-base-v1"))
    assert (got / "spiece.model").read_bytes() == b"\x0a" * 5000
    assert got.name == hub.repos["skt/kobert-base-v1"].head.oid


def test_the_server_cuts_a_download(hub: Hub) -> None:
    from huggingface_hub import hf_hub_download

    hub.seed({"skt/kobert-base-v1/spiece.model": os.urandom(3_000_000)})
    hub.cut("GET", "/resolve/", after=1_000_000, of="answer")
    with contextlib.suppress(Exception):  # the client resumes by itself, unless the cut came as a reset
        hf_hub_download("skt/kobert-base-v1", "spiece.model")
    got = hf_hub_download("skt/kobert-base-v1", "spiece.model")
    assert Path(got).read_bytes() == hub.repos["skt/kobert-base-v1"].files["spiece.model"]
