"""Records of files that are tables already: Parquet, Arrow, a `datasets` folder, Excel."""

import datetime
import decimal
import io
import json
import math
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.stages.ingest import unpacking
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault, Number
from pipeline.stages.ingest.unpacking import Blocks, IngestError, Member, damaged, escaped


def table_kind(head: bytes) -> str | None:
    """parquet, arrow or arrow-stream, by a file's first bytes; None for another file."""
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:6] == b"ARROW1":
        return "arrow"
    return "arrow-stream" if head[:4] == b"\xff\xff\xff\xff" else None


def batches(member: Member, kind: str) -> Iterator[pa.RecordBatch]:
    """The record batches of a table file. Raises pa.ArrowInvalid where it is damaged, Fault where its packing is."""
    source: Any = member.path or pa.BufferReader(_unpacked(member))
    if kind == "parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(source) as file:
            yield from file.iter_batches(BATCH_ROWS)
        return
    # Not mapped: a file that someone cuts short meanwhile would end this process, and not in an error.
    with pa.OSFile(str(source)) if member.path else source as opened:
        if kind == "arrow":
            reader = pa.ipc.open_file(opened)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        else:
            yield from pa.ipc.open_stream(opened)


def _unpacked(member: Member) -> bytes:
    blocks = Blocks(member)
    data = b"".join(blocks)
    if blocks.fault:
        raise blocks.fault
    return data


def table_entries(found: Iterator[pa.RecordBatch], first: int = 0) -> Iterator[Entry]:
    """One entry per row, placed by its number from `first`. Raises pa.ArrowInvalid where a batch is damaged."""
    for batch in found:
        batch.validate(
            full=True
        )  # Arrow reads offsets as they stand in the file, even beyond the memory of the machine
        for small in range(0, len(batch), BATCH_ROWS):
            for record in batch.slice(small, BATCH_ROWS).to_pylist():
                yield _entry(f"[{first}]", record)
                first += 1


def guarded(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same entries, and where the file is damaged, one with that fault in place of the rest."""
    try:
        yield from entries
    except Fault as fault:
        yield Entry(":end", None, b"", (), fault)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        yield Entry(":end", None, b"", (), damaged(error))


def _entry(place: str, record: dict[str, Any]) -> Entry:
    fixes: list[str] = []
    value = {key: _plain(item, fixes) for key, item in record.items()}
    return Entry(place, value, None, tuple(dict.fromkeys(fixes)))


def _plain(value: Any, fixes: list[str]) -> Any:
    """A value of a table as a JSON value."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            fixes.append("nan-to-null")
            return None
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item, fixes) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, fixes) for item in value]
    if isinstance(value, bytes):
        return escaped(value)
    if isinstance(value, decimal.Decimal):
        return Number(str(value)) if value.is_finite() else str(value)
    if isinstance(value, datetime.date | datetime.time | datetime.datetime):
        return value.isoformat()
    return str(value)


def dataset_folder(path: Path) -> Iterator[Entry]:
    """The rows of a folder that `datasets` saved (`save_to_disk`), split by split."""
    splits = path / "dataset_dict.json"
    if splits.exists():
        for split in json.loads(splits.read_text("utf-8"))["splits"]:
            for entry in dataset_folder(_inside(path, split)):
                yield entry._replace(place=f"/{split}{entry.place}", split=split)
        return
    first = 0
    for data in json.loads((path / "state.json").read_text("utf-8"))["_data_files"]:
        file = _inside(path, data["filename"])
        with file.open("rb") as opened:
            kind = table_kind(opened.read(6)) or "arrow-stream"
        for batch in batches(Member("", partial(io.FileIO, file), file.stat().st_size, file), kind):
            yield from table_entries(iter([batch]), first)
            first += len(batch)


def _inside(folder: Path, name: str) -> Path:
    """A file that a folder's own description names. Raises Fault where that is a file elsewhere."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise Fault("damaged", f"the folder names a file outside of itself, {name!r}: it is not as `datasets` saved it")
    return folder / name


def workbook(path: Path) -> Iterator[Entry]:
    """The rows of every sheet of an Excel workbook below its header row."""
    import pandas

    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > max(unpacking.BOMB_BYTES, unpacking.BOMB_RATIO * path.stat().st_size):
        raise unpacking.size_bomb(path.stat().st_size, size)
    try:
        import openpyxl  # noqa: F401  # pandas reads workbooks with it

        sheets = pandas.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False)
    except ImportError as error:
        raise IngestError(f'{path}: an Excel workbook needs openpyxl: pip install "ko-instruct[excel]"') from error
    except Exception as error:  # openpyxl passes on any error of its parts
        raise damaged(error) from error
    for name, sheet in sheets.items():
        inside = "" if len(sheets) == 1 else f"!{name}"
        for number, record in enumerate(sheet.to_dict("records"), 2):
            if any(value not in ("", None) for value in record.values()):
                yield _entry(f"{inside}:{number}", {str(key): value for key, value in record.items()})
