"""verify: whether a dataset's folder is what its manifest describes, and whether its content keeps the laws.

Every check is one pass over the files, batch by batch; of a row only a hash of its origin is held.
Works on what `export` wrote, and on a snapshot of the Hub, which may hold Parquet alone.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.dataset.export import COUNTED, COUNTED_OF_SEQUENCES, RowCounts
from pipeline.dataset.layout import CARD, MANIFEST, REJECTS, Format, Kind, inside_config, kind_of
from pipeline.dataset.manifest_file import ManifestError, read_manifest
from pipeline.dataset.reader import (
    DataFile,
    data_files,
    files_below,
    read_batches,
    read_lines,
    read_values,
    schema_of,
    table_files,
    type_name,
)
from pipeline.dataset.shard_writer import is_ids
from pipeline.io.hashed_files import describe_file
from pipeline.io.source_code import versions
from pipeline.io.stage_files import place_of
from pipeline.stages.tokenize import Tokenizer, tokenize
from pipeline.table.sequences import SEQUENCE, unroll
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError
from pipeline.tokenizers.transformers_tokenizer import TransformersTokenizer
from schemas.columns import MASKED
from schemas.manifest import Counts, File, Manifest, Tokens, config_name
from schemas.options import TokenizeOptions

#: Rows of each file that are encoded again.
SAMPLE = 200
#: How many examples of a fault are named.
NAMED = 3
UNREADABLE = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)

#: A hash of each text.
Hashes = npt.NDArray[np.uint64]


class Check(NamedTuple):
    """What a check looked at, its faults (what, and where), and notes: no fault, but good to know."""

    name: str
    found: str
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()


def verify(folder: Path, tokenizers: Sequence[str] = ()) -> Iterator[Check]:
    """The checks in order. `tokenizers`: where to find the one that the manifest names, if not by that name."""
    try:
        manifest = with_local_names(read_manifest(folder), folder)
    except ManifestError as error:
        yield Check("manifest", "", [f"{MANIFEST}: {fault}" for fault in error.faults], [error.remedy])
        return
    yield Check("manifest", f"{manifest.counts.rows_in:,} rows in = {manifest.counts.kept:,} kept + the rejected")
    checked, damaged = check_files(folder, manifest)
    yield checked
    files = data_files(folder, [name for name in manifest.files if name not in damaged and (folder / name).is_file()])
    tokenizer, found = find_tokenizer(folder, manifest, tokenizers)
    checks: dict[str, Callable[[], Check]] = {
        "columns": lambda: check_columns(files, manifest),
        "rows": lambda: check_rows(folder, files, manifest),
        "counts": lambda: check_counts(files, manifest),
        "records": lambda: check_records(files, manifest),
        "clusters": lambda: check_clusters(files, manifest),
        "tokenizer": lambda: found,
        "ids": lambda: check_ids(files, manifest, tokenizer),
    }
    for name, check in checks.items():
        if damaged and name in ("rows", "counts"):
            yield Check(name, "not counted, because files are damaged or missing")
            continue
        try:
            yield check()
        except UNREADABLE as error:
            yield Check(name, "", [f"cannot be checked: {type(error).__name__}: {error}"])


def with_local_names(manifest: Manifest, folder: Path) -> Manifest:
    """With the names that the files have here: in a repository of the Hub, Parquet files are beside their manifest."""
    config = config_name(manifest.options)
    inside = {name: inside_config(name, config) for name in manifest.files}
    if not any((folder / here).is_file() for name, here in inside.items() if here != name):
        return manifest
    return manifest.model_copy(update={"files": {inside[name]: file for name, file in manifest.files.items()}})


def check_files(folder: Path, manifest: Manifest) -> tuple[Check, set[str]]:
    """Every file by size and sha256, and the names of those that are missing or not as described."""
    here = files_below(folder)
    absent = _absent_kinds(manifest, here)
    notes = [f"no {kind} files here, as in a snapshot of the Hub" for kind in absent]
    expected = {name: file for name, file in manifest.files.items() if name not in set().union(*absent.values())}
    faults = {name: fault for name, file in expected.items() if (fault := _difference(name, file, here.get(name)))}
    if CARD in faults and CARD in here:
        del faults[CARD]
        notes.append(f"{CARD} was edited after it was generated")
    others = sorted(here.keys() - manifest.files.keys() - {MANIFEST})
    notes += [f"{name} is not a file of this dataset" for name in others if not name.startswith(".")]
    size = sum(file.bytes for file in expected.values())
    return Check("files", f"{len(expected)} files, {size:,} bytes", [*faults.values()], notes), set(faults)


def _absent_kinds(manifest: Manifest, here: Mapping[str, Path]) -> dict[Kind, set[str]]:
    """The kinds of files that may be left out, and are: with the names of their files."""
    config = config_name(manifest.options)
    listed: dict[Kind | None, set[str]] = {}
    for name in manifest.files:
        listed.setdefault(kind_of(inside_config(name, config)), set()).add(name)
    optional: tuple[Kind, ...] = ("jsonl", "arrow", "rejects") if "parquet" in listed else ("rejects",)
    return {kind: listed[kind] for kind in optional if kind in listed and not listed[kind] & here.keys()}


def _difference(name: str, file: File, path: Path | None) -> str | None:
    """How this file differs from its description."""
    found = describe_file(path) if path else None
    if found == file:
        return None
    if found is None:
        return f"{name} is missing"
    if found.bytes != file.bytes:
        return f"{name} has {found.bytes:,} bytes, and the manifest says {file.bytes:,}"
    return f"{name} has the sha256 {found.sha256}, and the manifest says {file.sha256}"


def check_columns(files: Iterable[DataFile], manifest: Manifest) -> Check:
    """Names and types of the columns of every file; of JSON Lines the keys of every row."""
    faults: list[str] = []
    for file in files:
        try:
            faults += _key_faults(file, manifest) if file.format == "jsonl" else _column_faults(file, manifest)
        except UNREADABLE as error:
            faults.append(f"{file.name} cannot be read: {error}")
    return Check("columns", f"{len(manifest.columns)} columns", faults)


def _key_faults(file: DataFile, manifest: Manifest) -> Iterator[str]:
    """The rows of a JSON Lines file that have other keys than the columns of texts."""
    if manifest.packing:
        return  # its rows are the records, and the columns those of packs
    texts = [name for name, kind in manifest.columns.items() if not re.fullmatch(r"list<item: u?int\d+>", kind)]
    wrong = (number for number, row in enumerate(read_lines(file.path), 1) if list(row) != texts)
    for number in itertools.islice(wrong, NAMED):
        yield f"{file.name}:{number} has other keys than the columns"


def _column_faults(file: DataFile, manifest: Manifest) -> Iterator[str]:
    found = {field.name: type_name(field.type) for field in schema_of(file)}
    for name in sorted(found.keys() | manifest.columns.keys()):
        here, expected = found.get(name, "missing"), manifest.columns.get(name, "missing")
        if here != expected:
            yield f"{file.name}, column {name}: {here}, and the manifest says {expected}"


def check_rows(folder: Path, files: Sequence[DataFile], manifest: Manifest) -> Check:
    """Conservation: every format, every split and rejects.jsonl have the rows that were counted, and none twice."""
    faults: list[str] = []
    origins: dict[Format, Hashes] = {}
    for kind in dict.fromkeys(file.format for file in files):
        rows, records, origins[kind] = _count_rows([file for file in files if file.format == kind], manifest)
        faults += _wrong_counts(kind, rows, records, manifest)
    rejected, rejected_origins = Counter[RejectGroup](), np.array([], np.uint64)
    notes = []
    if (folder / REJECTS).is_file():
        rejected, rejected_origins = _count_rejects(folder / REJECTS)
        faults += _wrong_rejects(rejected, manifest)
    else:
        notes.append(f"without {REJECTS} the rejected rows cannot be counted")
    for kind in origins:
        every = np.concatenate([origins[kind], rejected_origins])
        if twice := len(every) - len(np.unique(every)):
            faults.append(f"{twice:,} origins appear more than once among the rows of {kind} and the rejected")
    kept = f"{manifest.counts.kept:,} kept in {', '.join(origins) or 'no format'}"
    return Check("rows", f"{kept}, {rejected.total():,} rejected", faults, notes)


def _count_rows(files: Iterable[DataFile], manifest: Manifest) -> tuple[Counter[str], Counter[str], Hashes]:
    """The rows and the records in these files by split, and the hash of each record's origin."""
    rows, records = Counter[str](), Counter[str]()
    hashes = [np.array([], np.uint64)]
    for file in files:
        for count, origins in _origins(file, manifest):
            rows[file.split] += count
            records[file.split] += len(origins)
            hashes.append(_hashes(origins))
    return rows, records, np.concatenate(hashes)


def _origins(file: DataFile, manifest: Manifest) -> Iterator[tuple[int, pa.Array]]:
    """The number of rows, and the origins of the records in them, batch by batch: a pack holds several records, and a
    record may fill several rows."""
    if file.format == "jsonl":
        yield from ((len(origins), origins) for origins in read_values(file, "origin"))
    elif manifest.packing:
        packs = list(read_values(file, "origins"))
        yield sum(map(len, packs)), pc.unique(pa.chunked_array([pack.flatten() for pack in packs], pa.string()))
    else:
        numbers = _unrolled(manifest)
        for table in read_batches(file, ["origin", *numbers]):
            yield len(table), _records(table)["origin"].combine_chunks()


def _unrolled(manifest: Manifest) -> list[str]:
    """The column that numbers the sequences of a record, if the dataset has one: `window` in those of version 0.1.0."""
    return [name for name in (SEQUENCE, "window") if name in manifest.columns][:1]


def _records(table: pa.Table) -> pa.Table:
    """One row for each record: its first sequence."""
    for name in (SEQUENCE, "window"):
        if name in table.column_names:
            return table.filter(pc.equal(table[name], 0))
    return table


def _wrong_counts(kind: str, rows: Counter[str], records: Counter[str], manifest: Manifest) -> Iterator[str]:
    """The splits of a format whose rows or records are not as many as the manifest counts."""
    of_rows = manifest.counts.splits if kind == "jsonl" else manifest.examples or manifest.counts.splits
    for what, found, expected in (("rows", rows, of_rows), ("records", records, manifest.counts.splits)):
        for split in sorted(found.keys() | expected.keys()):
            if found[split] != expected.get(split, 0) and (what == "rows" or rows != records):
                yield (
                    f"{split} has {found[split]:,} {what} in {kind}, and the manifest counts {expected.get(split, 0):,}"
                )


#: Source, stage and reason of rejected rows.
RejectGroup = tuple[str, str, str]


def _count_rejects(path: Path) -> tuple[Counter[RejectGroup], Hashes]:
    """The rejected rows by group, and the hash of each row's origin."""
    rejected, hashes = Counter[RejectGroup](), []
    for row in read_lines(path):
        rejected[(row["source"], row["reject_stage"], row["reject_reason"])] += 1
        hashes.append(xxhash.xxh3_64_intdigest(row["origin"].encode()))
    return rejected, np.array(hashes, np.uint64)


def _wrong_rejects(rejected: Counter[RejectGroup], manifest: Manifest) -> Iterator[str]:
    counted = {(group.source, group.stage, group.reason): group.rows for group in manifest.counts.rejected}
    for key in sorted(rejected.keys() | counted.keys()):
        if rejected[key] != counted.get(key, 0):
            source, stage, reason = key
            yield (
                f"{REJECTS} has {rejected[key]:,} rows of {source!r} for {stage}: {reason}, "
                f"and the manifest counts {counted.get(key, 0):,}"
            )


def check_counts(files: Sequence[DataFile], manifest: Manifest) -> Check:
    """What the manifest counts of the kept rows: sources, fixes, flags, tokens."""
    chosen = table_files(files)
    if not chosen and manifest.counts.kept:
        return Check("counts", "not counted: there are no Parquet or Arrow files here")
    if manifest.packing:
        return _count_packs(chosen, manifest)
    counting = _count_again(chosen, manifest)
    pairs: list[tuple[Counts | Tokens, Counts | Tokens, Iterable[str]]] = [
        (counting.counts(), manifest.counts, ("kept", "sources", "fixes", "flags")),
        (counting.tokens(), manifest.tokens, Tokens.model_fields if "n_learned" in manifest.columns else ()),
    ]
    faults = [
        f"{name}: {getattr(found, name)}, and the manifest says {getattr(expected, name)}"
        for found, expected, names in pairs
        for name in names
        if getattr(found, name) != getattr(expected, name)
    ]
    return Check("counts", f"{manifest.tokens.total:,} tokens, sources, fixes and flags", faults)


def _count_packs(files: Iterable[DataFile], manifest: Manifest) -> Check:
    total = sum(pc.sum(lengths).as_py() for file in files for lengths in read_values(file, "n_tokens"))
    expected = manifest.tokens.total
    faults = [f"the packs hold {total:,} tokens, and the manifest says {expected:,}"] if total != expected else []
    return Check("counts", f"{total:,} tokens; packs do not show the sources, fixes and flags of their rows", faults)


def _count_again(files: Iterable[DataFile], manifest: Manifest) -> RowCounts:
    """The counts of `export`, over the rows in these files."""
    counting = RowCounts()
    for file in files:
        counted = (*COUNTED, *COUNTED_OF_SEQUENCES, *_unrolled(manifest))
        for table in read_batches(file, [name for name in counted if name in manifest.columns]):
            if set(COUNTED_OF_SEQUENCES) <= manifest.columns.keys():
                counting.add_sequences(table.select(COUNTED_OF_SEQUENCES))
            records = _records(table)
            nothing = pa.nulls(len(records), pa.string())
            marks = {"split": pa.repeat(file.split, len(records)), "reject_stage": nothing, "reject_reason": nothing}
            for name, values in marks.items():
                records = records.append_column(name, values)
            counting.add(records)
    return counting


def check_records(files: Sequence[DataFile], manifest: Manifest) -> Check:
    """No record of a source is in two splits: its origin names it, without the number of a row of several."""
    column = "origins" if manifest.packing else "origin"
    chosen = table_files(files) or [file for file in files if file.format == "jsonl"]
    seen: dict[str, Hashes] = {}
    for file in chosen:
        name = "origin" if file.format == "jsonl" else column
        for origins in read_values(file, name):
            texts = origins.flatten() if pa.types.is_list(origins.type) else origins
            found = _hashes(pc.replace_substring_regex(texts, r"/\d+$", ""))
            seen[file.split] = np.union1d(seen.get(file.split, np.array([], np.uint64)), found)
    faults = [
        f"{len(both):,} records are in {one} and in {other}: build the dataset again"
        for one, other in itertools.combinations(seen, 2)
        if len(both := np.intersect1d(seen[one], seen[other]))
    ]
    return Check("records", f"{sum(map(len, seen.values())):,} records, each in one split", faults)


def check_clusters(files: Sequence[DataFile], manifest: Manifest) -> Check:
    """No cluster of similar prompts is in two splits."""
    chosen = [] if manifest.packing else table_files(files)
    chosen = chosen or [file for file in files if file.format == "jsonl"]
    if not chosen and manifest.packing:
        return Check("clusters", "not checked: packs do not show clusters, and there are no JSON Lines here")
    seen: dict[str, Hashes] = {}
    for file in chosen:
        found = [_hashes(clusters.drop_null()) for clusters in read_values(file, "cluster")]
        seen[file.split] = np.unique(np.concatenate([seen.get(file.split, np.array([], np.uint64)), *found]))
    faults = []
    for one, other in itertools.combinations(seen, 2):
        both = np.intersect1d(seen[one], seen[other])
        if len(both):
            names = itertools.islice(_with_hashes(chosen, "cluster", both), NAMED)
            faults.append(f"{len(both):,} clusters are in {one} and in {other}: {', '.join(names)}")
    return Check("clusters", f"{sum(map(len, seen.values())):,} clusters, each in one split", faults)


def find_tokenizer(folder: Path, manifest: Manifest, names: Sequence[str]) -> tuple[Tokenizer | None, Check]:
    """The tokenizer that the manifest names, if it is available and the same."""
    used = manifest.tokenizer
    try:
        found = resolve(names or (place_of(folder, used.name, used.sha256),))
    except LoadError as error:
        why = str(error).splitlines()[1].strip()  # the first name tried, and the reason
        return None, Check("tokenizer", f"{used.name} is not available", notes=[f"ids are not checked: {why}"])
    except (OSError, ValueError) as error:
        return None, Check("tokenizer", used.name, [str(error)])
    if found.sha256 != used.sha256:
        fault = f"{found.name} has the sha256 {found.sha256}, and the dataset was made with {used.sha256}"
        return None, Check("tokenizer", used.name, [fault])
    return open_tokenizer(found), Check("tokenizer", f"{used.name}, sha256 {found.sha256[:16]}…")


def check_ids(files: Sequence[DataFile], manifest: Manifest, tokenizer: Tokenizer | None) -> Check:
    """Every id is in the vocabulary, and the texts of some rows give the ids of these rows."""
    if tokenizer is None:
        return Check("ids", "not checked without the tokenizer")
    size = _vocabulary_size(tokenizer)
    faults: list[str] = []
    encoded, notes = 0, set()
    for file in table_files(files):
        faults += _values_out_of_range(file, size)
        sample = next(read_batches(file)).slice(0, SAMPLE)
        if "instruction" not in sample.column_names:
            notes.add("rows without texts cannot be encoded again")
            continue
        encoded += len(sample)
        for name, origins in _differences(sample, tokenizer, manifest.options.tokenize):
            faults.append(
                f"{file.name}, column {name}: {len(origins)} of {len(sample)} rows differ from what their texts give: "
                + ", ".join(origins[:NAMED])
            )
    if faults and manifest.versions != versions():
        notes.add("the dataset was made with other versions of the libraries than those installed here")
    return Check("ids", f"within {size:,} pieces; {encoded:,} rows encoded again", faults, sorted(notes))


def _values_out_of_range(file: DataFile, size: int) -> Iterator[str]:
    """The columns of ids in which a value is not in the vocabulary."""
    for name in (field.name for field in schema_of(file) if is_ids(field.type)):
        low, high = _range(name, size)
        if wrong := sum(_outside(ids, low, high) for ids in read_values(file, name)):
            yield f"{file.name}, column {name}: {wrong:,} values are not in {low} to {high - 1}"


def _differences(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> Iterator[tuple[str, list[str]]]:
    """The columns of ids and of their counts that the texts do not give again, and the origins of these rows."""
    made = [field.name for field in table.schema if is_ids(field.type) or pa.types.is_integer(field.type)]
    fresh = unroll(tokenize(_records(table).drop_columns(made), tokenizer, options))
    rows = min(len(table), len(fresh))  # the sequences of the last record may go on behind the sample
    origins = table["origin"].to_pylist()[:rows]
    for name in made:
        if name in fresh.column_names:
            pairs = zip(origins, table[name].to_pylist()[:rows], fresh[name].to_pylist()[:rows], strict=True)
            other = [origin for origin, one, two in pairs if one != two]
            if other:
                yield name, other


def _range(name: str, size: int) -> tuple[int, int]:
    """The values that a list of integers may hold, by its name: from, and below."""
    if name.endswith(("type_ids", "mask")):
        return 0, 2
    if name == "labels":
        return MASKED, size
    return (0, size) if name.endswith("_ids") and name != "position_ids" else (-1, 1 << 31)


def _vocabulary_size(tokenizer: Tokenizer) -> int:
    return len(tokenizer.backend if isinstance(tokenizer, TransformersTokenizer) else tokenizer.processor)  # type: ignore[attr-defined]


def _outside(lists: pa.Array, low: int, high: int) -> int:
    """The number of values in these lists that are not in the range."""
    values = lists.flatten()
    wrong = pc.or_(pc.less(values, pa.scalar(low, values.type)), pc.greater_equal(values.cast(pa.int64()), high))
    return int(pc.sum(wrong).as_py() or 0)


def _hashes(texts: pa.Array) -> Hashes:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts.cast(pa.binary()).to_pylist()), np.uint64, len(texts))


def _with_hashes(files: Iterable[DataFile], column: str, hashes: Hashes) -> Iterator[str]:
    """The values of a text column that have these hashes, each once."""
    found: set[str] = set()
    for values in itertools.chain.from_iterable(read_values(file, column) for file in files):
        present = values.drop_null()
        for value in present.filter(pa.array(np.isin(_hashes(present), hashes))).to_pylist():
            if value not in found:
                found.add(value)
                yield value
