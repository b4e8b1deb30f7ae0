"""Layout `causal`: a conversation in one sequence, of which the answers are learned.

What is between two answers is one text, encoded as it is for inference; an answer is encoded apart and joined to it. So
a label is trained because of the text that it came from, and the ids before an answer are those that a model is given
when it is to write that answer.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.chat import LOOKS_LIKE_A_MARK, Writer, text_of, writer_of
from pipeline.stages.tokenize.conversation import Conversation, conversations, matches, wanted
from pipeline.stages.tokenize.segments import Ints, count, living
from pipeline.stages.tokenize.sequences import Laid, Training, lay_out, trainings
from pipeline.stages.tokenize.truncation import refuse_long
from pipeline.table.reject_and_flag import add_names, reject, set_column
from pipeline.table.sequences import SEQUENCES
from pipeline.tokenizers.protocol import ChatTemplateError, Tokenizer
from schemas.columns import MASKED
from schemas.options import TokenizeOptions

#: The fields of a sequence, in the flat columns or in the structs of `sequences`.
FIELDS = pa.struct(
    [
        pa.field("input_ids", pa.list_(pa.int32())),
        pa.field("labels", pa.list_(pa.int32())),
        pa.field("n_tokens", pa.int32()),
        pa.field("truncated", pa.int32()),
        pa.field("n_unk", pa.int32()),
        pa.field("n_learned", pa.int32()),
    ]
)

Rejected = dict[int, tuple[str, str]]


def causal(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = the conversation (system prompt, tools, history, prompt, steps, answer) as the module
    `chat` says, `labels` list<int32>: the id where an answer is trained, its thought, its calls and its end included,
    and -100 elsewhere. `n_learned` int32: the trained tokens.

    Trained are all answers, or the last (`answers`), but for those with `learn` = false; of their thoughts those that
    `reasoning` says. A special token written in a text is text. An answer that the chat template writes otherwise in
    the middle of a conversation than at its end (Qwen3: without its thought) ends a sequence of its own: such a row has
    its sequences in the column `sequences`, and null in the flat columns (`pipeline.table.sequences`).

    Too long: see `sequences.lay_out`.

    Rejected: `bad-answer` (`label` is false), `nothing-to-learn` (no answer with a text is trained), `no-template` (the
    tokenizer has no chat template that writes tools, calls or thoughts), `not-literal` (the chat template takes this
    row's texts apart). Flag: `other-prompt`. Raises ChatTemplateError.
    """
    table = reject(
        table,
        pc.invert(pc.fill_null(table["label"], True)),
        "tokenize",
        "bad-answer",
        "label is false: the source says that this answer is a bad one, which this layout would teach",
    )
    writer = writer_of(tokenizer, options)
    items: list[Training] = []
    rejected: Rejected = {}
    others = np.zeros(len(table), bool)
    talks = {row: talk for row, talk in enumerate(conversations(table, writer.between, options)) if talk is not None}
    rejected |= refuse_unwritten(talks, writer)
    for row, talk in talks.items():
        learned = wanted(talk, options)
        if row in rejected:
            continue
        if not _teaches(talk, learned, options):
            rejected[row] = "nothing-to-learn", "no answer of this row has a text that is to be learned"
            continue
        new = trainings(row, talk, learned, writer)
        items += new
        others[row] = not all(writer.prompted(item.conversation) for item in new)
    table = set_rejected(table, rejected)
    special = matches(writer.special_pattern, [item.conversation for item in items])
    laid = lay_out(items, writer, options, special)
    table = reject_too_long(table, items, laid, options)
    table = set_column(table, "flags", add_names(table["flags"], [("other-prompt", pa.array(others))]))
    return table, columns_of(table, items, laid, tokenizer)


def refuse_unwritten(talks: dict[int, Conversation], writer: Writer) -> Rejected:
    """The rows that the tokenizer's chat template cannot write, or not as they are. Raises ChatTemplateError where it
    cannot write plain conversations."""
    rejected: Rejected = {}
    doubtful = matches(LOOKS_LIKE_A_MARK, list(talks.values()))
    for (row, talk), marks in zip(talks.items(), doubtful, strict=True):
        tools = talk.tools or any(message.calls or message.role == "tool" for message in talk.messages)
        if tools and writer.tokenizer.chat is None:
            rejected[row] = "no-template", "this tokenizer has no chat template, which tools need"
            continue
        if not talk.answers:
            continue
        talk = writer.folded(talk.up_to(talk.answers[-1]))
        try:
            writer.form(talk)
            if (marks or _has_blank(talk)) and not writer.literal(talk):
                detail = "the chat template changes a text of this row: the answer would not be what is trained"
                rejected[row] = "not-literal", detail
            elif tools and not writer.plain_json(talk):
                detail = "a tool or a call holds a special token of this tokenizer"
                rejected[row] = "not-literal", detail
        except ChatTemplateError as error:
            if not (tools or any(message.reasoning for message in talk.messages)):
                raise
            rejected[row] = "no-template", str(error)
    return rejected


def _has_blank(talk: Conversation) -> bool:
    return any(message.role == "assistant" and not message.content.strip() for message in talk.messages)


def _teaches(talk: Conversation, learned: Sequence[int], options: TokenizeOptions) -> bool:
    """Whether one of these answers has anything to learn but its end."""
    for number in learned:
        message = talk.messages[number]
        if message.content.strip() or message.calls or (message.reasoning and options.reasoning == "learn"):
            return True
    return False


def set_rejected(table: pa.Table, rejected: Rejected) -> pa.Table:
    """Mark these rows with their reasons and details."""
    if not rejected:
        return table
    reasons, details = ([rejected.get(row, (None, None))[part] for row in range(len(table))] for part in (0, 1))
    marked = pa.array([reason is not None for reason in reasons])
    return reject(table, marked, "tokenize", pa.array(reasons, pa.string()), pa.array(details, pa.string()))


def reject_too_long(table: pa.Table, items: Sequence[Training], laid: Laid, options: TokenizeOptions) -> pa.Table:
    """Reject the rows with a sequence that does not fit."""
    found = {items[number].row: sizes for number, sizes in laid.too_long.items()}
    rows = np.array(sorted(found), np.int64)
    asked, said, room = np.array([found[row] for row in rows.tolist()], np.int64).reshape(-1, 3).T
    return refuse_long(table, rows, {"prompt": asked, "output": said}, room, options)


def columns_of(table: pa.Table, items: Sequence[Training], laid: Laid, tokenizer: Tokenizer) -> dict[str, pa.Array]:
    """The flat columns and `sequences` of the rows that are alive, from their sequences, which are in their order."""
    sizes = np.diff(laid.offsets)
    offsets = pa.array(laid.offsets, pa.int32())
    labels = np.where(laid.learned, laid.ids, MASKED).astype(np.int32)
    fields = [
        pa.ListArray.from_arrays(offsets, pa.array(laid.ids)),
        pa.ListArray.from_arrays(offsets, pa.array(labels)),
        pa.array(sizes, pa.int32()),
        pa.array(np.maximum(laid.whole - sizes, 0), pa.int32()),
        pa.array(count(laid.ids, laid.offsets, tokenizer.unk_id), pa.int32()),
        pa.array(np.add.reduceat(np.append(laid.learned, False).astype(np.int64), laid.offsets[:-1]) * (sizes > 0), pa.int32())
        if len(sizes)
        else pa.array([], pa.int32()),
    ]
    return in_rows(table, np.array([item.row for item in items], np.int64), pa.StructArray.from_arrays(fields, fields=list(FIELDS)))


def in_rows(table: pa.Table, row_of: Ints, sequences: pa.StructArray) -> dict[str, pa.Array]:
    """The sequences of living rows in flat columns where a row has one, else in the column `sequences`.

    `row_of`: the row of each sequence, ascending.
    """
    alive = living(table)
    number: npt.NDArray[np.int64] = np.bincount(row_of, minlength=len(table)) * alive
    first = np.searchsorted(row_of, np.arange(len(table)))
    flat = sequences.take(pa.array(first, mask=number != 1))
    columns = {field.name: pc.struct_field(flat, field.name) for field in sequences.type}
    several = (number > 1)[row_of]
    lists = np.concatenate([[0], np.cumsum(np.where(number > 1, number, 0))])
    columns[SEQUENCES] = pa.ListArray.from_arrays(
        pa.array(lists, pa.int32()), sequences.filter(pa.array(several)), mask=pa.array(number <= 1)
    )
    return columns
