"""Damaged files of rows and of datasets: whatever is wrong, a command ends with a message and exit code 0 or 1, and a
page of browse with an answer that says why.

`make test-attack` tries thousands of files (ATTACKS=…, SEED=…), `make test` a few of each kind.
"""

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.commands.shared import ADDRESS_SPACE
from pipeline.dataset.layout import MANIFEST, REJECTS, RUN
from pipeline.dataset.reference import ExistingError, read_existing
from schemas.errors import KoInstructError
from tests.browse.built import request, serving

pytestmark = pytest.mark.long

ATTACKS = int(os.environ.get("ATTACKS", "25"))
SEED = int(os.environ.get("SEED", "0"))


#: Bytes that a damaged file may cost, at most.
MEMORY = 2 << 30


@pytest.fixture(scope="module", autouse=True)
def bounded() -> Iterator[None]:
    """Let the process have this much address space more than now, or what a command asks for: what needs more ends with
    a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (max(used + MEMORY, ADDRESS_SPACE), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    assert "not enough memory" not in result.output
    return result


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to sixteen faults: bytes and bits changed, numbers made huge, parts cut out or off."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(found) - 40)
        match rng.randrange(5):
            case 0:
                found[at] = rng.randrange(256)
            case 1:
                found[at] ^= 1 << rng.randrange(8)
            case 2:
                found[at : at + 8] = bytes([rng.choice([0, 127, 128, 255])]) * 8
            case 3:
                found[at : at + 4] = rng.randbytes(4)
            case 4 if len(found) > 200:
                del found[at : at + rng.randrange(1, 40)]
    return bytes(found[: rng.randrange(len(found))] if rng.random() < 0.1 else found)


VERDICTS = b"".join(
    json.dumps({"origin": f"a.jsonl:{number}", "digest": "0" * 32, "verdict": verdict, **more}).encode() + b"\n"
    for number, verdict, more in (
        (1, "drop", {"note": "x"}),
        (2, "keep", {}),
        (3, "fix", {"texts": {"output": "답", "history[0].content": "가"}}),
        (4, "none", {}),
    )
)
#: Values that no reader of JSON expects everywhere.
WRONG: list[Any] = [
    None, True, -1, 0, 2**31, 2**63, 10**400, 1e308, -0.5, "", "가" * 10_000, "\0", "../../x", [], {}, [[]], [None],
    {"": {}}, [1, "a"], "\ud800",
]  # fmt: skip


def mangled(line: bytes, rng: random.Random) -> bytes:
    """A line of JSON where a value, or a name, is another one, is gone, or is there twice."""
    root: dict[str, Any] = {"": json.loads(line)}
    place: Any = root
    name: Any = ""
    while isinstance(inner := place[name], dict | list) and inner and (place is root or rng.random() < 0.8):
        place, name = inner, rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
    match rng.randrange(6):
        case 0 if place is not root:
            del place[name]
        case 1 if isinstance(place, dict) and place is not root:
            place[rng.choice(["x", "", "가" * 300, name.upper()])] = place.pop(name)
        case 2 if isinstance(place, list):
            place.insert(name, place[name])
        case _:
            place[name] = rng.choice(WRONG)
    return json.dumps(root[""], ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def harmed(file: Path, rng: random.Random) -> bytes:
    """The file with faults: of JSON, or JSON Lines, most often one wrong value."""
    return (damaged_json if file.suffix in (".json", ".jsonl") else damaged)(file.read_bytes(), rng)


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return damaged(data, rng)
    lines = [data] if data.startswith(b"{\n") else data.splitlines()
    for _ in range(rng.choice([1, 1, 1, 3])):
        at = rng.randrange(len(lines))
        with contextlib.suppress(ValueError):  # the last time has left no JSON
            lines[at] = mangled(lines[at], rng)
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same rows as an Arrow file, an Arrow stream, a Parquet file, JSON Lines and a dataset."""
    folder = tmp_path_factory.mktemp("rows")
    history = [{"role": "user", "content": "가"}, {"role": "assistant", "content": "나"}]
    records = [
        {"instruction": f"질문 {number}", "output": f"답 {number}", "history": history if number % 3 == 0 else None}
        for number in range(40)
    ]
    records += [
        {"instruction": "질문", "output": ""},
        records[0],
        {"instruction": "질문 8", "output": "답 8", "history": []},
    ]
    (folder / "a.jsonl").write_text("\n".join([*map(json.dumps, records), "{"]))
    call("ingest", str(folder / "a.jsonl"), str(folder / "file.arrow"))
    call("ingest", str(folder / "a.jsonl"), str(folder / "rows.jsonl"))
    call("run", str(folder / "a.jsonl"), "--out", str(folder / "built"), "--tokenizer", "embedded")
    table = pa.ipc.open_file(folder / "file.arrow").read_all()
    pq.write_table(table, folder / "rows.parquet")
    with pa.ipc.new_stream(folder / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    return folder


@pytest.fixture(params=[SEED * ATTACKS + number for number in range(ATTACKS)])
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.mark.parametrize("name", ["file.arrow", "rows.jsonl"])
def test_commands_on_rows(rows: Path, rng: random.Random, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(harmed(rows / name, rng))
    call(rng.choice(["validate", "normalize", "screen"]), str(file), str(tmp_path / "out.jsonl"))
    call("show", str(file), "--row", "3", "--tokenizer", "embedded")
    call("show", str(file), "--where", "len(output) > 2 and history != null", "--format", "messages")
    call("diff", str(rows / name), str(file))


@pytest.mark.parametrize("name", ["file.arrow", "stream.arrow", "rows.parquet"])
def test_raw_files_and_reference_datasets(rows: Path, rng: random.Random, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(damaged((rows / name).read_bytes(), rng))
    call("ingest", str(file), str(tmp_path / "out.jsonl"))
    call("diff", str(file), str(rows / name))
    with contextlib.suppress(ExistingError):
        read_existing(file, "x").to_pylist()


def test_datasets(rows: Path, rng: random.Random, tmp_path: Path) -> None:
    """Half of the time the manifest holds the hash of the damaged file, as if an attacker had written both."""
    folder = tmp_path / "built"
    shutil.copytree(rows / "built", folder)
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    name = rng.choice(sorted(name for name, about in files.items() if about["bytes"] > 100))
    file = folder / name
    file.write_bytes(harmed(file, rng))
    if rng.random() < 0.5:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "bytes": file.stat().st_size}
        (folder / MANIFEST).write_text(json.dumps(manifest | {"files": manifest["files"] | {name: found}}))
    call("verify", str(folder), "--tokenizer", "embedded")
    call("show", str(folder), "--row", "2")
    call("diff", *rng.choice([(str(rows / "built"), str(folder)), (str(folder), str(rows / "built"), "--json")]))
    look_at(folder, rng)


def test_what_a_dataset_says_of_itself(rows: Path, rng: random.Random, tmp_path: Path) -> None:
    folder = tmp_path / "built"
    shutil.copytree(rows / "built", folder)
    name = rng.choice([MANIFEST, REJECTS, RUN])
    (folder / name).write_bytes(harmed(folder / name, rng))
    call(rng.choice(["verify", "show"]), str(folder))
    call("diff", str(rows / "built"), str(folder))
    look_at(folder, rng)


def look_at(folder: Path, rng: random.Random) -> None:
    """Show the rejected rows, write the report, and ask for all that the page of browse asks for."""
    call("show", str(folder), "--rejects", "--row", str(rng.randrange(4)))
    call("report", str(folder), "--out", str(folder.parent / "report.html"), *rng.choice([[], ["--no-samples"]]))
    verdicts = folder.parent / "v.jsonl"
    verdicts.write_bytes(damaged_json(VERDICTS, rng) if rng.random() < 0.2 else VERDICTS)
    with contextlib.suppress(KoInstructError), serving(folder, verdicts) as server:
        for part in ("train", "validation", "rejected"):
            row = rng.randrange(4)
            for path in (
                "about",
                f"rows?part={part}&judged={rng.choice(['', 'yes', 'no', 'drop'])}&flag={rng.choice(['', 'any'])}",
                f"rows?part={part}&where={quote('len(output) > 2 and history != null')}",
                f"count?part={part}&text={quote('답')}",
                f"record?part={part}&row={row}",
                f"tokens?part={part}&row={row}",
            ):
                response, data = request(server, f"/api/{path}")
                assert response.status in (200, 400), (path, data)
                assert json.loads(data)
            sent = json.dumps({"part": part, "row": row, "verdict": "drop", "digest": "0" * 32}).encode()
            assert request(server, "/api/verdict", sent)[0].status in (200, 400)
