"""Records of files that are tables already: Parquet, Arrow, a `datasets` folder."""

import datetime
import decimal
import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.io.class_labels import names_in_schema, with_names
from pipeline.io.saved_dataset import files_of, is_set_of_splits, splits_of
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import CALLED, TOOLS
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.unpacking import Blocks, Member, damaged, may_unpack_to, size_bomb

#: Bytes of a table that are Python values at one time.
AT_ONCE = 1 << 24
#: Fields whose objects have other keys in each record. The structs of a table hold all keys, and null in place of those
#: that an object lacks.
PADDED = {*CALLED, *TOOLS, "arguments", "parameters"}
#: Control characters that no text holds.
NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


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

        with parquet.ParquetFile(source, buffer_size=1 << 20) as file:
            groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            packed, size = member.size if member.path else source.size(), sum(group.total_byte_size for group in groups)
            if size > may_unpack_to(packed):
                raise size_bomb(packed, may_unpack_to(packed))
            widest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
            yield from file.iter_batches(max(1, min(BATCH_ROWS, 2 * AT_ONCE // max(widest, 1))))
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
    """One entry per row, placed by its number from `first`. Raises pa.ArrowInvalid where a batch is damaged, and Fault
    (duplicate-key) where two columns have one name: Python would read the last one alone.
    """
    for batch in found:
        if twice := [name for name, times in Counter(batch.schema.names).items() if times > 1]:
            raise Fault("duplicate-key", f"the table has two columns `{twice[0]}`: rename or remove one")
        # Arrow reads offsets as they stand in the file, even beyond the memory of the machine.
        batch.validate(full=True)
        names = names_in_schema(batch.schema)
        step = max(1, min(BATCH_ROWS, len(batch) * AT_ONCE // max(batch.nbytes, 1)))
        for small in range(0, len(batch), step):
            for record in batch.slice(small, step).to_pylist():
                yield _entry(f"[{first}]", record if names is None else with_names(record, names))
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
    left_out: list[str] = []
    value = {key: _plain(item, key, fixes, left_out) for key, item in record.items()}
    return Entry(place, value, None, tuple(dict.fromkeys(fixes)), left_out=tuple(dict.fromkeys(left_out)))


def _plain(value: Any, name: str, fixes: list[str], left_out: list[str]) -> Any:
    """A value of a table as a JSON value. Bytes that are no text are left out: their size and hash take their place."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            fixes.append("nan-to-null")
            return None
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        # An image or a sound of `datasets`: its path is its reference.
        if None in value.values() and not PADDED.isdisjoint(name.split(".")):
            fixes.append("struct-nulls")
            value = {key: item for key, item in value.items() if item is not None}
        is_file = value.keys() == {"bytes", "path"}
        return {
            str(key): _left_out(item, f"{name}.{key}", left_out)
            if is_file and isinstance(item, bytes)
            else _plain(item, f"{name}.{key}", fixes, left_out)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, name, fixes, left_out) for item in value]
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        is_text = "\ufffd" not in text and not NOT_TEXT.search(text)
        return text if is_text else _left_out(value, name, left_out)
    if isinstance(value, decimal.Decimal):
        return Number(str(value)) if value.is_finite() else str(value)
    if isinstance(value, datetime.date | datetime.time | datetime.datetime):
        return value.isoformat()
    return str(value)


def _left_out(value: bytes, name: str, left_out: list[str]) -> dict[str, Any]:
    left_out.append(name)
    return {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}


def dataset_folder(path: Path) -> Iterator[Entry]:
    """The rows of a folder that `datasets` saved (`save_to_disk`), split by split."""
    if is_set_of_splits(path):
        for split in _as_saved(splits_of(path)):
            for entry in dataset_folder(_inside(path, split)):
                yield entry._replace(place=f"/{split}{entry.place}", split=split)
        return
    first = 0
    for name in _as_saved(files_of(path)):
        file = _inside(path, name)
        with file.open("rb") as opened:
            kind = table_kind(opened.read(6)) or "arrow-stream"
        for batch in batches(Member("", partial(io.FileIO, file), file.stat().st_size, file), kind):
            yield from table_entries(iter([batch]), first)
            first += len(batch)


def _as_saved(names: Iterator[str]) -> list[str]:
    """The names in a folder's own description. Raises Fault where it is not as `datasets` writes it."""
    fault = Fault(
        "damaged", "what the folder says of its own files is not as `datasets` saved it: save the dataset again"
    )
    try:
        found = [*names]
    except (TypeError, KeyError):
        raise fault from None
    if not all(isinstance(name, str) for name in found):
        raise fault
    return found


def _inside(folder: Path, name: str) -> Path:
    """A file that a folder's own description names. Raises Fault where that is a file elsewhere."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise Fault("damaged", f"the folder names a file outside of itself, {name!r}: it is not as `datasets` saved it")
    return folder / name
