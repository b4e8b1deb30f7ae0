"""Records with a better and a worse answer to one prompt: their conversations, and what cannot be learned from."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.causal import Rejected, planned
from pipeline.stages.tokenize.chat import Writer
from pipeline.stages.tokenize.conversation import Conversation, Message
from pipeline.stages.tokenize.segments import Ids, Ints, Rows, Segment, join
from pipeline.stages.tokenize.sequences import Laid, Training
from pipeline.table.reject_and_flag import reject
from pipeline.table.thoughts import split_thought
from schemas.options import TokenizeOptions


def has_answer(table: pa.Table) -> pa.ChunkedArray:
    """Boolean per row: the record has an answer, of text or of calls."""
    return pc.or_(pc.is_valid(table["output"]), pc.is_valid(table["tool_calls"]))


def with_rejected(talk: Conversation, rejected: str, options: TokenizeOptions) -> Conversation:
    """The conversation with this answer in place of its last: a thought at its start is the answer's thought."""
    found = split_thought(rejected)
    answer, thought = (rejected, "") if found is None else (found.answer, found.reasoning)
    thought = "" if options.reasoning == "drop" else thought
    message = Message("assistant", answer, thought, learn=talk.messages[-1].learn)
    return talk._replace(messages=(*talk.messages[:-1], message))


def planned_answers(
    talks: Sequence[Sequence[Conversation]], writer: Writer, options: TokenizeOptions
) -> tuple[list[Training], Rejected]:
    """A sequence for the last answer of each conversation, for rows of one or several conversations; and for the rows
    with an answer that gives none the reason and the detail.
    """
    row_of = [row for row, own in enumerate(talks) for _ in own]
    last = options.model_copy(update={"answers": "last"})
    items, failed = planned([talk for own in talks for talk in own], writer, last)
    rejected: Rejected = {}
    for number, why in failed.items():
        rejected.setdefault(row_of[number], why)
    items = [item._replace(row=row_of[item.row]) for item in items]
    return [item for item in items if item.row not in rejected], rejected


def reject_same(table: pa.Table, same: Rows) -> pa.Table:
    if not same.any():
        return table
    detail = "the chosen and the rejected answer give the same tokens: there is nothing to tell them apart"
    return reject(table, pa.array(same), "tokenize", "same-answers", detail)


def learned_ends(laid: Laid) -> tuple[Ints, Ints]:
    """Of each sequence where its learned ids begin and end, as places in `laid.ids`: its last answer alone is learned.

    What follows an answer that was cut is not learned, and so after the end.
    """
    sums = np.concatenate([[0], np.cumsum(laid.learned)])
    before, after = sums[laid.offsets[:-1]], sums[laid.offsets[1:]]
    places = np.append(np.flatnonzero(laid.learned), len(laid.learned))
    starts = np.where(after > before, places[before], laid.offsets[:-1])
    return starts, np.where(after > before, places[np.maximum(after - 1, 0)] + 1, laid.offsets[:-1])


def lists_of(ids: Ids, starts: Ints, ends: Ints) -> pa.ListArray:
    """The ids from each start to its end."""
    offsets, values, _ = join([Segment(ids, starts, ends - starts)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))
