"""The token ids of a dataset: those of its tokenizer, and those that its texts give."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.masks import with_masks
from pipeline.dataset.reader import (
    DataFile,
    read_batches,
    read_values,
    schema_of,
    table_files,
)
from pipeline.dataset.shard_writer import is_ids
from pipeline.dataset.verify.check import NAMED, Check
from pipeline.dataset.verify.rows import records_of
from pipeline.io.stage_files import place_of
from pipeline.io.versions import versions
from pipeline.stages.tokenize import Tokenizer, tokenize
from pipeline.table.sequences import unroll
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError
from pipeline.tokenizers.transformers_tokenizer import TransformersTokenizer
from schemas.columns import MASKED
from schemas.manifest import Manifest
from schemas.options import StageOptions

#: Rows of each file that are encoded again.
SAMPLE = 200


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
        first = next(read_batches(file), None)
        if first is None:
            continue
        sample = first.slice(0, SAMPLE)
        if "instruction" not in sample.column_names:
            notes.add("rows without texts cannot be encoded again")
            continue
        encoded += len(sample)
        for name, origins in _differences(sample, tokenizer, manifest.options):
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


def _differences(table: pa.Table, tokenizer: Tokenizer, options: StageOptions) -> Iterator[tuple[str, list[str]]]:
    """The columns of ids and of their counts that the texts do not give again, and the origins of these rows."""
    made = [field.name for field in table.schema if is_ids(field.type) or pa.types.is_integer(field.type)]
    fresh = unroll(tokenize(records_of(table).drop_columns(made), tokenizer, options.tokenize))
    fresh = with_masks(fresh) if options.export.masks else fresh
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
    if name.endswith(("type_ids", "mask", "masks")):
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
