"""Which prompts are alike, and which outputs: candidates by their signatures, verified by their texts.

Fields are compared one by one, and two records are no more alike than their least similar field: a long instruction
that thousands of rows share must not make their short inputs alike ("최고" and "최악" under one question).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedupe import keys, minhash
from pipeline.dedupe.keys import Ints, Words
from pipeline.workers import ordered
from schemas.options import DedupeOptions

Floats = npt.NDArray[np.float64]

CONTEXT = ("system", "history", "instruction")

#: Of rows that share a band, how many of those that follow a row it is compared with.
WIDTH = 64
#: Pairs whose texts, and whose sketches, are held at once.
_PAIRS = 1 << 14
_SKETCHES = 1 << 17


class Edges(NamedTuple):
    """Pairs of nodes, the lesser first, and how alike they are."""

    first: Ints
    second: Ints
    similarity: Floats


class Tally:
    """What was done, for the report: names and counts."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, name: str, count: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + int(count)


class Texts:
    """The texts of some fields of a table, looked up a few rows at a time."""

    def __init__(self, table: pa.Table, fields: tuple[str, ...]) -> None:
        self.columns = [table[name] for name in fields]

    def of(self, rows: Ints) -> list[pa.StringArray]:
        """Per field the texts of these rows."""
        taken = [gather(column, rows) for column in self.columns]
        return [keys.history_texts(texts) if pa.types.is_list(texts.type) else texts.fill_null("") for texts in taken]


def similar_prompts(
    fingerprints: pa.Table, table: pa.Table, rows: Ints, options: DedupeOptions, tally: Tally, workers: int = 1
) -> Edges:
    """Edges between rows of different prompts (numbered by their place in `rows`) whose every field is alike."""
    # First the contexts: equal or alike, they make a component, inside of which inputs are then compared.
    context, numbers = _keys(fingerprints, "context", rows, options)
    ones, context_of = groups(context, numbers)
    sketches = fingerprints["context_sketch"]
    contexts = similar(sketches, rows[ones], numbers[ones], Texts(table, CONTEXT), options, tally, workers)
    component = minhash.components(len(ones), contexts.first, contexts.second)[context_of].astype(np.uint64)
    given, numbers = _keys(fingerprints, "given", rows, options)
    nodes, node_of = groups(component, given, numbers)
    told = np.flatnonzero(given[nodes] != 0)
    salt = keys.mix(component[nodes[told]]) ^ numbers[nodes[told]]
    sketches = fingerprints["given_sketch"]
    inputs = similar(sketches, rows[nodes[told]], salt, Texts(table, ("input",)), options, tally, workers)
    inputs = Edges(told[inputs.first], told[inputs.second], inputs.similarity)
    del context, given, numbers, component, salt

    first, second = meet(node_of, len(nodes), inputs, tally)
    alike = np.minimum(
        look_up(contexts, len(ones), context_of[first], context_of[second]),
        look_up(inputs, len(nodes), node_of[first], node_of[second]),
    )
    return Edges(first[alike > 0], second[alike > 0], alike[alike > 0])


def _keys(fingerprints: pa.Table, field: str, rows: Ints, options: DedupeOptions) -> tuple[Words, Words]:
    """The keys of a field of these rows, and those of its numbers: all 0 where numbers are of no account."""
    said, numbers = (pc.fill_null(fingerprints[name], 0).to_numpy()[rows] for name in (field, f"{field}_numbers"))
    return said, numbers if options.numbers else np.zeros_like(numbers)


def similar_outputs(
    output: Words, table: pa.Table, rows: Ints, first: Ints, second: Ints, options: DedupeOptions, workers: int
) -> Floats:
    """How alike the outputs of pairs of rows (places in `rows` and `output`) are: 0 where their numbers differ."""
    alike = np.ones(len(first))
    differ = np.flatnonzero((output[first] != output[second]).any(axis=1))
    outputs = Texts(table, ("output",))
    alike[differ] = verified(outputs, rows, first[differ], second[differ], options.numbers, workers)
    return alike


def groups(*columns: npt.NDArray[np.generic]) -> tuple[Ints, Ints]:
    """The first row of each group of rows with equal values, and for each row the number of its group."""
    firsts = leaders(np.column_stack(columns).astype(np.uint64))
    begins = firsts == np.arange(len(firsts))
    number: Ints = np.cumsum(begins) - 1
    return np.flatnonzero(begins), number[firsts]


def bundles(key: Words) -> tuple[Ints, Words]:
    """The places of the keys that occur more than once, equal ones side by side, each in order; and their groups.

    The low bits of a key make room for its place, so that one sort of words does: among n keys, 64 - log2(n) bits of
    each decide, and two that differ may share a group by chance.
    """
    room = np.uint64(max(len(key) - 1, 0).bit_length())
    packed = np.arange(len(key), dtype=np.uint64)
    packed |= key >> room << room
    packed.sort()
    same = (packed[1:] ^ packed[:-1]) >> room == 0
    packed = packed[np.append(same, False)[: len(key)] | np.append(False, same)[: len(key)]]
    group = packed >> room
    return (packed ^ (group << room)).view(np.int64), group


def leaders(words: Words) -> Ints:
    """For each row of a matrix the least row that is equal to it. By sorting: large hash tables miss the cache."""
    key = words[:, 0]
    for column in words.T[1:]:
        key = keys.mix(key) ^ column
    place, group = bundles(key)
    unlike = np.append(False, (words[place[1:]] != words[place[:-1]]).any(axis=1))[: len(place)]
    clash = np.isin(group, group[1:][unlike[1:] & (group[1:] == group[:-1])])
    if clash.any():  # rows that share a group by chance
        some = place[clash]
        place[clash] = some[np.lexsort((some, *words[some].T, group[clash]))]
        unlike = np.append(False, (words[place[1:]] != words[place[:-1]]).any(axis=1))
    unlike[:1] = True
    of_row = np.arange(len(key))
    of_row[place] = place[unlike][np.cumsum(unlike) - 1]
    return of_row


def similar(
    sketches: pa.ChunkedArray,
    rows: Ints,
    salt: Words,
    texts: Texts,
    options: DedupeOptions,
    tally: Tally,
    workers: int,
) -> Edges:
    """Verified edges between rows that agree in the salt and in a band (numbered by their place in `rows`)."""
    bands = minhash.choose_bands(options.threshold, options.recall)
    # Four standard deviations: one in 30,000 pairs at the threshold is estimated below this.
    spread = (options.threshold * (1 - options.threshold) / minhash.HASHES) ** 0.5
    enough = np.ceil((options.threshold - 4 * spread) * minhash.HASHES)
    salted = keys.mix(salt)

    def meet_in(band: int) -> tuple[Ints, int]:
        place, group = bundles(keys.mix(minhash.band_keys(sketches, band, bands)[rows] ^ salted))
        first, second, skipped = minhash.window_pairs(group, WIDTH)
        first, second = place[first], place[second]
        likely = [
            agreement(sketches, rows[first[at : at + _SKETCHES]], rows[second[at : at + _SKETCHES]]) >= enough
            for at in range(0, len(first), _SKETCHES)
        ]
        chosen = np.concatenate([np.empty(0, bool), *likely])
        return first[chosen] * len(rows) + second[chosen], skipped

    codes = [np.empty(0, np.int64)]
    for found, skipped in ordered(meet_in, range(bands.bands if len(rows) else 0), workers):
        codes.append(found)
        tally.add("skipped", skipped)
    first, second = np.divmod(once(np.concatenate(codes)), max(len(rows), 1))
    tally.add("compared", len(first))
    alike = verified(texts, rows, first, second, False, workers)  # the salt holds the numbers
    enough_alike = alike >= options.threshold
    tally.add("verified", int(enough_alike.sum()))
    return Edges(first[enough_alike], second[enough_alike], alike[enough_alike])


def once(numbers: Ints) -> Ints:
    """The numbers in order, each once: `np.unique` without its hash table, which is several times slower."""
    numbers = np.sort(numbers)
    first: Ints = numbers[np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]]
    return first


def agreement(sketches: pa.ChunkedArray, first: Ints, second: Ints) -> Ints:
    """In how many hashes the sketches of pairs of rows agree."""
    ones, others = (minhash.matrix(gather(sketches, rows)) for rows in (first, second))
    hashes: Ints = (ones == others).sum(axis=1)
    return hashes


def gather(column: pa.ChunkedArray, rows: Ints) -> pa.Array:
    """The values of these rows, read chunk by chunk: Arrow's `take` would first join all chunks of texts in memory."""
    bounds = np.cumsum([0, *(len(chunk) for chunk in column.chunks)])
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    cuts = np.searchsorted(ordered, bounds)
    parts = [
        chunk.take(pa.array(ordered[start:end] - bound))
        for chunk, bound, start, end in zip(column.chunks, bounds, cuts, cuts[1:], strict=False)
        if end > start
    ]
    values = pa.concat_arrays([pa.array([], column.type), *parts])
    if (order[1:] > order[:-1]).all():
        return values
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return values.take(pa.array(back))


def verified(texts: Texts, rows: Ints, first: Ints, second: Ints, numbers: bool, workers: int) -> Floats:
    """How alike pairs of rows truly are: the Jaccard index of their least similar field.

    `numbers`: 0 where the numbers of a field differ.
    """

    def verify(part: slice) -> Floats:
        alike = np.ones(len(first[part]))
        places, which = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        one, other = np.split(which, 2)
        for field in texts.of(rows[places]):
            text = keys.folded(field)
            grams, bounds = minhash.sets(*minhash.shingles(*keys.said(*text)))
            np.minimum(alike, minhash.jaccard(grams, bounds, one, other), out=alike)
            if numbers:
                said = keys.numbers(field, *text)
                alike[said[one] != said[other]] = 0
        return alike

    parts = [slice(at, at + _PAIRS) for at in range(0, len(first), _PAIRS)]
    return np.concatenate([np.empty(0), *ordered(verify, parts, workers)])


def meet(bucket_of: Ints, count: int, joined: Edges, tally: Tally) -> tuple[Ints, Ints]:
    """Pairs of members (the lesser first) that are in one bucket, or in two that an edge joins. Bounded per bucket."""
    busy = np.bincount(bucket_of, minlength=count) > 1
    busy[joined.first] = busy[joined.second] = True
    by_bucket = np.flatnonzero(busy[bucket_of])
    by_bucket = by_bucket[np.argsort(bucket_of[by_bucket], kind="stable")]
    sizes = np.bincount(bucket_of[by_bucket], minlength=count)
    starts = np.cumsum(sizes) - sizes
    members = [by_bucket]
    bucket = [bucket_of[by_bucket]]
    for end in (joined.first, joined.second):
        members.append(by_bucket[minhash.spread(starts[end], sizes[end])])
        bucket.append(np.repeat(count + np.arange(len(end)), sizes[end]))
    member, group = np.concatenate(members), np.concatenate(bucket)
    order = np.lexsort((member, group))
    first, second, skipped = minhash.window_pairs(group[order], WIDTH)
    tally.add("skipped", skipped)
    codes = once(member[order[first]] * len(bucket_of) + member[order[second]])
    one, other = np.divmod(codes, max(len(bucket_of), 1))
    return one, other


def look_up(edges: Edges, count: int, first: Ints, second: Ints) -> Floats:
    """How alike nodes are by the edges between them: 1 for a node and itself, 0 where there is no edge."""
    code = edges.first * count + edges.second
    order = np.argsort(code)
    wanted = np.minimum(first, second) * count + np.maximum(first, second)
    at = np.searchsorted(code[order], wanted)
    known = np.append(edges.similarity[order], 0.0)
    found = np.append(code[order], -1)[at] == wanted
    alike: Floats = np.where(first == second, 1.0, np.where(found, known[at], 0.0))
    return alike
