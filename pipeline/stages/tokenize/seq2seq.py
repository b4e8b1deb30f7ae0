"""Layout `seq2seq`: the prompt for the encoder, the output for the decoder."""

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.segments import Segment, as_ints, as_lists, count, encode, join, living, prompt, total
from pipeline.stages.tokenize.truncation import fit_alone, refuse_empty, refuse_long
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions


def seq2seq(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = prompt, `labels` list<int32> = output, each as the tokenizer lays out one text, which
    ends in EOS; each has at most max_length tokens.

    An output that was cut has no EOS: it does not end there, and a model is not to learn that it does. A row whose
    output gives no token is rejected (nothing-to-learn).
    """
    prefix, suffix = tokenizer.single
    if not suffix and tokenizer.eos_id is not None:
        suffix = [tokenizer.eos_id]
    room = options.max_length - len(prefix) - len(suffix)
    rows = living(table)
    prompts, n_prompt = encode(prompt(table), rows, tokenizer)
    outputs, n_output = encode(table["output"], rows, tokenizer)
    table = refuse_empty(table, rows & (n_output == 0), "the output")
    rows &= n_output > 0
    keep_prompt = fit_alone(n_prompt, room, options.truncation in ("longest-first", "truncate-prompt"))
    keep_output = fit_alone(n_output, room, options.truncation in ("longest-first", "truncate-output"))
    for name, length, keep in (("prompt", n_prompt, keep_prompt), ("output", n_output, keep_output)):
        long = np.flatnonzero(rows & (keep == 0) & (length > 0))
        table = refuse_long(table, long, {name: length[long]}, room, options)
        rows[long] = False
    keep_prompt, keep_output = np.where(rows, keep_prompt, 0), np.where(rows, keep_output, 0)
    used, unknown = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    columns: dict[str, pa.Array] = {}
    for name, lists, keep, ends in (
        ("input_ids", prompts, keep_prompt, rows),
        ("labels", outputs, keep_output, rows & (keep_output == n_output)),
    ):
        segments = [Segment.constant(prefix, rows), Segment.of_lists(lists, keep), Segment.constant(suffix, ends)]
        offsets, ids, _ = join(segments)
        columns[name] = as_lists(offsets, ids, rows)
        learned = total(segments)
        used += learned
        unknown += count(ids, offsets, tokenizer.unk_id)
    columns["n_tokens"] = as_ints(used, rows)
    columns["n_learned"] = as_ints(learned, rows)
    columns["truncated"] = as_ints(n_prompt + n_output - keep_prompt - keep_output, rows)
    columns["n_unk"] = as_ints(unknown, rows)
    return table, columns
