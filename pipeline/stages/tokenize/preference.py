"""Layout `preference`: a prompt, a better and a worse answer to it, as TRL's DPOTrainer has them in its batches."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.answers import reject_unlearnable
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
from pipeline.stages.tokenize.conversation import conversations, matches
from pipeline.stages.tokenize.segments import Ints, Rows, count
from pipeline.stages.tokenize.sequences import Laid, lay_out
from pipeline.table.reject_and_flag import reject
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions


def preference(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`prompt_ids`, `chosen_ids`, `rejected_ids`, each list<int32>: prompt and chosen answer are, end to end, the ids
    of layout causal, and so are prompt and rejected answer. The end of an answer belongs to it.

    The prompt is the system prompt, the tools, all messages before the last answer, and what the chat template writes
    before both answers. A thought at the start of the rejected answer is written as that of the chosen one is.
    `n_tokens` counts the three lists, `n_learned` both answers, `truncated` the tokens cut off the prompt and an answer
    together, for the answer with which it is more.

    Too long: as `sequences.lay_out` says, with the same prompt for both answers. An answer that was cut has no end.

    Rejected: `not-a-pair`, `same-answers`, and those of layout causal.
    """
    table = reject_unlearnable(table)
    paired = pc.and_(has_answer(table), pc.is_valid(table["rejected"]))
    table = reject(table, pc.invert(paired), "tokenize", "not-a-pair", "the record has no chosen or no rejected answer")
    writer = writer_of(tokenizer, options)
    pairs = []
    for talk, rejected in zip(
        conversations(table, writer.between, options), table["rejected"].to_pylist(), strict=True
    ):
        pairs.append([] if talk is None else [talk, with_rejected(talk, rejected, options)])
    table = reject_same(table, np.array([bool(pair) and pair[0] == pair[1] for pair in pairs], bool))
    pairs = [[] if pair and pair[0] == pair[1] else pair for pair in pairs]
    items, failed = planned_answers(pairs, writer, options)
    table = set_rejected(table, failed)
    special = np.array(matches(writer.special_pattern, [item.conversation for item in items]), bool)
    special = special.reshape(-1, 2).any(axis=1).repeat(2)
    laid = lay_out(items, writer, options, special.tolist(), together=2)
    table = reject_too_long(table, items, laid, options)
    table = flag_other_prompts(table, items)

    rows = np.array([item.row for item in items[::2]], np.int64)
    fields, same = _fields(laid, tokenizer)
    cut_alike = np.zeros(len(table), bool)
    cut_alike[rows[same]] = True
    table = reject_same(table, cut_alike)
    return table, in_rows(table, rows, pa.StructArray.from_arrays(list(fields.values()), list(fields)))


def _fields(laid: Laid, tokenizer: Tokenizer) -> tuple[dict[str, pa.Array], Rows]:
    """The columns of pairs, whose sequences are chosen and rejected in turn; and which pairs have the same answers."""
    starts, prompts = laid.offsets[:-1], _common_prompts(laid)
    _, ends = learned_ends(laid)
    chosen, rejected = (lists_of(laid.ids, (starts + prompts)[place::2], ends[place::2]) for place in (0, 1))
    lists = {
        "prompt_ids": lists_of(laid.ids, starts[::2], (starts + prompts)[::2]),
        "chosen_ids": chosen,
        "rejected_ids": rejected,
    }
    sizes = {name: np.diff(values.offsets.to_numpy()).astype(np.int64) for name, values in lists.items()}
    unknown = [count(ids.values.to_numpy(), ids.offsets.to_numpy(), tokenizer.unk_id) for ids in lists.values()]
    cut = np.maximum(laid.whole - (ends - starts), 0)
    numbers = {
        "n_tokens": sum(sizes.values()),
        "truncated": np.maximum(cut[::2], cut[1::2]),
        "n_unk": sum(unknown),
        "n_learned": sizes["chosen_ids"] + sizes["rejected_ids"],
    }
    same = np.array([len(one) > 0 and one == other for one, other in zip(chosen, rejected, strict=True)], bool)
    return lists | {name: pa.array(values, pa.int32()) for name, values in numbers.items()}, same


def _common_prompts(laid: Laid) -> Ints:
    """The length of each prompt: of a pair the ids that both have. They differ where the template prepares an answer
    with a thought otherwise than one without."""
    found = laid.prompts.copy()
    for one in range(0, len(found), 2):
        prompts = [laid.ids[laid.offsets[at] :][: laid.prompts[at]] for at in (one, one + 1)]
        shorter = min(map(len, prompts))
        differ = np.flatnonzero(prompts[0][:shorter] != prompts[1][:shorter])
        found[one : one + 2] = int(differ[0]) if len(differ) else shorter
    return found
