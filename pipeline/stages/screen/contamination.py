"""Overlap with evaluation sets: character n-grams that neither spacing nor punctuation nor case can hide.

All prompts of all benchmarks are hashed once into one sorted array; a table is hashed in one pass and looked up in it.
A prompt counts as seen when enough of its n-grams are in one text of a row. Prompts shorter than an n-gram are seen
only where they are the whole of a text, and those below a floor never are: "안녕하세요" is not a leak.

The hash of a window is a difference of prefix sums of character codes times powers of an odd base, modulo 2^64
(Karp and Rabin, 1987): one pass whatever the length of the window.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.patterns import pattern
from schemas.columns import MESSAGES

Hashes = npt.NDArray[np.uint64]

#: Characters in an n-gram: letters and digits, no spaces. About five Korean words.
N = 13
#: Shortest prompt that can be seen, in the same characters.
FLOOR = 10
#: A question of this many characters is found by itself. A shorter one needs what is beside it: choices, a passage.
ENOUGH = 2 * N
#: An n-gram of more prompts than this is a phrase of the form ("다음 글을 읽고 물음에 답하시오") and shows nothing.
COMMON = 5
#: Places in the table of slots for each hash of the benchmarks, and the bits of the number of its places at most.
ROOM = 16
MOST_BITS = 26

_BASE = 0x9E3779B97F4A7C15
#: What lies between words, and the label of a choice behind it: (A), 1., 가), ②.
_NOISE = pattern(r"(?:^|[\W_①-⑮]+)(?:[a-e1-9가-마ㄱ-ㅁ][).:\]](?!\d)[\W_①-⑮]*)*+")


@dataclasses.dataclass(frozen=True)
class Benchmarks:
    """Prompts of evaluation sets, ready to be looked up."""

    #: Prompt number → name of the benchmark, origin of its row, and how many n-grams count.
    names: Sequence[str]
    origins: Sequence[str]
    sizes: npt.NDArray[np.int64]
    #: Sorted hashes, with the prompt of each.
    hashes: Hashes
    prompts: npt.NDArray[np.int64]
    #: Whole short prompts.
    whole: Mapping[str, int]
    #: Whether a hash with these leading bits is among the hashes: it answers "surely not" for nearly all of a text.
    slots: npt.NDArray[np.bool_]


def canonical(text: str) -> str:
    """Letters and digits alone, in lower case, without the labels of choices.

    >>> canonical("다음 글을 읽고, 답하시오. (A) 1.5배 ② 두 배")
    '다음글을읽고답하시오15배두배'
    """
    return _NOISE.sub("", text.lower())


def grams(texts: Sequence[str]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The hash of every window of N characters within a text, and the number of its text."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(codes) < N:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    # Unmixed codes are small and alike: their sums would collide.
    codes = (codes + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    codes ^= codes >> np.uint64(29)
    powers = np.full(len(codes) + 1, _BASE, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    inverses = np.full(len(codes) + 1, pow(_BASE, -1, 1 << 64), np.uint64)
    inverses[0] = 1
    inverses = np.multiply.accumulate(inverses)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers[:-1], out=sums[1:])
    hashes = (sums[N:] - sums[:-N]) * inverses[: len(codes) - N + 1]
    inside = owners[N - 1 :] == owners[: len(owners) - N + 1]
    return hashes[inside], owners[: len(inside)][inside]


def questions(row: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The user's messages before the instruction, each with its field: (history[0].content, text)."""
    return [
        (f"{column}[{place}].content", message["content"])
        for column in MESSAGES
        for place, message in enumerate(row.get(column) or ())
        if message and message["role"] == "user"
    ]


def telling(table: pa.Table) -> pa.Table:
    """The table without the input of each row whose instruction is long enough to be found by itself.

    So a question is found without its choices, too.
    """
    enough = [len(canonical(text or "")) >= ENOUGH for text in table["instruction"].to_pylist()]
    given = pc.if_else(pa.array(enough, pa.bool_()), "", table["input"])
    return table.set_column(table.schema.get_field_index("input"), table.schema.field("input"), given)


def benchmarks_of(tables: Mapping[str, pa.Table]) -> Benchmarks:
    """Benchmarks from tables as `ingest` gives them, by name. The prompt of a row is its instruction and input.

    What the user said before is a prompt too. Tables need `instruction`; origin, input and messages are optional.
    """
    names: list[str] = []
    origins: list[str] = []
    texts: list[str] = []
    for name, table in tables.items():
        for number, row in enumerate(table.to_pylist()):
            prompt = f"{row.get('instruction') or ''}\n{row.get('input') or ''}"
            for _, question in (("instruction", prompt), *questions(row)):
                text = canonical(question or "")
                if len(text) >= FLOOR:
                    names.append(name)
                    origins.append(row.get("origin") or f"row {number + 1}")
                    texts.append(text)
    hashes, owners = grams(texts)
    hashes, owners = without_common(*distinct(hashes, owners))
    sizes = np.bincount(owners, minlength=len(texts))
    whole = {text: number for number, text in enumerate(texts) if sizes[number] == 0 and len(text) < N}
    return Benchmarks(names, origins, sizes, hashes, owners, whole, slots_of(hashes))


def distinct(hashes: Hashes, owners: npt.NDArray[np.int64]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The different pairs of hash and owner, sorted."""
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    new = np.ones(len(hashes), bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    return hashes[new], owners[new]


def without_common(hashes: Hashes, owners: npt.NDArray[np.int64]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The sorted pairs without the hashes of n-grams that more than `COMMON` prompts have."""
    _, counts = np.unique(hashes, return_counts=True)
    telling = np.repeat(counts <= COMMON, counts)
    return hashes[telling], owners[telling]


def slots_of(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """A table of at least `ROOM` places for each hash, true at the places of the hashes."""
    slots = np.zeros(1 << min(max(len(hashes) * ROOM, 1).bit_length(), MOST_BITS), bool)
    slots[places_of(hashes, slots)] = True
    return slots


def places_of(hashes: Hashes, slots: npt.NDArray[np.bool_]) -> Hashes:
    """The place of each hash in the table: its leading bits."""
    return hashes >> np.uint64(64 - (len(slots).bit_length() - 1))


def overlaps(texts: Sequence[str], benchmarks: Benchmarks, least: float) -> list[tuple[int, int, float]]:
    """Per text the prompt it overlaps most, where that is at least `least`: (text, prompt, share of its n-grams)."""
    canon = [canonical(text) for text in texts]
    found = [(number, benchmarks.whole[text], 1.0) for number, text in enumerate(canon) if text in benchmarks.whole]
    hashes, owners = grams(canon)
    if not len(benchmarks.hashes) or not len(hashes):
        return found
    near = benchmarks.slots[places_of(hashes, benchmarks.slots)]
    hashes, owners = hashes[near], owners[near]
    left = np.searchsorted(benchmarks.hashes, hashes, "left")
    known = benchmarks.hashes[np.minimum(left, len(benchmarks.hashes) - 1)] == hashes
    hashes, owners, left = hashes[known], owners[known], left[known]
    right = np.searchsorted(benchmarks.hashes, hashes, "right")
    lengths = right - left
    places = np.repeat(left - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    # Once per (text, prompt, n-gram): what a text repeats counts once.
    triples = np.unique(np.stack([np.repeat(owners, lengths), places]), axis=1)
    pairs, counts = np.unique(np.stack([triples[0], benchmarks.prompts[triples[1]]]), axis=1, return_counts=True)
    shares = counts / benchmarks.sizes[pairs[1]]
    best: dict[int, tuple[int, float]] = {}
    for text, prompt, share in zip(pairs[0].tolist(), pairs[1].tolist(), shares.tolist(), strict=True):
        if share >= least and share > best.get(text, (0, 0.0))[1]:
            best[text] = (prompt, share)
    return found + [(text, prompt, share) for text, (prompt, share) in best.items()]
