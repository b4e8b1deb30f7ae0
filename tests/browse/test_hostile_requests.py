"""Requests that no page makes: each gets an answer that is no fault of the server, and nothing is written.

`make test-attack` tries thousands (ATTACKS=…, SEED=…), `make test` a few.
"""

import contextlib
import json
import os
import random
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.browse.server import TOKEN, Server
from tests.browse.built import build, serving

ATTACKS = max(int(os.environ.get("ATTACKS", "100")) // 10, 1)
SEED = int(os.environ.get("SEED", "0"))
#: Requests of an attack, one after the other: twice ATTACKS in all.
REQUESTS = 20
#: Bytes that all attacks together may cost.
MEMORY = 300 << 20

VALUES = (
    *("", "0", "1", "-1", "3", "99", "1e9", "9" * 15, "9" * 400, "0x10", "١", "²", "NaN", "null", "true", "[]", "{}"),
    *("kept", "train", "rejected", "yes", "no", "drop", "any", "pii-phone", "b", "validate/output-missing", "/"),
    *("가" * 3000, "../../etc/passwd", "\0", "\ud800", "\u202e", "%", "%ff", "<script>", "(", "(?", "\\", ".*"),
)  # fmt: skip
NAMES = (
    "part",
    "row",
    "start",
    "limit",
    "where",
    "text",
    "flag",
    "source",
    "reason",
    "judged",
    "path",
    "__class__",
    "",
)
#: Pieces of conditions: most that are put together are none.
PIECES = (
    *("output", "flags", "history", "meta", "meta.id", 'meta."a-b"', "n_turns", "n_tokens", "label", "raw", "origin"),
    *("==", "!=", "<", ">=", "in", "has", "and", "or", "not", "(", ")", "[", "]", ",", ".", "len(", "matches("),
    *("1", "1e400", "-0", '"a"', "'('", "'(a*)*b'", "'a{1000}{1000}'", "null", "true", "가", "\0", "#"),
)
PATHS = (
    *("/", "/page.js", "/api/about", "/api/rows", "/api/count", "/api/record", "/api/tokens", "/api/verdict"),
    *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "http://evil.example/api/about", "*", "/api/"),
    *("/\0", "/" + "a" * 70_000, "/api/rows?" + "a=1&" * 20_000, "/;x", "/?", "/api/about#", "/[", "//[", "http://[::1"),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("project"), '["arrow", "parquet"]')


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(folder, tmp_path / "v.jsonl") as server:
        yield server


def a_value(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return " ".join(rng.choices(PIECES, k=rng.choice([1, 3, 3, 4, 7, 12])))
    return rng.choice(VALUES) + (rng.choice(VALUES) if rng.random() < 0.1 else "")


def a_target(rng: random.Random) -> str:
    """The address of a request: most often one that there is, with parameters of any kind."""
    if rng.random() < 0.2:
        return rng.choice(PATHS)
    asked = {rng.choice(NAMES): a_value(rng) for _ in range(rng.choice([0, 1, 2, 4]))}
    if rng.random() < 0.7:
        asked = {"part": rng.choice(["kept", "train", "rejected"]), "row": str(rng.randrange(3))} | asked
    quoted = (f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in asked.items())
    return f"/api/{rng.choice(['about', 'rows', 'rows', 'count', 'record', 'tokens'])}?{'&'.join(quoted)}"


def a_body(rng: random.Random) -> bytes:
    """A verdict that is refused whatever else is right: its digest is that of no row."""
    names = ("part", "row", "verdict", "note", "texts", "digest", "origin", "path")
    values = [*VALUES, None, 0, -1, 10**30, 1.5, True, [], {}, {"output": "x"}, {"history[9].content": ""}, [["a"]]]
    sent = {"part": "train", "row": 0, "verdict": rng.choice(["drop", "keep", "fix"]), "digest": "0" * 32}
    sent |= {rng.choice(names): rng.choice(values) for _ in range(rng.randrange(4))}
    sent["verdict"] = "x" if sent["verdict"] == "none" else sent["verdict"]
    body = json.dumps(sent).encode()
    return rng.choice([body, body, body, body[: rng.randrange(len(body))], b"[" * 100_000, b"\xff", b"null", b"3", b""])


def a_request(rng: random.Random, server: Server) -> tuple[bytes, bool]:
    """The bytes of a request, and whether who sends it has the token, at the right address."""
    host = f"127.0.0.1:{server.server_port}"
    known = rng.random() < 0.85
    headers = {"Host": host, TOKEN: server.token if known else rng.choice(["", "x", server.token[:-1]])}
    method, target, body = rng.choice(["GET"] * 6 + ["POST"] * 3 + ["HEAD", "가", ""]), a_target(rng), b""
    if method == "POST":
        body, target = a_body(rng), "/api/verdict" if rng.random() < 0.9 else target
        length = str(rng.choice([len(body)] * 6 + [0, -1, 10**12]))
        headers |= {"Content-Type": "application/json", "Origin": f"http://{host}", "Content-Length": length}
    if rng.random() < 0.2:
        wrong = rng.choice(["Host", "Origin", "Content-Type", "Connection", "Transfer-Encoding", "Cookie", "Range"])
        headers[wrong] = rng.choice(
            ["evil.example", f"{host}.evil.example", "chunked", "null", "a" * 70_000, "\x80", ""]
        )
        known &= wrong != "Host"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {target} HTTP/1.1\r\n{head}\r\n"
    sent = head.encode("utf-8", "surrogatepass") + body
    return (rng.randbytes(rng.randrange(1, 300)) if rng.random() < 0.05 else sent), known


def answer(server: Server, sent: bytes) -> bytes:
    """What comes back until the server has no more, or waits for more of the request."""
    found = b""
    connection = socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
    with connection, contextlib.suppress(OSError):  # it was refused before all of it was read
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(1 << 16):
            found += more
    return found


@pytest.mark.parametrize("number", range(SEED * ATTACKS, (SEED + 1) * ATTACKS))
def test_every_request_has_an_answer(server: Server, number: int, capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(number)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(REQUESTS):
        sent, known = a_request(rng, server)
        found = answer(server, sent)
        status = int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/1.1 ") else 0
        assert status < 500 or status in (501, 505), (sent, found)
        if b"/api/" in sent.partition(b"\r\n")[0] and not known:
            assert status != 200, sent
        assert b"root:" not in found
    assert not server.answers.verdict_file.exists()
    assert capfd.readouterr() == ("", "")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY >> 10
