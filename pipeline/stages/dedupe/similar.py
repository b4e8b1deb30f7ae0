"""Which prompts are alike, and which outputs: candidates by their signatures, verified by their texts.

Fields are compared one by one, and two records are no more alike than their least similar field: a long instruction
that thousands of rows share must not make their short inputs alike ("최고" and "최악" under one question).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.io.workers import ordered
from pipeline.stages.dedupe import keys, minhash
from pipeline.stages.dedupe.keys import Ints, Words
from pipeline.stages.dedupe.prints import Prints, values
from schemas.options import DedupeOptions

Floats = npt.NDArray[np.float64]

CONTEXT = ("system", "history", "instruction")

#: Of rows that share a band, how many of those that follow a row it is compared with.
WIDTH = 64
#: Pairs whose texts, and whose sketches, are held at once.
_PAIRS = 1 << 14
_SKETCHES = 1 << 13


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
        self.columns = [table[name] for name in fields if not silent(table[name])]

    def of(self, rows: Ints) -> list[pa.StringArray]:
        """Per field the texts of these rows."""
        taken = [gather(column, rows) for column in self.columns]
        return [keys.history_texts(texts) if pa.types.is_list(texts.type) else texts.fill_null("") for texts in taken]


def silent(column: pa.ChunkedArray) -> bool:
    """Whether it says nothing in any row, as far as that can be seen without reading it: such texts are all alike."""
    if pa.types.is_list(column.type):
        return all(len(chunk.flatten()) == 0 for chunk in column.chunks)
    return bool(column.null_count == len(column))


def similar_prompts(
    fingerprints: Prints, table: pa.Table, rows: Ints, options: DedupeOptions, tally: Tally, workers: int = 1
) -> Edges:
    """Edges between rows of different prompts (numbered by their place in `rows`) whose every field is alike."""
    # First the contexts: equal or alike, they make a component, inside of which inputs are then compared.
    context, numbers = _keys(fingerprints, "context", rows, options)
    ones, context_of = groups(context, numbers)
    salt = numbers[ones]
    del context, numbers
    contexts = similar(fingerprints, "context", rows[ones], salt, Texts(table, CONTEXT), options, tally, workers)
    component = minhash.components(len(ones), contexts.first, contexts.second)[context_of].astype(np.uint64)
    given, numbers = _keys(fingerprints, "given", rows, options)
    nodes, node_of = groups(component, given, numbers)
    told = np.flatnonzero(given[nodes] != 0)
    salt = keys.mix(component[nodes[told]]) ^ numbers[nodes[told]]
    del given, numbers, component
    inputs = similar(fingerprints, "given", rows[nodes[told]], salt, Texts(table, ("input",)), options, tally, workers)
    inputs = Edges(told[inputs.first], told[inputs.second], inputs.similarity)

    first, second = meet(node_of, len(nodes), inputs, tally)
    alike = np.minimum(
        look_up(contexts, len(ones), context_of[first], context_of[second]),
        look_up(inputs, len(nodes), node_of[first], node_of[second]),
    )
    return Edges(first[alike > 0], second[alike > 0], alike[alike > 0])


def _keys(fingerprints: Prints, field: str, rows: Ints, options: DedupeOptions) -> tuple[Words, Words]:
    """The keys of a field of these rows, and those of its numbers: all 0 where numbers are of no account."""
    said = values(fingerprints, field, rows, np.uint64)[:, 0]
    if not options.numbers:
        return said, np.zeros_like(said)
    return said, values(fingerprints, f"{field}_numbers", rows, np.uint64)[:, 0]


def similar_outputs(
    fingerprints: Prints, table: pa.Table, rows: Ints, first: Ints, second: Ints, options: DedupeOptions, workers: int
) -> Floats:
    """How alike the outputs of pairs of rows (places in `rows`) are: 0 where their numbers differ."""
    alike = np.ones(len(first))
    output = values(fingerprints, "output", rows, np.uint64)
    differ = np.flatnonzero((output[first] != output[second]).any(axis=1))
    del output
    outputs = Texts(table, ("output",))
    alike[differ] = verified(outputs, rows, first[differ], second[differ], options.numbers, workers)
    return alike


def groups(*columns: Words) -> tuple[Ints, Ints]:
    """The first row of each group of rows with equal values, and for each row the number of its group."""
    firsts = leaders(*columns)
    begins = firsts == np.arange(len(firsts))
    number: Ints = np.cumsum(begins) - 1
    return np.flatnonzero(begins), number[firsts]


def crowded(key: Words) -> Ints:
    """The places of the keys that may occur more than once, in order: few, where most occur once."""
    # The high bits of a key are its slot. Of the keys that share one, all but the last find another there.
    slots = 2 * len(key)
    slot = (key >> np.uint64(64 - slots.bit_length())).view(np.int64)
    last = np.empty(1 << slots.bit_length(), np.uint32)
    numbered = np.arange(len(key), dtype=np.uint32)
    last[slot] = numbered
    taken = np.zeros(len(last), bool)
    taken[slot[last[slot] != numbered]] = True
    return np.flatnonzero(taken[slot])


def bundles(key: Words) -> tuple[Ints, Words]:
    """The places of the keys that occur more than once, equal ones side by side, each in order; and their groups.

    The low bits of a key make room for its place, so that one sort of words does: among n keys, 64 - log2(n) bits of
    each decide, and two that differ may share a group by chance.
    """
    room = np.uint64(max(len(key) - 1, 0).bit_length())
    place = crowded(key)
    packed = (key[place] >> room << room) | place.view(np.uint64)
    packed.sort()
    same = (packed[1:] ^ packed[:-1]) >> room == 0
    packed = packed[np.append(same, False)[: len(packed)] | np.append(False, same)[: len(packed)]]
    group = packed >> room
    return (packed ^ (group << room)).view(np.int64), group


def leaders(*columns: Words) -> Ints:
    """For each row the least row that is equal to it in every column. By sorting: large hash tables miss the cache."""
    key = keys.mix(columns[0])
    for column in columns[1:]:
        key = keys.mix(key ^ column)
    place, group = bundles(key)
    unlike = _changes(place, columns)
    clash = np.isin(group, group[1:][unlike[1:] & (group[1:] == group[:-1])])
    if clash.any():  # rows that share a group by chance
        some = place[clash]
        place[clash] = some[np.lexsort((some, *(column[some] for column in columns), group[clash]))]
        unlike = _changes(place, columns)
    of_row = np.arange(len(key))
    of_row[place] = place[unlike][np.cumsum(unlike) - 1]
    return of_row


def _changes(place: Ints, columns: tuple[Words, ...]) -> npt.NDArray[np.bool_]:
    """Boolean per place: the row there differs from that at the place before it, in some column."""
    unlike = np.zeros(len(place), bool)
    unlike[:1] = True
    for column in columns:
        values = column[place]
        unlike[1:] |= values[1:] != values[:-1]
    return unlike


def similar(
    fingerprints: Prints,
    field: str,
    rows: Ints,
    salt: Words,
    texts: Texts,
    options: DedupeOptions,
    tally: Tally,
    workers: int,
) -> Edges:
    """Verified edges between rows alike in this field that agree in the salt (numbered by their place in `rows`)."""
    first, second = candidates(fingerprints, field, rows, salt, options, tally, workers)
    tally.add("compared", len(first))
    alike = verified(texts, rows, first, second, False, workers)  # the salt holds the numbers
    enough_alike = alike >= options.threshold
    tally.add("verified", int(enough_alike.sum()))
    return Edges(first[enough_alike], second[enough_alike], alike[enough_alike])


def candidates(
    fingerprints: Prints, field: str, rows: Ints, salt: Words, options: DedupeOptions, tally: Tally, workers: int
) -> tuple[Ints, Ints]:
    """Pairs of rows (places in `rows`) that agree in the salt and in a band, and by their sketches may be similar."""
    bands = minhash.choose_bands(options.threshold, options.recall)
    # Four standard deviations: one in 30,000 pairs at the threshold is estimated below this.
    spread = (options.threshold * (1 - options.threshold) / minhash.HASHES) ** 0.5
    enough = np.ceil((options.threshold - 4 * spread) * minhash.HASHES)
    sketches = values(fingerprints, f"{field}_sketch", rows, np.uint16)
    salted = keys.mix(salt)

    def meet_in(band: int) -> tuple[Ints, int]:
        place, group = bundles(keys.mix(minhash.band_keys(sketches, band, bands) ^ salted))
        first, second, skipped = minhash.window_pairs(group, WIDTH)
        first, second = place[first], place[second]
        likely = agreement(sketches, first, second) >= enough
        return first[likely] * len(rows) + second[likely], skipped

    codes = [np.empty(0, np.int64)]
    for found, skipped in ordered(meet_in, range(bands.bands if len(rows) else 0), workers):
        codes.append(found)
        tally.add("skipped", skipped)
    first, second = np.divmod(once(np.concatenate(codes)), max(len(rows), 1))
    return first, second


def once(numbers: Ints) -> Ints:
    """The numbers in order, each once: `np.unique` without its hash table, which is several times slower."""
    numbers = np.sort(numbers)
    first: Ints = numbers[np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]]
    return first


def agreement(sketches: minhash.Signatures, first: Ints, second: Ints) -> npt.NDArray[np.uint8]:
    """In how many hashes the sketches of pairs of rows agree."""
    hashes = np.empty(len(first), np.uint8)
    for at in range(0, len(first), _SKETCHES):
        part = slice(at, at + _SKETCHES)
        ones, others = (sketches.take(rows[part], axis=0) for rows in (first, second))
        np.sum(ones == others, axis=1, dtype=np.uint8, out=hashes[part])
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
