"""Layout `fields`: instruction, input and output apart."""

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.segments import Segment, as_ints, as_lists, count, encode, join, living, total
from pipeline.stages.tokenize.truncation import refuse_empty, refuse_long
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions

#: The fields, each with the truncation policy beside `longest-first` that cuts it.
FIELDS = {"instruction": "truncate-prompt", "input": "truncate-prompt", "output": "truncate-output"}

#: The numbers of the segments, in their order.
PREFIX, TEXT, SUFFIX, PADDING = range(4)


def fields(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`instruction_ids`, `input_ids`, `output_ids` list<int32>, each [CLS] field [SEP] of at most max_length tokens. A
    longer one is cut, or its row rejected, by the truncation policy, to which instruction and input are the prompt. A
    row whose output gives no token is rejected (nothing-to-learn)."""
    prefix, suffix = tokenizer.single
    room = options.max_length - len(prefix) - len(suffix)
    rows = living(table)
    encoded = {name: encode(table[name], rows, tokenizer) for name in FIELDS}
    empty = encoded["output"][1] == 0
    table = refuse_empty(table, rows & empty, "the output")
    rows &= ~empty
    for name, policy in FIELDS.items():
        length = encoded[name][1]
        long = np.flatnonzero(rows & (length > room) & (options.truncation not in ("longest-first", policy)))
        table = refuse_long(table, long, {name: length[long]}, room, options)
        rows[long] = False
    columns: dict[str, pa.Array] = {}
    tokens, learned, cut, unknown = (np.zeros(len(table), np.int64) for _ in range(4))
    for name, (lists, length) in encoded.items():
        length = np.where(rows, length, 0)
        keep = np.minimum(length, room)
        segments = [Segment.constant(prefix, rows), Segment.of_lists(lists, keep), Segment.constant(suffix, rows)]
        used = total(segments)
        if options.padding:
            segments.append(Segment.padding(tokenizer.pad_id, np.where(rows, options.max_length - used, 0)))
        offsets, ids, numbers = join(segments)
        columns[f"{name}_ids"] = as_lists(offsets, ids, rows)
        if options.padding:
            columns[f"{name}_mask"] = as_lists(offsets, (numbers != PADDING).astype(np.int8), rows)
        tokens += used
        learned = used  # of the last field, the output
        cut += length - keep
        unknown += count(ids, offsets, tokenizer.unk_id)
    counts = {"n_tokens": tokens, "n_learned": learned, "truncated": cut, "n_unk": unknown}
    columns |= {name: as_ints(values, rows) for name, values in counts.items()}
    return table, columns
