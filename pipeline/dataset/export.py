"""export: part the kept from the rejected and write the dataset, its rejects, its report, its manifest and its card.

The one stage that ends in files. They are written in a folder of their own, which takes its place under processed/ only
when the last of them, the manifest, is written: a dataset is never half there.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
import pyarrow as pa

from pipeline.dataset.card import Shape, card
from pipeline.dataset.form_files import FormFiles
from pipeline.dataset.layout import CARD, INFO, LLAMA_FACTORY, REJECTS, REPORT, SPLIT_NAMES, STATE, Format, data_file
from pipeline.dataset.manifest_file import write_manifest
from pipeline.dataset.masks import with_masks
from pipeline.dataset.packing import PACKED, pack_rows
from pipeline.dataset.piece_writer import Destination, Piece, PieceWriter, Size, copy_lines, kept_columns
from pipeline.dataset.reader import read_written
from pipeline.dataset.report import report
from pipeline.dataset.row_counts import RowCounts
from pipeline.dataset.shard_writer import Placed, Shard, Shards, name_shards, read_arrow
from pipeline.dataset.trainers import llama_factory_datasets
from pipeline.io.arrow_files import batched
from pipeline.io.atomic_files import sync
from pipeline.io.folders import whole_folder
from pipeline.io.hashed_files import HashedFile, describe_file
from pipeline.stages.split import SPLITS
from pipeline.table.sequences import unroll
from schemas.manifest import File, Manifest, Packing, Provenance, config_name
from schemas.options import ExportOptions, StageOptions
from schemas.text_forms import TextForm
from schemas.tokenizer import public_name

#: Of packed data: the rows to pack, by split, in a folder that is removed when they are packed.
ROWS_TO_PACK = "{split}.rows"
#: Pieces whose files may still be being written when the next one begins.
AHEAD = 1


class Rows(NamedTuple):
    """All rows of a dataset, deduplicated, with the column `split`, which is null in rejected rows.

    `empty`: a table with their columns, and no rows. `pieces`: those that an earlier export wrote; None for each that
    is to be written. `tables`: the rows of these, each with the number of its piece.
    """

    empty: pa.Table
    pieces: Sequence[Piece | None]
    tables: Iterable[tuple[int, pa.Table]]


class Written(NamedTuple):
    """The data files of an export: the size of each split, the columns of their rows, every file by its name."""

    splits: dict[str, Size]
    schema: pa.Schema
    files: dict[str, File]


class Exported(NamedTuple):
    """A dataset, and its pieces for the next export."""

    manifest: Manifest
    pieces: list[Piece]


def export(tables: Iterable[pa.Table], folder: Path, options: ExportOptions, about: Provenance) -> Manifest:
    """Write the dataset to `folder`, in place of what an earlier export left there.

    `tables`: all rows of all sources in order, deduplicated, with the column `split`, which is null in rejected rows
    (`pipeline.stages.split`). `about`: what they were made of, for the manifest.
    Written: `<split>/*.arrow` (for `datasets.load_from_disk`), `<config_name>/*.parquet` (for `load_dataset`),
    `jsonl/*.jsonl` (texts without ids), the text forms, `rejects.jsonl`, `README.md`, `manifest.json`
    (`pipeline.dataset.layout`), and with `options.report` `report.html`.

    Raises ValueError if the rows do not add up: each row that came in must have been kept or rejected.
    """
    return export_pieces(rows_of_tables(tables), folder, options, about).manifest


def rows_of_tables(tables: Iterable[pa.Table]) -> Rows:
    """Rows in one piece."""
    every = iter(tables)
    first = next(every, None)
    if first is None:
        return Rows(pa.table({}), [], ())
    return Rows(first.slice(0, 0), [None], ((0, table) for table in chain([first], every)))


def export_pieces(rows: Rows, folder: Path, options: ExportOptions, about: Provenance) -> Exported:
    """The same, of rows in pieces: the files of those that are there are not written again."""
    with whole_folder(folder) as fresh:
        manifest, pieces = _fill(fresh, rows, options, _with_public_names(about))
    return Exported(manifest, [_moved(piece, fresh, folder) for piece in pieces])


def _moved(piece: Piece, folder: Path, place: Path) -> Piece:
    """The piece when its folder has moved to another place."""

    def moved(path: Path) -> Path:
        return place / path.relative_to(folder)

    shards = {
        split: [{kind: Placed(moved(path), file) for kind, (path, file) in shard.items()} for shard in shards]
        for split, shards in piece.shards.items()
    }
    return replace(piece, rejects=piece.rejects._replace(path=moved(piece.rejects.path)), shards=shards)


def _fill(fresh: Path, rows: Rows, options: ExportOptions, about: Provenance) -> Exported:
    """Write all files of the dataset to an empty folder: the data, the card that describes them, the manifest."""
    config = config_name(about.options)
    forms = {form: FormFiles(fresh, form) for form in text_forms(options)}
    with _destination(fresh, options, config, list(forms.values())) as to:
        pieces = _write_pieces(rows, to)
    pieces, files = _named(fresh, to.places, pieces)
    rejects, schema = to.rejects, to.rows_of(kept_columns(rows.empty)).schema
    written = Written(_sizes(pieces), schema, {REJECTS: rejects.described()} | files)
    counting = RowCounts()
    for piece in pieces:
        counting.include(piece.counts)
    counts, tokens = counting.counts(), counting.tokens()
    packing = None
    if options.packing:
        capacity = about.options.tokenize.max_length
        written = _write_packs(fresh, written, options, config, capacity)
        packing = _packing(written.splits, capacity, tokens.total)
    for form_files in forms.values():
        written.files.update(form_files.finish())
    if "arrow" in options.formats:
        _describe_splits(fresh, list(written.splits), written.files)
    manifest = Manifest(
        **dict(about),
        counts=counts,
        tokens=tokens,
        examples={name: size.rows for name, size in written.splits.items()},
        packing=packing,
        forms={form: form_files.counts() for form, form_files in forms.items()},
        columns={field.name: str(field.type) for field in written.schema},
        files=written.files,
    )
    shape = Shape(
        written.schema if written.splits else pa.schema([]),
        {name: size.bytes for name, size in written.splits.items()},
    )
    if datasets := llama_factory_datasets(manifest):
        (fresh / LLAMA_FACTORY).write_bytes(orjson.dumps(datasets, option=orjson.OPT_INDENT_2))
    (fresh / CARD).write_text(card(manifest, options, shape), encoding="utf-8")
    manifest.files = describe_folder(fresh, written.files)
    if options.report:
        (fresh / REPORT).write_text(report(fresh, manifest, read=read_written), encoding="utf-8")
        sync(fresh / REPORT)
    write_manifest(fresh, manifest)
    return Exported(manifest, pieces)


def write_piece(tables: Iterable[pa.Table], folder: Path, number: int, options: StageOptions) -> Piece:
    """Write one piece alone, to a folder that is there, in whatever process: `export_pieces` then takes it as one that
    is there already. Text forms and packs are not of single pieces."""
    with _destination(folder, options.export, config_name(options), []) as to:
        writer = PieceWriter(to, number)
        writer.write(tables)
        return writer.written()


@contextlib.contextmanager
def _destination(
    folder: Path, options: ExportOptions, config: str, forms: Sequence[FormFiles]
) -> Iterator[Destination]:
    places = {split: _row_files(split, options, config) for split in SPLITS}
    with HashedFile(folder / REJECTS) as rejects:
        yield Destination(folder, places, options.shard_rows, rejects, forms, _masked if options.masks else unroll)


def _masked(records: pa.Table) -> pa.Table:
    return with_masks(unroll(records))


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


def _write_pieces(rows: Rows, to: Destination) -> list[Piece]:
    """Write the pieces that are not there yet, and the rejected rows of all of them in their order."""
    found: list[Piece | None] = []
    writing: dict[int, PieceWriter] = {}
    groups = groupby(rows.tables, itemgetter(0))
    try:
        for number, piece in enumerate(rows.pieces):
            if piece:
                found.append(replace(piece, rejects=copy_lines(piece.rejects, to.rejects)))
                continue
            writing[number] = PieceWriter(to, number)
            writing[number].write(table for _, table in next(groups)[1])
            found.append(None)
            for done in list(writing)[:-AHEAD]:
                found[done] = writing[done].written()
                del writing[done]
        for number, _ in groups:  # also where nothing is to be written, the end of the rows is shown
            raise AssertionError(f"rows came for piece {number}, which is not to be written")
    finally:
        for files in to.forms:
            files.close()
        for writer in writing.values():
            writer.wait()
    return [piece or writing[number].written() for number, piece in enumerate(found)]


def _write_packs(fresh: Path, rows: Written, options: ExportOptions, config: str, capacity: int) -> Written:
    """Write packs of `capacity` tokens in place of the rows, which are removed; JSON Lines stay as they are."""
    stay = {name: file for name, file in rows.files.items() if not _is_to_pack(name)}
    sizes, files = dict[str, Size](), dict[str, File]()
    for split in rows.splits:
        places: dict[Format, str] = {k: data_file(k, split, config) for k in row_formats(options) if k != "jsonl"}
        packs = Shards(fresh, places, options.shard_rows)
        _pack(fresh / ROWS_TO_PACK.format(split=split), packs, capacity)
        sizes[split] = Size(packs.rows, packs.bytes)
        files |= _files_of(fresh, name_shards(fresh, places, packs.written()))
    return Written(sizes, PACKED, stay | files)


def _is_to_pack(name: str) -> bool:
    return name.partition("/")[0] in {ROWS_TO_PACK.format(split=split) for split in SPLITS}


def _named(
    fresh: Path, places: dict[str, dict[Format, str]], pieces: Sequence[Piece]
) -> tuple[list[Piece], dict[str, File]]:
    """Give the files of all pieces their names, now that their number is known; and all files by their names."""
    files = dict[str, File]()
    named: list[dict[str, list[Shard]]] = [{} for _ in pieces]
    for split in SPLITS:
        of_split = name_shards(
            fresh, places[split], [shard for piece in pieces for shard in piece.shards.get(split, ())]
        )
        files |= _files_of(fresh, of_split)
        rest = iter(of_split)
        for piece, shards in zip(pieces, named, strict=True):
            if split in piece.shards:
                shards[split] = list(islice(rest, len(piece.shards[split])))
    return [replace(piece, shards=shards) for piece, shards in zip(pieces, named, strict=True)], files


def _files_of(folder: Path, shards: Iterable[Shard]) -> dict[str, File]:
    return {path.relative_to(folder).as_posix(): file for shard in shards for path, file in shard.values()}


def _sizes(pieces: Iterable[Piece]) -> dict[str, Size]:
    """The size of each split that has rows."""
    sizes = {split: [piece.sizes[split] for piece in pieces if split in piece.sizes] for split in SPLITS}
    return {split: Size(*map(sum, zip(*some, strict=True))) for split, some in sizes.items() if some}


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


def _packing(splits: dict[str, Size], capacity: int, tokens: int) -> Packing:
    """What the manifest says of these packs, which hold this number of tokens."""
    packs = sum(size.rows for size in splits.values())
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
