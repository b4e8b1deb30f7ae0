"""export: part the kept from the rejected and write the dataset, its rejects, its manifest and its card.

The one stage that ends in files. They are made in a folder of their own, which takes its place under processed/ only
when the last of them, the manifest, is written: there is never half a dataset.
"""

import contextlib
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.card import Shape, card
from pipeline.dataset.packing import PACKED, pack_rows
from pipeline.dataset.shard_writer import Shards, described, read_arrow
from pipeline.io.files import HashedFile, batched, describe_file, sync
from pipeline.io.folders import whole_folder
from pipeline.io.json_lines import json_lines
from pipeline.stages.split import SPLITS
from pipeline.table.qa_windows import one_a_row
from schemas.columns import INGESTED, MARKS, STAGES
from schemas.manifest import Counts, File, Manifest, Packing, Rejected, Tokens, config_name
from schemas.options import ExportOptions
from schemas.tokenizer import public_name

#: Where the files of a split stand, by their format. {part}: the number of a file.
PLACES = {
    "arrow": "{split}/data-{{part}}.arrow",
    "parquet": "{layout}/{split}-{{part}}.parquet",
    "jsonl": "jsonl/{split}-{{part}}.jsonl",
    "rows": "{split}.rows/data-{{part}}.arrow",  # of packed data: the rows to pack
}
#: Columns of no use in a kept row: it has no marks and no unread text, and stands in the files of its split.
NOT_KEPT = (*MARKS.names, "raw", "cluster_key", "split")
#: Columns of rejects.jsonl.
OF_REJECTS = (*INGESTED.names, "duplicate_of")
#: Columns that the manifest counts.
COUNTED = ["source", "split", "fixes", "flags", "n_tokens", "truncated", "n_unk", "reject_stage", "reject_reason"]


def export(tables: Iterable[pa.Table], folder: Path, options: ExportOptions, about: dict[str, Any]) -> Manifest:
    """Write the dataset to `folder`, in place of what a former export left there.

    `tables`: all rows of all sources in order, deduplicated, with the column `split`, which is null in rejected rows
    (`pipeline.stages.split`). `about`: what the manifest says of how they came about
    (its fields dataset, sources, tokenizer, options, versions, raw).
    Written: `<split>/*.arrow` (for `datasets.load_from_disk`), `<config_name>/*.parquet` (for `load_dataset`),
    `jsonl/*.jsonl` (texts without ids), `rejects.jsonl`, `README.md`, `manifest.json`.

    Raises ValueError if the rows do not add up: what came in must have been kept or rejected.
    """
    with whole_folder(folder) as fresh:
        return _fill(fresh, tables, options, _without_paths(about))


def _fill(fresh: Path, tables: Iterable[pa.Table], options: ExportOptions, about: dict[str, Any]) -> Manifest:
    shards_of = partial(_shards, fresh, config_name(about["options"]), options.shard_rows)
    texts = [kind for kind in options.formats if kind == "jsonl"]
    of_rows = ["rows", *texts] if options.packing else options.formats
    tally = Tally()
    splits = {name: shards_of(name, of_rows) for name in SPLITS}
    rejects, schema = _write(fresh, tables, splits, tally)
    splits = {name: shards for name, shards in splits.items() if shards.rows}
    files = {"rejects.jsonl": rejects} | _named(splits)
    counts, tokens = tally.counts(), tally.tokens()
    packing = None
    if options.packing:
        capacity = about["options"]["tokenize"]["max_length"]
        of_packs = [kind for kind in options.formats if kind not in texts]
        splits = {name: _pack(fresh / f"{name}.rows", shards_of(name, of_packs), capacity) for name in splits}
        files = {name: file for name, file in files.items() if (fresh / name).exists()} | _named(splits)
        packing, schema = _packing(splits, capacity, tokens.total), PACKED
    if "arrow" in options.formats:
        _describe_splits(fresh, list(splits), files)
    manifest = Manifest(
        **about,
        counts=counts,
        tokens=tokens,
        examples={name: shards.rows for name, shards in splits.items()},
        packing=packing,
        columns={field.name: str(field.type) for field in schema},
        files=files,
    )
    shape = Shape(schema if splits else pa.schema([]), {name: shards.bytes for name, shards in splits.items()})
    (fresh / "README.md").write_text(card(manifest, options, shape), encoding="utf-8")
    manifest.files = describe_folder(fresh, files)
    text = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (fresh / "manifest.json").write_bytes(text)
    sync(fresh / "manifest.json")
    return manifest


def _shards(fresh: Path, layout: str, shard_rows: int, split: str, formats: Iterable[str]) -> Shards:
    """The files of a split, not yet begun."""
    return Shards(fresh, {kind: PLACES[kind].format(split=split, layout=layout) for kind in formats}, shard_rows)


def _write(
    fresh: Path, tables: Iterable[pa.Table], splits: dict[str, Shards], tally: "Tally"
) -> tuple[File, pa.Schema]:
    """Write the kept rows to the files of their splits, the rejected ones to rejects.jsonl, and count them all.

    Gives what rejects.jsonl is, and the schema of the kept rows.
    """
    schema = pa.schema([])
    with contextlib.ExitStack() as open_files:
        rejects = open_files.enter_context(HashedFile(fresh / "rejects.jsonl"))
        reject = open_files.enter_context(batched(lambda batch: rejects.write(json_lines(batch))))
        write = {
            name: open_files.enter_context(batched(open_files.enter_context(shards).write))
            for name, shards in splits.items()
        }
        for table in tables:
            rejected = table.select([name for name in OF_REJECTS if name in table.column_names])
            reject(rejected.filter(pc.is_valid(table["reject_stage"])))
            tally.add(table.select(COUNTED))
            kept = table.drop_columns([name for name in NOT_KEPT if name in table.column_names])
            schema = one_a_row(kept.slice(0, 0)).schema
            for name in SPLITS:
                write[name](one_a_row(kept.filter(pc.equal(table["split"], name))))
    return described(rejects), schema


def _named(splits: dict[str, Shards]) -> dict[str, File]:
    """The files of all splits by their names, which they get now: their number is known."""
    return {name: file for shards in splits.values() for name, file in shards.named().items()}


def _without_paths(about: dict[str, Any]) -> dict[str, Any]:
    """The same, with tokenizers by their public names: what is published must not tell where they lie here."""
    used, tokenize = dict(about["tokenizer"]), dict(about["options"]["tokenize"])
    used["name"] = public_name(used["name"])
    used["tried"] = [(public_name(name), why) for name, why in used["tried"]]
    if "tokenizer" in tokenize:
        tokenize["tokenizer"] = [public_name(name) for name in tokenize["tokenizer"]]
    return about | {"tokenizer": used, "options": about["options"] | {"tokenize": tokenize}}


def _pack(rows: Path, packs: Shards, capacity: int) -> Shards:
    """The packs of `capacity` tokens that hold the rows in this folder, which is removed."""
    with packs, batched(packs.write) as write:
        for table in pack_rows(read_arrow(sorted(rows.iterdir())), capacity):
            write(table)
    shutil.rmtree(rows)
    return packs


def _packing(splits: dict[str, Shards], capacity: int, tokens: int) -> Packing:
    """What the manifest says of these packs, which hold so many tokens."""
    packs = sum(shards.rows for shards in splits.values())
    return Packing(length=capacity, packs=packs, fill=round(tokens / (packs * capacity), 4) if packs else 0.0)


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


def describe_folder(folder: Path, known: dict[str, File]) -> dict[str, File]:
    """Every file below the folder, by name in order, flushed to the disk. Files in `known` are as they were."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in known:
            sync(path)
        found[name] = known.get(name) or describe_file(path)
    return found


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
