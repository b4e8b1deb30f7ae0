"""Verify candidate pairs from their texts: how similar they are (the Jaccard index of their bigrams), and whether they
differ in form alone.
"""

import itertools
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys, middles
from pipeline.stages.dedupe.arrays import Bools, Codes, Floats, Hashes, Ints, ranges, sorted_unique
from pipeline.stages.dedupe.bags import bags
from pipeline.stages.dedupe.differences import about_form, differences, essence, same
from pipeline.stages.dedupe.essentials import may_say_the_same
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.known import pair_keys
from pipeline.stages.dedupe.middles import Prose
from pipeline.stages.dedupe.rests import are_words, rests
from pipeline.table.take_rows import take_rows

#: A bigram is two code points of 21 bits.
BIGRAM_BITS = np.uint64(42)
#: Bytes of texts that are held at once, and pairs: their numbers, beside a bigram, fit into 64 bits.
_BYTES, _MOST_PAIRS = 1 << 22, 1 << 18
#: A message has about as many bytes.
_MESSAGE = 1 << 9
#: Bigrams that are compared at once: they stay in the processor's cache.
_BIGRAMS = 1 << 17


class Similarity(NamedTuple):
    """How similar pairs are: the Jaccard index of the bigrams of their least similar field."""

    have_alike_stems: Bools  # bool[pairs]: in every field; of other pairs nobody asks more
    letters: Floats  # float64[pairs]: by `keys.letters`; of no use without alike stems
    may_be_same: Bools  # bool[pairs]: False without alike stems, and where a field surely differs in a word


def verify(
    job: Job, fields: tuple[str, ...], rows: Ints, first: Ints, second: Ints, numbers: bool = False
) -> Similarity:
    """How similar candidate pairs are.

    `rows`: int64[n] of the table; `first`, `second`: int64[pairs], places in `rows`. `numbers`: stems are not alike
    where the numbers of a field differ.
    """
    columns = [column for name in fields if not _is_empty(column := job.table[name])]

    def verify_part(part: slice | Ints) -> Similarity:
        alike, may_be_same = np.ones((2, len(first[part])), bool)
        found = Similarity(alike, np.ones(len(first[part])), may_be_same)
        places, text_of = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        one, other = np.split(text_of, 2)
        for column in columns:
            texts = _texts(column, rows[places])
            folded = keys.fold_texts(texts)
            letters = keys.letters(*folded)
            found.have_alike_stems[:] &= are_alike(letters, one, other, job.options.threshold)
            if numbers:
                number_key = keys.number_keys(texts, *folded)
                found.have_alike_stems[number_key[one] != number_key[other]] = False
            found.may_be_same[~found.have_alike_stems] = False
            asked = np.flatnonzero(found.have_alike_stems)
            pairs = _only(letters, one[asked], other[asked])
            found.letters[asked] = np.minimum(found.letters[asked], similar(*pairs))
            found.may_be_same[asked] &= may_say_the_same(*pairs[0], *pairs[1:])
        return found

    def known_part(part: slice) -> Similarity:
        if job.known is None or not columns:
            return verify_part(part)
        key = _pair_keys(columns, rows, first[part], second[part], ("similar", fields, job.options.threshold, numbers))
        return Similarity(*job.known.pairs(key, (bool, float, bool), lambda some: verify_part(part.start + some)))

    parts = _parts(columns, rows, first, second)
    nothing = Similarity(np.empty(0, bool), np.empty(0), np.empty(0, bool))
    return Similarity(*map(np.concatenate, zip(nothing, *ordered(known_part, parts, job.workers), strict=True)))


def are_alike(letters: tuple[Codes, Ints], one: Ints, other: Ints, threshold: float) -> Bools:
    """bool[pairs]: whether the stems of texts are similar, or their bags are equal."""
    bag = bags(*letters)
    found: Bools = bag[one] == bag[other]
    found |= similar(keys.stems(*letters), one, other) >= threshold
    return found


def differ_in_form(job: Job, fields: tuple[str, ...], rows: Ints, first: Ints, second: Ints) -> Bools:
    """Whether the rows of each pair differ in form alone, in all these fields: bool[pairs].

    `rows`: int64[n] of the table; `first`, `second`: int64[pairs], places in `rows`.
    """

    columns = [column for name in fields if not _is_empty(column := job.table[name])]
    decided: dict[int, bool] = {}

    def compare_part(part: slice | Ints) -> Bools:
        places, text_of = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        one, other = np.split(text_of, 2)
        instructions = _instructions(job, rows[places])
        is_about_form = np.array(about_form(pa.array(instructions, pa.string())), bool)
        found = np.ones(len(one), bool)
        for name in fields:
            if not _is_empty(job.table[name]):
                texts = Texts(_texts(job.table[name], rows[places]), name, instructions, is_about_form)
                some = np.flatnonzero(found)
                found[some] = _texts_differ_in_form(job, texts, one[some], other[some], decided)
        return found

    asked = [column for name in ("system", "instruction") if not _is_empty(column := job.table[name])]

    def known_part(part: slice) -> Bools:
        if job.known is None or not columns:
            return compare_part(part)
        what = ("form", fields, [len(asked)], job.options.numbers)
        key = _pair_keys([*asked, *columns], rows, first[part], second[part], what)
        return job.known.pairs(key, (bool,), lambda some: [compare_part(part.start + some)])[0]

    parts = _parts(columns, rows, first, second)
    return np.concatenate([np.empty(0, bool), *ordered(known_part, parts, job.workers)])


def _pair_keys(columns: list[pa.ChunkedArray], rows: Ints, first: Ints, second: Ints, what: tuple[Any, ...]) -> Hashes:
    """`pair_keys` of pairs of places in `rows`, of all texts that are compared."""
    places, text_of = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = np.split(text_of, 2)
    return pair_keys([_texts(column, rows[places]) for column in columns], one, other, what)


def _parts(columns: list[pa.ChunkedArray], rows: Ints, first: Ints, second: Ints) -> list[slice]:
    """Parts of the pairs, so that the texts of each can be held at once. Arguments as those of `verify`."""
    if not len(first):
        return []
    places = sorted_unique(np.concatenate([first, second]))
    size = np.zeros(len(rows), np.int64)
    for column in columns:
        is_list = pa.types.is_list(column.type)
        sizes = pc.multiply(pc.list_value_length(column), _MESSAGE) if is_list else pc.binary_length(column)
        size[places] += take_rows(sizes, rows[places]).fill_null(0).to_numpy()

    def halves(part: slice) -> Iterator[slice]:
        """The part itself, or halves of it that are small enough; a text counts once for all its pairs."""
        pairs = part.stop - part.start
        if pairs == 1 or size[sorted_unique(np.concatenate([first[part], second[part]]))].sum() <= _BYTES:
            yield part
        else:
            middle = part.start + pairs // 2
            yield from halves(slice(part.start, middle))
            yield from halves(slice(middle, part.stop))

    parts = (slice(at, min(at + _MOST_PAIRS, len(first))) for at in range(0, len(first), _MOST_PAIRS))
    return list(itertools.chain.from_iterable(map(halves, parts)))


class Texts(NamedTuple):
    """The texts of a field, and what their rows ask for."""

    values: pa.StringArray
    field: str
    instructions: list[str]
    are_about_form: Bools  # bool[texts]: these ask for something about form, so that every difference counts


def _texts_differ_in_form(job: Job, texts: Texts, one: Ints, other: Ints, decided: dict[int, bool]) -> Bools:
    """Whether pairs of texts differ in form alone: bool[pairs]. `one`, `other`: int64[pairs]; `decided`: of middles."""
    found, left = _prose_differs_in_form(job, texts.values, one, other, ~texts.are_about_form, decided)
    some = left[_may_say_the_same(texts.values, one[left], other[left])]
    places, text_of = np.unique(np.concatenate([one[some], other[some]]), return_inverse=True)
    of_words = are_words(texts.values.take(pa.array(places))) & ~texts.are_about_form[places]
    mine, yours = np.split(text_of, 2)
    cut = of_words[mine] & of_words[yours]
    found[some[cut]], left = _rests_differ_in_form(job, texts.values, one[some[cut]], other[some[cut]], decided)
    some = np.concatenate([some[~cut], some[cut][left]])
    found[some] = _same_texts(job, texts, one[some], other[some])
    return found


def _prose_differs_in_form(
    job: Job, texts: pa.StringArray, one: Ints, other: Ints, plain: Bools, decided: dict[int, bool]
) -> tuple[Bools, Ints]:
    """The same of those pairs that are prose and `plain`, bool[texts]; and the numbers of the other pairs."""
    prose = Prose.of(texts)
    plain = prose.is_prose & plain
    simple = plain[one] & plain[other]
    found = np.zeros(len(one), bool)
    found[simple] = middles.differ_in_form(prose, one[simple], other[simple], decided, job.calls)
    return found, np.flatnonzero(~simple)


def _rests_differ_in_form(
    job: Job, texts: pa.StringArray, one: Ints, other: Ints, decided: dict[int, bool]
) -> tuple[Bools, Ints]:
    """The same of pairs of words (`are_words`) of which the rests are prose; and the numbers of the other pairs."""
    pieces = pa.concat_arrays(rests(texts, one, other)).dictionary_encode()
    mine, yours = np.split(pieces.indices.to_numpy().astype(np.int64), 2)
    plain = np.ones(len(pieces.dictionary), bool)
    return _prose_differs_in_form(job, pieces.dictionary, mine, yours, plain, decided)


def _may_say_the_same(texts: pa.StringArray, one: Ints, other: Ints) -> Bools:
    """`may_say_the_same` of pairs of texts, int64[pairs] each: only these are read."""
    places, text_of = np.unique(np.concatenate([one, other]), return_inverse=True)
    return may_say_the_same(*keys.fold_texts(texts.take(pa.array(places))), *np.split(text_of, 2))


def _only(texts: tuple[Codes, Ints], one: Ints, other: Ints) -> tuple[tuple[Codes, Ints], Ints, Ints]:
    """The texts of these pairs, int64[pairs] each, without others; and the pairs by their new numbers.

    >>> (codes, bounds), one, other = _only((np.arange(4), np.array([0, 1, 3, 4])), *np.array([[2, 2], [0, 2]]))
    >>> codes.tolist(), bounds.tolist(), one.tolist(), other.tolist()
    ([0, 3], [0, 1, 2], [1, 1], [0, 1])
    """
    codes, bounds = texts
    places, text_of = np.unique(np.concatenate([one, other]), return_inverse=True)
    sizes = np.diff(bounds)[places]
    one, other = np.split(text_of, 2)
    return (codes[ranges(bounds[places], sizes)], np.concatenate([[0], np.cumsum(sizes)])), one, other


def _same_texts(job: Job, texts: Texts, one: Ints, other: Ints) -> Bools:
    """Whether pairs of any texts, int64[pairs] each, differ in form alone: bool[pairs]."""
    places, text_of = np.unique(np.concatenate([one, other]), return_inverse=True)
    one, other = np.split(text_of, 2)
    values = texts.values.take(pa.array(places)).to_pylist()
    about = [texts.instructions[place] for place in places.tolist()]
    # Pairs of texts with the same essences, under the same instructions, are decided once.
    text, instruction = _numbered([essence(value) or value for value in values]), _numbered(about)
    pair_of_key, key_of = _first_of_each(
        np.concatenate([np.sort(np.stack([of[one], of[other]]), axis=0) for of in (text, instruction)]).T
    )
    pairs = [
        (values[a], values[b], f"{about[a]}\n{about[b]}", texts.field == "instruction", job.options.numbers)
        for a, b in zip(one[pair_of_key].tolist(), other[pair_of_key].tolist(), strict=True)
    ]
    return np.array(job.calls(same, pairs), bool)[key_of]


def _numbered(values: Sequence[Hashable]) -> Ints:
    """For each value a number, int64[n]: equal values have the same one.

    >>> _numbered(["가", "나", "가"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _first_of_each(values: Ints) -> tuple[Ints, Ints]:
    """The first place of each distinct row of numbers, and for each row the number of its place among those.

    >>> [found.tolist() for found in _first_of_each(np.array([[3, 1], [2, 0], [3, 1]]))]
    [[1, 0], [1, 0, 1]]
    """
    packed = np.zeros(len(values), np.int64)
    for column in values.T:
        packed = np.unique(packed * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    _, first, number = np.unique(packed, return_index=True, return_inverse=True)
    return first, number


def differences_of(job: Job, fields: tuple[str, ...], rows: Ints, others: Ints) -> list[list[str]]:
    """The differences between rows and as many other rows of the table, both int64[n]: for each pair a list."""
    found: list[list[str]] = [[] for _ in rows]
    instructions = _instructions(job, rows), _instructions(job, others)
    pairs: list[int] = []
    texts: list[tuple[str, str, str, bool]] = []
    for name in fields:
        if not _is_empty(job.table[name]):
            both = (_texts(job.table[name], some).to_pylist() for some in (others, rows))
            for pair, (one, other) in enumerate(zip(*both, strict=True)):
                if one != other:
                    about = f"{instructions[0][pair]}\n{instructions[1][pair]}"
                    pairs.append(pair)
                    texts.append((one, other, about, name == "instruction"))
    for pair, some in zip(pairs, job.calls(_listed, texts), strict=True):
        found[pair] += some
    return found


def _listed(one: str, other: str, about: str, instruction_itself: bool) -> list[str]:
    return list(map(str, differences(one, other, about, instruction_itself)))


def _instructions(job: Job, rows: Ints) -> list[str]:
    """What rows ask for, as one text each: system prompt and instruction."""
    system, instruction = (_texts(job.table[name], rows).to_pylist() for name in ("system", "instruction"))
    return [f"{one}\n{other}" if one else other for one, other in zip(system, instruction, strict=True)]


def _is_empty(column: pa.ChunkedArray) -> bool:
    """Whether no row has a text, as far as that can be seen without reading it: such texts are all equal."""
    if pa.types.is_list(column.type):
        return all(len(chunk.flatten()) == 0 for chunk in column.chunks)
    return bool(column.null_count == len(column))


def _texts(column: pa.ChunkedArray, rows: Ints) -> pa.StringArray:
    taken = take_rows(column, rows)
    return keys.message_texts(taken) if pa.types.is_list(taken.type) else taken.fill_null("")


def bigrams(codes: Codes, bounds: Ints) -> tuple[Hashes, Ints]:
    """The bigrams of each text in order, uint64[bigrams] of 42 bits, and their bounds, int64[texts + 1].

    The only bigram of a text of one character is that character.

    >>> found, bounds = bigrams(np.array([1, 2, 3, 4], np.uint32), np.array([0, 3, 4]))
    >>> [(bigram >> 21, bigram & (1 << 21) - 1) for bigram in found.tolist()], bounds.tolist()
    ([(1, 2), (2, 3), (4, 0)], [0, 2, 3])
    """
    codes = codes & keys.CODE
    follower = np.zeros(len(codes), np.uint64)
    follower[:-1] = codes[1:]
    lengths = np.diff(bounds)
    last = bounds[1:][lengths > 0] - 1
    follower[last] = 0
    pairs = (codes.astype(np.uint64) << np.uint64(21)) | follower
    kept = np.ones(len(codes), bool)
    kept[bounds[1:][lengths > 1] - 1] = False
    in_bigrams = np.zeros(len(bounds), np.int64)
    np.cumsum(lengths - (lengths > 1), out=in_bigrams[1:])
    return pairs[kept], in_bigrams


def bigram_sets(found: Hashes, bounds: Ints) -> tuple[Hashes, Ints]:
    """The set of bigrams of each text, sorted: uint64[m], with bounds int64[texts + 1]. 4 million texts at most.

    >>> sets, bounds = bigram_sets(np.array([5, 3, 5, 4], np.uint64), np.array([0, 3, 4]))
    >>> sets.tolist(), bounds.tolist()
    ([3, 5, 4], [0, 2, 3])
    """
    text = np.repeat(np.arange(len(bounds) - 1, dtype=np.uint64), np.diff(bounds))
    packed = (text << BIGRAM_BITS) | found  # one sort of uint64 is much faster than one by two keys
    packed.sort(kind="stable")  # which merges: the texts are in order already
    packed = packed[np.append(True, packed[1:] != packed[:-1])[: len(packed)]]
    sizes = np.bincount((packed >> BIGRAM_BITS).astype(np.int64), minlength=len(bounds) - 1)
    return packed & ((np.uint64(1) << BIGRAM_BITS) - np.uint64(1)), np.concatenate([[0], np.cumsum(sizes)])


def similar(texts: tuple[Codes, Ints], one: Ints, other: Ints) -> Floats:
    """The Jaccard index of the bigrams of pairs of texts, float64[pairs].

    `texts`: their characters and bounds; `one`, `other`: int64[pairs], their numbers.
    """
    sets, bounds = bigram_sets(*bigrams(*texts))
    sizes = np.diff(bounds)
    part_of = np.cumsum(sizes[one] + sizes[other]) // _BIGRAMS
    cuts = [0, *(np.flatnonzero(np.diff(part_of)) + 1).tolist(), len(one)]
    parts = (slice(*cut) for cut in itertools.pairwise(cuts))
    return np.concatenate([jaccard(sets, bounds, one[part], other[part]) for part in parts])


def jaccard(sets: Hashes, bounds: Ints, first: Ints, second: Ints) -> Floats:
    """The Jaccard index of pairs of sets (as `bigram_sets` gives them): float64[pairs]. Two empty sets are equal.

    `first`, `second`: int64[pairs], the numbers of the sets; 4 million pairs at most.

    >>> sets, bounds = np.array([3, 5, 3, 4, 5], np.uint64), np.array([0, 2, 5, 5])
    >>> jaccard(sets, bounds, np.array([0, 0, 2]), np.array([1, 2, 2])).round(2).tolist()
    [0.67, 0.0, 1.0]
    """
    sizes = np.diff(bounds)
    one, other = sizes[first], sizes[second]
    pair = np.arange(len(first), dtype=np.uint64) << BIGRAM_BITS
    packed = np.concatenate([np.repeat(pair, one), np.repeat(pair, other)])
    packed |= sets[np.concatenate([ranges(bounds[first], one), ranges(bounds[second], other)])]
    packed.sort(kind="stable")  # which merges: both halves are in order already
    twice = packed[1:][packed[1:] == packed[:-1]]
    shared = np.bincount((twice >> BIGRAM_BITS).astype(np.int64), minlength=len(first))
    union = one + other - shared
    index: Floats = np.where(union == 0, 1.0, shared / np.maximum(union, 1))
    return index
