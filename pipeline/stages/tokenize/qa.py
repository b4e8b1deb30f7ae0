"""Layout `qa`: the place of the answer to a question in a context, as SQuAD and KorQuAD are fine-tuned."""

from typing import NamedTuple

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
    begin, end = _tokens_of(first, last, contexts, starts, ends, rows)
    room = options.max_length - specials - n_question
    windows = _windows(rows, lengths_of(contexts), room, options.stride, begin, end)
    held = np.bincount(windows.row[windows.holds], minlength=len(table)) > 0
    table = _refuse_unheld(table, rows & ~held, options)
    rows &= held
    windows = windows.of(rows)

    row = windows.row
    segments = _segments(windows, Segment.of_lists(questions, n_question), contexts, tokenizer)
    before = len(prefix) + n_question[row] + len(between) - windows.skipped  # tokens before the context's token 0
    answer = begin[row] + before, end[row] + before
    places = _context_only(starts, segments), _context_only(ends, segments)
    return table, _in_rows(_columns(windows, segments, answer, places, tokenizer.unk_id), row, rows)


class Windows(NamedTuple):
    """The windows of all rows, in order: arrays of one length, with a value for each window."""

    row: Ints  #: the row of the table
    number: Ints  #: its number in the row, from 0
    skipped: Ints  #: tokens of the context before the window
    length: Ints  #: tokens of the context in the window
    holds: Rows  #: whether the whole answer is in it

    def of(self, rows: Rows) -> "Windows":
        """The windows of these rows of the table."""
        kept = rows[self.row]
        return Windows(self.row[kept], self.number[kept], self.skipped[kept], self.length[kept], self.holds[kept])


def _windows(rows: Rows, n_context: Ints, room: Ints, stride: int, begin: Ints, end: Ints) -> Windows:
    """Cut the contexts of these rows. For each row: tokens of its context, tokens that a window has room for, and the
    first and last token of the answer (none, if the first is behind the last)."""
    step = np.maximum(room - stride, 1)
    counts = np.where(rows, 1 + -(-np.maximum(n_context - room, 0) // step), 0)
    row = np.repeat(np.arange(len(rows)), counts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    skipped = number * step[row]
    holds = (begin[row] >= skipped) & (begin[row] <= end[row]) & (end[row] < skipped + room[row])
    return Windows(row, number, skipped, np.minimum(room[row], n_context[row] - skipped), holds)


def _segments(windows: Windows, asked: Segment, contexts: pa.ListArray, tokenizer: Tokenizer) -> list[Segment]:
    """The segments of the windows. `asked`: the question of each row of the table; `contexts`: all of its context."""
    prefix, between, suffix = tokenizer.pair
    row, everywhere = windows.row, np.ones(len(windows.row), bool)
    at = contexts.offsets.to_numpy()[:-1].astype(np.int64)[row] + windows.skipped
    return [
        Segment.constant(prefix, everywhere),
        Segment(asked.ids, asked.starts[row], asked.lengths[row]),
        Segment.constant(between, everywhere),
        Segment(contexts.values.to_numpy(), at, windows.length),
        Segment.constant(suffix, everywhere),
    ]


def _columns(
    windows: Windows, segments: list[Segment], answer: tuple[Ints, Ints], places: tuple[Ids, Ids], unk_id: int | None
) -> dict[str, pa.Array]:
    """The columns of the windows. `answer`: its first and last token in each window; `places`: for each token, the
    first character of the context and the one behind the last."""
    offsets, ids, numbers = join(segments)
    return {
        "input_ids": _lists(offsets, ids),
        "token_type_ids": _lists(offsets, np.isin(numbers, (CONTEXT, SUFFIX)).astype(np.int8)),
        "start_positions": pa.array(np.where(windows.holds, answer[0], 0), pa.int32()),
        "end_positions": pa.array(np.where(windows.holds, answer[1], 0), pa.int32()),
        "offset_starts": _lists(offsets, places[0]),
        "offset_ends": _lists(offsets, places[1]),
        "window": pa.array(windows.number, pa.int32()),
        "n_tokens": pa.array(np.diff(offsets), pa.int32()),
        "n_learned": pa.array(np.where(windows.holds, answer[1] - answer[0] + 1, 0), pa.int32()),
        "truncated": pa.array(np.zeros(len(windows.row), np.int32)),
        "n_unk": pa.array(count(ids, offsets, unk_id), pa.int32()),
    }


def _in_rows(columns: dict[str, pa.Array], row: Ints, rows: Rows) -> dict[str, pa.Array]:
    """The windows as `sequences` of their rows, and the sums of each row; null for the other rows."""
    fields = [pa.field(name, values.type) for name, values in columns.items()]
    structs = pa.StructArray.from_arrays(list(columns.values()), fields=fields)
    offsets = np.searchsorted(row, np.arange(len(rows) + 1))
    sums = {
        name: as_ints(np.bincount(row, columns[name].to_numpy(), len(rows)).astype(np.int64), rows)
        for name in ("n_tokens", "n_learned", "truncated", "n_unk")
    }
    return {SEQUENCES: pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, mask=pa.array(~rows)), **sums}


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
            details[row] = f"the answer {shown!r} is not in the context (`input`, {len(context)} characters)"
    if missing.any():
        reasons = pa.array(details, pa.string())
        table = reject(table, pa.array(missing), "tokenize", "answer-not-in-context", reasons)
    return table, first, last


def nearest(context: str, answer: str, place: int | None) -> int:
    """Where in the context the answer is: nearest to `place` if there is one, else first; -1: nowhere.

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
