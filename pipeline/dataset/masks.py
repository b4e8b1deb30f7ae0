"""The masks of layout causal that other trainers read beside labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import MASKED


def with_masks(rows: pa.Table) -> pa.Table:
    """Rows with `labels`, and two columns more, list<int8>: `attention_mask`, 1 at each token, and `assistant_masks`, 1
    at each token that is learned.

    >>> with_masks(pa.table({"labels": [[-100, -100, 7], [5]]})).drop_columns("labels").to_pylist()
    [{'attention_mask': [1, 1, 1], 'assistant_masks': [0, 0, 1]}, {'attention_mask': [1], 'assistant_masks': [1]}]
    """
    labels = rows["labels"].combine_chunks()
    learned = pc.not_equal(labels.flatten(), MASKED).cast(pa.int8())
    lengths = pc.fill_null(pc.list_value_length(labels), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    masks = {"attention_mask": pa.array(np.ones(len(learned), np.int8)), "assistant_masks": learned}
    for name, mask in masks.items():
        rows = rows.append_column(name, pa.ListArray.from_arrays(offsets, mask))
    return rows
