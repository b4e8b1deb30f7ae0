"""verify: whether a dataset's folder is what its manifest says, and whether what it says keeps the laws.

Every check is a pass over the files of its own, batch by batch; of a row nothing is held but a hash of its origin.
Works on what `export` wrote, and on a snapshot of the Hub, which holds Parquet alone.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import ValidationError

from pipeline.export import COUNTED, Tally, describe_file
from pipeline.hub import FORMATS
from pipeline.load_tokenizer import LoadError, TransformersTokenizer, open_tokenizer, resolve
from pipeline.parts import Part, column, lines, parts_of, schema, spelled, tables, tables_of
from pipeline.plan import versions
from pipeline.tokenize import Tokenizer, tokenize
from schemas.manifest import Counts, Manifest, Tokens
from schemas.options import TokenizeOptions

#: Rows of each file that are encoded again.
SAMPLE = 200
#: Of many faults of a kind, so many are named.
NAMED = 3
#: A label that the loss leaves out.
IGNORED = -100
UNREADABLE = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)


class Check(NamedTuple):
    """What a check looked at, its faults (what, and where), and what is no fault but should be known."""

    name: str
    found: str
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()


def verify(folder: Path, tokenizers: Sequence[str] = ()) -> Iterator[Check]:
    """The checks in order. `tokenizers`: where to find the one that the manifest names, if not by that name."""
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except OSError as error:
        yield Check("manifest", "", [f"manifest.json cannot be read ({error.strerror}): this is no finished export"])
        return
    except ValidationError as error:
        told = [
            f"manifest.json, {'.'.join(map(str, each['loc'])) or 'counts'}: {each['msg']}" for each in error.errors()
        ]
        yield Check("manifest", "", told)
        return
    yield Check("manifest", f"{manifest.counts.rows_in:,} rows in = {manifest.counts.kept:,} kept + the rejected")
    files, damaged = check_files(folder, manifest)
    yield files
    parts = parts_of(folder, [name for name in manifest.files if name not in damaged and (folder / name).is_file()])
    tokenizer, had = find_tokenizer(manifest, tokenizers)
    checks: dict[str, Callable[[], Check]] = {
        "columns": lambda: check_columns(parts, manifest),
        "rows": lambda: check_rows(folder, parts, manifest),
        "counts": lambda: check_counts(parts, manifest),
        "clusters": lambda: check_clusters(parts),
        "tokenizer": lambda: had,
        "ids": lambda: check_ids(parts, manifest, tokenizer),
    }
    for name, check in checks.items():
        if damaged and name in ("rows", "counts"):
            yield Check(name, "not counted, since files are damaged or missing")
            continue
        try:
            yield check()
        except UNREADABLE as error:
            yield Check(name, "", [f"cannot be checked: {type(error).__name__}: {error}"])


def check_files(folder: Path, manifest: Manifest) -> tuple[Check, set[str]]:
    """Every file by size and sha256, and the names of those that are not as described, or missing."""
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    listed = {kind: {name for name in manifest.files if re.fullmatch(FORMATS[kind], name)} for kind in FORMATS}
    may_lack = ("jsonl", "arrow", "rejects") if listed["parquet"] else ("rejects",)
    absent = {kind: listed[kind] for kind in may_lack if listed[kind] and not listed[kind] & here.keys()}
    left_out = set().union(*absent.values())
    faults, damaged = [], set()
    notes = [f"no {kind} files here, as in a snapshot of the Hub" for kind in absent]
    for name, file in manifest.files.items():
        if name in left_out:
            continue
        found = describe_file(here[name]) if name in here else None
        if found == file:
            continue
        if found and name == "README.md":
            notes.append("README.md was edited since it was generated")
            continue
        damaged.add(name)
        if found is None:
            faults.append(f"{name} is missing")
        elif found.bytes != file.bytes:
            faults.append(f"{name} has {found.bytes:,} bytes, and the manifest says {file.bytes:,}")
        else:
            faults.append(f"{name} has the sha256 {found.sha256}, and the manifest says {file.sha256}")
    ours = manifest.files.keys() | {"manifest.json"}
    notes += [f"{name} is no file of this export" for name in sorted(here.keys() - ours) if not name.startswith(".")]
    size = sum(file.bytes for name, file in manifest.files.items() if name not in left_out)
    return Check("files", f"{len(manifest.files) - len(left_out)} files, {size:,} bytes", faults, notes), damaged


def check_columns(parts: Iterable[Part], manifest: Manifest) -> Check:
    """Names and types of the columns of every file; of JSON Lines the keys of every row."""
    texts = [name for name, kind in manifest.columns.items() if not re.fullmatch(r"list<item: u?int\d+>", kind)]
    faults = []
    for part in parts:
        try:
            if part.format == "jsonl":
                odd = (number for number, row in enumerate(lines(part.path), 1) if list(row) != texts)
                faults += [f"{part.name}:{n} has other keys than the columns" for n in itertools.islice(odd, NAMED)]
                continue
            found = {field.name: spelled(field.type) for field in schema(part)}
        except UNREADABLE as error:
            faults.append(f"{part.name} cannot be read: {error}")
            continue
        for name in sorted(found.keys() | manifest.columns.keys()):
            here, told = found.get(name, "not there"), manifest.columns.get(name, "not there")
            if here != told:
                faults.append(f"{part.name}, column {name}: {here}, and the manifest says {told}")
    return Check("columns", f"{len(manifest.columns)} columns", faults)


def check_rows(folder: Path, parts: Sequence[Part], manifest: Manifest) -> Check:
    """Conservation: the rows of every format and split and of rejects.jsonl as counted, and none of them twice."""
    faults, notes = [], []
    rejected: Counter[tuple[str, str, str]] = Counter()
    hashes: dict[str, list[npt.NDArray[np.uint64]]] = {}
    for kind in dict.fromkeys(part.format for part in parts):
        rows = dict.fromkeys(manifest.counts.splits, 0)
        for part in parts:
            if part.format == kind:
                for origins in column(part, "origin"):
                    rows[part.split] = rows.get(part.split, 0) + len(origins)
                    hashes.setdefault(kind, []).append(_hashes(origins))
        for split, count in rows.items():
            if count != (told := manifest.counts.splits.get(split, 0)):
                faults.append(f"{split} has {count:,} rows in {kind}, and the manifest counts {told:,}")
    if (folder / "rejects.jsonl").is_file():
        origins = []
        for row in lines(folder / "rejects.jsonl"):
            rejected[(row["source"], row["reject_stage"], row["reject_reason"])] += 1
            origins.append(xxhash.xxh3_64_intdigest(row["origin"].encode()))
        counted = {(part.source, part.stage, part.reason): part.rows for part in manifest.counts.rejected}
        faults += [
            f"rejects.jsonl has {rejected[key]:,} rows of {key[0]!r} for {key[1]}: {key[2]}, "
            f"and the manifest counts {counted.get(key, 0):,}"
            for key in sorted(rejected.keys() | counted.keys())
            if rejected[key] != counted.get(key, 0)
        ]
        for found in hashes.values() or [[]]:
            found.append(np.array(origins, np.uint64))
    else:
        notes.append("without rejects.jsonl the rejected cannot be counted")
    for kind, found in hashes.items():
        every = np.concatenate(found)
        if twice := len(every) - len(np.unique(every)):
            faults.append(f"{twice:,} origins stand more than once among the rows of {kind} and the rejected")
    kept = f"{manifest.counts.kept:,} kept in {', '.join(hashes) or 'no format'}"
    return Check("rows", f"{kept}, {rejected.total():,} rejected", faults, notes)


def check_counts(parts: Sequence[Part], manifest: Manifest) -> Check:
    """What the manifest counts of the kept rows: sources, fixes, flags, tokens."""
    chosen = tables_of(parts)
    if not chosen and manifest.counts.kept:
        return Check("counts", "not counted: neither Parquet nor Arrow files are here")
    tally = Tally()
    for part in chosen:
        for table in tables(part, [name for name in COUNTED if name in manifest.columns]):
            nothing = pa.nulls(len(table), pa.string())
            marks = {"split": pa.repeat(part.split, len(table)), "reject_stage": nothing, "reject_reason": nothing}
            for name, values in marks.items():
                table = table.append_column(name, values)
            tally.add(table)
    pairs: list[tuple[Counts | Tokens, Counts | Tokens, Iterable[str]]] = [
        (tally.counts(), manifest.counts, ("kept", "sources", "fixes", "flags")),
        (tally.tokens(), manifest.tokens, Tokens.model_fields),
    ]
    faults = [
        f"{name}: {getattr(found, name)}, and the manifest says {getattr(told, name)}"
        for found, told, names in pairs
        for name in names
        if getattr(found, name) != getattr(told, name)
    ]
    return Check("counts", f"{tally.tokens().total:,} tokens, sources, fixes and flags", faults)


def check_clusters(parts: Sequence[Part]) -> Check:
    """No cluster of similar prompts stands in two splits."""
    chosen = tables_of(parts) or [part for part in parts if part.format == "jsonl"]
    seen: dict[str, npt.NDArray[np.uint64]] = {}
    for part in chosen:
        found = [_hashes(clusters.drop_null()) for clusters in column(part, "cluster")]
        seen[part.split] = np.unique(np.concatenate([seen.get(part.split, np.array([], np.uint64)), *found]))
    faults = []
    for one, other in itertools.combinations(seen, 2):
        both = np.intersect1d(seen[one], seen[other])
        if len(both):
            names = itertools.islice(_named(chosen, "cluster", both), NAMED)
            faults.append(f"{len(both):,} clusters stand in {one} and in {other}: {', '.join(names)}")
    return Check("clusters", f"{sum(map(len, seen.values())):,} clusters, each in one split", faults)


def find_tokenizer(manifest: Manifest, names: Sequence[str]) -> tuple[Tokenizer | None, Check]:
    """The tokenizer that the manifest names, if it can be had and is the same."""
    told = manifest.tokenizer
    wanted = str(told.get("name", ""))
    try:
        found = resolve(names or (wanted,))
    except (LoadError, ValueError) as error:
        note = (
            f"{wanted} cannot be had, so that ids are not checked: {' '.join(str(error).split(chr(10))[1:2]).strip()}"
        )
        return None, Check("tokenizer", f"{wanted} is not here", notes=[note])
    if found.sha256 != told.get("sha256"):
        fault = f"{found.name} has the sha256 {found.sha256}, and the dataset was made with {told.get('sha256')}"
        return None, Check("tokenizer", wanted, [fault])
    return open_tokenizer(found), Check("tokenizer", f"{wanted}, sha256 {found.sha256[:16]}…")


def check_ids(parts: Sequence[Part], manifest: Manifest, tokenizer: Tokenizer | None) -> Check:
    """Every id is of the vocabulary, and the texts of some rows give the ids that stand beside them."""
    if tokenizer is None:
        return Check("ids", "not checked without the tokenizer")
    size = _pieces(tokenizer)
    options = TokenizeOptions.model_validate(manifest.options.get("tokenize", {}))
    faults, again, notes = [], 0, set()
    for part in tables_of(parts):
        for name in (field.name for field in schema(part) if _is_ids(field.type)):
            low, high = (0, 2) if name.endswith(("type_ids", "mask")) else (0, size)
            low = IGNORED if name == "labels" else low
            if wrong := sum(_outside(ids, low, high) for ids in column(part, name)):
                faults.append(f"{part.name}, column {name}: {wrong:,} values are not in {low} to {high - 1}")
        sample = next(tables(part)).slice(0, SAMPLE)
        if "instruction" not in sample.column_names:
            notes.add("rows without texts cannot be encoded again")
            continue
        again += len(sample)
        for name, origins in _differences(sample, tokenizer, options):
            faults.append(
                f"{part.name}, column {name}: {len(origins)} of {len(sample)} rows encode otherwise: "
                + ", ".join(origins[:NAMED])
            )
    if faults and manifest.versions != versions():
        notes.add("other versions of the libraries are installed here than those that made the dataset")
    return Check("ids", f"within {size:,} pieces; {again:,} rows encoded again", faults, sorted(notes))


def _differences(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> Iterator[tuple[str, list[str]]]:
    """The columns of ids and of their counts that come out otherwise from the texts, and the origins of these rows."""
    made = [field.name for field in table.schema if _is_ids(field.type) or pa.types.is_integer(field.type)]
    fresh = tokenize(table.drop_columns(made), tokenizer, options)
    origins = table["origin"].to_pylist()
    for name in made:
        if name in fresh.column_names:
            pairs = zip(table[name].to_pylist(), fresh[name].to_pylist(), strict=True)
            other = [origin for origin, (one, two) in zip(origins, pairs, strict=True) if one != two]
            if other:
                yield name, other


def _pieces(tokenizer: Tokenizer) -> int:
    """The size of the vocabulary."""
    return len(tokenizer.backend if isinstance(tokenizer, TransformersTokenizer) else tokenizer.processor)  # type: ignore[attr-defined]


def _is_ids(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def _outside(lists: pa.Array, low: int, high: int) -> int:
    """How many values of these lists are not in the range."""
    values = lists.flatten()
    wrong = pc.or_(pc.less(values, pa.scalar(low, values.type)), pc.greater_equal(values.cast(pa.int64()), high))
    return int(pc.sum(wrong).as_py() or 0)


def _hashes(texts: pa.Array) -> npt.NDArray[np.uint64]:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, texts.cast(pa.binary()).to_pylist()), np.uint64, len(texts))


def _named(parts: Iterable[Part], name: str, hashes: npt.NDArray[np.uint64]) -> Iterator[str]:
    """The values of a text column that have these hashes, each once."""
    told: set[str] = set()
    for values in itertools.chain.from_iterable(column(part, name) for part in parts):
        present = values.drop_null()
        for value in present.filter(pa.array(np.isin(_hashes(present), hashes))).to_pylist():
            if value not in told:
                told.add(value)
                yield value
