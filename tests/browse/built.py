"""A dataset to look at, with plain and hostile texts, a tool, a pair and rejected rows; its server; requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from pipeline.browse.answers import Answers
from pipeline.browse.server import TOKEN, Server
from pipeline.cli import main

#: Texts that would be markup or code if a page took them as such.
HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'></textarea>"
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "부산"}}}
RECORDS: list[dict[str, Any]] = [
    {"instruction": f"{HOSTILE} 이 코드는 무엇을 하나요?", "output": f"경고 창을 띄웁니다. {HOSTILE}"},
    {"instruction": "서울의 날씨는 어때?", "output": "오늘은 맑고 Sunny 합니다.", "id": 7},
    {"instruction": "시를 써 줘.", "output": "죄송하지만 저는 그 요청을 들어드릴 수 없습니다."},
    {"instruction": "겨울 \u202e음식을 추천해 줘.", "output": ""},
    {"instruction": "번호를 알려 줘.", "output": "번호는 010-2345-6789입니다."},
    {"instruction": "방향이 바뀌는 글자는?", "output": "여기 거꾸로 있습니다."},
]
CHATS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "system", "content": "너는 친절한 비서야."},
            {"role": "user", "content": "부산 날씨 알려 줘."},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": '{"temp": 21}'},
            {"role": "assistant", "content": "지금 21도입니다.", "reasoning_content": "도구가 21도를 돌려주었다."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    }
]
PAIRS = [{"prompt": "따뜻하게 지내는 법은?", "chosen": "옷을 여러 겹 입고 차를 마시세요.", "rejected": "몰라요."}]
CONFIG = """
[dataset]
name = "mine"
title = "시험 데이터"
[screen]
reject = ["refusal"]
mask = ["pii-phone"]
[tokenize]
tokenizer = "embedded"
[export]
validation = 0
formats = {formats}
[[source]]
name = "a"
files = ["a.jsonl"]
{verdicts}
[[source]]
name = "b"
files = ["chats.jsonl", "pairs.jsonl"]
"""


def build(project: Path, formats: str = '["arrow"]', verdicts: str = "") -> Path:
    """Build the dataset in this folder; the folder of the dataset. The working directory is to be the project."""
    (project / "raw").mkdir(exist_ok=True)
    for name, records in (("a", RECORDS), ("chats", CHATS), ("pairs", PAIRS)):
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (project / "raw" / f"{name}.jsonl").write_text(lines)
    (project / "pipeline.toml").write_text(CONFIG.format(formats=formats, verdicts=verdicts))
    done = CliRunner().invoke(main, ["run", "--config", str(project / "pipeline.toml"), "--quiet"])
    assert done.exit_code == 0, done.output
    return project / "processed/mine"


@contextmanager
def serving(folder: Path, verdicts: Path) -> Iterator[Server]:
    """The server of a dataset, while it answers. `verdicts`: the file that it writes."""
    with Server(Answers(folder, verdicts, (), 2)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def request(
    server: Server, path: str, body: bytes | None = None, method: str | None = None, **headers: str | None
) -> tuple[HTTPResponse, bytes]:
    """A request as the page makes it, but for these headers; None leaves one out."""
    host = f"127.0.0.1:{server.server_port}"
    made: dict[str, str | None] = {"Host": host, TOKEN: server.token}
    if body is not None:
        made |= {"Origin": f"http://{host}", "Content-Type": "application/json"}
    made |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
    for name, value in (
        made | ({} if body is None else {"Content-Length": made.get("Content-Length", str(len(body)))})
    ).items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data
