"""Fingerprint each row: the keys and signatures of its fields, of a fixed size whatever the length of its texts."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Codes, Hashes, Ints, Signatures
from pipeline.stages.dedupe.bags import bags
from pipeline.stages.dedupe.minhash import least_hashes
from pipeline.table.reject_and_flag import alive, complete
from schemas.columns import FINGERPRINT

STAGE = "dedupe"

#: Rows that are fingerprinted at once: enough for their values to repeat, few enough for the processor's cache.
ROWS = 65_536
#: The distinct texts of a field that no row fills.
NO_TEXT = pa.array([""])


def fingerprint(table: pa.Table) -> pa.Table:
    """The fingerprint of each row (`schemas.columns.FINGERPRINT`): fingerprint(a + b) is that of a, then that of b.

    Null for rows that an earlier stage rejected; rows that dedupe rejected take part again. No option changes a
    fingerprint: `decide` with another threshold works on the same fingerprints.
    """
    table = complete(table)
    parts = [_fingerprint_living(table.slice(start, ROWS)) for start in range(0, len(table), ROWS)]
    return pa.concat_tables([FINGERPRINT.empty_table(), *parts])


def _fingerprint_living(table: pa.Table) -> pa.Table:
    takes_part = pc.or_kleene(alive(table), pc.equal(table["reject_stage"], STAGE))
    rows = pc.indices_nonzero(takes_part)
    if len(rows) == len(table):
        return _fingerprint_all(table)
    place = np.full(len(table), -1, np.int64)
    place[rows.to_numpy()] = np.arange(len(rows))
    return _fingerprint_all(table.take(rows)).take(pa.array(place, mask=place < 0))


def _fingerprint_all(table: pa.Table) -> pa.Table:
    system = FieldKeys.of(table["system"], salt=0)
    instruction = FieldKeys.of(table["instruction"], salt=1)
    input_ = FieldKeys.of(table["input"], salt=2)
    history = FieldKeys.of(keys.message_texts(table["history"]), salt=3)
    steps = FieldKeys.of(keys.message_texts(table["steps"]), salt=4)
    context = (system, history, instruction, steps)
    output, output_of = keys.distinct(table["output"])
    codes, bounds, composed = keys.fold_and_compose(output)
    prompt_calls, answer_kind = _prompt_calls(table), _answer_kind(table)
    of_fields = [field.key[field.text_of] for field in (system, instruction, input_)]
    prompt = keys.combine_keys([of_fields[0], keys.message_keys(table["history"]), *of_fields[1:]])
    columns = [
        _and(_and(prompt, keys.message_keys(table["steps"])), _pair(prompt_calls)),
        _answers(table, keys.join_keys(keys.folded_keys(codes, bounds), composed)[output_of], answer_kind),
        np.diff(bounds)[output_of].astype(np.uint32),
        keys.combine_keys([field.letters[field.text_of] for field in context]),
        keys.combine_keys([field.numbers[field.text_of] for field in context]).astype(np.uint32),
        bag_of(context),
        signatures(context),
        input_.letters[input_.text_of],
        input_.numbers[input_.text_of].astype(np.uint32),
        bag_of((input_,)),
        signatures((input_,)),
        prompt_calls.astype(np.uint32),
        answer_kind.astype(np.uint32),
    ]
    arrays = [
        pa.Array.from_buffers(field.type, len(table), [None, pa.py_buffer(np.ascontiguousarray(column))])
        for field, column in zip(FINGERPRINT, columns, strict=True)
    ]
    return pa.table(arrays, FINGERPRINT)


def _prompt_calls(table: pa.Table) -> Hashes:
    """What of a prompt has to be equal in similar rows: its tools and calls. uint64[rows], 0 where it has none."""
    return keys.exact_key([table["tools"]]) ^ keys.calls_key(table["history"]) ^ keys.calls_key(table["steps"])


def _answer_kind(table: pa.Table) -> Hashes:
    """What of an answer has to be equal in similar rows: uint64[rows], 0 of a plain answer.

    Odd where the answer is one of several that its prompt may have: with a label, or better than another answer.
    """
    marks = [
        keys.without_call_ids(table["tool_calls"]),
        *(table[name].cast(pa.string()) for name in ("label", "learn")),
    ]
    key = keys.exact_key(marks) & ~np.uint64(1)
    several = pc.or_(pc.is_valid(table["rejected"]), pc.is_valid(table["label"]))
    kind: Hashes = key | several.to_numpy().astype(np.uint64)
    return kind


def _answers(table: pa.Table, output: Hashes, answer_kind: Hashes) -> Hashes:
    """The key of each answer, uint64[rows, 2]: of a plain one that of its output."""
    answer = _and(output, _pair(answer_kind))
    for name in ("reasoning", "rejected"):
        column = table[name]
        if column.null_count < len(column):
            texts, text_of = keys.distinct(column)
            key = keys.text_keys(texts)[text_of]
            key[pc.is_null(column).to_numpy(zero_copy_only=False)] = 0
            answer = _and(answer, key)
    return answer


def _pair(key: Hashes) -> Hashes:
    return np.stack([key, key], axis=1)


def _and(key: Hashes, more: Hashes) -> Hashes:
    """A key that holds another one, too: uint64[rows, 2]. It stays as it is where the other is 0."""
    rows = more.any(axis=1)
    if rows.any():
        key = key.copy()
        key[rows] = keys.combine_keys([key[rows], more[rows]])
    return key


class FieldKeys(NamedTuple):
    """The keys of the distinct texts of one field, and the number of each row's text."""

    text_of: Ints  # int32[rows]
    key: Hashes  # uint64[texts, 2]: of the folded text, of the exact text
    letters: Hashes  # uint64[texts]: the key of the text without punctuation
    numbers: Hashes  # uint64[texts]
    bag: Codes  # uint32[texts]: the key of its stems in any order
    least: Codes  # uint32[texts, HASHES]
    empty: bool  # in every row

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray, salt: int) -> "FieldKeys":
        texts, text_of = keys.distinct(column)
        if texts.equals(NO_TEXT):
            return cls.without_texts(salt)._replace(text_of=text_of)
        return cls.of_distinct(texts, text_of, salt)

    @classmethod
    @cache
    def without_texts(cls, salt: int) -> "FieldKeys":
        """The keys of a row without a text in this field, as are most systems and histories."""
        return cls.of_distinct(NO_TEXT, np.zeros(1, np.int32), salt)

    @classmethod
    def of_distinct(cls, texts: pa.StringArray, text_of: Ints, salt: int) -> "FieldKeys":
        codes, bounds, composed = keys.fold_and_compose(texts)
        letters = keys.letters(codes, bounds)
        folded = keys.folded_keys(codes, bounds)
        return cls(
            text_of,
            keys.join_keys(folded, composed),
            keys.letter_keys(folded, bounds, *letters),
            keys.number_keys(texts, codes, bounds),
            bags(*letters) * np.uint32(2 * salt + 1),
            least_hashes(*keys.stems(*letters), salt),
            len(codes) == 0,
        )


def signatures(fields: tuple[FieldKeys, ...]) -> Signatures:
    """The MinHash signature of each row over several fields, uint16[rows, HASHES]: two bytes of each least hash."""
    first, *others = [field for field in fields if not field.empty] or fields
    if not others:
        return first.least.astype(np.uint16)[first.text_of]
    least = first.least[first.text_of]
    for field in others:
        np.minimum(least, field.least[field.text_of], out=least)
    return least.astype(np.uint16)


def bag_of(fields: tuple[FieldKeys, ...]) -> Codes:
    """The key of the stems of several fields, uint32[rows]: in any order within a field."""
    found = np.zeros(len(fields[0].text_of), np.uint32)
    for field in fields:
        if not field.empty:
            found += field.bag[field.text_of]
    return found
