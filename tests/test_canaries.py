"""Masked personal data and the access token are in no file of a dataset, and in nothing that a command shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from tests.browse.built import request, serving
from tests.support import hub_server

# huggingface_hub sends LFS files in a way that its HTTP library is about to drop.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning"),
]

PHONE, EMAIL, SECRET = "010-9876-1234", "canary.kim@hong-ilho.kr", "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"
CANARIES = (PHONE, EMAIL, SECRET, hub_server.TOKEN)
FORMS = '"messages", "prompt-completion", "preference", "unpaired", "alpaca", "sharegpt", "openai"'


def leak(place: str) -> str:
    return f"{place}: 제 번호는 {PHONE}이고 메일은 {EMAIL}입니다. 토큰은 {SECRET} 입니다."


CALL = {"name": "call", "arguments": json.dumps({"phone": PHONE, "mail": EMAIL})}
RECORDS: list[dict[str, Any]] = [
    {"instruction": "질문 하나?", "output": leak("답")},
    {"instruction": leak("질문"), "output": "네, 알겠습니다. 저장했습니다."},
    {"instruction": "셋?", "input": leak("입력"), "output": "입력을 잘 받았습니다."},
    {"instruction": "넷?", "output": "넷째 답입니다.", "meta": {"a": [leak("안"), {"b": leak("더 안")}]}},
    {"instruction": "", "output": leak("거절")},
    {"instruction": "여섯?", "output": leak("끝"), "history": [["앞 " + leak("물음"), "뒤 " + leak("대답")]]},
    {"instruction": "여덟?", "output": f"<think>{leak('생각')}</think>답입니다.", "system": leak("체계")},
    {
        "messages": [
            {"role": "user", "content": leak("물음")},
            {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": CALL}]},
            {"role": "tool", "content": leak("결과")},
            {"role": "assistant", "content": leak("답")},
        ]
    },
    {"prompt": "열?", "chosen": leak("좋은"), "rejected": leak("나쁜")},
    {"prompt": "열하나?", "completion": leak("꼬리표"), "label": True},
]
OPEN = f'{{"instruction": "가", "output": "{leak("열린")}"'
TWICE = f'{{"instruction": "나", "output": "가", "output": "{leak("둘")}"}}'
CSV = f'instruction,output\n"가나다라?","{leak("칸")}"\n"열린,{leak("줄")}\n'

CONFIG = f"""
[dataset]
name = "mine"
[screen]
mask = ["secret", "pii-email", "pii-phone"]
[tokenize]
tokenizer = ["embedded"]
[export]
formats = ["arrow", "parquet", "jsonl", {FORMS}]
validation = 0.4
[gate]
max_rejected = 1.0
"""


def write_project(folder: Path) -> None:
    raw = folder / "raw"
    raw.mkdir()
    for number, record in enumerate(RECORDS):
        (raw / f"{number}.jsonl").write_text(json.dumps(record, ensure_ascii=False) + "\n")
    (raw / "1b.jsonl").write_bytes((raw / "0.jsonl").read_bytes())  # a duplicate
    (raw / "broken.jsonl").write_text(f"{OPEN}\n{TWICE}\n")
    (raw / "t.csv").write_text(CSV)
    sources = (
        f'[[source]]\nname = "s{number}"\nfiles = ["{path.name}"]\nlicense = "cc0-1.0"\n'
        for number, path in enumerate(sorted(raw.iterdir()))
    )
    (folder / "pipeline.toml").write_text(CONFIG + "".join(sources))


def content(path: Path) -> str:
    """A file as text, with packed columns read."""
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist())
    if path.suffix == ".arrow":
        return str(pa.ipc.open_stream(path).read_all().to_pylist())
    return path.read_bytes().decode("utf-8", "replace")


def browsed(folder: Path, verdicts: Path) -> str:
    """All that the page of browse gets."""
    with serving(folder, verdicts) as server:
        found = [request(server, "/api/about")[1]]
        for part in ("train", "validation", "rejected"):
            found.append(request(server, f"/api/rows?part={part}&limit=200")[1])
            for row in range(json.loads(found[-1])["total"]):
                found += [request(server, f"/api/{what}?part={part}&row={row}")[1] for what in ("record", "tokens")]
    return b"\n".join(found).decode()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_server.Hub]:
    with hub_server.running() as running:
        hub_server.lead_here(monkeypatch, running, tmp_path / "home")
        yield running


def test_no_canary_comes_out(hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    write_project(project)
    monkeypatch.chdir(project)
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    shown = ""
    for arguments in (
        ["check"],
        ["run"],
        ["verify", "processed/mine"],
        *(["show", "processed/mine", "--row", str(row)] for row in range(4)),
        ["push", "processed/mine", "tester/mine", "--allow-embedded"],
        ["run", "--layout", "causal"],
        ["show", "processed/mine-causal", "--row", "1"],
        *(["explain", f"{path.name}:{1 + (path.suffix == '.csv')}"] for path in sorted(Path("raw").iterdir())),
        *(["show", "processed/mine", "--rejects", "--row", str(row)] for row in range(3)),
        ["diff", "processed/mine", "processed/mine-causal"],
        ["diff", "processed/mine-causal", "processed/mine", "--json"],
        ["report", "processed/mine", "--out", "-"],
    ):
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        shown += result.output
    shown += browsed(project / "processed" / "mine", tmp_path / "v.jsonl")
    files = [path for path in (project / "processed").rglob("*") if path.is_file() and ".stages" not in path.parts]
    assert len(files) > 20
    rejects = [json.loads(line) for line in (project / "processed" / "mine" / "rejects.jsonl").read_text().splitlines()]
    assert {row["reject_stage"] for row in rejects} == {"ingest", "validate", "dedupe"}
    for canary in CANARIES:
        assert canary not in shown
        assert not [path for path in files if canary in content(path)]
        assert not [data for data in hub.repos["datasets/tester/mine"].files.values() if canary.encode() in data]


def test_the_search_finds_what_is_not_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path)
    config = tmp_path / "pipeline.toml"
    config.write_text(re.sub("mask = .*", "", config.read_text()))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["run"], catch_exceptions=False).exit_code == 0
    files = [path for path in (tmp_path / "processed" / "mine").rglob("*") if path.is_file()]
    leaking = {path.relative_to(tmp_path / "processed" / "mine").parts[0] for path in files if PHONE in content(path)}
    assert leaking == {
        "train", "validation", "pair", "jsonl", "rejects.jsonl", "report.html",
        "messages", "prompt-completion", "preference-text", "unpaired-text", "alpaca", "sharegpt", "openai",
    }  # fmt: skip
