"""Nothing in data or config executes, leads out of raw/, steers a terminal or a page, or shows a token."""

import ast
import io
import json
import logging
import re
import subprocess
import sys
import traceback
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result
from datasets import Dataset

from pipeline.cli import main
from pipeline.dataset.verify import verify
from pipeline.hub import FetchError, fetch
from pipeline.run.chain import run
from pipeline.run.config import ConfigError, load_config
from pipeline.run.plan import plan_of_config, plan_of_files
from pipeline.stages.ingest import ingest
from pipeline.stages.ingest.parse import json_text, json_values, unpacking
from pipeline.tokenizers.load import resolve
from pipeline.tokenizers.protocol import LoadError
from schemas.options import Config, Source
from tests.support import hub_server
from tests.support.paths import ROOT

GOOD = '{"instruction": "예?", "output": "네."}\n'
CONFIG = """
[dataset]
name = "small"

[[source]]
name = "a"
files = ["**/*.jsonl", "saved/*", "folder/*.jsonl"]
optional = true

[tokenize]
tokenizer = ["embedded"]
"""

# --- nothing executes ---

#: Modules that turn data into code, and functions that run what they are given.
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "subprocess"}
CALLS = {"eval", "exec", "compile", "system", "popen", "__import__", "load_dataset"}
#: The one program that is started is Make, by the command for Make. torch's `eval` sets a model to evaluation, and
#: `load_dataset` is given Parquet files or the id of a repository, whose code no `datasets` of today runs. A [[step]]
#: of the config names a file of the user's own code.
ALLOWED = {
    ("pipeline/commands/make.py", "execvp"),
    # Work between our own processes, through pipes.
    ("pipeline/io/processes.py", "pickle"),
    ("pipeline/io/processes.py", "subprocess"),
    # What the stages of a plan need, for our own processes.
    ("pipeline/run/row_wise.py", "pickle"),
    # Tasks of a Ray cluster, which pickles whatever it carries.
    ("pipeline/run/engines/ray.py", "pickle"),
    # Only `dumps`: the bytes that are hashed.
    ("pipeline/stages/dedupe/known.py", "marshal"),
    ("pipeline/run/steps.py", "compile"),
    ("pipeline/run/steps.py", "exec"),
    ("pipeline/self_instruct/local.py", "eval"),
    ("pipeline/training/checks.py", "eval"),
    ("pipeline/training/loading.py", "load_dataset"),
}


def executions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            yield from (name for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            keywords = {each.arg: ast.unparse(each.value) for each in node.keywords}
            of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if name in CALLS and of != "re":
                yield name
            if name.startswith(("exec", "spawn")):
                yield name
            if of == "yaml" and not name.startswith("safe_"):
                yield f"yaml.{name}"
            if keywords.get("trust_remote_code", "False") != "False" or "allow_pickle" in keywords:
                yield "trust_remote_code"


def test_no_code_turns_data_into_code() -> None:
    files = [path for folder in ("pipeline", "schemas") for path in (ROOT / folder).rglob("*.py")]
    found = {(path.relative_to(ROOT).as_posix(), name) for path in files for name in executions(path)}
    assert found == ALLOWED


def test_the_search_for_such_code_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "import pickle\nfrom os import system\nsystem('x')\nyaml.load(x)\neval(y)\nf(trust_remote_code=1)\nos.execv()"
    )
    assert list(executions(path)) == ["pickle", "system", "yaml.load", "eval", "trust_remote_code", "execv"]


def test_a_config_cannot_ask_for_remote_code(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(CONFIG + "trust_remote_code = true\n")
    with pytest.raises(ConfigError, match=r"tokenize\.trust_remote_code: unknown name"):
        load_config(tmp_path / "pipeline.toml")


# --- nothing leads out of raw/ ---


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_text(GOOD)
    Dataset.from_list([json.loads(GOOD)]).save_to_disk(outside / "set")
    raw = tmp_path / "raw"
    (raw / "saved").mkdir(parents=True)
    (raw / "own.jsonl").write_text(GOOD)
    (raw / "alias.jsonl").symlink_to("own.jsonl")  # within raw/, links are welcome
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    assert len(plan_of_config(tmp_path / "pipeline.toml").units) == 2
    return raw


LINKS: dict[str, Callable[[Path], None]] = {
    "file": lambda raw: (raw / "b.jsonl").symlink_to("../outside/secret.jsonl"),
    "folder": lambda raw: (raw / "folder").symlink_to("../outside"),
    "dataset": lambda raw: (raw / "saved" / "set").symlink_to(raw.parent / "outside" / "set"),
    "file in a dataset": lambda raw: linked_dataset(raw),
}


def linked_dataset(raw: Path) -> None:
    Dataset.from_list([json.loads(GOOD)]).save_to_disk(raw / "saved" / "set")
    file = next((raw / "saved" / "set").glob("*.arrow"))
    file.unlink()
    file.symlink_to(next((raw.parent / "outside" / "set").glob("*.arrow")))


@pytest.mark.parametrize("link", LINKS)
def test_links_out_of_raw_are_refused(link: str, raw: Path) -> None:
    LINKS[link](raw)
    with pytest.raises(ConfigError, match=r"is a link that leads out of .*raw, to .*outside.*\. Copy the file to "):
        plan_of_config(raw.parent / "pipeline.toml")


def test_a_file_that_the_user_names_may_lie_anywhere(raw: Path, tmp_path: Path) -> None:
    LINKS["file"](raw)
    config = Config.model_validate(
        {"dataset": {"name": "x"}, "source": [{"name": "x", "files": ["x"]}], "tokenize": {"tokenizer": "embedded"}}
    )
    assert run(plan_of_files([raw / "b.jsonl"], tmp_path / "out", config), 1).counts.rows_in == 1


@pytest.mark.parametrize("name", ["../../outside/set/data-00000-of-00001.arrow", "/outside/data-00000-of-00001.arrow"])
def test_a_saved_dataset_cannot_name_files_elsewhere(name: str, raw: Path) -> None:
    folder = raw / "saved" / "set"
    Dataset.from_list([json.loads(GOOD)]).save_to_disk(folder)
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"] = [{"filename": name}]
    (folder / "state.json").write_text(json.dumps(state))
    (row,) = pa.concat_tables(ingest(folder, "saved/set", Source(name="a", files=("*",)))).to_pylist()
    assert row["reject_reason"] == "damaged"
    assert f"names a file outside of itself, {name!r}" in row["reject_detail"]
    (folder / "dataset_dict.json").write_text('{"splits": ["../../../outside/set"]}')
    (row,) = pa.concat_tables(ingest(folder, "saved/set", Source(name="a", files=("*",)))).to_pylist()
    assert row["reject_reason"] == "damaged"


def test_members_of_an_archive_are_read_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "slip.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.jsonl", GOOD)
        archive.writestr("/tmp/evil.jsonl", GOOD)
    before = sorted(tmp_path.rglob("*"))
    rows = pa.concat_tables(ingest(path, "slip.zip", Source(name="a", files=("*",))))
    assert rows["origin"].to_pylist() == ["slip.zip!../../evil.jsonl:1", "slip.zip!/tmp/evil.jsonl:1"]
    assert sorted(tmp_path.rglob("*")) == before


# --- what unpacks to more than fits ---


def test_a_workbook_that_is_a_size_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "BOMB_BYTES", 1 << 20)
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (1 << 24))
    (row,) = pa.concat_tables(ingest(path, "bomb.xlsx", Source(name="a", files=("*",)))).to_pylist()
    assert row["reject_reason"] == "size-bomb"


@pytest.mark.long
@pytest.mark.parametrize("packing", ["gz", "zst", "zip"])
def test_memory_does_not_grow_with_what_a_bomb_unpacks_to(packing: str, tmp_path: Path) -> None:
    """A record of 128 MB without an end, in a few KB: of it no more is held than of the longest record allowed."""
    path = tmp_path / f"bomb.{packing}"
    piece = b'{"instruction": "' + b"a" * ((1 << 22) - 17)
    write_packed(path, packing, piece, 32)
    assert path.stat().st_size < 1 << 20
    code = f"""
import resource
import pyarrow as pa
import pyarrow.parquet as pq
from pathlib import Path
from pipeline.stages.ingest import ingest
from schemas.options import IngestOptions, Source
source, options = Source(name="a", files=("*",), reader="jsonl"), IngestOptions(max_record_bytes=1 << 22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = pa.concat_tables(ingest(Path({str(path)!r}), "bomb", source, options))
print(rows["reject_reason"][0], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    reason, grown = done.stdout.split()
    assert reason == "too-long"
    assert int(grown) < 64, f"{grown} MB"


def write_packed(path: Path, packing: str, piece: bytes, times: int) -> None:
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.jsonl", "w") as member:
            for _ in range(times):
                member.write(piece)
        return
    with pa.CompressedOutputStream(str(path), {"gz": "gzip", "zst": "zstd"}[packing]) as sink:
        for _ in range(times):
            sink.write(piece)


def test_a_parquet_file_that_is_a_size_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"instruction": ["a" * (1 << 24)], "output": ["b"]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    (row,) = pa.concat_tables(ingest(path, "bomb.parquet", Source(name="a", files=("*",)))).to_pylist()
    assert row["reject_reason"] == "size-bomb"


def test_many_small_bombs_in_an_archive_share_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "bombs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(50):
            archive.writestr(f"{number}.jsonl", b"\n" * (1 << 20))
    read = 0
    for member in unpacking.members(path):
        blocks = unpacking.Blocks(member, 1 << 16)
        read += sum(map(len, blocks))
        assert blocks.fault
        assert blocks.fault.reason == "size-bomb"
    assert read < unpacking.may_unpack_to(path.stat().st_size) + 50 * unpacking.PIECE


@pytest.mark.parametrize(
    "pattern", [json_text.BLANK, json_text.COMMENTS, json_text.TOKEN, json_text.WORDS, json_values.FIRST_KEY]
)
def test_long_blanks_and_texts_take_no_memory(pattern: re.Pattern[bytes]) -> None:
    """A pattern that can go back holds a hundred bytes for each repetition of a group."""
    for text in (b" " * (1 << 22), b'{"' + rb"\\" * (1 << 21) + b'"', b'"' + rb"\\" * (1 << 21) + b'"'):
        tracemalloc.start()
        pattern.match(text)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


# --- nothing steers a terminal or a page ---

ESCAPE = "\x1b]0;owned\x07\x1b[31m\u202e\x9b2J"
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_text_of_files_does_not_steer_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"{ESCAPE.replace('/', '')}.jsonl"
    rows = [
        {"instruction": ESCAPE, "output": f"{ESCAPE}네", ESCAPE: ESCAPE},
        {"instruction": "예?", "output": "네." * 60},
    ]
    Path(name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write(name)
    Path("odd.jsonl").write_text(json.dumps({ESCAPE: 1, "b": 2}))
    Path("unknown.jsonl").write_text(json.dumps({"instruction": f"{ESCAPE}뷁뙑", "output": f"{ESCAPE}쀍뚧"}))
    Path("wrong.toml").write_text(f"[dataset]\nname = {json.dumps(ESCAPE)}\n")
    results = [
        call("inspect", name),
        call("inspect", "a.zip"),
        call("inspect", "odd.jsonl"),
        call("ingest", "odd.jsonl"),
        call("run", name, "--out", "out", "--tokenizer", "embedded"),
        call("run", name, "--out", f"out{ESCAPE}", "--tokenizer", ESCAPE),
        call("run", "unknown.jsonl", "--out", "unknown", "--tokenizer", "embedded"),
        call("run", "--config", "wrong.toml"),
        call("verify", "out"),
        call("ingest", f"{ESCAPE}-nowhere"),
    ]
    assert [result.exit_code for result in results] == [0, 0, 0, 1, 0, 1, 1, 1, 0, 2]
    for result in results[:-1]:
        assert not STEERING.search(result.stdout + result.stderr), result.stdout + result.stderr
    for result in results[:6]:  # in the seventh, `normalize` has taken the escapes out of the text that is shown
        assert "]0;owned" in result.stdout + result.stderr


HOSTILE = '<script>alert(1)</script> | [링크](javascript:x) `x` </td> # *\x1b[31m"\n---\nlicense: mit\n'


def test_a_card_is_text_whatever_names_it(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text(GOOD * 2 + "{\n")
    hostile = json.dumps(HOSTILE)
    (tmp_path / "pipeline.toml").write_text(
        f'[dataset]\nname = "small"\ntitle = {hostile}\ndescription = {hostile}\n'
        f'[[source]]\nname = "a"\nfiles = ["*.jsonl"]\nlicense = {hostile}\nurl = {hostile}\nattribution = {hostile}\n'
        f'[tokenize]\ntokenizer = [{json.dumps("없는`<b>" + HOSTILE)}, "embedded"]\n'
    )
    run(plan_of_config(tmp_path / "pipeline.toml"), 1)
    card = (tmp_path / "processed" / "small" / "README.md").read_text()
    _, header, body = card.split("---\n", 2)
    parsed = yaml.safe_load(header)
    assert parsed["license"] == parsed["pretty_name"] == HOSTILE
    assert list(parsed) == [
        "language", "license", "pretty_name", "size_categories", "task_categories", "tags", "configs", "dataset_info",
    ]  # fmt: skip
    body = re.sub("^```.*?^```", "", body, flags=re.DOTALL | re.MULTILINE)  # nothing comes alive in a block of code
    for harm in ("<script", "<b>", "[링크]", "</td>", "\x1b", "\nlicense: mit"):
        assert harm not in body, body
    for line in body.splitlines():
        if line.startswith("| a |"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 6, line
        assert line.startswith("```") or line.replace(r"\`", "").count("`") % 2 == 0, line
    assert not any(check.faults for check in verify(tmp_path / "processed" / "small"))


LONG_NAME = HOSTILE + "\u202e=cmd|' /C calc'!A0\u2066" + "가" * 10_000


def test_what_shows_a_dataset_shows_hostile_names_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In titles, file names, texts, names of tools and of other fields: of 10,000 characters where allowed."""
    monkeypatch.chdir(tmp_path)
    name = LONG_NAME.replace("/", "")[:120] + ".jsonl"
    call_of = {"type": "function", "function": {"name": LONG_NAME, "arguments": {LONG_NAME: LONG_NAME}}}
    rows: list[dict[str, object]] = [
        {"instruction": LONG_NAME, "input": "=1+1", "output": LONG_NAME, LONG_NAME: LONG_NAME},
        {
            "messages": [
                {"role": "user", "content": LONG_NAME},
                {"role": "assistant", "content": "", "tool_calls": [call_of]},
            ]
        },
        {"instruction": LONG_NAME, "output": ""},
    ]
    Path("raw").mkdir()
    Path("raw", name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("pipeline.toml").write_text(
        f'[dataset]\nname = "small"\ntitle = {json.dumps(LONG_NAME)}\n[[source]]\nname = "a"\nfiles = ["*.jsonl"]\n'
        'license = "mit"\n[tokenize]\ntokenizer = "embedded"\nmax_length = 512\n[normalize]\noff = ["control"]\n'
        "[gate]\nmax_rejected = 1.0\n"
    )
    built = call("run")
    assert built.exit_code == 0, built.output
    shown = [
        built,
        call("show", "processed/small", "--row", "0"),
        call("show", "processed/small", "--row", "0", "--format", "messages"),
        call("show", "processed/small", "--row", "0", "--format", "json"),
        call("show", "processed/small", "--rejects"),
        call("explain", f"{name}:1"),
        call("diff", "processed/small", f"raw/{name}"),
        call("diff", "processed/small", "processed/small", "--json"),
        call("verify", "processed/small"),
        call("inspect", f"raw/{name}"),
        call("check"),
        call("plan"),
    ]
    for result in shown:
        assert not isinstance(result.exception, Exception)
        assert not STEERING.search(result.stdout + result.stderr)
    page = call("report", "processed/small", "--out", "-").stdout
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert len(re.findall("<script", page)) == len(re.findall("</script>", page))


# --- no token is shown ---


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_server.Hub]:
    with hub_server.running() as running:
        hub_server.lead_here(monkeypatch, running, tmp_path / "home")
        yield running


@pytest.mark.parametrize("token", ["hf_expiredTokenOfLastYear", "hf_broken\x01Token", "hf_토큰", "org-secret-token"])
def test_tokens_are_not_in_errors_logs_or_manifests(
    token: str, hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", token)
    said = io.StringIO()
    with pytest.raises(FetchError) as error:
        fetch("nlpai-lab/kullm-v2", tmp_path)
    said.write("".join(traceback.format_exception(error.value)))
    with pytest.raises(LoadError) as lacking:
        resolve(["skt/kobert-base-v1"])
    said.write("".join(traceback.format_exception(lacking.value)))
    (tmp_path / "a.jsonl").write_text(GOOD)
    config = Config.model_validate(
        {
            "dataset": {"name": "x"},
            "source": [{"name": "x", "files": ["x"]}],
            "tokenize": {"tokenizer": ["skt/kobert-base-v1", "embedded"]},
        }
    )
    run(plan_of_files([tmp_path / "a.jsonl"], tmp_path / "out", config), 1)
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            said.write(path.read_bytes().decode("utf-8", "replace"))
    for record in caplog.records:
        if record.name.startswith(("pipeline", "huggingface_hub")):
            said.write(record.getMessage())
    for shown in (token, repr(token)[1:-1], token.encode("unicode_escape").decode()):
        assert shown not in said.getvalue()
