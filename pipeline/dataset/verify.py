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

from pipeline.dataset.export import COUNTED, Tally
from pipeline.dataset.reader import Part, column, lines, parts_of, schema, spelled, tables, tables_of
from pipeline.hub.push import FORMATS
from pipeline.io.files import describe_file
from pipeline.io.source_code import versions
from pipeline.io.stage_files import place_of
from pipeline.stages.tokenize import Tokenizer, tokenize
from pipeline.table.qa_windows import one_a_row
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError
from pipeline.tokenizers.transformers_tokenizer import TransformersTokenizer
from schemas.columns import MASKED
from schemas.errors import problems
from schemas.manifest import Counts, Manifest, Tokens, config_name
from schemas.options import TokenizeOptions

#: Rows of each file that are encoded again.
SAMPLE = 200
#: Of many faults of a kind, so many are named.
NAMED = 3
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
        configs = ", ".join(sorted(str(path.parent) for path in folder.glob("*/manifest.json")))
        what = (
            f"each config of a repository is checked by itself: {configs}" if configs else "this is no finished export"
        )
        yield Check("manifest", "", [f"manifest.json cannot be read ({error.strerror}): {what}"])
        return
    except ValidationError as error:
        yield Check("manifest", "", [f"manifest.json: {problem}" for problem in problems(error, Manifest)])
        return
    yield Check("manifest", f"{manifest.counts.rows_in:,} rows in = {manifest.counts.kept:,} kept + the rejected")
    manifest = as_it_lies(manifest, folder)
    files, damaged = check_files(folder, manifest)
    yield files
    parts = parts_of(folder, [name for name in manifest.files if name not in damaged and (folder / name).is_file()])
    tokenizer, had = find_tokenizer(folder, manifest, tokenizers)
    checks: dict[str, Callable[[], Check]] = {
        "columns": lambda: check_columns(parts, manifest),
        "rows": lambda: check_rows(folder, parts, manifest),
        "counts": lambda: check_counts(parts, manifest),
        "clusters": lambda: check_clusters(parts, manifest),
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


def as_it_lies(manifest: Manifest, folder: Path) -> Manifest:
    """With the names that files have here: in a repository of the Hub, Parquet files stand beside their manifest."""
    config = f"{config_name(manifest.options)}/"
    inside = {name: name.removeprefix(config) for name in manifest.files}
    if not any((folder / here).is_file() for name, here in inside.items() if here != name):
        return manifest
    return manifest.model_copy(update={"files": {inside[name]: file for name, file in manifest.files.items()}})


def check_files(folder: Path, manifest: Manifest) -> tuple[Check, set[str]]:
    """Every file by size and sha256, and the names of those that are not as described, or missing."""
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    config = f"{config_name(manifest.options)}/"
    listed = {
        kind: {name for name in manifest.files if re.fullmatch(pattern, name.removeprefix(config))}
        for kind, pattern in FORMATS.items()
    }
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
                if manifest.packing:
                    continue  # its rows are the records, and the columns those of packs
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
        rows, records = Counter[str](), Counter[str]()
        for part in parts:
            if part.format == kind:
                for count, origins in _origins(part, manifest):
                    rows[part.split] += count
                    records[part.split] += len(origins)
                    hashes.setdefault(kind, []).append(_hashes(origins))
        examples = manifest.counts.splits if kind == "jsonl" else manifest.examples or manifest.counts.splits
        for what, found, told in (("rows", rows, examples), ("records", records, manifest.counts.splits)):
            faults += [
                f"{split} has {found[split]:,} {what} in {kind}, and the manifest counts {told.get(split, 0):,}"
                for split in sorted(found.keys() | told.keys())
                if found[split] != told.get(split, 0) and (what == "rows" or rows != records)
            ]
    if (folder / "rejects.jsonl").is_file():
        left_out = []
        for row in lines(folder / "rejects.jsonl"):
            rejected[(row["source"], row["reject_stage"], row["reject_reason"])] += 1
            left_out.append(xxhash.xxh3_64_intdigest(row["origin"].encode()))
        counted = {(part.source, part.stage, part.reason): part.rows for part in manifest.counts.rejected}
        faults += [
            f"rejects.jsonl has {rejected[key]:,} rows of {key[0]!r} for {key[1]}: {key[2]}, "
            f"and the manifest counts {counted.get(key, 0):,}"
            for key in sorted(rejected.keys() | counted.keys())
            if rejected[key] != counted.get(key, 0)
        ]
        for found_in in hashes.values():
            found_in.append(np.array(left_out, np.uint64))
    else:
        notes.append("without rejects.jsonl the rejected cannot be counted")
    for kind, found_in in hashes.items():
        every = np.concatenate(found_in)
        if twice := len(every) - len(np.unique(every)):
            faults.append(f"{twice:,} origins stand more than once among the rows of {kind} and the rejected")
    kept = f"{manifest.counts.kept:,} kept in {', '.join(hashes) or 'no format'}"
    return Check("rows", f"{kept}, {rejected.total():,} rejected", faults, notes)


def _origins(part: Part, manifest: Manifest) -> Iterator[tuple[int, pa.Array]]:
    """How many rows, and the origins of the records in them, batch by batch: a pack holds several records, and a
    record of layout qa stands in several rows."""
    if part.format == "jsonl" or not (manifest.packing or "window" in manifest.columns):
        yield from ((len(origins), origins) for origins in column(part, "origin"))
    elif manifest.packing:
        yield from ((len(packs), packs.flatten()) for packs in column(part, "origins"))
    else:
        for table in tables(part, ["origin", "window"]):
            yield len(table), _records(table)["origin"].combine_chunks()


def _records(table: pa.Table) -> pa.Table:
    """One row for each record: of layout qa the first window."""
    return table.filter(pc.equal(table["window"], 0)) if "window" in table.column_names else table


def check_counts(parts: Sequence[Part], manifest: Manifest) -> Check:
    """What the manifest counts of the kept rows: sources, fixes, flags, tokens."""
    chosen = tables_of(parts)
    if not chosen and manifest.counts.kept:
        return Check("counts", "not counted: neither Parquet nor Arrow files are here")
    if manifest.packing:
        total = sum(pc.sum(lengths).as_py() for part in chosen for lengths in column(part, "n_tokens"))
        told = manifest.tokens.total
        return Check(
            "counts",
            f"{total:,} tokens; what the packs hold of sources, fixes and flags cannot be told from them",
            [f"the packs hold {total:,} tokens, and the manifest says {told:,}"] * (total != told),
        )
    tally = Tally()
    for part in chosen:
        for table in tables(part, [name for name in (*COUNTED, "window") if name in manifest.columns]):
            table = _records(table)
            nothing = pa.nulls(len(table), pa.string())
            marks = {"split": pa.repeat(part.split, len(table)), "reject_stage": nothing, "reject_reason": nothing}
            for name, values in marks.items():
                table = table.append_column(name, values)
            tally.add(table)
    pairs: list[tuple[Counts | Tokens, Counts | Tokens, Iterable[str]]] = [
        (tally.counts(), manifest.counts, ("kept", "sources", "fixes", "flags")),
        # The tokens of a record's windows overlap, and stand nowhere in sum.
        (tally.tokens(), manifest.tokens, () if "window" in manifest.columns else Tokens.model_fields),
    ]
    faults = [
        f"{name}: {getattr(found, name)}, and the manifest says {getattr(told, name)}"
        for found, told, names in pairs
        for name in names
        if getattr(found, name) != getattr(told, name)
    ]
    return Check("counts", f"{manifest.tokens.total:,} tokens, sources, fixes and flags", faults)


def check_clusters(parts: Sequence[Part], manifest: Manifest) -> Check:
    """No cluster of similar prompts stands in two splits."""
    chosen = [] if manifest.packing else tables_of(parts)
    chosen = chosen or [part for part in parts if part.format == "jsonl"]
    if not chosen and manifest.packing:
        return Check("clusters", "not checked: packs do not tell them, and no JSON Lines are here")
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


def find_tokenizer(folder: Path, manifest: Manifest, names: Sequence[str]) -> tuple[Tokenizer | None, Check]:
    """The tokenizer that the manifest names, if it can be had and is the same."""
    told = manifest.tokenizer
    wanted = str(told.get("name", ""))
    try:
        found = resolve(names or (place_of(folder, wanted, str(told.get("sha256"))),))
    except LoadError as error:
        why = str(error).splitlines()[1].strip()  # the first name tried, and the reason
        return None, Check("tokenizer", f"{wanted} is not here", notes=[f"ids are not checked without it: {why}"])
    except (OSError, ValueError) as error:
        return None, Check("tokenizer", wanted, [str(error)])
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
            low, high = _range(name, size)
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
    fresh = one_a_row(tokenize(_records(table).drop_columns(made), tokenizer, options))
    rows = min(len(table), len(fresh))  # the windows of the last record may go on behind the sample
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
