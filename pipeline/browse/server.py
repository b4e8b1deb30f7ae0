"""The server of the page: on 127.0.0.1 alone, for who has the token alone.

The token is behind # in the address: a browser keeps that to itself. The page sends it with each request as a header
that no other site can send. Host and Origin are checked as well, for a site whose name leads to 127.0.0.1. A path names
no file: the files of the page are read once, by their names here.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from pipeline.browse.answers import Answers
from schemas.errors import KoInstructError

#: The files of the page, and their types.
SCRIPTS = ("page.js", "api.js", "dom.js", "list.js", "record.js", "verdicts.js", "words.js")
PAGE = ("index.html", "page.css", "icon.svg", *SCRIPTS)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: The header that holds the token.
TOKEN = "X-Browse-Token"
#: Bytes of the longest verdict, with its new texts.
LONGEST = 4 << 20
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class RefusedError(KoInstructError):
    """A request that gets no answer but a status and a sentence."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Server(ThreadingHTTPServer):
    """Serves one dataset. `address`: what a person opens."""

    daemon_threads = True
    request_queue_size = 128
    closing = False

    def __init__(self, answers: Answers, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers = answers
        self.token = secrets.token_urlsafe(32)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        folder = files("pipeline.browse") / "page"
        self.page = {
            "/" if name == PAGE[0] else f"/{name}": (folder.joinpath(name).read_bytes(), TYPES[Path(name).suffix])
            for name in PAGE
        }

    def server_close(self) -> None:
        self.closing = True
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A request that is under way when the program ends fails, and nobody waits for it."""
        if not self.closing:
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/#{self.token}"


class Handler(BaseHTTPRequestHandler):
    """One request after another of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ko-instruct", ""
    timeout = 60

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the page has asked for something else meanwhile
            super().handle()

    def do_GET(self) -> None:  # the name that http.server calls
        self._respond(self._get)

    def do_POST(self) -> None:
        self._respond(self._post)

    def _respond(self, answer: Any) -> None:
        try:
            self._check_host()
            body, kind = answer()
            self._send(HTTPStatus.OK, body, kind)
        except RefusedError as refused:
            self.close_connection = True  # what was sent may not have been read
            self._send(refused.status, *_json({"error": refused.why}))
        except (ConnectionError, TimeoutError):
            raise
        except (KoInstructError, OSError) as error:
            self._send(HTTPStatus.BAD_REQUEST, *_json({"error": str(error)}))
        except Exception:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, *_json({"error": "a bug of ko-instruct: see the terminal"}))
            raise

    def _get(self) -> tuple[bytes, str]:
        path, _, query = self.path.partition("?")
        if path in self.server.page:
            return self.server.page[path]
        answer = self.server.answers.get.get(path)
        if answer is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        self._check_token()
        self.server.answers.check_same_dataset()
        asked = parse_qs(query, keep_blank_values=True)
        return _json(answer({name: values[-1] for name, values in asked.items()}))

    def _post(self) -> tuple[bytes, str]:
        self._check_token()
        if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
            raise RefusedError(HTTPStatus.FORBIDDEN, "a verdict is given on the page alone")
        if self.path != "/api/verdict":
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a verdict is sent as application/json")
        try:
            return _json(self.server.answers.judge(orjson.loads(self._body())))
        except orjson.JSONDecodeError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"not JSON: {error}") from None

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is")
        if len(length) > 9 or int(length) > LONGEST:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a verdict has at most {LONGEST:,} bytes")
        return self.rfile.read(int(length))

    def _check_host(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "this page has another address")

    def _check_token(self) -> None:
        if not hmac.compare_digest(self.headers.get(TOKEN, "").encode(), self.server.token.encode()):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "open the address that ko-instruct browse has printed")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are not logged: they hold texts that a person searches for."""


def _json(data: Any) -> tuple[bytes, str]:
    return orjson.dumps(data, default=str), "application/json"
