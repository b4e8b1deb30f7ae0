"""Layout `prompt`: only prompts, to which a model writes the answers, as TRL's GRPOTrainer takes them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.causal import TAKE_OUT, set_rejected
from pipeline.stages.tokenize.chat import Writer, writer_of
from pipeline.stages.tokenize.chosen_and_rejected import planned_answers
from pipeline.stages.tokenize.conversation import Conversation, Message, conversations, matches
from pipeline.stages.tokenize.segments import (
    Ints,
    Rows,
    Segment,
    as_ints,
    as_lists,
    count,
    join,
    lengths_of,
    living,
)
from pipeline.stages.tokenize.truncation import refuse_long
from pipeline.table.reject_and_flag import add_names, set_column
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions

#: In place of the answer that a model is to write, to see whether the tokenizer can write what comes before it.
AN_ANSWER = Message("assistant", "가")


def prompt(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`prompt` string: what a model is given to write the answer of the record, by the chat template with its
    generation prompt, or else the Korean prompt. `prompt_ids` list<int32>: its ids. The record's answer is left out.

    A special token that the tokenizer puts before every text is in `prompt_ids`, and not in `prompt`: a trainer that
    encodes `prompt` gets `prompt_ids`. Flag `other-prompt`: it does not, since the chat template writes no such token.

    Too long: `longest-first` and `truncate-prompt` leave out the oldest exchanges. Nothing else is cut.

    Rejected: `not-literal` (a text of the row holds a special token, or the chat template changes it), `no-template`.
    """
    writer = writer_of(tokenizer, options)
    table, talks = _unanswered(table, writer, options)
    texts, ids, whole = _written(talks, writer, options)
    sizes = lengths_of(ids)
    long = np.flatnonzero(living(table) & (sizes > options.max_length))
    table = refuse_long(table, long, {"prompt": sizes[long]}, options.max_length, options)
    rows = living(table)
    texts, others = _as_trainers_take_it(texts, tokenizer)
    table = set_column(table, "flags", add_names(table["flags"], [("other-prompt", pa.array(rows & others))]))
    offsets, flat = ids.offsets.to_numpy().astype(np.int64), ids.values.to_numpy()
    return table, {
        "prompt": pa.array(texts, pa.string(), mask=~rows),
        "prompt_ids": as_lists(offsets, flat, rows),
        "n_tokens": as_ints(sizes, rows),
        "truncated": as_ints(whole - sizes, rows),
        "n_unk": as_ints(count(flat, offsets, tokenizer.unk_id), rows),
        "n_learned": as_ints(np.zeros_like(sizes), rows),
    }


def _unanswered(
    table: pa.Table, writer: Writer, options: TokenizeOptions
) -> tuple[pa.Table, list[Conversation | None]]:
    """The conversations without the answers of their records, and the table with the rejections."""
    found = [
        None if talk is None else talk._replace(messages=talk.messages[: _end_of_prompt(talk)])
        for talk in conversations(table, writer.between, options)
    ]
    answered = [[] if talk is None else [talk._replace(messages=(*talk.messages, AN_ANSWER))] for talk in found]
    _, failed = planned_answers(answered, writer, options)
    rows = [row for row, talk in enumerate(found) if talk is not None]
    special = matches(writer.special_pattern, [talk for talk in found if talk is not None])
    for row, holds in zip(rows, special, strict=True):
        if holds:
            failed.setdefault(
                row, ("not-literal", f"a text of this row holds a special token of the tokenizer. {TAKE_OUT}")
            )
    return set_rejected(table, failed), [None if row in failed else talk for row, talk in enumerate(found)]


def _end_of_prompt(talk: Conversation) -> int:
    """The number of messages before the answer; all, where there is none."""
    return len(talk.messages) - (talk.messages[-1].role == "assistant")


def _written(
    talks: Sequence[Conversation | None], writer: Writer, options: TokenizeOptions
) -> tuple[list[str], pa.ListArray, Ints]:
    """The prompts, their ids, and how many ids each had before exchanges were left out."""
    texts = ["" if talk is None else writer.prompt(talk) for talk in talks]
    ids = _encoded(texts, writer)
    whole = lengths_of(ids)
    over = {row: talk for row, talk in enumerate(talks) if talk is not None and whole[row] > options.max_length}
    if over and options.truncation in ("longest-first", "truncate-prompt"):
        for row, text in _shortened(over, writer, options.max_length).items():
            texts[row] = text
        ids = _encoded(texts, writer)
    return texts, ids, whole


def _shortened(talks: dict[int, Conversation], writer: Writer, room: int) -> dict[int, str]:
    """The prompts with as many of their last exchanges as fit: one at least.

    Twice as many are tried each time as are known to fit, so that no more is written and encoded than can be kept.
    """
    fit = dict.fromkeys(talks, 0)
    unfit = {row: len(talk.questions) for row, talk in talks.items()}
    tried = dict.fromkeys(talks, 1)
    found: dict[int, str] = {}
    while tried:
        shorter = {row: talks[row].without(len(talks[row].questions) - kept) for row, kept in tried.items()}
        texts = {row: writer.prompt(talk) for row, talk in shorter.items()}
        sizes = lengths_of(_encoded(list(texts.values()), writer)).tolist()
        for (row, text), size in zip(texts.items(), sizes, strict=True):
            (fit if size <= room else unfit)[row] = tried[row]
            if size <= room or tried[row] == 1:
                found[row] = text
        tried = {
            row: min(2 * fit[row], (fit[row] + unfit[row]) // 2)
            for row in tried
            if fit[row] and unfit[row] - fit[row] > 1
        }
    return found


def _encoded(texts: list[str], writer: Writer) -> pa.ListArray:
    """The ids of prompts: "" gives none."""
    lists = writer.tokenizer.encode(
        pa.array(texts, pa.large_string() if sum(map(len, texts)) > 1 << 28 else pa.string())
    )
    if writer.tokenizer.chat is not None:
        return lists
    present = np.array([text != "" for text in texts], bool)
    opening = Segment.constant(writer.tokenizer.single[0], present)
    offsets, ids, _ = join([opening, Segment.of_lists(lists, lengths_of(lists))])
    return as_lists(offsets, ids, np.ones(len(texts), bool))


def _as_trainers_take_it(texts: list[str], tokenizer: Tokenizer) -> tuple[list[str], Rows]:
    """The prompts without what the tokenizer puts before every text; and for which rows a trainer, which encodes the
    prompt like any text, gets other ids than `prompt_ids`."""
    before, behind = tokenizer.single
    opening = tokenizer.decode(before) if before and tokenizer.chat is not None else ""
    others = np.array([bool(behind) or not text.startswith(opening) for text in texts], bool)
    return [text.removeprefix(opening) for text in texts], others
