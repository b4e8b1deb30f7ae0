"""Layout `classification`: a text and the number of its label."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.segments import Segment, as_ints, as_lists, count, encode, join, living, prompt, total
from pipeline.stages.tokenize.truncation import fit_alone, refuse_empty, refuse_long
from pipeline.table.reject_and_flag import reject
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions

#: The numbers of the segments, in their order.
PREFIX, TEXT, SUFFIX, PADDING = range(4)

SHOWN = 40  #: characters of an unknown label that a rejection quotes


def classification(
    table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions
) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = [CLS] text [SEP], `token_type_ids` list<int8> (all 0), `labels` int32: the place of the
    row's output among `options.labels`.

    The text is the prompt, or the input alone (`options.text`). Rejected: a row whose output is not a
    declared label (label-unknown), and one whose text gives no token (nothing-to-learn).
    """
    prefix, suffix = tokenizer.single
    room = options.max_length - len(prefix) - len(suffix)
    table, labels = _labels(table, options)
    rows = living(table)
    texts, length = encode(prompt(table) if options.text == "prompt" else table["input"], rows, tokenizer)
    table = refuse_empty(table, rows & (length == 0), f"the {options.text}")
    keep = fit_alone(length, room, options.truncation in ("longest-first", "truncate-prompt"))
    long = np.flatnonzero(rows & (keep == 0) & (length > 0))
    table = refuse_long(table, long, {options.text: length[long]}, room, options)
    rows &= keep > 0
    keep = np.where(rows, keep, 0)
    segments = [Segment.constant(prefix, rows), Segment.of_lists(texts, keep), Segment.constant(suffix, rows)]
    used = total(segments)
    if options.padding:
        segments.append(Segment.padding(tokenizer.pad_id, np.where(rows, options.max_length - used, 0)))
    offsets, ids, numbers = join(segments)
    columns = {
        "input_ids": as_lists(offsets, ids, rows),
        "token_type_ids": as_lists(offsets, np.zeros(len(ids), np.int8), rows),
    }
    if options.padding:
        columns["attention_mask"] = as_lists(offsets, (numbers != PADDING).astype(np.int8), rows)
    columns["labels"] = pc.if_else(pa.array(rows), labels, pa.scalar(None, pa.int32()))
    columns["n_tokens"] = as_ints(used, rows)
    columns["n_learned"] = as_ints(rows.astype(np.int64), rows)
    columns["truncated"] = as_ints(length - keep, rows)
    columns["n_unk"] = as_ints(count(ids, offsets, tokenizer.unk_id), rows)
    return table, columns


def _labels(table: pa.Table, options: TokenizeOptions) -> tuple[pa.Table, pa.Array]:
    """The number of each row's label; rows without one are rejected."""
    labels = pc.index_in(table["output"], value_set=pa.array(options.labels, pa.string())).combine_chunks()
    unknown = pc.is_null(labels)
    if not pc.any(unknown).as_py():
        return table, labels
    known = ", ".join(map(repr, options.labels))
    shown = pc.utf8_slice_codeunits(pc.fill_null(table["output"], ""), 0, SHOWN)
    detail = pc.binary_join_element_wise("the output '", shown, f"' is none of the declared labels: {known}", "")
    return reject(table, unknown, "tokenize", "label-unknown", detail.combine_chunks()), labels
