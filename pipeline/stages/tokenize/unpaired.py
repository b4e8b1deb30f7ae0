"""Layout `unpaired`: a prompt, an answer, and whether it is a good one, as TRL's KTOTrainer has them in its batches."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.causal import flag_other_prompts, in_rows, reject_too_long, set_rejected
from pipeline.stages.tokenize.chat import writer_of
from pipeline.stages.tokenize.chosen_and_rejected import (
    has_answer,
    learned_ends,
    lists_of,
    planned_answers,
    reject_same,
    with_rejected,
)
from pipeline.stages.tokenize.conversation import Conversation, conversations, matches
from pipeline.stages.tokenize.segments import Ints, count
from pipeline.stages.tokenize.sequences import Laid, lay_out
from pipeline.table.reject_and_flag import reject
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions


def unpaired(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`prompt_ids` and `completion_ids`, each list<int32>: end to end the ids of layout causal. The last answer is the
    completion, its end included; a thought that is masked belongs to the prompt. `n_learned` counts the completion.
    Beside them is the record's own `label`.

    A record with a rejected answer gives two sequences (`pipeline.table.sequences`): their `label` is that of the
    record, true where it has none, and false.

    Too long: as `sequences.lay_out` says. An answer that was cut has no end.

    Rejected: `no-label`, `same-answers`, and those of layout causal.
    """
    labelled = pc.or_(pc.is_valid(table["label"]), pc.is_valid(table["rejected"]))
    detail = "the record does not say whether its answer is a good one"
    table = reject(table, pc.invert(labelled), "tokenize", "no-label", detail)
    table = reject(table, pc.invert(has_answer(table)), "tokenize", "nothing-to-learn", "the record has no answer")
    writer = writer_of(tokenizer, options)
    talks: list[list[Conversation]] = []
    for talk, rejected in zip(
        conversations(table, writer.between, options), table["rejected"].to_pylist(), strict=True
    ):
        worse = [] if talk is None or rejected is None else [with_rejected(talk, rejected, options)]
        talks.append([] if talk is None else [talk, *worse])
    same = np.array([len(own) == 2 and own[0] == own[1] for own in talks], bool)
    table = reject_same(table, same)
    talks = [[] if alike else own for alike, own in zip(same, talks, strict=True)]
    items, failed = planned_answers(talks, writer, options)
    table = set_rejected(table, failed)
    laid = lay_out(items, writer, options, matches(writer.special_pattern, [item.conversation for item in items]))
    table = reject_too_long(table, items, laid, options)
    table = flag_other_prompts(table, items)

    rows = np.array([item.row for item in items], np.int64)
    fields = _fields(laid, rows, table["label"], tokenizer)
    columns = in_rows(table, rows, pa.StructArray.from_arrays(list(fields.values()), list(fields)))
    del columns["label"]  # a row of one sequence has it already
    return table, columns


def _fields(laid: Laid, rows: Ints, labels: pa.ChunkedArray, tokenizer: Tokenizer) -> dict[str, pa.Array]:
    """The columns of the sequences. `rows`: the row of each; `labels`: those of all rows of the table."""
    begins, (starts, ends) = laid.offsets[:-1], learned_ends(laid)
    prompts, completions = lists_of(laid.ids, begins, starts), lists_of(laid.ids, starts, ends)
    is_rejected = np.append(False, rows[1:] == rows[:-1]) if len(rows) else np.zeros(0, bool)
    label = pc.fill_null(labels.combine_chunks().take(pa.array(rows)), True)
    unknown = [count(ids.values.to_numpy(), ids.offsets.to_numpy(), tokenizer.unk_id) for ids in (prompts, completions)]
    return {
        "prompt_ids": prompts,
        "completion_ids": completions,
        "label": pc.and_(label, pa.array(~is_rejected)),
        "n_tokens": pa.array(ends - begins, pa.int32()),
        "truncated": pa.array(np.maximum(laid.whole - (ends - begins), 0), pa.int32()),
        "n_unk": pa.array(sum(unknown), pa.int32()),
        "n_learned": pa.array(ends - starts, pa.int32()),
    }
