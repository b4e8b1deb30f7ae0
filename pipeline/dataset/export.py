"""export: part the kept from the rejected and write the dataset, its rejects, its report, its manifest and its card.

The one stage that ends in files. They are written in a folder of their own, which takes its place under processed/ only
when the last of them, the manifest, is written: a dataset is never half there.
"""

import contextlib
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.card import Shape, card
from pipeline.dataset.form_files import FormFiles
from pipeline.dataset.layout import CARD, INFO, LLAMA_FACTORY, REJECTS, REPORT, SPLIT_NAMES, STATE, Format, data_file
from pipeline.dataset.manifest_file import write_manifest
from pipeline.dataset.masks import with_masks
from pipeline.dataset.packing import PACKED, pack_rows
from pipeline.dataset.reader import read_written
from pipeline.dataset.report import report
from pipeline.dataset.shard_writer import Shards, read_arrow
from pipeline.dataset.trainers import llama_factory_datasets
from pipeline.io.arrow_files import batched
from pipeline.io.atomic_files import sync
from pipeline.io.folders import whole_folder
from pipeline.io.hashed_files import HashedFile, describe_file
from pipeline.io.json_lines import json_lines
from pipeline.stages.mix import COPY
from pipeline.stages.split import SPLITS
from pipeline.table.sequences import unroll
from schemas.columns import INGESTED, MARKS, STAGES
from schemas.manifest import Counts, File, Manifest, Packing, Provenance, Rejected, Tokens, config_name
from schemas.options import ExportOptions
from schemas.text_forms import TextForm
from schemas.tokenizer import public_name

#: Of packed data: the rows to pack, by split, in a folder that is removed when they are packed.
ROWS_TO_PACK = "{split}.rows"
#: Columns of no use in a kept row: it has no marks and no unread text, and is in the files of its split.
NOT_KEPT = (*MARKS.names, "raw", "cluster_key", "split", COPY)
#: Columns of rejects.jsonl.
OF_REJECTS = (*INGESTED.names, "duplicate_of")
#: Columns of records, and of their sequences, that the manifest counts.
COUNTED = ["source", "split", "fixes", "flags", "reject_stage", "reject_reason"]
COUNTED_OF_SEQUENCES = ["n_tokens", "n_learned", "truncated", "n_unk"]


class Written(NamedTuple):
    """The data files of an export: the files of each split, the columns of their rows, every file by its name."""

    splits: dict[str, Shards]
    schema: pa.Schema
    files: dict[str, File]


def export(tables: Iterable[pa.Table], folder: Path, options: ExportOptions, about: Provenance) -> Manifest:
    """Write the dataset to `folder`, in place of what an earlier export left there.

    `tables`: all rows of all sources in order, deduplicated, with the column `split`, which is null in rejected rows
    (`pipeline.stages.split`). `about`: what they were made of, for the manifest.
    Written: `<split>/*.arrow` (for `datasets.load_from_disk`), `<config_name>/*.parquet` (for `load_dataset`),
    `jsonl/*.jsonl` (texts without ids), the text forms, `rejects.jsonl`, `README.md`, `manifest.json`
    (`pipeline.dataset.layout`), and with `options.report` `report.html`.

    Raises ValueError if the rows do not add up: each row that came in must have been kept or rejected.
    """
    with whole_folder(folder) as fresh:
        return _fill(fresh, tables, options, _with_public_names(about))


def _fill(fresh: Path, tables: Iterable[pa.Table], options: ExportOptions, about: Provenance) -> Manifest:
    """Write all files of the dataset to an empty folder: the data, the card that describes them, the manifest."""
    config = config_name(about.options)
    counting = RowCounts()
    splits = {split: Shards(fresh, _row_files(split, options, config), options.shard_rows) for split in SPLITS}
    forms = {form: FormFiles(fresh, form) for form in text_forms(options)}
    rows_of = (lambda records: with_masks(unroll(records))) if options.masks else unroll
    written = _write_rows(fresh, tables, rows_of, splits, forms, counting)
    counts, tokens = counting.counts(), counting.tokens()
    packing = None
    if options.packing:
        capacity = about.options.tokenize.max_length
        written = _write_packs(fresh, written, options, config, capacity)
        packing = _packing(written.splits, capacity, tokens.total)
    for files in forms.values():
        written.files.update(files.finish())
    if "arrow" in options.formats:
        _describe_splits(fresh, list(written.splits), written.files)
    manifest = Manifest(
        **dict(about),
        counts=counts,
        tokens=tokens,
        examples={name: shards.rows for name, shards in written.splits.items()},
        packing=packing,
        forms={form: files.counts() for form, files in forms.items()},
        columns={field.name: str(field.type) for field in written.schema},
        files=written.files,
    )
    shape = Shape(
        written.schema if written.splits else pa.schema([]),
        {name: shards.bytes for name, shards in written.splits.items()},
    )
    if datasets := llama_factory_datasets(manifest):
        (fresh / LLAMA_FACTORY).write_bytes(orjson.dumps(datasets, option=orjson.OPT_INDENT_2))
    (fresh / CARD).write_text(card(manifest, options, shape), encoding="utf-8")
    manifest.files = describe_folder(fresh, written.files)
    if options.report:
        (fresh / REPORT).write_text(report(fresh, manifest, read=read_written), encoding="utf-8")
        sync(fresh / REPORT)
    write_manifest(fresh, manifest)
    return manifest


def row_formats(options: ExportOptions) -> list[Format]:
    """The formats that hold rows with their ids, and `jsonl`."""
    formats: tuple[Format, ...] = get_args(Format)
    return [kind for kind in formats if kind in options.formats]


def text_forms(options: ExportOptions) -> list[TextForm]:
    """The formats that are texts for other trainers."""
    forms: tuple[TextForm, ...] = get_args(TextForm)
    return [form for form in forms if form in options.formats]


def _row_files(split: str, options: ExportOptions, config: str) -> dict[Format, str]:
    """The files of a split's rows by format. Rows to pack go to a folder of their own, and only their texts stay."""
    if not options.packing:
        return {kind: data_file(kind, split, config) for kind in row_formats(options)}
    texts: dict[Format, str] = {k: data_file(k, split, config) for k in row_formats(options) if k == "jsonl"}
    return {"arrow": f"{ROWS_TO_PACK.format(split=split)}/data-{{shard}}.arrow", **texts}


def _write_rows(
    fresh: Path,
    tables: Iterable[pa.Table],
    rows_of: Callable[[pa.Table], pa.Table],
    splits: dict[str, Shards],
    forms: dict[TextForm, FormFiles],
    counting: "RowCounts",
) -> Written:
    """Write the kept records to the files of their splits, the rejected ones to rejects.jsonl, and count them all.

    `rows_of`: the rows of records, as they are written.
    """
    schema = pa.schema([])
    with contextlib.ExitStack() as open_files:
        rejects = open_files.enter_context(HashedFile(fresh / REJECTS))
        reject = open_files.enter_context(batched(lambda batch: rejects.write(json_lines(batch))))
        write = {
            name: open_files.enter_context(batched(open_files.enter_context(shards).write))
            for name, shards in splits.items()
        }
        for files in forms.values():
            open_files.enter_context(contextlib.closing(files))
        for table in tables:
            rejected = table.select([name for name in OF_REJECTS if name in table.column_names])
            reject(rejected.filter(pc.is_valid(table["reject_stage"])))
            counting.add(table.select([*COUNTED, *([COPY] if COPY in table.column_names else [])]))
            kept = table.drop_columns([name for name in NOT_KEPT if name in table.column_names])
            schema = rows_of(kept.slice(0, 0)).schema
            for name in SPLITS:
                records = kept.filter(pc.equal(table["split"], name))
                for files in forms.values():
                    files.write(name, records)
                sequences = rows_of(records)
                counting.add_sequences(sequences.select(COUNTED_OF_SEQUENCES))
                write[name](sequences)
    splits = {name: shards for name, shards in splits.items() if shards.rows}
    return Written(splits, schema, {REJECTS: rejects.described()} | _named(splits))


def _write_packs(fresh: Path, rows: Written, options: ExportOptions, config: str, capacity: int) -> Written:
    """Write packs of `capacity` tokens in place of the rows, which are removed; JSON Lines stay as they are."""
    splits = {}
    for split in rows.splits:
        files: dict[Format, str] = {k: data_file(k, split, config) for k in row_formats(options) if k != "jsonl"}
        splits[split] = Shards(fresh, files, options.shard_rows)
        _pack(fresh / ROWS_TO_PACK.format(split=split), splits[split], capacity)
    stay = {name: file for name, file in rows.files.items() if (fresh / name).exists()}
    return Written(splits, PACKED, stay | _named(splits))


def _named(splits: dict[str, Shards]) -> dict[str, File]:
    """The files of all splits by their names, which they get now that the number of files is known."""
    return {name: file for shards in splits.values() for name, file in shards.named().items()}


def _with_public_names(about: Provenance) -> Provenance:
    """With tokenizers by their public names: nothing published shows where they are on this machine."""
    used, tokenize = about.tokenizer, about.options.tokenize
    used = used.model_copy(
        update={"name": public_name(used.name), "tried": tuple((public_name(name), why) for name, why in used.tried)}
    )
    tokenize = tokenize.model_copy(update={"tokenizer": tuple(map(public_name, tokenize.tokenizer))})
    options = about.options.model_copy(update={"tokenize": tokenize})
    return about.model_copy(update={"tokenizer": used, "options": options})


def _pack(rows: Path, packs: Shards, capacity: int) -> None:
    """Write the rows in this folder as packs of `capacity` tokens, and remove the folder."""
    with packs, batched(packs.write) as write:
        for table in pack_rows(read_arrow(sorted(rows.iterdir())), capacity):
            write(table)
    shutil.rmtree(rows)


def _packing(splits: dict[str, Shards], capacity: int, tokens: int) -> Packing:
    """What the manifest says of these packs, which hold this number of tokens."""
    packs = sum(shards.rows for shards in splits.values())
    return Packing(length=capacity, packs=packs, fill=round(tokens / (packs * capacity), 4) if packs else 0.0)


def _describe_splits(folder: Path, splits: list[str], files: dict[str, File]) -> None:
    """Write what `datasets.load_from_disk` reads beside the Arrow files of the splits."""
    for split_name in splits:
        shards = {name: file for name, file in files.items() if name.startswith(f"{split_name}/")}
        digest = hashlib.sha256(" ".join(file.sha256 for file in shards.values()).encode()).hexdigest()
        state: dict[str, Any] = {
            "_data_files": [{"filename": Path(name).name} for name in shards],
            "_fingerprint": digest[:16],  # of the content: `datasets` caches by it what is made of these rows
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split_name,
        }
        info = {"citation": "", "description": "", "features": None, "homepage": "", "license": ""}
        for name, content in ((STATE, state), (INFO, info)):
            (folder / split_name / name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    (folder / SPLIT_NAMES).write_bytes(orjson.dumps({"splits": splits}))


def describe_folder(folder: Path, known: dict[str, File]) -> dict[str, File]:
    """Every file below the folder, by name in order, flushed to the disk. Files in `known` are not read again."""
    described = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in known:
            sync(path)
        described[name] = known.get(name) or describe_file(path)
    return described


class RowCounts:
    """Counts over all rows, table by table."""

    def __init__(self) -> None:
        self.rows_in = 0
        self.repeated = 0
        self.rejected: Counter[tuple[str, str, str]] = Counter()
        self.sources: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.fixes: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.longest = 0

    def add(self, table: pa.Table) -> None:
        """Count a table of the columns COUNTED: the kept by their split, the rejected by their mark. Of a mixture COPY
        says which rows are repeated."""
        repeated = pc.sum(pc.greater(table[COPY], 1)).as_py() or 0 if COPY in table.column_names else 0
        self.rows_in += len(table) - repeated
        self.repeated += repeated
        kept, rejected = (table.filter(pc.is_valid(table[name])) for name in ("split", "reject_stage"))
        groups = rejected.group_by(["source", "reject_stage", "reject_reason"]).aggregate([([], "count_all")])
        for group in groups.to_pylist():
            self.rejected[(group["source"], group["reject_stage"], group["reject_reason"])] += group["count_all"]
        self.sources.update(_counts(kept["source"]))
        self.splits.update(_counts(kept["split"]))
        self.fixes.update(_counts(pc.list_flatten(kept["fixes"])))
        self.flags.update(_counts(pc.list_flatten(kept["flags"])))

    def add_sequences(self, table: pa.Table) -> None:
        """Count the sequences of kept rows, one a row: a table of the columns COUNTED_OF_SEQUENCES."""
        if len(table):
            self.sums["sequences"] += len(table)
            for name in COUNTED_OF_SEQUENCES:
                self.sums[name] += pc.sum(table[name]).as_py()
            self.sums["cut_sequences"] += pc.sum(pc.greater(table["truncated"], 0)).as_py()
            self.longest = max(self.longest, pc.max(table["n_tokens"]).as_py())

    def counts(self) -> Counts:
        groups = sorted(self.rejected.items(), key=lambda group: (STAGES.index(group[0][1]), *group[0]))
        rejected = [Rejected(source=s, stage=t, reason=r, rows=n) for (s, t, r), n in groups]
        return Counts(
            rows_in=self.rows_in,
            repeated=self.repeated,
            kept=sum(self.sources.values()),
            rejected=rejected,
            sources=dict(self.sources),
            splits=dict(self.splits),
            fixes=dict(sorted(self.fixes.items())),
            flags=dict(sorted(self.flags.items())),
        )

    def tokens(self) -> Tokens:
        sequences = self.sums["sequences"]
        return Tokens(
            sequences=sequences,
            total=self.sums["n_tokens"],
            learned=self.sums["n_learned"],
            mean=round(self.sums["n_tokens"] / sequences, 2) if sequences else 0.0,
            longest=self.longest,
            unknown=self.sums["n_unk"],
            cut=self.sums["truncated"],
            cut_rows=self.sums["cut_sequences"],
        )


def _counts(column: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}
