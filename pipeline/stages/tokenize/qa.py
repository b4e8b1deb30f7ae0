"""Layout `qa`: the place of the answer to a question in a context, as SQuAD and KorQuAD are fine-tuned."""

import numpy as np
import orjson
import pyarrow as pa

from pipeline.stages.tokenize.segments import Ids, Ints, Rows, Segment, as_ints, count, encode, join, lengths_of, living
from pipeline.stages.tokenize.truncation import refuse_long
from pipeline.table.reject_and_flag import reject
from pipeline.table.sequences import SEQUENCES
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import TokenizeOptions

#: The numbers of a window's segments, in their order.
PREFIX, QUESTION, BETWEEN, CONTEXT, SUFFIX = range(5)

OUTSIDE = -1  #: the offset of a token that is not of the context
SHOWN = 40  #: characters of an answer that a rejection quotes


def qa(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    """`sequences` list<struct>: the context (`input`) in windows that overlap by `stride` tokens, each behind the whole
    question (`instruction`). `export` makes a row of each.

    Of a window: `input_ids` list<int32> = [CLS] question [SEP] part of the context [SEP], `token_type_ids` list<int8>,
    `start_positions` and `end_positions` int32: first and last token of the answer (`output`), 0 and 0 where the
    window does not hold it whole; `offset_starts`, `offset_ends` list<int32>: the characters of `input` that each
    token stands for (end excluded), -1 for tokens that are not of the context; `window` int32, its number; `n_tokens`,
    `n_learned` (of the answer), `n_unk` int32. The row has the sums of the last three; `truncated` is 0, since every
    part is in some window.

    A token that holds more than the answer counts as its own, as in SQuAD: where 서울은 is one token, it is the answer
    서울. The answer is looked for near the record's own `answer_start` (in `meta`), or else first in the context.
    Rejected: `answer-not-in-context`, `nothing-to-learn` (no window holds the whole answer), `too-long` (the question
    leaves no room).
    """
    prefix, between, suffix = tokenizer.pair
    specials = len(prefix) + len(between) + len(suffix)
    table, first, last = _find_answers(table)
    rows = living(table)
    questions, n_question = encode(table["instruction"], rows, tokenizer)
    long = np.flatnonzero(rows & (n_question + options.stride >= options.max_length - specials))
    sizes = {"question": n_question[long], "stride": np.full(len(long), options.stride)}
    table = refuse_long(table, long, sizes, options.max_length - specials - 1, options)
    rows[long] = False

    texts = pa.array(table["input"].to_pylist(), pa.string(), mask=~rows)
    contexts, starts, ends = tokenizer.encode_with_offsets(texts)
    n_context = lengths_of(contexts)
    begin, end = _tokens_of(first, last, contexts, starts, ends, rows)
    room = options.max_length - specials - n_question  # for the context, in each window of a row
    step = np.maximum(room - options.stride, 1)
    counts = np.where(rows, 1 + -(-np.maximum(n_context - room, 0) // step), 0)
    row = np.repeat(np.arange(len(table)), counts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    skipped = number * step[row]  # tokens of the context before the window
    holds = (begin[row] >= skipped) & (begin[row] <= end[row]) & (end[row] < skipped + room[row])
    held = np.bincount(row[holds], minlength=len(table)) > 0
    table = _refuse_unheld(table, rows & ~held, options)
    rows &= held
    keep = rows[row]
    row, number, skipped, holds = row[keep], number[keep], skipped[keep], holds[keep]

    everywhere = np.ones(len(row), bool)
    length = np.minimum(room[row], n_context[row] - skipped)
    at = contexts.offsets.to_numpy()[:-1].astype(np.int64)[row] + skipped
    question = Segment.of_lists(questions, n_question)
    question = Segment(question.ids, question.starts[row], question.lengths[row])
    segments = [
        Segment.constant(prefix, everywhere),
        question,
        Segment.constant(between, everywhere),
        Segment(contexts.values.to_numpy(), at, length),
        Segment.constant(suffix, everywhere),
    ]
    offsets, ids, numbers = join(segments)
    before = len(prefix) + n_question[row] + len(between) - skipped  # tokens of the window before its context's token 0
    n_unk = count(ids, offsets, tokenizer.unk_id)
    n_learned = np.where(holds, end[row] - begin[row] + 1, 0)
    windows = {
        "input_ids": _lists(offsets, ids),
        "token_type_ids": _lists(offsets, np.isin(numbers, (CONTEXT, SUFFIX)).astype(np.int8)),
        "start_positions": pa.array(np.where(holds, begin[row] + before, 0), pa.int32()),
        "end_positions": pa.array(np.where(holds, end[row] + before, 0), pa.int32()),
        "offset_starts": _lists(offsets, _context_only(starts, segments)),
        "offset_ends": _lists(offsets, _context_only(ends, segments)),
        "window": pa.array(number, pa.int32()),
        "n_tokens": pa.array(np.diff(offsets), pa.int32()),
        "n_learned": pa.array(n_learned, pa.int32()),
        "truncated": pa.array(np.zeros(len(row), np.int32)),
        "n_unk": pa.array(n_unk, pa.int32()),
    }
    fields = [pa.field(name, values.type) for name, values in windows.items()]
    structs = pa.StructArray.from_arrays(list(windows.values()), fields=fields)
    first_window = np.concatenate([[0], np.cumsum(np.where(rows, counts, 0))])
    return table, {
        SEQUENCES: pa.ListArray.from_arrays(pa.array(first_window, pa.int32()), structs, mask=pa.array(~rows)),
        "n_tokens": as_ints(np.bincount(row, np.diff(offsets), len(table)).astype(np.int64), rows),
        "n_learned": as_ints(np.bincount(row, n_learned, len(table)).astype(np.int64), rows),
        "truncated": as_ints(np.zeros(len(table), np.int64), rows),
        "n_unk": as_ints(np.bincount(row, n_unk, len(table)).astype(np.int64), rows),
    }


def _find_answers(table: pa.Table) -> tuple[pa.Table, Ints, Ints]:
    """The characters of the context (first, and behind the last) that are the answer; rows without it are rejected."""
    first, last = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
    missing = np.zeros(len(table), bool)
    details: list[str | None] = [None] * len(table)
    for row in np.flatnonzero(living(table)).tolist():
        context, answer, meta = (table[name][row].as_py() for name in ("input", "output", "meta"))
        answer = (answer or "").strip()
        at = nearest(context, answer, answer_start(meta)) if answer else -1
        first[row], last[row] = at, at + len(answer)
        if at < 0:
            missing[row] = True
            shown = answer if len(answer) <= SHOWN else answer[:SHOWN] + "…"
            details[row] = f"the answer {shown!r} does not stand in the context (`input`, {len(context)} characters)"
    if missing.any():
        reasons = pa.array(details, pa.string())
        table = reject(table, pa.array(missing), "tokenize", "answer-not-in-context", reasons)
    return table, first, last


def nearest(context: str, answer: str, place: int | None) -> int:
    """Where in the context the answer stands: nearest to `place` if there is one, else first; -1: nowhere.

    >>> nearest("서울은 서울이다", "서울", 3), nearest("서울은 서울이다", "서울", None)
    (4, 0)
    """
    if place is None or place < 0:
        return context.find(answer)
    after = context.find(answer, place)
    before = context.rfind(answer, 0, place + len(answer) - 1)
    if after < 0 or before < 0:
        return max(after, before)
    return after if after - place < place - before else before


def answer_start(meta: str | None) -> int | None:
    """`answer_start` of the first answer, as SQuAD, KorQuAD and KLUE write it: characters of the raw context."""
    if meta is None or "answer_start" not in meta:
        return None
    value = orjson.loads(meta)
    value = value.get("answers", value.get("answer", value)) if isinstance(value, dict) else None
    value = value[0] if isinstance(value, list) and value else value
    value = value.get("answer_start") if isinstance(value, dict) else None
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) else None


def _tokens_of(
    first: Ints, last: Ints, contexts: pa.ListArray, starts: pa.ListArray, ends: pa.ListArray, rows: Rows
) -> tuple[Ints, Ints]:
    """The first and the last token of each row's context that stand for some character from `first` to before `last`.

    Where no token does, the first is behind the last.
    """
    bounds = contexts.offsets.to_numpy()
    token_starts, token_ends = starts.values.to_numpy(), ends.values.to_numpy()
    begin, end = np.zeros(len(rows), np.int64), np.full(len(rows), -1)
    for row in np.flatnonzero(rows).tolist():
        own = slice(bounds[row], bounds[row + 1])
        begin[row] = np.searchsorted(token_ends[own], first[row], "right")
        end[row] = np.searchsorted(token_starts[own], last[row], "left") - 1
    return begin, end


def _refuse_unheld(table: pa.Table, rows: Rows, options: TokenizeOptions) -> pa.Table:
    if not rows.any():
        return table
    detail = (
        f"no window of the context holds the whole answer: it is longer than stride ({options.stride} tokens), or "
        "gives no token of this tokenizer. Every position would be that of [CLS]; raise stride"
    )
    return reject(table, pa.array(rows), "tokenize", "nothing-to-learn", detail)


def _context_only(values: pa.ListArray, segments: list[Segment]) -> Ids:
    """What belongs to the tokens of the context, laid out as they are; OUTSIDE for all other tokens."""
    outside = [segment._replace(ids=np.full(len(segment.ids), OUTSIDE, np.int32)) for segment in segments]
    outside[CONTEXT] = segments[CONTEXT]._replace(ids=values.values.to_numpy())
    return join(outside)[1]


def _lists(offsets: Ints, values: Ids) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))
