"""The splits in which a source publishes its records: found by names, and put to use as the source's `splits` says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.names import TAKEN_OUT
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.toml_line import key
from pipeline.table.reject_and_flag import reject, set_column

#: The words by which names of files, folders and splits say what they are.
WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
MEANINGS = {word: split for split, words in WORDS.items() for word in words}
#: What a published split can be here.
MEANT = {*WORDS, "leave-out"}
#: The field of a record that may name its split.
FIELD = "split"


def words_of(name: str) -> list[str]:
    """The words of a name that are names of splits.

    >>> words_of("train-00000-of-00001.parquet"), words_of("dev_sft"), words_of("latest.json")
    (['train'], ['dev'], [])
    """
    return [word for word in re.split(r"[\W\d_]+", name.casefold()) if word in MEANINGS]


def meaning(name: str) -> str | None:
    """train, validation or test, by the words of a name; None where no word is one of these, or several differ."""
    found = {MEANINGS[word] for word in words_of(name)}
    return found.pop() if len(found) == 1 else None


def published_by(path: str) -> str | None:
    """The word in a file's path that says in which split it is published: in the file's own name, else in a folder's.

    >>> published_by("set/validation/0.parquet"), published_by("all.zip!a/dev.json"), published_by("train_test.json")
    ('validation', 'dev', None)
    """
    for part in reversed(PurePosixPath(path.replace("!", "/")).parts):
        if words := words_of(part):
            return words[0] if meaning(part) else None
    return None


def take_split(record: Record) -> tuple[str | None, Record]:
    """The split that a record itself names, and the record without that field."""
    for field, value in record.items():
        if field.strip().casefold() == FIELD and isinstance(value, str) and value.strip():
            # A name that means no split may be a field of another kind: it stays in the record, too.
            return value, {name: item for name, item in record.items() if name != field or not meaning(value)}
    return None, record


def apply_splits(table: pa.Table, published: str | None, splits: str | Mapping[str, str]) -> pa.Table:
    """The rows with `published_split` as it is meant here; rows of a split that is left out are rejected.

    `published`: the name of the split of rows that name none themselves. `splits`: as in `schemas.options.Source`.
    """
    names = table["published_split"]
    if published is not None:
        names = pc.fill_null(names, published)
    if names.null_count == len(table):
        return table
    if splits == "ignore":
        return set_column(table, "published_split", pa.nulls(len(table), pa.string()))
    encoded = names.combine_chunks().dictionary_encode()
    known: list[str] = encoded.dictionary.to_pylist()
    meant = [_meant(name, {} if isinstance(splits, str) else splits) for name in known]
    must_be_known(known, splits)
    left_out = pa.array([split == "leave-out" for split in meant], pa.bool_()).take(encoded.indices)
    marks = [meaning(name) or name if split == "leave-out" else split for name, split in zip(known, meant, strict=True)]
    faults = [_left_out(name) for name in known]
    reasons, details = (pa.array(texts, pa.string()).take(encoded.indices) for texts in zip(*faults, strict=True))
    table = set_column(table, "published_split", pa.array(marks, pa.string()).take(encoded.indices))
    return reject(table, left_out, "ingest", reasons, details)


def must_be_known(names: Iterable[str], splits: str | Mapping[str, str]) -> None:
    """Hold published splits to those that mean something here. Raises FileFault with the line of toml that helps."""
    known = {} if isinstance(splits, str) else splits
    unknown = [name for name in names if splits != "ignore" and _meant(name, known) not in MEANT]
    if unknown:
        raise FileFault(_unknown(unknown))


def _unknown(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names))
    ways = (f'{key(name)} = "{"leave-out" if name.strip().casefold() in TAKEN_OUT else "test"}"' for name in names)
    line = f"splits = {{ {', '.join(ways)} }}"
    return (
        f": records are published in the split {shown}, which is neither train, validation nor test: write in the "
        f"source `{line}`, or for a name another of these or leave-out; "
        'where the names are not splits `splits = "ignore"`'
    )


def _left_out(name: str) -> tuple[str, str]:
    detail = f"the source publishes it in {name!r}, and its option `splits` leaves this split out"
    fault = Fault("left-out-split", detail)
    return fault.reason, fault.detail


def _meant(name: str, splits: Mapping[str, str]) -> str:
    """What a published split is here: as `splits` says of its name, of a word of it or of its meaning; else that."""
    split = meaning(name) or name
    return next((splits[known] for known in (name, *words_of(name), split) if known in splits), split)
