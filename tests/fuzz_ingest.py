"""Any bytes through `ingest`, in search of an exception or of a record that vanishes (make fuzz).

python -m tests.fuzz_ingest                      60 seconds of it
python -m tests.fuzz_ingest -max_total_time=600  ten minutes; any flag of libFuzzer
python -m tests.fuzz_ingest /tmp/crash-…         once more what was found

The first byte of an input chooses the source's reader and shape, the others are the file.
"""

import bz2
import contextlib
import gzip
import importlib
import io
import itertools
import json
import lzma
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import atheris
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.columns import INGESTED
from schemas.options import Source
from schemas.shapes import (
    Articles,
    Columns,
    Conversation,
    Delimited,
    Instances,
    Pairs,
    Preference,
    Questions,
    Template,
)

for name in ("arrow_files", "saved_dataset"):
    importlib.import_module(f"pipeline.io.{name}")  # before, so that of `pipeline` only ingest is instrumented
with atheris.instrument_imports(include=["pipeline"]):
    from pipeline.stages.ingest import IngestError, columnar, ingest, json_values
    from pipeline.stages.ingest.parse.encoding import encoding_of
    from tests.support.lost_texts import lost_words

# A single record is read as a block is.
columnar.FEW = json_values.FEW = 1

TESTS = Path(__file__).parent
BOM = b"\xef\xbb\xbf"
SHAPES = (
    None,
    Columns(),
    Columns(instruction="a.0.b", output="답", input=None, system="system", history="history"),
    Conversation(),
    Conversation(turns="body.messages", role="role", text="content", system="system"),
    Delimited(),
    Preference(),
    Preference(prompt=None, context="context", system="system"),
    Instances(),
    Pairs(),
    Articles(),
    Questions(),
    Template(instruction="분류", input="{sentence}", output="{label}", labels={"label": {"0": "부정", "1": "긍정"}}),
)
SOURCES = [
    Source(name="fuzz", files=("*",), reader=reader, shape=shape)
    for reader, shape in itertools.product(("auto", "json", "jsonl", "csv", "tsv"), SHAPES)
]


def check(data: bytes) -> None:
    """What holds for any input: rows of the contract, each alive or rejected with its reason; or an IngestError."""
    if not data:
        return
    source, content = SOURCES[data[0] % len(SOURCES)], data[1:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        left_out: set[str] = set()
        try:
            tables = list(ingest(path, "file", source, left_out=left_out))
        except IngestError:
            return
    for table in tables:
        assert table.schema == INGESTED
        table.validate(full=True)
    rows = pa.concat_tables(tables, promote_options="none").to_pylist() if tables else []
    origins = {row["origin"] for row in rows}
    assert len(origins) == len(rows)
    for row in rows:
        rejected = {row["reject_stage"], row["reject_reason"], row["reject_detail"], row["raw"]}
        assert rejected == {None} or None not in rejected, row
        assert row["reject_stage"] in (None, "ingest")
    expected = places(source, content)
    # An exchange of a conversation stands behind the place of its record: file:17/2
    assert expected is None or expected == {origin.split("/")[0] for origin in origins}
    assert lost_words(values(source, content), rows, left_out) == []


def values(source: Source, content: bytes) -> list[Any]:
    """The values of a JSON file, as far as they are plain to see."""
    if source.reader in ("csv", "tsv") or encoding_of([content]) != "utf-8":
        return []
    lines = [line for line in content.split(b"\n") if line.strip()]
    for parts in ([content], lines):
        with contextlib.suppress(orjson.JSONDecodeError):
            return [orjson.loads(part) for part in parts]
    return []


def places(source: Source, content: bytes) -> set[str] | None:
    """Where the records of a file are, as far as that is plain to see; None where it is not."""
    if source.reader == "jsonl" and content[:1] == b"{" and content.isascii() and b"\0" not in content:
        lines = enumerate(content.split(b"\n"), 1)
        return {f"file:{number}" for number, line in lines if line.strip(b" \t\r") not in (b"", BOM)}
    if source.reader == "json" and content[:1] == b"[":
        try:
            return {f"file[{index}]" for index in range(len(orjson.loads(content)))}
        except orjson.JSONDecodeError:
            return None
    return None


def seeds() -> Iterator[bytes]:
    """Files that mean something, for the fuzzer to damage."""
    cases = [json.loads(line) for path in sorted(TESTS.glob("cases/ingest/*.jsonl")) for line in path.open("rb")]
    yield from (case["data"].encode() for case in cases if "data" in case)
    yield from (json.dumps(case["records"], ensure_ascii=False).encode() for case in cases if "records" in case)
    yield from (path.read_bytes()[:1000] for path in sorted((TESTS.parent / "raw/sample").iterdir()))
    line = '{"instruction": "예?", "output": "네."}\n'
    text = line.encode()
    yield from (line.encode(encoding) for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp949"))
    yield from (pack(text) for pack in (gzip.compress, bz2.compress, lzma.compress, pa.Codec("zstd").compress))
    table = pa.Table.from_pylist([json.loads(line), {"instruction": "또?", "output": "네."}])
    for write in (write_parquet, write_arrow, write_stream, write_workbook):
        file = io.BytesIO()
        write(table, file)
        yield file.getvalue()
        yield gzip.compress(file.getvalue())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a.jsonl", text)
        opened.writestr("b.csv", "질문,답변\n예?,네.\n")
    yield archive.getvalue()


def write_parquet(table: pa.Table, file: io.BytesIO) -> None:
    pq.write_table(table, file)


def write_arrow(table: pa.Table, file: io.BytesIO) -> None:
    with pa.ipc.new_file(file, table.schema) as sink:
        sink.write_table(table)


def write_stream(table: pa.Table, file: io.BytesIO) -> None:
    with pa.ipc.new_stream(file, table.schema) as sink:
        sink.write_table(table)


def write_workbook(table: pa.Table, file: io.BytesIO) -> None:
    table.to_pandas().to_excel(file, index=False)


def main() -> None:
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()):
            for reader in range(0, 3 * len(SHAPES), len(SHAPES)):  # auto, json, jsonl; no shape
                (Path(corpus) / f"{number:03}-{reader}").write_bytes(bytes([reader]) + seed)
        # A later flag replaces an earlier one. What breaks is kept in the folder for temporary files.
        flags = ["-max_total_time=60", "-max_len=4096", "-timeout=20", f"-artifact_prefix={tempfile.gettempdir()}/"]
        arguments = [*sys.argv[:1], *flags, *sys.argv[1:]]
        if all(argument.startswith("-") for argument in sys.argv[1:]):
            arguments.append(corpus)
        atheris.Setup(arguments, check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
