"""Self-Instruct through an OpenAI-compatible endpoint on loopback: what it sends, bears and never shows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.self_instruct.endpoint import Endpoint
from pipeline.self_instruct.errors import GeneratorError
from pipeline.self_instruct.generators import open_generator
from schemas.self_instruct import Request, Sampling
from tests.self_instruct.test_self_instruct import write_seeds
from tests.support import openai_server, self_instruct_model
from tests.support.openai_server import KEY, Fault, Server

pytestmark = pytest.mark.long

SAMPLING = Sampling(max_tokens=64, temperature=0.7, top_p=0.9, stop=("\n17.",))
REQUESTS = [Request(prompt=f"물음 {number}", seed=number) for number in range(12)]
WANT = [self_instruct_model.answer(request) for request in REQUESTS]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with openai_server.running() as running:
        openai_server.lead_here(monkeypatch, running)
        yield running


def endpoint(retries: int = 2, timeout: float = 5, concurrency: int = 4) -> Endpoint:
    opened = open_generator("openai:gpt-x", batch=1, concurrency=concurrency, retries=retries, timeout=timeout)
    assert isinstance(opened, Endpoint)
    return opened


def test_what_is_sent_and_read(server: Server) -> None:
    assert list(endpoint().answers(REQUESTS[:1], SAMPLING)) == WANT[:1]
    ((_, key, body),) = server.requests
    assert key == f"Bearer {KEY}"
    assert body == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "물음 0"}],
        "max_tokens": 64,
        "temperature": 0.7,
        "top_p": 0.9,
        "stop": ["\n17."],
        "seed": 0,
    }


def test_answers_come_in_order_and_side_by_side(server: Server) -> None:
    server.delay = 0.05
    assert list(endpoint(concurrency=4).answers(REQUESTS, SAMPLING)) == WANT
    assert 1 < server.most_busy <= 4


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(429, {"Retry-After": "0.05"})] * 2,
        [Fault(500, {"retry-after-ms": "10"}), Fault(503, {"retry-after-ms": "10"})],
        [Fault(cut=True)],
        [Fault(body=b'{"choices": [{"mess')],
        [Fault(body=b"<html>gateway</html>", headers={"Content-Type": "text/html"})],
        [Fault(body=b'{"choices": []}'), Fault(body=b'{"error": "overloaded"}')],
        [Fault(silence=1)],
    ],
    ids=["429", "5xx", "cut", "broken JSON", "HTML", "no completion", "silence"],
)
def test_what_passes_is_asked_again(faults: list[Fault], server: Server) -> None:
    server.faults = list(faults)
    timeout = 0.3 if faults[0].silence else 5
    assert list(endpoint(timeout=timeout, concurrency=1).answers(REQUESTS[:2], SAMPLING)) == WANT[:2]
    assert len(server.requests) == 2 + len(faults)


def test_retry_after_is_honoured(server: Server) -> None:
    server.faults = [Fault(429, {"Retry-After": "0.4"})]
    list(endpoint().answers(REQUESTS[:1], SAMPLING))
    first, second = (at for at, _, _ in server.requests)
    assert second - first >= 0.4


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ([Fault(401)], "refused with status 401"),
        ([Fault(404)], "refused with status 404"),
        ([Fault(429, {"retry-after-ms": "1"})] * 3, "refused with status 429"),
        ([Fault(silence=1)] * 3, "did not answer in time; a longer --timeout"),
        ([Fault(cut=True)] * 3, "cannot be reached"),
        ([Fault(body=b"[1, 2")] * 3, "gave a broken answer 3 times"),
        ([Fault(body=b'{"choices": [{"finish_reason": "stop"}]}')] * 3, "gave a broken answer 3 times: not a chat"),
    ],
    ids=["401", "404", "429", "silence", "cut", "broken JSON", "no completion"],
)
def test_what_does_not_pass_ends_the_run_without_the_key(faults: list[Fault], says: str, server: Server) -> None:
    server.faults = list(faults)
    timeout = 0.2 if faults[0].silence else 5
    with pytest.raises(GeneratorError) as caught:
        list(endpoint(timeout=timeout, concurrency=1).answers(REQUESTS[:1], SAMPLING))
    assert says in str(caught.value)
    assert "Run the same command again: it goes on where it stopped." in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(server.requests) == len(faults)


def test_what_was_cut_or_withheld_is_told(server: Server) -> None:
    one = openai_server.completion({"model": "x", "messages": [{"content": "가"}], "seed": 1})
    for finish, want in (("length", "length"), ("content_filter", "filtered")):
        one["choices"][0] |= {"finish_reason": finish, "message": {"role": "assistant", "content": None}}
        server.faults = [Fault(body=json.dumps(one).encode())]
        (answer,) = endpoint().answers(REQUESTS[:1], SAMPLING)
        assert (answer.text, answer.finish) == ("", want)


def test_a_server_that_counts_no_tokens(server: Server) -> None:
    one = openai_server.completion({"model": "x", "messages": [{"content": "가"}], "seed": 1})
    del one["usage"]
    server.faults = [Fault(body=json.dumps(one).encode())]
    (answer,) = endpoint().answers(REQUESTS[:1], SAMPLING)
    assert (answer.prompt_tokens, answer.completion_tokens) == (0, 0)


def test_no_key(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert list(endpoint().answers(REQUESTS[:1], SAMPLING)) == WANT[:1]  # a server of one's own needs none
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(GeneratorError, match="set OPENAI_API_KEY to your key; or OPENAI_BASE_URL"):
        endpoint()


def arguments(tmp_path: Path, out: str) -> list[str]:
    seeds = tmp_path / "seeds"
    if not seeds.exists():
        write_seeds(seeds)
    return [
        *("self-instruct", "--seeds", str(seeds), "--generator", "openai:gpt-x"),
        *("--count", "6", "--requests", "3", "--out", str(tmp_path / out)),
    ]


def test_the_key_is_in_no_file_and_no_output(server: Server, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, arguments(tmp_path, "a.jsonl"), catch_exceptions=False)
    assert result.exit_code == 0
    server.faults = [Fault(401)]
    failed = CliRunner().invoke(main, arguments(tmp_path, "b.jsonl"), catch_exceptions=False)
    assert failed.exit_code == 1
    assert "Bearer <OPENAI_API_KEY>" in failed.stderr  # the server repeated it
    written = [file.read_text("utf-8") for file in tmp_path.glob("[ab].*")]
    assert len(written) == 3
    assert all(KEY not in text for text in [*written, result.output, failed.output])


def test_killed_for_real_and_run_again(server: Server, tmp_path: Path) -> None:
    """SIGKILL at some moments, until the run gets through: the same bytes as of one that was left alone."""
    CliRunner().invoke(main, arguments(tmp_path, "whole.jsonl"), catch_exceptions=False)
    asked = len(server.requests)
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments(tmp_path, "killed.jsonl")]
    environ = os.environ | openai_server.environment(server)
    server.delay = 0.02
    random = Random(7)
    for _ in range(2):
        before = len(server.requests)
        process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        wanted = before + random.randint(1, asked // 3)
        deadline = time.monotonic() + 20
        while len(server.requests) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "killed.jsonl").exists()
    assert (tmp_path / "killed.log").stat().st_size > 0
    CliRunner().invoke(main, arguments(tmp_path, "killed.jsonl"), catch_exceptions=False)
    for name in ("{}.jsonl", "{}.log"):
        assert (tmp_path / name.format("killed")).read_bytes() == (tmp_path / name.format("whole")).read_bytes()
