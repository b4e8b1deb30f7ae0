"""export: part the kept from the rejected and write the dataset, its rejects, its manifest and its card.

The one stage that ends in files. They are made in a folder of their own, which takes its place under processed/ only
when the last of them, the manifest, is written: there is never half a dataset.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.card import Shape, card
from pipeline.files import BATCH_ROWS, files_of, rechunk, sync
from pipeline.folders import whole_folder
from pipeline.json_lines import json_lines
from pipeline.packing import PACKED, pack_rows
from pipeline.split import SPLITS
from pipeline.windows import one_a_row
from schemas.columns import INGESTED, MARKS, STAGES
from schemas.manifest import Counts, File, Manifest, Packing, Rejected, Tokens, config_name
from schemas.options import ExportOptions

#: Columns of no use in a kept row: it has no marks and no unread text, and stands in the files of its split.
NOT_KEPT = (*MARKS.names, "raw", "cluster_key", "split")
#: Columns of rejects.jsonl.
OF_REJECTS = (*INGESTED.names, "duplicate_of")
#: Columns that the manifest counts.
COUNTED = ["source", "split", "fixes", "flags", "n_tokens", "truncated", "n_unk", "reject_stage", "reject_reason"]
ROW_GROUP = 8 * BATCH_ROWS
#: Bytes at which a shard of Arrow is full; as Parquet it is smaller. What `datasets` takes for a shard of the Hub.
SHARD_BYTES = 500_000_000


def export(tables: Iterable[pa.Table], folder: Path, options: ExportOptions, about: dict[str, Any]) -> Manifest:
    """Write the dataset to `folder`, in place of what a former export left there.

    `tables`: all rows of all sources in order, deduplicated, with the column `split` (`pipeline.split`), which is null
    in rejected rows. `about`: what the manifest says of how they came about
    (its fields dataset, sources, tokenizer, options, versions, raw).
    Written: `<split>/*.arrow` (for `datasets.load_from_disk`), `<layout>/*.parquet` (for `load_dataset`),
    `jsonl/*.jsonl` (texts without ids), `rejects.jsonl`, `README.md`, `manifest.json`.

    Raises ValueError if the rows do not add up: what came in must have been kept or rejected.
    """
    with whole_folder(folder) as fresh:
        return _fill(fresh, tables, options, about)


def _fill(fresh: Path, tables: Iterable[pa.Table], options: ExportOptions, about: dict[str, Any]) -> Manifest:
    splits = {name: Shards(fresh / name, options.shard_rows) for name in SPLITS}
    tally = Tally()
    columns: dict[str, str] = {}
    with (fresh / "rejects.jsonl").open("wb") as rejects:
        for table in rechunk(tables):
            rejected = table.select([name for name in OF_REJECTS if name in table.column_names])
            rejects.write(json_lines(rejected.filter(pc.is_valid(table["reject_stage"]))))
            tally.add(table.select(COUNTED))
            kept = table.drop_columns([name for name in NOT_KEPT if name in table.column_names])
            for name, shards in splits.items():
                rows = one_a_row(kept.filter(pc.equal(table["split"], name)))
                columns = {field.name: str(field.type) for field in rows.schema}
                shards.write(rows)
    written = [name for name, shards in splits.items() if shards.close()]
    packing = None
    if options.packing:
        packing = _pack(fresh, written, options, about["options"]["tokenize"]["max_length"])
        columns = {field.name: str(field.type) for field in PACKED}
    examples = {name: sum(map(len, _rows_of_split(fresh / name))) for name in written}
    shape = _shape(fresh, written)
    _write_formats(fresh, written, config_name(about["options"]), options)
    files = describe_folder(fresh)
    if "arrow" in options.formats:
        _describe_splits(fresh, written, files)
    counts, tokens = tally.counts(), tally.tokens()
    manifest = Manifest(
        **about, counts=counts, tokens=tokens, examples=examples, packing=packing, columns=columns, files=files
    )
    (fresh / "README.md").write_text(card(manifest, options, shape), encoding="utf-8")
    manifest.files = describe_folder(fresh, files)
    text = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (fresh / "manifest.json").write_bytes(text)
    sync(fresh / "manifest.json")
    return manifest


class Shards:
    """The rows of one split as Arrow stream files: data-00000.arrow, data-00001.arrow, …

    A file ends at `rows` rows, or after the batch with which it has grown to SHARD_BYTES.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.count = 0
        self.room = 0
        self.writer: Any = None
        self.sink: Any = None

    def write(self, table: pa.Table) -> None:
        while len(table):
            if self.room == 0 or self.sink.tell() >= SHARD_BYTES:
                self.close()
                self.folder.mkdir(exist_ok=True)
                self.sink = pa.OSFile(str(self.folder / f"data-{self.count:05}.arrow"), "wb")
                self.writer = pa.ipc.new_stream(self.sink, table.schema)
                self.count, self.room = self.count + 1, self.rows
            part, table = table.slice(0, self.room), table.slice(self.room)
            self.writer.write_table(part.combine_chunks())
            self.room -= len(part)

    def close(self) -> int:
        """Close the open file; gives the number of files."""
        if self.writer is not None:
            self.writer.close()
            self.sink.close()
            self.writer = None
        return self.count


def _shape(folder: Path, splits: list[str]) -> Shape:
    """What `datasets` says of a dataset, from the Arrow shards of its splits."""
    shards = {name: sorted((folder / name).iterdir()) for name in splits}
    schema = next(_stream(shards[splits[0]][0])).schema if splits else pa.schema([])
    return Shape(schema, {name: sum(shard.stat().st_size for shard in parts) for name, parts in shards.items()})


def _pack(folder: Path, splits: list[str], options: ExportOptions, capacity: int) -> Packing:
    """Packs of `capacity` tokens in place of the rows of every split. The texts of the rows are written before."""
    packs = tokens = 0
    for name in splits:
        rows = (folder / name).rename(folder / f"{name}.rows")
        shards = sorted(rows.iterdir())
        for number, shard in enumerate(shards if "jsonl" in options.formats else ()):
            (folder / "jsonl").mkdir(exist_ok=True)
            _write_json_lines(shard, folder / "jsonl" / f"{name}-{number:05}-of-{len(shards):05}.jsonl")
        packed = Shards(folder / name, options.shard_rows)
        for table in pack_rows([batch for part in _rows_of_split(rows) for batch in part.to_batches()], capacity):
            packed.write(table)
            packs += len(table)
            tokens += pc.sum(table["n_tokens"]).as_py()
        packed.close()
        shutil.rmtree(rows)
    return Packing(length=capacity, packs=packs, fill=round(tokens / (packs * capacity), 4) if packs else 0.0)


def _write_formats(folder: Path, splits: list[str], config: str, options: ExportOptions) -> None:
    """From the Arrow shards of every split, the other formats; shards are named `<n>-of-<count>`, as on the Hub."""
    jobs = []
    for name in splits:
        shards = sorted((folder / name).iterdir())
        for number, shard in enumerate(shards):
            part = f"{number:05}-of-{len(shards):05}"
            whole = shard.rename(shard.with_name(f"data-{part}.arrow"))
            if "parquet" in options.formats:
                jobs.append((_write_parquet, whole, folder / config / f"{name}-{part}.parquet"))
            if "jsonl" in options.formats and not options.packing:
                jobs.append((_write_json_lines, whole, folder / "jsonl" / f"{name}-{part}.jsonl"))
    for _, _, target in jobs:
        target.parent.mkdir(exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: job[0](job[1], job[2]), jobs))
    if "arrow" not in options.formats:
        for name in splits:
            shutil.rmtree(folder / name)


def _describe_splits(folder: Path, splits: list[str], files: dict[str, File]) -> None:
    """What `datasets.load_from_disk` wants beside the Arrow files of the splits."""
    for split_name in splits:
        shards = {name: file for name, file in files.items() if name.startswith(f"{split_name}/")}
        digest = hashlib.sha256(" ".join(file.sha256 for file in shards.values()).encode()).hexdigest()
        state: dict[str, Any] = {
            "_data_files": [{"filename": Path(name).name} for name in shards],
            "_fingerprint": digest[:16],  # of the content, so that `datasets` caches what is made of these very rows
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split_name,
        }
        info = {"citation": "", "description": "", "features": None, "homepage": "", "license": ""}
        for name, content in (("state", state), ("dataset_info", info)):
            path = folder / split_name / f"{name}.json"
            path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    (folder / "dataset_dict.json").write_bytes(orjson.dumps({"splits": splits}))


def _rows_of_split(folder: Path) -> Iterator[pa.Table]:
    for shard in sorted(folder.iterdir()):
        yield from _stream(shard)


def _stream(path: Path) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _write_parquet(arrow: Path, target: Path) -> None:
    schema = next(_stream(arrow)).schema
    with pq.ParquetWriter(target, schema, compression="zstd", write_page_index=True) as writer:
        for table in rechunk(_stream(arrow), ROW_GROUP):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _write_json_lines(arrow: Path, target: Path) -> None:
    with target.open("wb") as sink:
        for table in _stream(arrow):
            if "window" in table.column_names:  # a record once, not with each of its windows
                table = table.filter(pc.equal(table["window"], 0))
            texts = [field.name for field in table.schema if not _is_ids(field.type)]
            sink.write(json_lines(table.select(texts)))


def _is_ids(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def describe_folder(folder: Path, known: dict[str, File] | None = None) -> dict[str, File]:
    """Every file below the folder, by name in order, flushed to the disk. Files in `known` are as they were."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]

    def describe(name: str) -> File:
        if known and name in known:
            return known[name]
        sync(folder / name)
        return describe_file(folder / name)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(names, pool.map(describe, names), strict=True))


def describe_file(path: Path) -> File:
    """Size and sha256 of a file; of a folder, the sum and the sha256 over those of its files in order."""
    if path.is_dir():
        parts = [describe_file(file) for file in files_of(path)]
        digest = hashlib.sha256("".join(part.sha256 for part in parts).encode())
        return File(sha256=digest.hexdigest(), bytes=sum(part.bytes for part in parts))
    with path.open("rb") as file:
        return File(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)


class Tally:
    """Counts over all rows, table by table."""

    def __init__(self) -> None:
        self.rows_in = 0
        self.rejected: Counter[tuple[str, str, str]] = Counter()
        self.sources: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.fixes: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.longest = 0

    def add(self, table: pa.Table) -> None:
        """Count a table of the columns COUNTED: the kept by their split, the rejected by their mark."""
        self.rows_in += len(table)
        kept, rejected = (table.filter(pc.is_valid(table[name])) for name in ("split", "reject_stage"))
        groups = rejected.group_by(["source", "reject_stage", "reject_reason"]).aggregate([([], "count_all")])
        for group in groups.to_pylist():
            self.rejected[(group["source"], group["reject_stage"], group["reject_reason"])] += group["count_all"]
        self.sources.update(_counts(kept["source"]))
        self.splits.update(_counts(kept["split"]))
        self.fixes.update(_counts(pc.list_flatten(kept["fixes"])))
        self.flags.update(_counts(pc.list_flatten(kept["flags"])))
        if len(kept):
            for name in ("n_tokens", "truncated", "n_unk"):
                self.sums[name] += pc.sum(kept[name]).as_py()
            self.sums["cut_rows"] += pc.sum(pc.greater(kept["truncated"], 0)).as_py()
            self.longest = max(self.longest, pc.max(kept["n_tokens"]).as_py())

    def counts(self) -> Counts:
        parts = sorted(self.rejected.items(), key=lambda part: (STAGES.index(part[0][1]), *part[0]))
        rejected = [Rejected(source=s, stage=t, reason=r, rows=n) for (s, t, r), n in parts]
        return Counts(
            rows_in=self.rows_in,
            kept=sum(self.sources.values()),
            rejected=rejected,
            sources=dict(self.sources),
            splits=dict(self.splits),
            fixes=dict(sorted(self.fixes.items())),
            flags=dict(sorted(self.flags.items())),
        )

    def tokens(self) -> Tokens:
        kept = sum(self.sources.values())
        return Tokens(
            total=self.sums["n_tokens"],
            mean=round(self.sums["n_tokens"] / kept, 2) if kept else 0.0,
            longest=self.longest,
            unknown=self.sums["n_unk"],
            cut=self.sums["truncated"],
            cut_rows=self.sums["cut_rows"],
        )


def _counts(column: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}
