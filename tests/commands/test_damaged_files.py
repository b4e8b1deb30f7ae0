"""Damaged Arrow and Parquet files: whatever bytes are wrong, a command ends with a message and exit code 0 or 1.

`make test-attack` tries thousands of files (ATTACKS=…, SEED=…), `make test` a few of each kind.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.dataset.layout import MANIFEST
from pipeline.dataset.reference import ExistingError, read_existing

ATTACKS = int(os.environ.get("ATTACKS", "25"))
SEED = int(os.environ.get("SEED", "0"))


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
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


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same rows as an Arrow file, an Arrow stream, a Parquet file and a dataset."""
    folder = tmp_path_factory.mktemp("rows")
    history = [{"role": "user", "content": "가"}, {"role": "assistant", "content": "나"}]
    records = [
        {"instruction": f"질문 {number}", "output": f"답 {number}", "history": history if number % 3 == 0 else None}
        for number in range(40)
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    call("ingest", str(folder / "a.jsonl"), str(folder / "file.arrow"))
    call("run", str(folder / "a.jsonl"), "--out", str(folder / "built"), "--tokenizer", "embedded")
    table = pa.ipc.open_file(folder / "file.arrow").read_all()
    pq.write_table(table, folder / "rows.parquet")
    with pa.ipc.new_stream(folder / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    return folder


@pytest.fixture(params=[SEED * ATTACKS + number for number in range(ATTACKS)])
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def test_commands_on_rows(rows: Path, rng: random.Random, tmp_path: Path) -> None:
    file = tmp_path / "x.arrow"
    file.write_bytes(damaged((rows / "file.arrow").read_bytes(), rng))
    call(rng.choice(["validate", "normalize", "screen"]), str(file), str(tmp_path / "out.jsonl"))
    call("show", str(file), "--row", "3", "--tokenizer", "embedded")
    call("show", str(file), "--where", "len(output) > 2 and history != null", "--format", "messages")
    call("diff", str(rows / "file.arrow"), str(file))


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
    file.write_bytes(damaged(file.read_bytes(), rng))
    if rng.random() < 0.5:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "bytes": file.stat().st_size}
        (folder / MANIFEST).write_text(json.dumps(manifest | {"files": manifest["files"] | {name: found}}))
    call("verify", str(folder), "--tokenizer", "embedded")
    call("show", str(folder), "--row", "2")
    call("diff", str(rows / "built"), str(folder))
    call("diff", str(folder), str(rows / "built"), "--json")
