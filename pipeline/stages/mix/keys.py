"""A hash of each record, from its texts but the thoughts in its messages: equal for equal records wherever they are,
and evenly spread.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.columns import MESSAGES, TEXTS

#: Between the texts of a record, and in place of one that is missing.
BETWEEN, MISSING = "\x1f", "\x1e"


def record_keys(table: pa.Table) -> npt.NDArray[np.uint64]:
    """The keys of the rows, uint64[rows], batch by batch."""
    table = table.select([*TEXTS, "tools", "tool_calls", *MESSAGES])
    return np.concatenate([np.empty(0, np.uint64), *map(_keys, table.to_batches())])


def _keys(batch: pa.RecordBatch) -> npt.NDArray[np.uint64]:
    texts = [pc.fill_null(batch[name], MISSING) for name in (*TEXTS, "tools", "tool_calls")]
    texts += [pc.fill_null(pc.binary_join(_contents(batch[name]), BETWEEN), MISSING) for name in MESSAGES]
    joined = pc.binary_join_element_wise(*texts, BETWEEN)
    hashes = map(xxhash.xxh3_64_intdigest, joined.cast(pa.binary()).to_pylist())
    return np.fromiter(hashes, np.uint64, len(batch))


def _contents(lists: pa.ListArray) -> pa.ListArray:
    """The role and the content of each message."""
    messages = lists.flatten()
    texts = [pc.fill_null(pc.struct_field(messages, name), MISSING) for name in ("role", "content", "tool_calls")]
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, pc.binary_join_element_wise(*texts, BETWEEN))
