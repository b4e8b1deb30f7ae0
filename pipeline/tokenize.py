"""tokenize: texts to ids, laid out for training.

A layout is a row of segments: pieces of id arrays, joined by one gather over the whole batch. What a token is (prompt
or output, special or text) is known from its segment, never found again by searching the ids.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.marks import add_names, alive, complete, reject, set_column
from schemas.options import TokenizeOptions

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]
Rows = npt.NDArray[np.bool_]

FIELDS = ("instruction", "input", "output")


class Tokenizer(Protocol):
    """What this stage asks of a tokenizer."""

    @property
    def name(self) -> str: ...

    @property
    def single(self) -> tuple[list[int], list[int]]:
        """Ids around one text: prefix, suffix."""
        ...

    @property
    def pair(self) -> tuple[list[int], list[int], list[int]]:
        """Ids around two texts: prefix, between, suffix."""
        ...

    @property
    def pad_id(self) -> int: ...

    @property
    def unk_id(self) -> int | None: ...

    def encode(self, texts: pa.Array) -> pa.ListArray:
        """Ids of each text as list<int32>, without special tokens; null for null."""
        ...


class TooLongError(ValueError):
    """A row is longer than max_length and the truncation policy is `error`."""


class UnknownTokensError(ValueError):
    """Too many tokens are [UNK]: the tokenizer does not fit the text."""


def tokenize(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions = TokenizeOptions()) -> pa.Table:
    """Add the ids of every living row; null for rejected rows.

    Layout `pair`: `input_ids` list<int32> = [CLS] instruction ⏎ input [SEP] output [SEP], `token_type_ids` list<int8>
    (0 up to the first [SEP], 1 after it). Layout `fields`: `instruction_ids`, `input_ids`, `output_ids`, each
    [CLS] field [SEP]. With `padding` every list has max_length ids and a mask beside it.
    Both: `n_tokens` int32 (kept, special tokens included), `truncated` int32 (tokens cut; 0 when none),
    `n_unk` int32. Flags: `unk` (the ids do not hold the whole text), `context-left-out` (the layout has no place for
    this row's system prompt or history).

    Raises TooLongError under the truncation policy `error`.
    """
    table = complete(table).combine_chunks()
    if options.layout == "pair":
        table, columns = _pair(table, tokenizer, options)
    else:
        columns = _fields(table, tokenizer, options)
    for name, values in columns.items():
        table = set_column(table, name, values)
    unknown = pc.greater(table["n_unk"], 0)
    context = pc.and_(
        alive(table), pc.or_(pc.is_valid(table["system"]), pc.greater(pc.list_value_length(table["history"]), 0))
    )
    flags = add_names(table["flags"], [("unk", pc.fill_null(unknown, False)), ("context-left-out", context)])
    return set_column(table, "flags", flags)


class Segment(NamedTuple):
    """One piece of every row: `lengths[i]` ids from `starts[i]` of `ids`."""

    ids: Ids
    starts: Ints
    lengths: Ints

    @classmethod
    def constant(cls, ids: list[int], rows: Rows) -> "Segment":
        """The same ids in every row that is true in `rows`, nothing in the others."""
        return cls(np.array(ids, np.int32), np.zeros(len(rows), np.int64), np.where(rows, len(ids), 0))

    @classmethod
    def of_lists(cls, lists: pa.ListArray, lengths: Ints) -> "Segment":
        """The first `lengths[i]` ids of every list."""
        offsets = lists.offsets.to_numpy()
        return cls(lists.values.to_numpy(), offsets[:-1].astype(np.int64), lengths)

    @classmethod
    def padding(cls, pad_id: int, lengths: Ints) -> "Segment":
        longest = int(lengths.max(initial=0))
        return cls(np.full(longest, pad_id, np.int32), np.zeros(len(lengths), np.int64), lengths)


def join(segments: list[Segment]) -> tuple[Ints, Ids, Bytes]:
    """Lay the segments of every row end to end.

    Returns offsets (rows + 1), the ids of all rows in one array, and for each id the number of its segment.
    """
    base = np.cumsum([0] + [len(s.ids) for s in segments[:-1]])
    source = np.concatenate([s.ids for s in segments])
    starts = np.stack([s.starts + b for s, b in zip(segments, base, strict=True)], axis=1).ravel()
    lengths = np.stack([s.lengths for s in segments], axis=1)
    flat = lengths.ravel()
    ends = np.cumsum(flat)
    index = np.repeat(starts - (ends - flat), flat) + np.arange(flat.sum())
    numbers = np.repeat(np.tile(np.arange(len(segments), dtype=np.int8), len(lengths)), flat)
    offsets = np.concatenate([[0], np.cumsum(lengths.sum(axis=1))])
    return offsets, source[index], numbers


def _lists(offsets: Ints, values: Ids | Bytes, rows: Rows) -> pa.Array:
    """A list column, null where `rows` is false."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values), mask=pa.array(~rows))


def _ints(values: Ints, rows: Rows) -> pa.Array:
    return pa.array(values, pa.int32(), mask=~rows)


def _living(table: pa.Table) -> Rows:
    living: Rows = alive(table).to_numpy(zero_copy_only=False)
    return living


def _encode(column: pa.ChunkedArray, rows: Rows, tokenizer: Tokenizer) -> tuple[pa.ListArray, Ints]:
    """The ids of a text column (rejected rows are not encoded), and their number per row."""
    lists = tokenizer.encode(pc.if_else(pa.array(rows), column, pa.scalar(None, pa.string())).combine_chunks())
    return lists, pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _count(ids: Ids, offsets: Ints, wanted: int | None) -> Ints:
    """How often an id stands in each row."""
    seen = np.concatenate([[0], np.cumsum(ids == wanted)]) if wanted is not None else np.zeros(len(ids) + 1, np.int64)
    return (seen[offsets[1:]] - seen[offsets[:-1]]).astype(np.int64)


def prompt(table: pa.Table) -> pa.ChunkedArray:
    """instruction, newline, input; the instruction alone where the input is empty."""
    both = pc.binary_join_element_wise(table["instruction"], table["input"], "\n")
    return pc.if_else(pc.equal(table["input"], ""), table["instruction"], both)


def _pair(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> tuple[pa.Table, dict[str, pa.Array]]:
    prefix, between, suffix = tokenizer.pair
    room = options.max_length - len(prefix) - len(between) - len(suffix)
    rows = _living(table)
    prompts, n_prompt = _encode(prompt(table), rows, tokenizer)
    outputs, n_output = _encode(table["output"], rows, tokenizer)
    keep_prompt, keep_output = _fit(n_prompt, n_output, room, options.truncation)
    fits = ((keep_prompt > 0) | (n_prompt == 0)) & ((keep_output > 0) | (n_output == 0))  # no side is cut to nothing
    table = _refuse_long(table, rows & ~fits, n_prompt, n_output, room, options)
    rows &= fits
    keep_prompt, keep_output = np.where(rows, keep_prompt, 0), np.where(rows, keep_output, 0)
    segments = [
        Segment.constant(prefix, rows),
        Segment.of_lists(prompts, keep_prompt),
        Segment.constant(between, rows),
        Segment.of_lists(outputs, keep_output),
        Segment.constant(suffix, rows),
    ]
    used = sum((s.lengths for s in segments), np.zeros(len(table), np.int64))
    if options.padding:
        segments.append(Segment.padding(tokenizer.pad_id, np.where(rows, options.max_length - used, 0)))
    offsets, ids, numbers = join(segments)
    columns = {
        "input_ids": _lists(offsets, ids, rows),
        "token_type_ids": _lists(offsets, np.isin(numbers, (3, 4)).astype(np.int8), rows),
    }
    if options.padding:
        columns["attention_mask"] = _lists(offsets, (numbers != 5).astype(np.int8), rows)
    columns["n_tokens"] = _ints(used, rows)
    columns["truncated"] = _ints(n_prompt + n_output - keep_prompt - keep_output, rows)
    columns["n_unk"] = _ints(_count(ids, offsets, tokenizer.unk_id), rows)
    return table, columns


def _fields(table: pa.Table, tokenizer: Tokenizer, options: TokenizeOptions) -> dict[str, pa.Array]:
    prefix, suffix = tokenizer.single
    room = options.max_length - len(prefix) - len(suffix)
    rows = _living(table)
    columns: dict[str, pa.Array] = {}
    total, cut, unknown = (np.zeros(len(table), np.int64) for _ in range(3))
    for name in FIELDS:
        lists, length = _encode(table[name], rows, tokenizer)
        keep = np.minimum(length, room)
        segments = [Segment.constant(prefix, rows), Segment.of_lists(lists, keep), Segment.constant(suffix, rows)]
        used = sum((s.lengths for s in segments), np.zeros(len(table), np.int64))
        if options.padding:
            segments.append(Segment.padding(tokenizer.pad_id, np.where(rows, options.max_length - used, 0)))
        offsets, ids, numbers = join(segments)
        columns[f"{name}_ids"] = _lists(offsets, ids, rows)
        if options.padding:
            columns[f"{name}_mask"] = _lists(offsets, (numbers != 3).astype(np.int8), rows)
        total += used
        cut += length - keep
        unknown += _count(ids, offsets, tokenizer.unk_id)
    return columns | {"n_tokens": _ints(total, rows), "truncated": _ints(cut, rows), "n_unk": _ints(unknown, rows)}


def _fit(n_prompt: Ints, n_output: Ints, room: int, policy: str) -> tuple[Ints, Ints]:
    """How many tokens of prompt and output are kept so that both fit into `room`; 0 or less: they cannot."""
    over = n_prompt + n_output > room
    if policy == "longest-first":
        # transformers' rule in closed form: one token at a time off the longer, off the output when they are equal.
        prompt_kept = np.minimum(n_prompt, np.maximum((room + 1) // 2, room - n_output))
        output_kept = np.minimum(n_output, np.maximum(room // 2, room - n_prompt))
    elif policy == "truncate-prompt":
        prompt_kept, output_kept = room - n_output, n_output
    elif policy == "truncate-output":
        prompt_kept, output_kept = n_prompt, room - n_prompt
    else:
        prompt_kept = output_kept = np.zeros_like(n_prompt)
    return np.where(over, prompt_kept, n_prompt), np.where(over, output_kept, n_output)


def _refuse_long(
    table: pa.Table,
    rows: Rows,
    n_prompt: Ints,
    n_output: Ints,
    room: int,
    options: TokenizeOptions,
) -> pa.Table:
    """Reject the rows that do not fit; raise for the first of them under the policy `error`."""
    if not rows.any():
        return table
    details = [
        f"prompt {p} + output {o} tokens, and max_length {options.max_length} has room for {room}; "
        f"truncation is {options.truncation!r}"
        if long
        else None
        for long, p, o in zip(rows.tolist(), n_prompt.tolist(), n_output.tolist(), strict=True)
    ]
    if options.truncation == "error":
        first = int(np.flatnonzero(rows)[0])
        raise TooLongError(f"{table['origin'][first].as_py()}: {details[first]}. Raise max_length or choose a policy.")
    return reject(table, pa.array(rows), "tokenize", "too-long", pa.array(details, pa.string()))


def check_unknown(tables: Iterable[pa.Table], tokenizer: Tokenizer, options: TokenizeOptions) -> Iterator[pa.Table]:
    """Pass tokenized tables through, and raise at their end if too many of all their tokens were [UNK].

    A wrong vocabulary makes no error of its own, only useless ids (SKTBrain/KoBERT#104): this is where it shows.
    """
    tokens = unknown = 0
    worst: list[tuple[int, str, str]] = []
    for table in tables:
        yield table
        tokens += pc.sum(table["n_tokens"]).as_py() or 0
        unknown += pc.sum(table["n_unk"]).as_py() or 0
        shown = table.select(["n_unk", "origin", "instruction", "input", "output"])
        some = shown.filter(pc.greater(table["n_unk"], 0))
        for row in some.sort_by([("n_unk", "descending")]).slice(0, 3).to_pylist():
            text = " / ".join(filter(None, (row["instruction"], row["input"], row["output"])))
            worst.append((row["n_unk"], row["origin"] or "?", text[:80]))
        worst = sorted(worst, key=lambda row: -row[0])[:3]
    if tokens and unknown / tokens > options.max_unk_rate:
        examples = "\n".join(f"  {count} × [UNK] in {origin}: {text}" for count, origin, text in worst)
        raise UnknownTokensError(
            f"{unknown:,} of {tokens:,} tokens ({unknown / tokens:.1%}) are [UNK] with the tokenizer {tokenizer.name}; "
            f"max_unk_rate is {options.max_unk_rate:.1%}. The worst rows:\n{examples}\n"
            "Name the tokenizer that fits this text in [tokenize], or raise max_unk_rate if this is meant."
        )
