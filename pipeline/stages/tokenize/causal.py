"""Layout `causal`: a conversation in one sequence, of which the answers are learned.

What stands between two answers is one text, encoded as it is for inference; an answer is encoded apart and joined to
it. So a label is trained because of the segment it came from, and the ids before an answer are those that a model is
given when it is to write that answer.
"""

import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.chat import FOLD, Form, form_of
from pipeline.stages.tokenize.segments import (
    Ints,
    Rows,
    Segment,
    as_ints,
    count,
    join,
    lengths_of,
    living,
    prompt,
    total,
)
from pipeline.stages.tokenize.truncation import both_seen, fit, refuse_empty, refuse_long
from pipeline.table.reject_and_flag import reject
from pipeline.tokenizers.protocol import Tokenizer
from schemas.columns import MASKED
from schemas.options import TokenizeOptions

#: What a segment is: given, an answer to learn, the end of such an answer.
GIVEN, ANSWER, END = range(3)


class Laid(NamedTuple):
    """Rows of the table, laid out: their numbers, their segments, and what each segment is.

    `question`, `output`: the numbers of two segments: the last message of the user (only where contents are encoded
    apart, else -1) and the output.
    """

    rows: Ints
    segments: list[Segment]
    kinds: list[int]
    question: int
    output: int

    def only(self, rows: Rows) -> "Laid":
        segments = [Segment(s.ids, s.starts[rows], s.lengths[rows]) for s in self.segments]
        return self._replace(rows=self.rows[rows], segments=segments)


def causal(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`input_ids` list<int32> = the conversation (system prompt, history, prompt, output) as the module `chat` says,
    `labels` list<int32>: the id where an answer is trained, its end included, and -100 elsewhere.

    Trained are the output (`loss` "last") or all answers ("all"). A special token written in an answer is text; so it
    is in the rest of a conversation, which is then encoded piece by piece.

    Too long: `longest-first` and `truncate-prompt` drop the oldest exchanges of the history, and cut the last
    message of the user, from its end, only when none is left; `longest-first` then cuts the longer of that and the
    output; `truncate-output` cuts the output alone. System prompts and literal text are never cut. The end of an answer
    that was cut stays in the ids, but is masked: the answer does not end there.

    Rejected: `nothing-to-learn` (no token of an answer is trained), `not-literal` (the chat template takes this row's
    contents apart). Raises ChatTemplateError.
    """
    drops = options.truncation in ("longest-first", "truncate-prompt")
    systems = pc.fill_null(pc.not_equal(table["system"], ""), False).to_numpy()
    kept = lengths_of(table["history"].combine_chunks())  # exchanges of each row's history that are not dropped
    whole = np.zeros(len(table), np.int64)
    done: list[Laid] = []
    for exchanges in range(int(kept.max(initial=0)), -1, -1):
        for system in (False, True):
            group = np.flatnonzero(living(table) & (kept == exchanges) & (systems == system))
            if not len(group):
                continue
            form = form_of(system, exchanges + 1, tokenizer)
            contents = _contents(table, group, form, exchanges)
            table, group, contents = _refuse_taken_apart(table, group, contents, form)
            for rows, apart in _by_specials(contents, form, tokenizer):
                laid = _write(
                    form, group[rows], [text.filter(pa.array(rows)) for text in contents], tokenizer, options, apart
                )
                length = total(laid.segments)
                whole[laid.rows] = np.maximum(whole[laid.rows], length)
                over = length > options.max_length
                done.append(laid.only(~over))
                if drops and exchanges:
                    kept[laid.rows[over]] -= 1
                elif over.any():
                    again = [text.filter(pa.array(rows)).filter(pa.array(over)) for text in contents]
                    table, cut = _cut(table, _write(form, laid.rows[over], again, tokenizer, options, True), options)
                    done.append(cut)
    return _columns(table, done, whole, tokenizer)


def _contents(table: pa.Table, rows: Ints, form: Form, exchanges: int) -> list[pa.Array]:
    """The contents of the messages of these rows, in the order of the form's roles: the last `exchanges` of the
    history, and the row's own."""
    group = table.select(["system", "history", "instruction", "input", "output"]).take(pa.array(rows))
    history = group["history"].combine_chunks()
    ends = history.offsets.to_numpy()[1:] if len(history) else np.zeros(0, np.int64)
    contents = [group["system"].combine_chunks()] if form.roles[0] == "system" else []
    for back in range(exchanges, 0, -1):
        turn = history.values.take(pa.array(ends - back))
        contents += [pc.struct_field(turn, "user"), pc.struct_field(turn, "assistant")]
    contents += [prompt(group, form.between).combine_chunks(), group["output"].combine_chunks()]
    contents = [pc.fill_null(text, "") for text in contents]
    if form.folded:
        system = pc.fill_null(group["system"].combine_chunks(), "")
        contents[0] = pc.binary_join_element_wise(system, contents[0], FOLD)
    for part in form.parts:
        text = contents[part.message]
        text = pc.utf8_ltrim(text, characters=part.left) if part.left else text
        contents[part.message] = pc.utf8_rtrim(text, characters=part.right) if part.right else text
    return contents


def _refuse_taken_apart(
    table: pa.Table, group: Ints, contents: list[pa.Array], form: Form
) -> tuple[pa.Table, Ints, list[pa.Array]]:
    """Reject the rows with a content that the chat template does not write as it is; gives those that are left."""
    if form.refused is None:
        return table, group, contents
    found = _any_match(contents, re.escape(form.refused))
    if not found.any():
        return table, group, contents
    marked = np.zeros(len(table), bool)
    marked[group[found]] = True
    detail = (
        f"a message holds {form.refused}, at which the chat template takes it apart: the answer is not what is trained"
    )
    left = pa.array(~found)
    table = reject(table, pa.array(marked), "tokenize", "not-literal", detail)
    return table, group[~found], [text.filter(left) for text in contents]


def _any_match(contents: list[pa.Array], pattern: str) -> Rows:
    found = np.zeros(len(contents[0]), bool)
    for text in contents:
        found |= pc.match_substring_regex(text, pattern).to_numpy(zero_copy_only=False)
    return found


def _by_specials(contents: list[pa.Array], form: Form, tokenizer: Tokenizer) -> list[tuple[Rows, bool]]:
    """The rows to encode text by text, and those to encode piece by piece: special tokens are written in them."""
    given = [text for role, text in zip(form.roles, contents, strict=True) if role != "assistant"]
    written = "|".join(map(re.escape, tokenizer.specials))
    apart = _any_match(given, written) if written else np.zeros(len(given[0]), bool)
    return [(rows, pieces) for rows, pieces in ((~apart, False), (apart, True)) if rows.any()]


def _write(
    form: Form, rows: Ints, contents: list[pa.Array], tokenizer: Tokenizer, options: TokenizeOptions, apart: bool
) -> Laid:
    """Lay these rows out. `apart`: literal text and contents are encoded one by one, and not as one text."""
    everywhere = np.ones(len(rows), bool)
    segments = [Segment.constant(list(form.prefix), everywhere)]
    kinds = [GIVEN]
    text: list[str | pa.Array] = []
    question = output = -1
    for part in form.parts:
        content = contents[part.message]
        if form.roles[part.message] != "assistant":
            if apart:
                segments += [_literal(part.before, everywhere, tokenizer), _encoded(content, tokenizer)]
                kinds += [GIVEN, GIVEN]
                if part.message == len(form.roles) - 2:
                    question = len(segments) - 1
            else:
                text += [part.before, content]
            continue
        learned = options.loss == "all" or part.message == len(form.roles) - 1
        given = _literal(part.before, everywhere, tokenizer) if apart else _text([*text, part.before], tokenizer)
        output = len(segments) + 1
        segments += [given, _encoded(content, tokenizer), Segment.constant(list(part.end), everywhere)]
        kinds += [GIVEN, ANSWER, END] if learned else [GIVEN, GIVEN, GIVEN]
        text = []
    return Laid(rows, segments, kinds, question, output)


def _literal(text: str, rows: Rows, tokenizer: Tokenizer) -> Segment:
    return Segment.constant(tokenizer.encode(pa.array([text]))[0].as_py(), rows)


def _encoded(content: pa.Array, tokenizer: Tokenizer) -> Segment:
    lists = tokenizer.encode_literally(content)
    return Segment.of_lists(lists, lengths_of(lists))


def _text(pieces: list[str | pa.Array], tokenizer: Tokenizer) -> Segment:
    lists = tokenizer.encode(pc.binary_join_element_wise(*pieces, ""))
    return Segment.of_lists(lists, lengths_of(lists))


def _cut(table: pa.Table, laid: Laid, options: TokenizeOptions) -> tuple[pa.Table, Laid]:
    """Cut the last message of the user, and the output, so that the rows fit; reject those that cannot."""
    question, output = laid.segments[laid.question], laid.segments[laid.output]
    room = options.max_length - (total(laid.segments) - question.lengths - output.lengths)
    keep_question, keep_output = fit(question.lengths, output.lengths, room, options.truncation)
    fits = (room > 0) & both_seen(question.lengths, output.lengths, keep_question, keep_output)
    sizes = {"prompt": question.lengths[~fits], "output": output.lengths[~fits]}
    table = refuse_long(table, laid.rows[~fits], sizes, room[~fits], options)
    segments = list(laid.segments)
    segments[laid.question] = question._replace(lengths=keep_question)
    segments[laid.output] = output._replace(lengths=keep_output)
    whole, end = keep_output == output.lengths, segments.pop()
    segments += [end._replace(lengths=end.lengths * whole), end._replace(lengths=end.lengths * ~whole)]
    return table, laid._replace(segments=segments, kinds=[*laid.kinds, GIVEN]).only(fits)


def _columns(
    table: pa.Table, done: list[Laid], whole: Ints, tokenizer: Tokenizer
) -> tuple[pa.Table, dict[str, pa.Array]]:
    """The columns of the table from the rows that were laid out, in the order of the table."""
    at = np.full(len(table), -1)
    used, unknown, learned = (np.zeros(len(table), np.int64) for _ in range(3))
    ids_of, labels_of = [pa.array([], pa.list_(pa.int32()))], [pa.array([], pa.list_(pa.int32()))]
    laid_rows = 0
    for laid in done:
        offsets, ids, numbers = join(laid.segments)
        kinds = np.array(laid.kinds)
        labels = np.where(kinds[numbers] != GIVEN, ids, MASKED).astype(np.int32)
        offsets32 = pa.array(offsets, pa.int32())
        ids_of.append(pa.ListArray.from_arrays(offsets32, pa.array(ids)))
        labels_of.append(pa.ListArray.from_arrays(offsets32, pa.array(labels)))
        at[laid.rows] = laid_rows + np.arange(len(laid.rows))
        laid_rows += len(laid.rows)
        used[laid.rows] = np.diff(offsets)
        unknown[laid.rows] = count(ids, offsets, tokenizer.unk_id)
        learned[laid.rows] = sum(s.lengths for s, kind in zip(laid.segments, laid.kinds, strict=True) if kind == ANSWER)
    table = refuse_empty(table, (at >= 0) & (learned == 0), "what is to be learned")
    rows = (at >= 0) & (learned > 0)
    index = pa.array(at, mask=~rows)
    return table, {
        "input_ids": pa.concat_arrays(ids_of).take(index),
        "labels": pa.concat_arrays(labels_of).take(index),
        "n_tokens": as_ints(used, rows),
        "truncated": as_ints(np.where(whole > used, whole - used, 0), rows),
        "n_unk": as_ints(unknown, rows),
    }
