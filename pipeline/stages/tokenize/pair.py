"""Layout `pair`: prompt and output in one sequence, as BERT takes two texts."""

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.segments import Segment, as_ints, as_lists, count, encode, join, living, prompt, total
from pipeline.stages.tokenize.truncation import both_seen, fit, refuse_empty, refuse_long
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions

#: The numbers of the segments, in their order.
PREFIX, PROMPT, BETWEEN, OUTPUT, SUFFIX, PADDING = range(6)


def pair(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = [CLS] instruction ⏎ input [SEP] output [SEP], `token_type_ids` list<int8>: 0 up to the
    first [SEP], 1 after it. A row whose output gives no token is rejected (nothing-to-learn)."""
    prefix, between, suffix = tokenizer.pair
    room = options.max_length - len(prefix) - len(between) - len(suffix)
    rows = living(table)
    prompts, n_prompt = encode(prompt(table), rows, tokenizer)
    outputs, n_output = encode(table["output"], rows, tokenizer)
    table = refuse_empty(table, rows & (n_output == 0), "the output")
    rows &= n_output > 0
    keep_prompt, keep_output = fit(n_prompt, n_output, room, options.truncation)
    fits = both_seen(n_prompt, n_output, keep_prompt, keep_output)
    long = np.flatnonzero(rows & ~fits)
    table = refuse_long(table, long, {"prompt": n_prompt[long], "output": n_output[long]}, room, options)
    rows &= fits
    keep_prompt, keep_output = np.where(rows, keep_prompt, 0), np.where(rows, keep_output, 0)
    segments = [
        Segment.constant(prefix, rows),
        Segment.of_lists(prompts, keep_prompt),
        Segment.constant(between, rows),
        Segment.of_lists(outputs, keep_output),
        Segment.constant(suffix, rows),
    ]
    used = total(segments)
    if options.padding:
        segments.append(Segment.padding(tokenizer.pad_id, np.where(rows, options.max_length - used, 0)))
    offsets, ids, numbers = join(segments)
    columns = {
        "input_ids": as_lists(offsets, ids, rows),
        "token_type_ids": as_lists(offsets, np.isin(numbers, (OUTPUT, SUFFIX)).astype(np.int8), rows),
    }
    if options.padding:
        columns["attention_mask"] = as_lists(offsets, (numbers != PADDING).astype(np.int8), rows)
    columns["n_tokens"] = as_ints(used, rows)
    columns["n_learned"] = as_ints(keep_output + np.where(rows, len(suffix), 0), rows)
    columns["truncated"] = as_ints(n_prompt + n_output - keep_prompt - keep_output, rows)
    columns["n_unk"] = as_ints(count(ids, offsets, tokenizer.unk_id), rows)
    return table, columns
