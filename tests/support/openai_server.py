"""An OpenAI-compatible endpoint on loopback for tests: real HTTP, the scripted model behind it, faults on demand.

with openai_server.running() as server:
    openai_server.lead_here(monkeypatch, server)
    server.faults = [Fault(status=429, headers={"Retry-After": "0.05"})]  # of the next requests, in turn
"""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.self_instruct import Request
from tests.support.self_instruct_model import answer

KEY = "sk-loopback-secret-0123456789"


@dataclass(frozen=True)
class Fault:
    """What happens to one request: a status, other bytes for an answer, a silence, a connection cut off."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    silence: float = 0
    cut: bool = False


@dataclass
class Server:
    url: str
    faults: list[Fault] = field(default_factory=list)
    #: (time, authorization, body) of every request.
    requests: list[tuple[float, str, dict]] = field(default_factory=list)
    #: Requests that are being answered, and the most at once.
    busy: int = 0
    most_busy: int = 0
    #: Seconds that each answer takes.
    delay: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.state = Server(f"http://127.0.0.1:{httpd.server_address[1]}/v1")  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield httpd.state  # type: ignore[attr-defined]
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def environment(server: Server) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": KEY}


def lead_here(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with state.lock:
            state.requests.append((time.monotonic(), self.headers.get("Authorization", ""), asked))
            fault = state.faults.pop(0) if state.faults else Fault()
            state.busy += 1
            state.most_busy = max(state.most_busy, state.busy)
        with contextlib.suppress(OSError):
            self.answer(state, asked, fault)
        with state.lock:
            state.busy -= 1

    def answer(self, state: Server, asked: dict, fault: Fault) -> None:
        time.sleep(fault.silence or state.delay)
        if fault.cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = json.dumps(completion(asked)).encode() if fault.body is None else fault.body
        if fault.status >= 400 and fault.body is None:
            body = json.dumps({"error": {"message": f"no luck with {self.headers['Authorization']}"}}).encode()
        self.send_response(fault.status)
        for name, value in ({"Content-Type": "application/json"} | dict(fault.headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def completion(asked: dict) -> dict:
    said = answer(Request(prompt=asked["messages"][0]["content"], seed=asked["seed"]))
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": said.finish, "message": {"role": "assistant", "content": said.text}}],
        "usage": {
            "prompt_tokens": said.prompt_tokens,
            "completion_tokens": said.completion_tokens,
            "total_tokens": said.prompt_tokens + said.completion_tokens,
        },
    }
