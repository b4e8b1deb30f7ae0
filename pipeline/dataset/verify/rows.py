"""The rows of a dataset: as many as the manifest counts, none twice, none lost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.layout import REJECTS, Format
from pipeline.dataset.reader import (
    DataFile,
    read_batches,
    read_rejects,
    read_values,
    table_files,
)
from pipeline.dataset.row_counts import COUNTED, COUNTED_OF_SEQUENCES, RowCounts
from pipeline.dataset.verify.check import Check
from pipeline.table.hashes import Hashes, hashes_of
from pipeline.table.sequences import SEQUENCE
from schemas.manifest import Counts, Manifest, Tokens


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
        rejected, rejected_origins = _count_rejects(folder)
        faults += _wrong_rejects(rejected, manifest)
    else:
        notes.append(f"without {REJECTS} the rejected rows cannot be counted")
    for kind in origins:
        every = np.concatenate([origins[kind], rejected_origins])
        if twice := len(every) - len(np.unique(every)):
            faults.append(f"{twice:,} origins appear more than once among the rows of {kind} and the rejected")
    kept = f"{manifest.counts.kept:,} kept in {', '.join(origins) or 'no format'}"
    return Check("rows", f"{kept}, {rejected.total():,} rejected", faults, notes)


def _count_rows(files: Sequence[DataFile], manifest: Manifest) -> tuple[Counter[str], Counter[str], Hashes]:
    """The rows and the records in these files by split, and the hash of each record's origin."""
    rows, found = Counter[str](), dict[str, list[Hashes]]()
    for file in files:
        for count, origins in _origins(file, manifest):
            rows[file.split] += count
            found.setdefault(file.split, []).append(hashes_of(origins))
    hashes = {split: np.concatenate(some) for split, some in found.items()}
    if manifest.packing and all(file.format != "jsonl" for file in files):
        # The sequences of a record may be in several packs, and these in several files.
        hashes = {split: np.unique(every) for split, every in hashes.items()}
    records = Counter({split: len(some) for split, some in hashes.items()})
    return rows, records, np.concatenate([np.array([], np.uint64), *hashes.values()])


def _origins(file: DataFile, manifest: Manifest) -> Iterator[tuple[int, pa.Array]]:
    """The number of rows, and the origins of the records in them, batch by batch: a record may fill several rows. Of
    packs they are the origins of their sequences."""
    if file.format == "jsonl":
        yield from ((len(origins), origins) for origins in read_values(file, "origin"))
    elif manifest.packing:
        yield from ((len(packs), packs.flatten()) for packs in read_values(file, "origins"))
    else:
        numbers = _unrolled(manifest)
        for table in read_batches(file, ["origin", *numbers]):
            yield len(table), records_of(table)["origin"].combine_chunks()


def _unrolled(manifest: Manifest) -> list[str]:
    """The column that numbers the sequences of a record, if the dataset has one: `window` in those of version 0.1.0."""
    return [name for name in (SEQUENCE, "window") if name in manifest.columns][:1]


def records_of(table: pa.Table) -> pa.Table:
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


def _count_rejects(folder: Path) -> tuple[Counter[RejectGroup], Hashes]:
    """The rejected rows by group, and the hash of each row's origin."""
    rejected, hashes = Counter[RejectGroup](), [np.array([], np.uint64)]
    for table in read_rejects(folder):
        groups = (table[name].to_pylist() for name in ("source", "reject_stage", "reject_reason"))
        rejected.update(zip(*groups, strict=True))
        hashes.append(hashes_of(table["origin"].combine_chunks()))
    return rejected, np.concatenate(hashes)


def _wrong_rejects(rejected: Counter[RejectGroup], manifest: Manifest) -> Iterator[str]:
    counted = {(group.source, group.stage, group.reason): group.rows for group in manifest.counts.rejected}
    for key in sorted(rejected.keys() | counted.keys(), key=str):
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
            records = records_of(table)
            nothing = pa.nulls(len(records), pa.string())
            marks = {"split": pa.repeat(file.split, len(records)), "reject_stage": nothing, "reject_reason": nothing}
            for name, values in marks.items():
                records = records.append_column(name, values)
            counting.add(records)
    return counting
