"""Layout `causal`: a conversation in one sequence; its answers are learned.

What is between two answers is one text, encoded as it is for inference; an answer is encoded apart and joined to it. So
a label is trained because of the text that it came from, and the ids before an answer are those that a model is given
when it is to write that answer.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.chat import LOOKS_LIKE_A_MARK, Writer, writer_of
from pipeline.stages.tokenize.conversation import Conversation, conversations, matches, wanted
from pipeline.stages.tokenize.probe import REMEDY
from pipeline.stages.tokenize.segments import Ints, count, living
from pipeline.stages.tokenize.sequences import Laid, Training, lay_out, trainings
from pipeline.stages.tokenize.truncation import refuse_long
from pipeline.table.reject_and_flag import add_names, reject, set_column
from pipeline.table.sequences import SEQUENCES
from pipeline.table.thoughts import CLOSERS, OPENING_MARK, is_open_thought, split_thought
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

#: Details of rejections, and what to do.
NO_CHAT = "this tokenizer has no chat template, which tools need. " + REMEDY.replace("another", "a")
TAKE_OUT = "Take it out of the record in the source file"
REST = "the rest (system prompt, tools, calls, thoughts, earlier messages)"
OPEN_THOUGHT = (
    "an answer begins with a thought that has no end, and the chat template writes an empty thought before it. Close "
    'the thought in the source file, or give the answer "weight": 0'
)
THOUGHT_IN_TEXT = (
    "an answer has its thought in its text, and the chat template writes thoughts in a place of their own. Write the "
    "thought into the column reasoning"
)

#: Rows that give no sequence, each with one of REASONS and a sentence about it.
Why = tuple[str, str]
Rejected = dict[int, Why]
REASONS = ("nothing-to-learn", "open-thought", "no-template", "not-literal")


def causal(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = the conversation (system prompt, tools, history, prompt, steps, answer) as the module
    `chat` says, `labels` list<int32>: the id where an answer is trained, its thought, its calls and its end included,
    and -100 elsewhere. `n_learned` int32: the trained tokens.

    Trained are all answers, or the last (`answers`), but for those with `learn` = false; of their thoughts those that
    `reasoning` says. A special token written in a text is text. An answer that the chat template writes otherwise in
    the middle of a conversation than at its end (Qwen3: without its thought) ends a sequence of its own: such a row has
    its sequences in the column `sequences`, and null in the flat columns (`pipeline.table.sequences`). An answer that
    only lacks the empty thought which it has at the end stays in the sequence of a later one.

    Too long: see `sequences.lay_out`.

    Rejected: `bad-answer` (`label` is false), `nothing-to-learn` (no answer with a text is trained), `no-template` (the
    tokenizer has no chat template that writes tools, calls or thoughts), `not-literal` (the chat template takes this
    row's texts apart), `open-thought` (an empty thought would be learned before a thought without an end). Flag:
    `other-prompt`. Raises ChatTemplateError.
    """
    table = reject(
        table,
        pc.invert(pc.fill_null(table["label"], True)),
        "tokenize",
        "bad-answer",
        "label is false: the source says that this answer is a bad one, which this layout would teach",
    )
    writer = writer_of(tokenizer, options)
    items, rejected = planned(conversations(table, writer.between, options), writer, options)
    table = set_rejected(table, rejected)
    special = matches(writer.special_pattern, [item.conversation for item in items])
    laid = lay_out(items, writer, options, special)
    table = reject_too_long(table, items, laid, options)
    return flag_other_prompts(table, items), columns_of(table, items, laid, tokenizer)


def planned(
    talks: Sequence[Conversation | None], writer: Writer, options: TokenizeOptions
) -> tuple[list[Training], Rejected]:
    """The sequences of each conversation, and for the rows that give none the reason and the detail.

    Raises ChatTemplateError where the chat template cannot write plain conversations.
    """
    items: list[Training] = []
    rejected: Rejected = {}
    rows = [(row, talk) for row, talk in enumerate(talks) if talk is not None]
    marked = matches(LOOKS_LIKE_A_MARK, [talk for _, talk in rows])
    for (row, talk), doubtful in zip(rows, marked, strict=True):
        try:
            found = _planned(row, talk, doubtful, writer, options)
        except ChatTemplateError as error:
            if not (talk.has_tools or any(message.reasoning for message in talk.messages)):
                raise
            found = "no-template", str(error)
        if isinstance(found, list):
            items += found
        else:
            rejected[row] = found
    return items, rejected


def _planned(
    row: int, talk: Conversation, doubtful: bool, writer: Writer, options: TokenizeOptions
) -> list[Training] | Why:
    """The sequences of one conversation, or why it gives none. `doubtful`: a text of it holds what may be a mark.

    Raises ChatTemplateError.
    """
    learned = wanted(talk, options)
    if talk.has_tools and writer.tokenizer.chat is None:
        return "no-template", NO_CHAT
    if not _teaches(talk, learned, options):
        return "nothing-to-learn", "no answer of this row has a text that is to be learned"
    found = trainings(row, talk, learned, writer)
    if talk.has_tools and (mark := writer.mark_in(talk.up_to(learned[-1]))):
        return "not-literal", f"a tool or a call of this row holds {mark!r}, which would be read as a mark. {TAKE_OUT}"
    answers = [number for number in learned if OPENING_MARK.match(talk.messages[number].content)]
    if answers and any(writer.answers(talk)[number].empty for number in answers):
        is_open = any(is_open_thought(talk.messages[number].content) for number in answers)
        return ("open-thought", OPEN_THOUGHT) if is_open else ("not-literal", THOUGHT_IN_TEXT)
    if not _is_literal(found, doubtful or talk.has_blank, writer):
        return "not-literal", _changed(talk)
    return found


def _changed(talk: Conversation) -> str:
    """Which text the template does not write as it is, and what to do."""
    answers = [message.content for message in talk.messages if message.role == "assistant"]
    if any(thought.opening for thought in map(split_thought, answers) if thought):
        return THOUGHT_IN_TEXT
    closes = next((mark for mark in CLOSERS.values() if any(mark in answer for answer in answers)), None)
    if closes is None:
        return f"the chat template changes a text of this row, which has marks or no visible text. {REMEDY}"
    opens = next(mark for mark in CLOSERS if CLOSERS[mark] == closes)
    return (
        f"the chat template takes an answer of this row apart at {closes!r}. If a thought is before it, write "
        f"{opens!r} at the start of the answer; else take the mark out of the answer"
    )


def _is_literal(items: Sequence[Training], doubtful: bool, writer: Writer) -> bool:
    """Whether the template writes the texts of these sequences as they are; without doubt only that it writes them."""
    for item in items:
        if doubtful and not writer.literal(item.conversation):
            return False
        writer.form(item.conversation)
    return True


def _teaches(talk: Conversation, learned: Sequence[int], options: TokenizeOptions) -> bool:
    """Whether one of these answers has anything to learn but its end."""
    messages = (talk.messages[number] for number in learned)
    return any(
        message.content.strip() or message.calls or (message.reasoning and options.reasoning == "learn")
        for message in messages
    )


def flag_other_prompts(table: pa.Table, items: Sequence[Training]) -> pa.Table:
    """Flag the rows with an answer that is not written as at generation: it follows another prompt, or lacks the empty
    thought that is written there."""
    others = np.isin(np.arange(len(table)), [item.row for item in items if not item.prompted])
    return set_column(table, "flags", add_names(table["flags"], [("other-prompt", pa.array(others))]))


def set_rejected(table: pa.Table, rejected: Rejected) -> pa.Table:
    """Mark these rows with their reasons and details."""
    if not rejected:
        return table
    marked = {name: pa.array([rejected.get(row, ("",))[0] == name for row in range(len(table))]) for name in REASONS}
    details = pa.array([rejected.get(row, ("", None))[1] for row in range(len(table))], pa.string())
    table = reject(table, marked["nothing-to-learn"], "tokenize", "nothing-to-learn", details)
    table = reject(table, marked["open-thought"], "tokenize", "open-thought", details)
    table = reject(table, marked["no-template"], "tokenize", "no-template", details)
    return reject(table, marked["not-literal"], "tokenize", "not-literal", details)


def reject_too_long(table: pa.Table, items: Sequence[Training], laid: Laid, options: TokenizeOptions) -> pa.Table:
    """Reject the rows with a sequence that does not fit."""
    found = {items[number].row: sizes for number, sizes in laid.too_long.items()}
    rows = np.array(sorted(found), np.int64)
    prompt, output, rest = np.array([found[row] for row in rows.tolist()], np.int64).reshape(-1, 3).T
    return refuse_long(table, rows, {"prompt": prompt, "output": output, REST: rest}, options.max_length, options)


def columns_of(table: pa.Table, items: Sequence[Training], laid: Laid, tokenizer: Tokenizer) -> dict[str, pa.Array]:
    """The flat columns and `sequences` of the rows that are alive, from their sequences, which are in their order."""
    sizes = np.diff(laid.offsets)
    lists = pa.array(laid.offsets, pa.int32())
    sums = np.concatenate([[0], np.cumsum(laid.learned)])
    fields = [
        pa.ListArray.from_arrays(lists, pa.array(laid.ids)),
        pa.ListArray.from_arrays(lists, pa.array(np.where(laid.learned, laid.ids, MASKED).astype(np.int32))),
        *(
            pa.array(values, pa.int32())
            for values in (
                sizes,
                np.maximum(laid.whole - sizes, 0),
                count(laid.ids, laid.offsets, tokenizer.unk_id),
                np.diff(sums[laid.offsets]),
            )
        ),
    ]
    rows = np.array([item.row for item in items], np.int64)
    return in_rows(table, rows, pa.StructArray.from_arrays(fields, fields=list(FIELDS)))


def in_rows(table: pa.Table, row_of: Ints, sequences: pa.StructArray) -> dict[str, pa.Array]:
    """The sequences of living rows in flat columns where a row has one, else in the column `sequences`, and their
    counts summed.

    `row_of`: the row of each sequence, ascending.
    """
    alive = living(table)
    number: npt.NDArray[np.int64] = np.bincount(row_of, minlength=len(table)) * alive
    first = np.searchsorted(row_of, np.arange(len(table)))
    flat = sequences.take(pa.array(first, mask=number != 1))
    columns = {field.name: pc.struct_field(flat, field.name) for field in sequences.type}
    for name in ("n_tokens", "truncated", "n_unk", "n_learned"):
        values = pc.struct_field(sequences, name).to_numpy(zero_copy_only=False)
        sums = np.bincount(row_of, values, len(table)).astype(np.int32)
        columns[name] = pa.array(sums, mask=number == 0)
    several = (number > 1)[row_of]
    lists = np.concatenate([[0], np.cumsum(np.where(number > 1, number, 0))])
    columns[SEQUENCES] = pa.ListArray.from_arrays(
        pa.array(lists, pa.int32()), sequences.filter(pa.array(several)), mask=pa.array(number <= 1)
    )
    return columns
