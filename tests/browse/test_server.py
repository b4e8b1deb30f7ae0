"""The server of `browse` over loopback: who may ask, what is refused, and what is written."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from pipeline.browse.server import LONGEST, PAGE, TOKEN, Server
from pipeline.io.verdict_file import read_verdicts
from tests.browse.built import HOSTILE, build, request, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("project"))


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(folder, tmp_path / "v.jsonl") as server:
        yield server


def ask(server: Server, what: str, **asked: object) -> Any:
    response, data = request(server, f"/api/{what}?{urlencode(asked)}")
    assert response.status == 200, data
    return json.loads(data)


def send(server: Server, sent: object, **headers: str | None) -> tuple[int, Any]:
    response, data = request(server, "/api/verdict", json.dumps(sent).encode(), **headers)
    return response.status, json.loads(data)


def record_of(server: Server, origin: str) -> Any:
    for part in ("kept", "rejected"):
        for row in ask(server, "rows", part=part)["rows"]:
            if row["origin"] == origin:
                return ask(server, "record", part=row["part"], row=row["row"])
    raise AssertionError(origin)


def verdict_on(row: Any, verdict: str, **more: Any) -> dict[str, Any]:
    return {"part": row["part"], "row": row["row"], "digest": row["digest"], "verdict": verdict, **more}


# --- who may ask ---


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address.startswith("http://127.0.0.1:")
    assert server.address.endswith(f"/#{server.token}")
    assert len(server.token) >= 43


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "", None]
)
def test_another_host_gets_nothing(server: Server, host: str | None) -> None:
    """A name of an attacker that leads to 127.0.0.1 (DNS rebinding) shows in Host."""
    host = host and host.format(port=server.server_port)
    for path in ("/", "/api/about"):
        response, data = request(server, path, Host=host)
        assert response.status == 403
        assert b"mine" not in data


def test_localhost_is_this_machine(server: Server) -> None:
    assert request(server, "/api/about", Host=f"localhost:{server.server_port}")[0].status == 200


@pytest.mark.parametrize("token", [None, "", "x", "가".encode().decode("latin-1")])
@pytest.mark.parametrize("path", ["about", "rows", "count", "record?part=train&row=0", "tokens?part=train&row=0"])
def test_data_is_for_who_has_the_token(server: Server, token: str | None, path: str) -> None:
    response, data = request(server, f"/api/{path}", **{TOKEN: token})
    assert response.status == 401
    assert json.loads(data)["error"] == "open the address that ko-instruct browse has printed"


def test_the_token_in_the_address_is_not_enough(server: Server) -> None:
    assert request(server, f"/api/about?token={server.token}", **{TOKEN: None})[0].status == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
def test_no_other_site_writes(server: Server, origin: str | None) -> None:
    row = record_of(server, "a.jsonl:2")
    status, _ = send(server, verdict_on(row, "drop"), Origin=origin and origin.format(port=server.server_port))
    assert status == 403
    assert not server.answers.verdict_file.exists()


def test_nothing_is_written_without_the_token(server: Server) -> None:
    row = record_of(server, "a.jsonl:2")
    assert send(server, verdict_on(row, "drop"), **{TOKEN: "x"})[0] == 401
    assert not server.answers.verdict_file.exists()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods_do_nothing(server: Server, method: str) -> None:
    assert request(server, "/api/verdict", method=method)[0].status == 501


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/page/../server.py",
        "/%2e%2e/server.py",
        "//etc/passwd",
        "/server.py",
        "/api",
        "/api/verdict",
        "/index.html/",
    ],
)
def test_a_path_names_no_file(server: Server, path: str) -> None:
    assert request(server, path)[0].status == 404


def test_the_page_has_its_files_and_a_policy(server: Server) -> None:
    for name in PAGE:
        response, data = request(server, "/" if name == "index.html" else f"/{name}", **{TOKEN: None})
        assert response.status == 200
        assert data
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in response.headers


def test_no_script_of_the_page_makes_markup_of_a_text() -> None:
    import pipeline.browse

    folder = Path(pipeline.browse.__file__).parent / "page"
    assert {path.name for path in folder.iterdir()} == set(PAGE)
    scripts = "".join(path.read_text() for path in folder.glob("*.js"))
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
        "http:",
        "https:",
    ):
        assert way not in scripts, way


# --- faults ---


@pytest.mark.parametrize(
    ("body", "headers", "status", "why"),
    [
        (b"{", {}, 400, "not JSON"),
        (b"[]", {}, 400, "a verdict is an object with part, row and verdict"),
        (b"{}", {}, 400, "a verdict is an object"),
        (b"{}", {"Content_Type": "text/plain"}, 415, "application/json"),
        (b"{}", {"Content_Length": None}, 411, "how long"),
        (b"{}", {"Content_Length": "-1"}, 411, "how long"),
        (b"", {"Content_Length": str(LONGEST + 1)}, 413, "at most"),
        (b"", {"Content_Length": "9" * 40}, 413, "at most"),
        (b'{"part": "train", "row": 99, "verdict": "drop"}', {}, 400, "none of the number 99"),
        (b'{"part": "train", "row": -1, "verdict": "drop"}', {}, 400, "it is to be a number"),
        (b'{"part": "x", "row": 0, "verdict": "drop"}', {}, 400, "there is no part 'x'"),
        (b'{"part": "train", "row": 0, "verdict": "drop"}', {}, 400, "digest: missing"),
    ],
)
def test_a_wrong_verdict_is_refused(
    server: Server, body: bytes, headers: dict[str, str], status: int, why: str
) -> None:
    response, data = request(server, "/api/verdict", body, **headers)
    assert response.status == status
    assert why in json.loads(data)["error"]
    assert not server.answers.verdict_file.exists()


@pytest.mark.parametrize(
    ("what", "asked", "why"),
    [
        ("rows", {"where": 'flags hat "x"'}, "at character 7"),
        ("rows", {"where": "matches(output, '(')"}, "at character 17"),
        ("count", {"where": "outptu == 'x'"}, "outptu"),
        ("rows", {"part": "rejected", "where": "n_tokens > 3"}, "the rows of rejected have no column n_tokens"),
        ("rows", {"part": "x"}, "there is no part 'x'; parts are kept, train, rejected"),
        ("rows", {"start": "-1"}, "start is '-1', and it is to be a number from 0 on"),
        ("rows", {"start": "١"}, "start is '١'"),
        ("record", {"part": "train", "row": 10**15}, "row is"),
        ("tokens", {"part": "rejected", "row": 0}, "this row has no ids"),
    ],
)
def test_a_wrong_question_is_answered_with_why(server: Server, what: str, asked: dict[str, Any], why: str) -> None:
    response, data = request(server, f"/api/{what}?{urlencode(asked)}")
    assert response.status == 400
    assert why in json.loads(data)["error"]


def test_half_a_request_holds_nobody_up(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert ask(server, "about")["name"] == "mine"


def test_requests_are_not_logged(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    ask(server, "rows", text="비밀")
    request(server, "/nothing")
    assert capfd.readouterr() == ("", "")


# --- rows ---


def origins(server: Server, **asked: object) -> list[str]:
    found = [row["origin"] for row in ask(server, "rows", **asked)["rows"]]
    assert ask(server, "count", **asked)["matches"] == len(found)
    return found


def test_rows_and_their_filters(server: Server) -> None:
    assert origins(server) == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:5", "a.jsonl:6", "chats.jsonl:1", "pairs.jsonl:1"]
    assert origins(server, part="rejected") == ["a.jsonl:3", "a.jsonl:4"]
    assert origins(server, part="rejected", reason="screen/refusal") == ["a.jsonl:3"]
    assert origins(server, source="b") == ["chats.jsonl:1", "pairs.jsonl:1"]
    assert origins(server, flag="pii-phone") == ["a.jsonl:5"]
    assert "a.jsonl:2" not in origins(server, flag="any")
    assert origins(server, where='meta.id == 7 or flags has "pii-phone"') == ["a.jsonl:2", "a.jsonl:5"]
    assert origins(server, where="n_turns > 0 and n_tokens > 100000") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("날씨", ["a.jsonl:2", "chats.jsonl:1"]),
        ("sunny", ["a.jsonl:2"]),
        ("맑고 SUNNY", ["a.jsonl:2"]),
        ("<script>", ["a.jsonl:1"]),
        ("도구가 21도", ["chats.jsonl:1"]),
        ("weather", ["chats.jsonl:1"]),
        ('{"temp"', ["chats.jsonl:1"]),
        ("몰라요.", ["pairs.jsonl:1"]),
        (".*", []),
        ("(", []),
        ("\\", []),
    ],
)
def test_search_looks_at_every_text(server: Server, text: str, found: list[str]) -> None:
    assert origins(server, text=text) == found


def test_pages_follow_one_another(server: Server) -> None:
    whole = origins(server)
    start, pages = 0, []
    while start is not None:
        page = ask(server, "rows", start=start, limit=2)
        pages.append([row["origin"] for row in page["rows"]])
        start = page["next"]
    assert pages == [whole[0:2], whole[2:4], whole[4:6]]
    assert ask(server, "rows", limit=10**6)["total"] == 6


def test_a_record_is_data(server: Server) -> None:
    row = record_of(server, "chats.jsonl:1")
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert row["messages"][4]["reasoning_content"] == "도구가 21도를 돌려주었다."
    assert '"city": "부산"' in row["messages"][2]["tool_calls"][0]
    assert HOSTILE in record_of(server, "a.jsonl:1")["messages"][0]["content"]
    assert record_of(server, "pairs.jsonl:1")["rejected"] == "몰라요."
    assert record_of(server, "a.jsonl:4")["can"] == {"keep": False, "drop": True, "fix": True}


def test_tokens_say_what_is_learned(server: Server) -> None:
    row = record_of(server, "a.jsonl:2")
    (sequence,) = ask(server, "tokens", part=row["part"], row=row["row"])["sequences"]
    assert "".join(text for text, _, _ in sequence["pieces"]).startswith("[CLS]서울의 날씨는")
    assert sequence["learned"] == sum(learned for _, learned, _ in sequence["pieces"])


# --- verdicts ---


def test_a_verdict_is_saved_and_shown(server: Server) -> None:
    row = record_of(server, "a.jsonl:2")
    status, after = send(server, verdict_on(row, "drop", note="날씨는 바뀐다"))
    assert status == 200
    assert [(one["verdict"], one["note"]) for one in after["verdicts"]] == [("drop", "날씨는 바뀐다")]
    assert origins(server, judged="yes") == origins(server, judged="drop") == ["a.jsonl:2"]
    assert "a.jsonl:2" not in origins(server, judged="no")
    send(server, verdict_on(row, "fix", texts={"output": "비가 옵니다."}))
    (saved,) = read_verdicts(server.answers.verdict_file).values()
    assert saved.model_dump(exclude_defaults=True) == {
        "origin": "a.jsonl:2",
        "digest": row["digest"],
        "verdict": "fix",
        "texts": {"output": "비가 옵니다."},
    }
    send(server, verdict_on(row, "none"))
    assert origins(server, judged="yes") == []
    assert len(server.answers.verdict_file.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("origin", "verdict", "more", "why"),
    [
        ("a.jsonl:4", "keep", {}, "keep can do nothing to a row that validate rejected"),
        ("a.jsonl:2", "drop", {"digest": "0" * 32}, "this row has other texts now: load the page again"),
        ("a.jsonl:2", "fix", {"texts": {"history[0].content": "x"}}, "this row has no text history[0].content"),
        ("a.jsonl:2", "fix", {"texts": {"__class__": "x"}}, "no text has the place '__class__'"),
        ("a.jsonl:2", "fix", {}, "a fix names its new texts"),
        ("a.jsonl:2", "drop", {"note": 3}, "note: found 3"),
        ("a.jsonl:2", "drop", {"path": "/etc/x"}, "path: unknown name"),
    ],
)
def test_a_verdict_that_could_do_nothing_is_refused(
    server: Server, origin: str, verdict: str, more: dict[str, Any], why: str
) -> None:
    status, answer = send(server, {**verdict_on(record_of(server, origin), verdict), **more})
    assert status == 400
    assert why in answer["error"]
    assert not server.answers.verdict_file.exists()


def test_two_pages_at_once_lose_no_verdict(server: Server) -> None:
    rows = [record_of(server, origin) for origin in origins(server)]
    threads = [threading.Thread(target=send, args=(server, verdict_on(row, "drop"))) for row in rows * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.answers.verdict_file.read_text().splitlines()) == 24
    assert len(read_verdicts(server.answers.verdict_file)) == 6


def test_what_another_program_adds_is_seen(server: Server) -> None:
    row = record_of(server, "a.jsonl:2")
    line = {"origin": row["origin"], "digest": row["digest"], "verdict": "drop"}
    server.answers.verdict_file.write_text(json.dumps(line) + "\n")
    assert origins(server, judged="drop") == ["a.jsonl:2"]
    server.answers.verdict_file.write_text("{\n")
    response, data = request(server, "/api/about")
    assert response.status == 400
    assert "line 1: not JSON" in json.loads(data)["error"]


# --- what attackers of the page found ---


def test_a_condition_may_ask_for_flags_of_dedupe(server: Server) -> None:
    assert ask(server, "rows", part="kept", where='flags has "conflict"')["rows"] == []


@pytest.mark.parametrize("place", ["output", "instruction"])
def test_a_fix_leaves_no_blank_text(server: Server, place: str) -> None:
    row = record_of(server, "a.jsonl:2")
    status, data = send(server, verdict_on(row, "fix", texts={place: " \n"}))
    assert (status, data["error"]) == (
        400,
        f"a fix cannot leave the {place} blank: write a text, or drop the row",
    )


def test_a_note_is_as_long_as_the_page_allows(server: Server) -> None:
    row = record_of(server, "a.jsonl:2")
    assert send(server, verdict_on(row, "keep", note="가" * 2000))[0] == 200
    status, data = send(server, verdict_on(row, "keep", note="가" * 2001))
    assert status == 400
    assert "at most 2,000 characters" in data["error"]


def test_a_folder_that_was_built_again_is_noticed(server: Server, folder: Path) -> None:
    manifest = folder / "manifest.json"
    before = manifest.read_bytes()
    try:
        manifest.write_bytes(before)
        ask(server, "rows")  # written again, and the same
        manifest.write_bytes(before.replace(b'"title": "', b'"title": "x'))
        response, data = request(server, "/api/rows?part=kept")
        assert response.status == 400
        assert "The dataset was built again" in json.loads(data)["error"]
    finally:
        manifest.write_bytes(before)
