"""browse: blocks of every format, verdicts that the next build obeys, and the command itself."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import pyarrow as pa
import pytest
from click.testing import CliRunner

from pipeline.browse import query
from pipeline.browse.answers import Answers
from pipeline.browse.blocks import REJECTED, parts_of
from pipeline.browse.search import search
from pipeline.browse.server import TOKEN
from pipeline.cli import main
from pipeline.commands.browse import file_of
from pipeline.io.row_files import RowsError
from schemas.errors import DatasetError
from tests.browse.built import build
from tests.support.paths import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("project"), '["arrow", "parquet"]')


def without(folder: Path, to: Path, name: str) -> Path:
    """A copy of the dataset without this file or folder."""
    shutil.copytree(folder, to)
    gone = to / name
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    return to


def test_arrow_and_parquet_give_the_same_rows(folder: Path, tmp_path: Path) -> None:
    arrow, parquet = parts_of(folder), parts_of(without(folder, tmp_path / "parquet", "train"))
    assert list(arrow) == list(parquet) == ["train", REJECTED]
    for name, part in arrow.items():
        numbers = range(part.rows)
        assert part.rows == parquet[name].rows
        assert part.take(numbers, part.columns) == parquet[name].take(numbers, part.columns)


def test_rejected_rows_are_in_blocks_of_lines(tmp_path: Path, folder: Path) -> None:
    copy = without(folder, tmp_path / "copy", "pair")
    line = (folder / "rejects.jsonl").read_text().splitlines()[0]
    for rows, end in ((0, ""), (1, ""), (8191, "\n"), (8192, "\n"), (8192, ""), (8193, ""), (20000, "\n")):
        lines = [line.replace("a.jsonl:3", f"a.jsonl:{number}") for number in range(rows)]
        (copy / "rejects.jsonl").write_text("\n".join(lines) + end)
        part = parts_of(copy)[REJECTED]
        assert part.rows == rows
        some = [number for number in (0, 1, 8190, 8191, 8192, 8193, 19999) if number < rows]
        assert [row["origin"] for row in part.take(some, ["origin"])] == [f"a.jsonl:{number}" for number in some]


def test_a_damaged_line_of_rejects_is_named(tmp_path: Path, folder: Path) -> None:
    copy = without(folder, tmp_path / "copy", "pair")
    with (copy / "rejects.jsonl").open("a") as file:
        file.write("{\n")
    with pytest.raises(RowsError, match=r"rejects\.jsonl, line 3: .* Build the dataset again"):
        parts_of(copy)[REJECTED].take([0], ["origin"])


def test_a_rejected_row_without_an_origin_is_shown(tmp_path: Path, folder: Path) -> None:
    copy = without(folder, tmp_path / "copy", "pair")
    lines = [json.loads(line) | {"origin": None} for line in (copy / "rejects.jsonl").read_text().splitlines()]
    (copy / "rejects.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = Answers(copy, tmp_path / "v.jsonl", (), 1)
    assert [row["verdict"] for row in answers.rows({"part": REJECTED})["rows"]] == [None] * len(lines)
    assert answers.record({"part": REJECTED, "row": "0"})["verdicts"] == []


def test_a_damaged_arrow_file_is_named(tmp_path: Path, folder: Path) -> None:
    copy = without(folder, tmp_path / "copy", "pair")
    (file,) = (copy / "train").glob("*.arrow")
    file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(RowsError, match=re.escape(str(file))):
        parts_of(copy)


def test_messages_without_a_known_field_are_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    file = tmp_path / "train/data-00000-of-00001.arrow"
    rows = pa.table({"instruction": ["물음"], "history": [[{"role": "user", "content": "답", "Tool_calls": None}]]})
    with pa.ipc.new_stream(str(file), rows.schema) as stream:
        stream.write_table(rows)
    part = parts_of(tmp_path)["train"]
    test = query.Test(query.Query(part="train", text="답"))
    with pytest.raises(RowsError, match=re.escape(str(file))):
        search([part], test, 0, 5, 1)


def test_packed_rows_are_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    packed = pa.table({"input_ids": [[1]], "labels": [[1]], "seq_lengths": [[1]], "origins": [["a:1"]]})
    with pa.ipc.new_stream(str(tmp_path / "train/data-00000-of-00001.arrow"), packed.schema) as stream:
        stream.write_table(packed)
    with pytest.raises(DatasetError, match=r"packed rows, which have no texts.*--set export\.packing=false"):
        parts_of(tmp_path)


def test_no_personal_data_that_is_masked_is_shown(folder: Path, tmp_path: Path) -> None:
    answers = Answers(folder, tmp_path / "v.jsonl", (), 1)
    shown = [answers.rows({"part": part}) for part in ("kept", REJECTED)]
    shown += [
        answers.record({"part": row["part"], "row": str(row["row"])}) for page in shown[:2] for row in page["rows"]
    ]
    assert "<전화번호>" in str(shown)
    assert "2345" not in str(shown)
    assert answers.count({"text": "2345"})["matches"] == 0


def test_a_verdict_of_the_page_is_obeyed_and_changed_by_the_next_one(tmp_path: Path) -> None:
    """Fix a row, build, fix the fixed row and drop another one, build again."""
    folder = build(tmp_path)
    assert file_of(folder) == tmp_path / "mine.verdicts.jsonl"

    def judge(origin: str, verdict: str, **more: object) -> None:
        answers = Answers(folder, file_of(folder), (), 1)
        for part in ("kept", REJECTED):
            for row in answers.rows({"part": part})["rows"]:
                if row["origin"] == origin:
                    digest = answers.record({"part": row["part"], "row": str(row["row"])})["digest"]
                    answers.judge(
                        {"part": row["part"], "row": row["row"], "digest": digest, "verdict": verdict, **more}
                    )

    def rows() -> dict[str, dict[str, object]]:
        parts = parts_of(folder)
        return {row["origin"]: row for part in parts.values() for row in part.take(range(part.rows), part.columns)}

    judge("a.jsonl:2", "fix", texts={"output": "비가 옵니다."})
    judge("a.jsonl:3", "keep")
    judge("chats.jsonl:1", "drop")  # its source names no file
    build(tmp_path, verdicts='verdicts = "mine.verdicts.jsonl"')
    assert rows()["a.jsonl:2"]["output"] == "비가 옵니다."
    assert rows()["a.jsonl:3"]["flags"] == ["refusal", "kept-by-verdict"]
    assert rows()["chats.jsonl:1"].get("reject_reason") is None
    judge("a.jsonl:2", "fix", texts={"output": "눈이 옵니다."})
    judge("a.jsonl:3", "none")
    build(tmp_path, verdicts='verdicts = "mine.verdicts.jsonl"')
    assert rows()["a.jsonl:2"]["output"] == "눈이 옵니다."
    assert rows()["a.jsonl:2"]["fixes"] == ["verdict"]
    assert rows()["a.jsonl:3"]["reject_reason"] == "refusal"


def test_the_copies_of_a_repeated_row_are_one_record(tmp_path: Path) -> None:
    folder = build(tmp_path, verdicts="repeat = 2")
    answers = Answers(folder, tmp_path / "v.jsonl", (), 1)
    copies = [row for row in answers.rows({})["rows"] if row["origin"].startswith("a.jsonl:2")]
    assert [row["origin"] for row in copies] == ["a.jsonl:2", "a.jsonl:2#2"]
    copy = answers.record({"part": "train", "row": str(copies[1]["row"])})
    assert copy["origin"] == "a.jsonl:2"
    answers.judge({"part": "train", "row": copies[1]["row"], "digest": copy["digest"], "verdict": "drop"})
    judged = answers.rows({"judged": "drop"})["rows"]
    assert [(row["origin"], row["verdict"]) for row in judged] == [("a.jsonl:2", "drop"), ("a.jsonl:2#2", "drop")]


def test_a_foreign_manifest_names_no_file_to_write(folder: Path, tmp_path: Path) -> None:
    copy = without(folder, tmp_path / "copy", "pair")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sources"][0]["verdicts"] = "../../.bashrc"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = CliRunner().invoke(main, ["browse", str(copy)])
    assert done.exit_code == 1
    assert "a file of verdicts is relative to the folder of pipeline.toml" in done.output


def test_ctrl_c_ends_the_command_with_one_line(folder: Path) -> None:
    command = [sys.executable, "-m", "ko_instruct", "browse", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    address = r"http://127\.0\.0\.1:\d+/#[\w-]{43}"
    assert re.fullmatch(rf"{re.escape(str(folder))}: open {address}\n", process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 0)
    assert err.splitlines()[-1] == "browse has ended. No verdict was given."
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_requests_leaves_no_traceback(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "ko_instruct", "browse", str(folder), "--workers", "2"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address, _, token = process.stdout.readline().split()[-1].partition("#")
    request = Request(f"{address}api/count?text=%EB%8B%B5", headers={TOKEN: token})

    def ask() -> None:
        with contextlib.suppress(OSError, HTTPException):
            while True:
                urlopen(request).read()

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    time.sleep(0.3)
    process.send_signal(number)
    _, error = process.communicate(timeout=20)
    for thread in asking:
        thread.join()
    assert "Traceback" not in error
    assert "browse has ended. No verdict was given." in error
    assert "half written" not in error
    assert process.returncode == (0 if number == signal.SIGINT else 128 + number)


def test_a_port_that_is_taken_is_an_error_that_says_so(folder: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["browse", str(folder), "--port", str(port)])
    assert done.exit_code == 1
    assert f"port {port} is taken: name another one, or leave --port out" in done.output
