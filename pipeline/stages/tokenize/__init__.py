"""tokenize: texts to ids, laid out for training.

A layout is a row of segments: pieces of id arrays, joined by one gather over the whole batch. What a token is (prompt
or output, special or text) is known from its segment, never found again by searching the ids: masks and labels are
right by construction.
"""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.tokenize.answers import each_answer, each_record, reject_unlearnable
from pipeline.stages.tokenize.causal import causal
from pipeline.stages.tokenize.classification import classification
from pipeline.stages.tokenize.fields import fields
from pipeline.stages.tokenize.pair import pair
from pipeline.stages.tokenize.preference import preference
from pipeline.stages.tokenize.prompt import prompt
from pipeline.stages.tokenize.qa import qa
from pipeline.stages.tokenize.seq2seq import seq2seq
from pipeline.stages.tokenize.truncation import TooLongError
from pipeline.stages.tokenize.unpaired import unpaired
from pipeline.table.reject_and_flag import add_names, alive, complete, set_column
from pipeline.tokenizers.given_tokenizer import GivenTokenizer, given_tokenizer
from pipeline.tokenizers.protocol import ChatTemplateError, NoOffsetsError, Tokenizer
from schemas.columns import MESSAGES
from schemas.errors import KoInstructError
from schemas.options import TokenizeOptions

__all__ = [
    "ChatTemplateError",
    "NoOffsetsError",
    "Tokenizer",
    "TooLongError",
    "UnknownTokensError",
    "check_unknown",
    "tokenize",
]


class UnknownTokensError(KoInstructError, ValueError):
    """Too many tokens are [UNK]: the tokenizer does not fit the text."""


Layout = Callable[[pa.Table, Tokenizer, TokenizeOptions], tuple[pa.Table, dict[str, pa.Array]]]

#: Each gives the table with its rejections, and the columns to add; its docstring says which.
LAYOUTS: dict[str, Layout] = {
    "pair": pair,
    "fields": fields,
    "classification": classification,
    "qa": qa,
    "seq2seq": seq2seq,
    "causal": causal,
    "preference": preference,
    "unpaired": unpaired,
    "prompt": prompt,
}

#: The layouts that learn one answer a sequence: a record of several answers has several `sequences`.
ONE_ANSWER = ("pair", "fields", "classification", "qa", "seq2seq")


def tokenize(table: pa.Table, tokenizer: GivenTokenizer, options: TokenizeOptions = TokenizeOptions()) -> pa.Table:
    """Add the ids of every living row, as its layout says (`options.layout`); null for rejected rows.

    `tokenizer`: a name or path ("skt/kobert-base-v1", "embedded"), what `load_tokenizer` gives, a KoBERTTokenizer, or a
    tokenizer of transformers.

    All layouts: `n_tokens` int32 (kept, special tokens included), `truncated` int32 (tokens cut; 0 when none),
    `n_unk` int32. With `padding` (pair, fields, classification) every list has max_length ids and a mask beside it.
    Rejections: `too-long` by the truncation policy, and those of the layout. Flags: `unk` (the ids do not hold the
    whole text), `context-left-out` (the layout has no place for this row's system prompt, tools, thoughts, calls or
    other messages), `rejected-left-out` (it learns from the better answer of a pair alone).

    Raises TooLongError under the truncation policy `error`.
    """
    table = complete(table).combine_chunks()
    layout, opened = LAYOUTS[options.layout], given_tokenizer(tokenizer)
    if options.layout in ONE_ANSWER:
        table = reject_unlearnable(table)
        answers = each_answer(table, options)
        made, columns = layout(answers.table, opened, options)
        table, columns = each_record(table, answers._replace(table=made), columns)
    else:
        table, columns = layout(table, opened, options)
    for name, values in columns.items():
        table = set_column(table, name, values)
    flags = [("unk", pc.fill_null(pc.greater(table["n_unk"], 0), False))]
    if options.layout in ONE_ANSWER:
        flags.append(("context-left-out", pc.and_(alive(table), _has_context(table))))
    if options.layout in (*ONE_ANSWER, "causal"):
        flags.append(("rejected-left-out", pc.and_(alive(table), pc.is_valid(table["rejected"]))))
    return set_column(table, "flags", add_names(table["flags"], flags))


def _has_context(table: pa.Table) -> pa.ChunkedArray:
    """Boolean per row: it has what these layouts have no place for: system prompt, tools, thoughts, calls, other
    messages."""
    lengths = (pc.fill_null(pc.list_value_length(table[name]), 0) for name in MESSAGES)
    found = pc.greater(pc.add(*lengths), 0)
    for name in ("system", "tools", "reasoning", "tool_calls"):
        found = pc.or_(found, pc.is_valid(table[name]))
    return found


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
