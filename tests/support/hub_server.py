"""A small Hub on loopback for tests: real HTTP, the protocol that huggingface_hub speaks, faults on demand.

    with hub_server.running({"skt/kobert-base-v1/spiece.model": data}) as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path)  # this process's client
        subprocess.run(..., env=os.environ | hub_server.environment(hub, tmp_path))  # another process

It keeps repositories (models and datasets, private or public) with commits, branches, tags and pull requests; takes
commits with regular and LFS files (basic transfer); serves `resolve` with ETag, commit and Range. What the Hub refuses,
it refuses with the Hub's status and headers: a wrong token, a read token, a foreign namespace, a stale parent commit.
"""

import base64
import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

USER = "tester"
ORGANISATION = "tester-lab"
TOKEN = "hf_loopbackWriteToken"
READ_TOKEN = "hf_loopbackReadToken"
ROLES = {TOKEN: "write", READ_TOKEN: "read"}

#: What the Hub's .gitattributes send through LFS; any larger file goes there too.
LFS_SUFFIXES = (".parquet", ".arrow", ".bin", ".model", ".safetensors", ".gz")
LFS_SIZE = 10_000_000
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
DATE = "2026-11-01T00:00:00.000Z"


@dataclass(frozen=True)
class Blob:
    """A file's bytes as one commit holds them."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        """Git's id of what git itself stores: the file, or the pointer to it."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        stored = pointer.encode() if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    files: Mapping[str, Blob]


@dataclass
class Repo:
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    #: Full name (refs/heads/main, refs/tags/v1, refs/pr/1) to the id of a commit.
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, ref: str, parent: str | None, title: str, files: Mapping[str, Blob]) -> Commit:
        content = json.dumps([parent, title, ref, {path: blob.oid for path, blob in sorted(files.items())}])
        made = Commit(hashlib.sha1(content.encode()).hexdigest(), parent, title, MappingProxyType(dict(files)))
        self.commits[made.oid] = made
        self.refs[ref] = made.oid
        return made

    def at(self, revision: str) -> Commit:
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        if revision in self.commits:
            return self.commits[revision]
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    @property
    def head(self) -> Commit:
        return self.at("main")

    @property
    def files(self) -> dict[str, bytes]:
        """Path to bytes, on main."""
        return {path: blob.data for path, blob in self.head.files.items()}


class Refusal(Exception):
    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Cut(Exception):
    """The connection is to be reset here."""


@dataclass
class Fault:
    method: str
    path: re.Pattern[str]
    times: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Reset the connection after so many bytes of the request's body (or of the answer's).
    cut_after: int | None = None
    of: str = "request"
    #: Never answer.
    silent: bool = False


class Hub:
    """The state of the server; all of it may be read and set by a test."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.uploaded: list[str] = []
        self.faults: list[Fault] = []
        self.bugs: list[BaseException] = []
        self.lock = threading.RLock()

    def fail(
        self, method: str, path: str, status: int, times: int = 1, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        """Answer the next `times` requests of this method, to a path in which the pattern is found, with `status`."""
        self.faults.append(Fault(method, re.compile(path), times, status=status, headers=headers))

    def cut(self, method: str, path: str, after: int = 0, times: int = 1, of: str = "request") -> None:
        """Reset the connection of the next `times` such requests after so many bytes of the `of` (request, answer).

        A request that is cut has no effect; one whose answer is cut has had it.
        """
        self.faults.append(Fault(method, re.compile(path), times, cut_after=after, of=of))

    def hang(self, method: str, path: str, times: int = 1) -> None:
        """Leave the next `times` such requests unanswered, for 20 s or until the server stops; then the line is cut."""
        self.faults.append(Fault(method, re.compile(path), times, silent=True))

    def due(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and fault.path.search(path):
                    fault.times -= 1
                    return fault
        return None

    def seed(self, files: Mapping[str, bytes], private: bool = False) -> None:
        """Add files by the path of their address: `datasets/owner/name/path` or `owner/name/path` (a model)."""
        repos: dict[str, dict[str, Blob]] = {}
        for address, data in files.items():
            prefix, owner, name, path = re.fullmatch(r"(datasets/)?([^/]+)/([^/]+)/(.+)", address).groups()
            repos.setdefault(f"{prefix or ''}{owner}/{name}", {})[path] = Blob(data, goes_to_lfs(path, len(data)))
        for key, blobs in repos.items():
            self.repos[key] = repo = Repo(private)
            repo.commit("refs/heads/main", None, "seed", blobs)

    @property
    def methods(self) -> set[str]:
        return {method for method, _ in self.requests}


def goes_to_lfs(path: str, size: int) -> bool:
    return path.endswith(LFS_SUFFIXES) or size > LFS_SIZE


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10  # no request of a test takes so long: a client that hangs is dropped
    server: "Server"

    def log_message(self, *_: object) -> None:
        """Tests read `hub.requests` instead."""

    def do(self) -> None:
        hub = self.server.hub
        self.cut_after = None
        url = urlsplit(self.path)
        self.route, self.query = unquote(url.path), parse_qs(url.query)
        with hub.lock:
            hub.requests.append((self.command, self.route))
        fault = hub.due(self.command, self.route)
        try:
            if fault and fault.cut_after is not None and fault.of == "request":
                self.rfile.read(min(fault.cut_after, int(self.headers.get("Content-Length") or 0)))
                raise Cut
            self.body = self.read_body()
            if fault and fault.silent:
                self.server.stopping.wait(20)
                raise Cut
            if fault and fault.status:
                error = json.dumps({"error": f"{fault.status} on demand"}).encode()
                self.answer(fault.status, error, dict(fault.headers))
                return
            self.cut_after = fault.cut_after if fault else None
            try:
                with hub.lock:
                    status, headers, content = self.handle_route()
            except Refusal as refusal:
                status, content = refusal.status, json.dumps({"error": refusal.message}).encode()
                headers = {"X-Error-Message": refusal.message}
                if refusal.code:
                    headers["X-Error-Code"] = refusal.code
            self.answer(status, content, headers)
        except Cut:
            # No orderly end: the client sees a reset, as from a lost line.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do  # noqa: N815

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[: self.cut_after])
        if self.cut_after is not None:
            raise Cut

    def handle_route(self) -> tuple[int, Mapping[str, str], bytes]:
        for method, pattern, action in ROUTES:
            if method == ("GET" if self.command == "HEAD" else self.command) and (
                found := re.fullmatch(pattern, self.route)
            ):
                result = action(self, **found.groupdict())
                if isinstance(result, tuple):
                    return result
                return 200, {}, json.dumps(result).encode()
        raise Refusal(404, f"No such route: {self.command} {self.route}")

    # Who asks, and what they may do.

    @property
    def role(self) -> str | None:
        """write, read, or None for an anonymous request."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and given not in ROLES:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return ROLES.get(given)

    def known(self) -> str:
        if self.role is None:
            raise Refusal(401, "Invalid username or password.")
        return self.role

    def may_write(self, owner: str) -> None:
        if self.known() != "write" or owner not in (USER, ORGANISATION):
            raise Refusal(403, "You don't have the rights to write to this repository")

    def repo(self, key: str, write: bool = False) -> Repo:
        """The repository of this key (`datasets/owner/name` or `owner/name`), if the client may see (write) it."""
        repo, owner = self.server.hub.repos.get(key), key.split("/")[-2]
        if repo is None or (repo.private and (self.role is None or owner not in (USER, ORGANISATION))):
            raise Refusal(*((404, "Repository not found", "RepoNotFound") if self.role else (401, "Invalid username")))
        if write and not self.wants_pr:
            self.may_write(owner)
        elif write:
            self.known()
        return repo

    @property
    def wants_pr(self) -> bool:
        return self.query.get("create_pr") == ["1"]

    @property
    def json(self) -> dict:
        return json.loads(self.body or b"{}")

    # The routes, in the order of ROUTES.

    def whoami(self) -> object:
        role = self.known()
        return {
            "type": "user",
            "name": USER,
            "orgs": [{"name": ORGANISATION}],
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": role}},
        }

    def validate_yaml(self) -> object:
        import yaml

        try:
            header = re.match(r"---\n(.*?)\n---\n", self.json["content"], re.DOTALL)
            if header is None or not isinstance(yaml.safe_load(header[1]), dict):
                raise ValueError("no metadata")
        except (ValueError, yaml.YAMLError) as error:
            return 400, {}, json.dumps({"errors": [{"message": str(error)}], "warnings": []}).encode()
        return {"errors": [], "warnings": []}

    def create(self) -> object:
        asked = self.json
        owner = asked.get("organization") or USER
        prefix = "datasets/" if asked.get("type") == "dataset" else ""
        key = f"{prefix}{owner}/{asked['name']}"
        self.may_write(owner)
        if key in self.server.hub.repos:
            raise Refusal(409, "You already created this repo")
        self.server.hub.repos[key] = repo = Repo(private=asked.get("visibility") == "private")
        repo.commit(
            "refs/heads/main", None, "initial commit", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}
        )
        return {"url": f"{self.server.hub.endpoint}/{key}"}

    def info(self, key: str, revision: str = "main") -> object:
        key = key.removeprefix("models/")
        repo = self.repo(key)
        commit = repo.at(revision)
        return {
            "_id": hashlib.sha1(key.encode()).hexdigest()[:24],
            "id": key.removeprefix("datasets/"),
            "sha": commit.oid,
            "private": repo.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": DATE,
            "createdAt": DATE,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }

    def entry(self, commit: Commit, path: str) -> dict:
        if path not in commit.files:
            oid = hashlib.sha1(path.encode()).hexdigest()
            return {"type": "directory", "path": path, "oid": oid, "size": 0}
        blob = commit.files[path]
        entry = {"type": "file", "path": path, "oid": blob.oid, "size": len(blob.data)}
        if blob.lfs:
            entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 134}
        return entry

    def paths(self, commit: Commit) -> set[str]:
        """Every file and folder."""
        folders = {path.rsplit("/", depth)[0] for path in commit.files for depth in range(1, path.count("/") + 1)}
        return folders | set(commit.files)

    def tree(self, key: str, revision: str, path: str | None) -> object:
        commit = self.repo(key.removeprefix("models/")).at(revision)
        below = f"{path}/" if path else ""
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        inside = [p for p in sorted(self.paths(commit)) if p.startswith(below) and (deep or "/" not in p[len(below) :])]
        if path and not inside:
            raise Refusal(404, f"{path} does not exist on {revision}", "EntryNotFound")
        return [self.entry(commit, p) for p in inside]

    def paths_info(self, key: str, revision: str) -> object:
        commit = self.repo(key.removeprefix("models/")).at(revision)
        if "json" in self.headers.get("Content-Type", ""):
            asked = self.json["paths"]
        else:
            asked = parse_qs(self.body.decode())["paths"]
        return [self.entry(commit, path) for path in asked if path in self.paths(commit)]

    def refs(self, key: str) -> object:
        repo = self.repo(key.removeprefix("models/"))

        def named(prefix: str) -> list[dict[str, str]]:
            return [
                {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": oid}
                for ref, oid in repo.refs.items()
                if ref.startswith(prefix)
            ]

        return {
            "branches": named("refs/heads/"),
            "tags": named("refs/tags/"),
            "converts": [],
            "pullRequests": named("refs/pr/"),
        }

    def discussions(self, key: str) -> object:
        repo = self.repo(key.removeprefix("models/"))
        kind, _, name = key.partition("/")
        pulls = [
            {
                "num": int(ref.removeprefix("refs/pr/")),
                "title": repo.commits[oid].title,
                "author": {"name": USER},
                "createdAt": DATE,
                "status": "open",
                "isPullRequest": True,
                "repo": {"name": name, "type": kind.removesuffix("s")},
            }
            for ref, oid in repo.refs.items()
            if ref.startswith("refs/pr/")
        ]
        return {"count": len(pulls), "start": 0, "discussions": pulls}

    def preupload(self, key: str, revision: str) -> object:
        commit = self.repo(key.removeprefix("models/"), write=True).at(revision)
        modes = []
        for asked in self.json["files"]:
            blob = commit.files.get(asked["path"])
            modes.append(
                {
                    "path": asked["path"],
                    "uploadMode": "lfs" if goes_to_lfs(asked["path"], asked["size"]) else "regular",
                    "shouldIgnore": False,
                    "oid": None if blob is None else blob.sha256 if blob.lfs else blob.oid,
                }
            )
        return {"files": modes}

    def lfs_batch(self, key: str) -> object:
        self.repo(key)
        self.known()
        objects = []
        for asked in self.json["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server.hub.objects:
                answer["actions"] = {"upload": {"href": f"{self.server.hub.endpoint}/lfs/{asked['oid']}"}}
            objects.append(answer)
        return {"transfer": "basic", "objects": objects}

    def lfs_put(self, oid: str) -> object:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "The content does not have this sha256")
        self.server.hub.objects[oid] = self.body
        self.server.hub.uploaded.append(oid)
        return {}

    def commit(self, key: str, revision: str) -> object:
        repo = self.repo(key.removeprefix("models/"), write=True)
        ref = f"refs/heads/{revision}"
        if ref not in repo.refs:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        head = repo.at(revision)
        files, header = dict(head.files), {}
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    header = value
                case "file":
                    files[value["path"]] = Blob(base64.b64decode(value["content"]), lfs=False)
                case "lfsFile":
                    if value["oid"] not in self.server.hub.objects:
                        raise Refusal(400, f"LFS pointer points to an object that was never uploaded: {value['path']}")
                    files[value["path"]] = Blob(self.server.hub.objects[value["oid"]], lfs=True)
                case "deletedFile":
                    del files[value["path"]]
                case unknown:
                    raise Refusal(400, f"Unknown operation: {unknown}")
        parent = header.get("parentCommit", head.oid)
        if parent != head.oid and not self.wants_pr:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        url = f"{self.server.hub.endpoint}/{key.removeprefix('models/')}"
        pull = None
        if self.wants_pr:
            number = 1 + sum(name.startswith("refs/pr/") for name in repo.refs)
            ref, pull = f"refs/pr/{number}", f"{url}/discussions/{number}"
        made = repo.commit(ref, parent, header["summary"], files)
        return {"success": True, "commitOid": made.oid, "commitUrl": f"{url}/commit/{made.oid}", "pullRequestUrl": pull}

    def branch(self, key: str, name: str) -> object:
        repo = self.repo(key.removeprefix("models/"), write=True)
        if f"refs/heads/{name}" in repo.refs:
            raise Refusal(409, "Reference already exists")
        repo.refs[f"refs/heads/{name}"] = repo.at(self.json.get("startingPoint", "main")).oid
        return {}

    def tag(self, key: str, revision: str) -> object:
        repo = self.repo(key.removeprefix("models/"), write=True)
        ref = f"refs/tags/{self.json['tag']}"
        if ref in repo.refs:
            raise Refusal(409, "Tag already exists")
        repo.refs[ref] = repo.at(revision).oid
        return {}

    def resolve(self, key: str, revision: str, path: str) -> object:
        commit = self.repo(key).at(revision)
        headers = {"X-Repo-Commit": commit.oid}
        if path not in commit.files:
            return 404, {**headers, "X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}, b"{}"
        blob = commit.files[path]
        etag = blob.sha256 if blob.lfs else blob.oid
        headers |= {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(blob.data))}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return 200, headers, blob.data
        start, stop = int(wanted[1]), min(int(wanted[2] or len(blob.data) - 1) + 1, len(blob.data))
        if start >= stop:
            return 416, {"Content-Range": f"bytes */{len(blob.data)}"}, b""
        return 206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(blob.data)}"}, blob.data[start:stop]


API = r"/api/(?P<key>(?:models|datasets)/[^/]+/[^/]+)"
REPO = r"/(?P<key>(?:datasets/)?[^/]+/[^/]+)"
ROUTES = (
    ("GET", r"/api/whoami-v2", Handler.whoami),
    ("POST", r"/api/validate-yaml", Handler.validate_yaml),
    ("POST", r"/api/repos/create", Handler.create),
    ("GET", API, Handler.info),
    ("GET", API + r"/revision/(?P<revision>.+)", Handler.info),
    ("GET", API + r"/tree/(?P<revision>refs/pr/\d+|[^/]+)(?:/(?P<path>.+))?", Handler.tree),
    ("POST", API + r"/paths-info/(?P<revision>.+)", Handler.paths_info),
    ("GET", API + r"/refs", Handler.refs),
    ("GET", API + r"/discussions", Handler.discussions),
    ("POST", API + r"/preupload/(?P<revision>.+)", Handler.preupload),
    ("POST", REPO + r"\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_put),
    ("POST", API + r"/commit/(?P<revision>.+)", Handler.commit),
    ("POST", API + r"/branch/(?P<name>.+)", Handler.branch),
    ("POST", API + r"/tag/(?P<revision>.+)", Handler.tag),
    ("GET", REPO + r"/resolve/(?P<revision>refs/pr/\d+|[^/]+)/(?P<path>.+)", Handler.resolve),
)


class Server(ThreadingHTTPServer):
    daemon_threads = False
    hub: Hub

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.open: set[socket.socket] = set()
        self.stopping = threading.Event()
        self.hub = Hub(f"http://127.0.0.1:{self.server_port}")

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Not what a test provoked, but a bug of this file: kept for the test to fail with."""
        if error := sys.exception():
            self.hub.bugs.append(error)

    def stop(self) -> None:
        """No request is taken any more, and every thread has ended: idle connections are shut, not waited for."""
        self.stopping.set()
        self.shutdown()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


@contextlib.contextmanager
def running(files: Mapping[str, bytes] = MappingProxyType({})) -> Iterator[Hub]:
    """A Hub that listens while the block runs.

    `files`: what it holds at first, in public repositories, by address: `datasets/owner/name/path/to/file` or, for
    models, `owner/name/path/to/file`.
    """
    server = Server()
    server.hub.seed(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.hub
    finally:
        server.stop()
        thread.join()
    if server.hub.bugs:
        raise server.hub.bugs[0]


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """The variables that lead a new process to this Hub, with its own cache and a token that may write."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def lead_here(monkeypatch: pytest.MonkeyPatch, hub: Hub, home: Path) -> None:
    """The same for this process, whose huggingface_hub may have read its environment already."""
    from huggingface_hub import close_session, constants, hf_api

    close_session()
    for name, value in environment(hub, home).items():
        monkeypatch.setenv(name, value)
    for name, value in {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(constants, name, value)
    # The plain functions of huggingface_hub, and transformers, keep the endpoint of their first use.
    monkeypatch.setattr(hf_api.api, "endpoint", hub.endpoint)
    if transformers := sys.modules.get("transformers.utils.hub"):
        monkeypatch.setattr(transformers, "_hf_api", None)
