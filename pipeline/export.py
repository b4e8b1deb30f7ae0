"""export: part the kept from the rejected and write the dataset, its rejects, its manifest and its card.

The one stage that ends in files. They are made in a folder of their own, which takes its place under processed/ only
when the last of them, the manifest, is written: there is never half a dataset.
"""

import contextlib
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.card import card
from pipeline.files import BATCH_ROWS, HashedFile, batched, files_of, sync
from pipeline.json_lines import json_lines
from pipeline.split import SPLITS
from pipeline.workers import Background
from schemas.columns import INGESTED, MARKS, STAGES
from schemas.manifest import Counts, File, Manifest, Rejected, Tokens
from schemas.options import ExportOptions

#: Columns of no use in a kept row: it has no marks and no unread text, and stands in the files of its split.
NOT_KEPT = (*MARKS.names, "raw", "cluster_key", "split")
#: Columns of rejects.jsonl.
OF_REJECTS = (*INGESTED.names, "duplicate_of")
#: Columns that the manifest counts.
COUNTED = ["source", "split", "fixes", "flags", "n_tokens", "truncated", "n_unk", "reject_stage", "reject_reason"]
ROW_GROUP = 8 * BATCH_ROWS


def export(tables: Iterable[pa.Table], folder: Path, options: ExportOptions, about: dict[str, Any]) -> Manifest:
    """Write the dataset to `folder`, in place of what a former export left there.

    `tables`: all rows of all sources in order, deduplicated, with the column `split` (`pipeline.split`), which is null
    in rejected rows. `about`: what the manifest says of how they came about
    (its fields dataset, sources, tokenizer, options, versions, raw).
    Written: `<split>/*.arrow` (for `datasets.load_from_disk`), `data/*.parquet` (for `load_dataset`),
    `jsonl/*.jsonl` (texts without ids), `rejects.jsonl`, `README.md`, `manifest.json`.

    Raises ValueError if the rows do not add up: what came in must have been kept or rejected.
    """
    fresh = folder.parent / ".stages" / f"{folder.name}.export"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tally = Tally()
    columns: dict[str, str] = {}
    with contextlib.ExitStack() as open_files:
        rejects = open_files.enter_context(HashedFile(fresh / "rejects.jsonl"))
        reject = open_files.enter_context(batched(lambda batch: rejects.write(json_lines(batch))))
        splits = {name: open_files.enter_context(Shards(fresh, name, options)) for name in SPLITS}
        for table in tables:
            rejected = table.select([name for name in OF_REJECTS if name in table.column_names])
            reject(rejected.filter(pc.is_valid(table["reject_stage"])))
            tally.add(table.select(COUNTED))
            kept = table.drop_columns([name for name in NOT_KEPT if name in table.column_names])
            columns = {field.name: str(field.type) for field in kept.schema}
            for name, shards in splits.items():
                shards.write(kept.filter(pc.equal(table["split"], name)))
    files = {"rejects.jsonl": _described(rejects)}
    for shards in splits.values():
        files |= shards.named()
    if "arrow" in options.formats:
        _describe_splits(fresh, [name for name, shards in splits.items() if shards.count], files)
    manifest = Manifest(**about, counts=tally.counts(), tokens=tally.tokens(), columns=columns, files={})
    (fresh / "README.md").write_text(card(manifest, options), encoding="utf-8")
    manifest.files = describe_folder(fresh, files)
    text = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (fresh / "manifest.json").write_bytes(text)
    sync(fresh / "manifest.json")
    _put_in_place(fresh, folder)
    return manifest


class Shards(contextlib.AbstractContextManager["Shards"]):
    """The kept rows of one split, in files of at most `options.shard_rows` rows in each of the formats.

    Each file has a thread of its own: what is compressed and hashed holds up nothing else.
    """

    def __init__(self, folder: Path, split: str, options: ExportOptions) -> None:
        self.folder, self.split, self.options = folder, split, options
        self.files: dict[Path, Background[pa.Table, File]] = {}
        self.count = 0
        self.room = 0
        self.shard = contextlib.ExitStack()
        self.put: Callable[[pa.Table], object]

    def write(self, table: pa.Table) -> None:
        while len(table):
            if self.room == 0:
                self.shard.close()
                self._open(table.schema)
            part, table = table.slice(0, self.room), table.slice(self.room)
            self.put(part)
            self.room -= len(part)

    def _open(self, schema: pa.Schema) -> None:
        """Begin the next file of each format."""
        files = []
        for kind in self.options.formats:
            place, write = FORMATS[kind]
            path = self.folder / place.format(split=self.split, part=f"{self.count:05}")
            path.parent.mkdir(exist_ok=True)
            files.append(Background(partial(write, path, schema)))
            self.files[path] = files[-1]
            self.shard.callback(files[-1].end)
        self.put = self.shard.enter_context(batched(lambda batch: [file.put(batch) for file in files]))
        self.count, self.room = self.count + 1, self.options.shard_rows

    def __exit__(self, *error: object) -> None:
        self.shard.close()
        wait([file.done for file in self.files.values()])

    def named(self) -> dict[str, File]:
        """The files by their names in the folder, which end in `<part>-of-<count>`, as on the Hub."""
        found = {}
        for path, file in self.files.items():
            described = file.done.result()
            whole = path.rename(path.with_name(f"{path.stem}-of-{self.count:05}{path.suffix}"))
            found[whole.relative_to(self.folder).as_posix()] = described
        return found


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


def _write_arrow(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    with HashedFile(path) as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_table(batch)
    return _described(sink)


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    with (
        HashedFile(path) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd", write_page_index=True) as writer,
    ):
        while group := list(islice(batches, ROW_GROUP // BATCH_ROWS)):
            writer.write_table(pa.concat_tables(group), row_group_size=ROW_GROUP)
    return _described(sink)


def _write_json_lines(path: Path, schema: pa.Schema, batches: Iterator[pa.Table]) -> File:
    texts = [field.name for field in schema if not _is_ids(field.type)]
    with HashedFile(path) as sink:
        for batch in batches:
            sink.write(json_lines(batch.select(texts)))
    return _described(sink)


#: Of each format: where its files stand in the folder, and what writes one.
FORMATS = {
    "arrow": ("{split}/data-{part}.arrow", _write_arrow),
    "parquet": ("data/{split}-{part}.parquet", _write_parquet),
    "jsonl": ("jsonl/{split}-{part}.jsonl", _write_json_lines),
}


def _is_ids(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def _described(written: HashedFile) -> File:
    return File(sha256=written.sha256.hexdigest(), bytes=written.size)


def describe_folder(folder: Path, known: dict[str, File]) -> dict[str, File]:
    """Every file below the folder, by name in order, flushed to the disk. Files in `known` are as they were."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in known:
            sync(path)
        found[name] = known.get(name) or describe_file(path)
    return found


def describe_file(path: Path) -> File:
    """Size and sha256 of a file; of a folder, the sum and the sha256 over those of its files in order."""
    if path.is_dir():
        parts = [describe_file(file) for file in files_of(path)]
        digest = hashlib.sha256("".join(part.sha256 for part in parts).encode())
        return File(sha256=digest.hexdigest(), bytes=sum(part.bytes for part in parts))
    with path.open("rb") as file:
        return File(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Exchange the old dataset for the new one. Files in the folder that are not ours are carried over."""
    old = fresh.with_suffix(".old")
    if old.exists() and not folder.exists():
        old.rename(folder)  # a run was killed between the two renames below
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        try:
            ours = set(orjson.loads((folder / "manifest.json").read_bytes())["files"])
        except (OSError, ValueError, KeyError):
            ours = set()
        folder.rename(old)
        fresh.rename(folder)
        for path in [path for path in old.rglob("*") if path.is_file()]:
            name = path.relative_to(old)
            if name.as_posix() not in ours and not (folder / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                path.rename(folder / name)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)


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
