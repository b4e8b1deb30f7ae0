"""Align two lists of words: the places where they differ, and how the words at such a place belong together."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from pipeline.stages.dedupe.differences.words_of_text import Word

#: Words of one text that may belong to one unit: "알려 주실 수 있나요" is one predicate.
LONGEST = 5
#: Words at one place that are still taken apart; more have nothing in common, or are another text.
MOST = 16

#: Lists of more words are compared in linear time: `SequenceMatcher` takes far more where words repeat.
LONG = 300
#: How many words of each list a difference may take, the fewest first.
_STEPS = sorted(itertools.product(range(MOST + 1), repeat=2), key=lambda step: (sum(step), step))


class Block(NamedTuple):
    """A place where two lists of words differ: from where to where in each."""

    start: int
    end: int
    other_start: int
    other_end: int


def blocks(one: Sequence[Word], other: Sequence[Word]) -> list[Block]:
    """The places where the words differ, in order.

    >>> words = [[Word("Hangul", word, " ", "") for word in text.split()] for text in ("가 나 다", "가 라 다 마")]
    >>> [tuple(block) for block in blocks(*words)]
    [(1, 2, 1, 2), (3, 3, 3, 4)]
    """
    mine, yours = [token.text for token in one], [token.text for token in other]
    start = _alike(mine, yours)
    end = _alike(mine[: start - len(mine) - 1 : -1], yours[: start - len(yours) - 1 : -1])
    mine, yours = mine[start : len(mine) - end], yours[start : len(yours) - end]
    if min(len(mine), len(yours)) == 0 or len(mine) == len(yours) == 1:
        found = [(0, len(mine), 0, len(yours))] if mine or yours else []
    elif set(mine).isdisjoint(yours):
        found = [(0, len(mine), 0, len(yours))]
    elif min(len(mine), len(yours)) > LONG:
        found = _nearest_blocks(mine, yours)
    else:
        codes = SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes()
        found = [code[1:] for code in codes if code[0] != "equal"]
    return [Block(*(place + start for place in places)) for places in found]


def _nearest_blocks(mine: Sequence[str], yours: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """The places where long lists differ: each ends at the nearest two words that both have next. In linear time, since
    no place is longer than what is taken apart, but for the last one.

    >>> _nearest_blocks("가 나 다 라 마 바".split(), "가 하 다 라 좀 마 바".split())
    [(1, 2, 1, 2), (4, 4, 4, 5)]
    >>> _nearest_blocks(["가", "나"], ["가", "다", "라"]), _nearest_blocks(["가"] * 20, ["나"] * 20)
    ([(1, 2, 1, 3)], [(0, 20, 0, 20)])
    """
    found: list[tuple[int, int, int, int]] = []
    at = other_at = 0
    while at < len(mine) and other_at < len(yours):
        if mine[at] == yours[other_at]:
            at, other_at = at + 1, other_at + 1
            continue
        end, other_end = next(
            (
                (at + some, other_at + others)
                for some, others in _STEPS
                if mine[at + some : at + some + 2] == yours[other_at + others : other_at + others + 2]
                and at + some <= len(mine)
                and other_at + others <= len(yours)
            ),
            (len(mine), len(yours)),
        )
        found.append((at, end, other_at, other_end))
        at, other_at = end, other_end
    if at < len(mine) or other_at < len(yours):
        found.append((at, len(mine), other_at, len(yours)))
    return found


def _alike(mine: Sequence[str], yours: Sequence[str]) -> int:
    """How many words two lists begin with alike.

    >>> _alike(["가", "나", "다"], ["가", "나"]), _alike([], ["가"]), _alike(["가"], ["나"])
    (2, 0, 0)
    """
    count = 0
    for word, other in zip(mine, yours, strict=False):
        if word != other:
            break
        count += 1
    return count


Units = list[tuple[int, int, int, int]]
#: Units, or None: the words cannot be so cut.
Cut = tuple[tuple[int, int, int, int], ...] | None


def units(
    count: int,
    other_count: int,
    are_alike: Callable[[int, int, int, int], bool],
    may_begin: Callable[[int, int], bool],
) -> Units | None:
    """The words of a place cut into the fewest units, in order, that are all alike; None if they cannot be so cut.

    `are_alike(start, end, other_start, other_end)`: whether words of the one text and words of the other are a unit.
    `may_begin(start, other_start)`: whether a unit of words of both texts may begin there.

    >>> one, other = ["법을", "설명해", "주세요"], ["법", "설명해줘"]
    >>> begin = lambda a, c: one[a][0] == other[c][0]
    >>> units(3, 2, lambda a, b, c, d: a < b and c < d and begin(a, c), begin)
    [(0, 1, 0, 1), (1, 3, 1, 2)]
    """
    if max(count, other_count) > MOST:
        return None
    if count == other_count == 1:
        return [(0, 1, 0, 1)] if are_alike(0, 1, 0, 1) else None
    if count == 0 or other_count == 0:
        added: Units = []
        for at in range(count or other_count):
            added.append((at, at + 1, 0, 0) if count else (0, 0, at, at + 1))
            if not are_alike(*added[-1]):
                return None
        return added

    found = _cut_from(0, 0, count, other_count, are_alike, may_begin, {(count, other_count): ()})
    return None if found is None else list(found)


def between_common_ends(mine: Sequence[str], yours: Sequence[str]) -> Units:
    """Of words with the same letters in another spacing: the units that end where words of both texts end.

    >>> between_common_ends(["가", "나", "다"], ["가나", "다"])
    [(0, 2, 0, 1), (2, 3, 1, 2)]
    """
    ends, others = (list(itertools.accumulate(map(len, words))) for words in (mine, yours))
    at = {end: number for number, end in enumerate(ends, 1)}
    other_at = {end: number for number, end in enumerate(others, 1)}
    both = [(at[end], other_at[end]) for end in ends if end in other_at]
    return [(a, b, c, d) for (a, c), (b, d) in itertools.pairwise([(0, 0), *both])]


def _cut_from(
    at: int,
    other_at: int,
    count: int,
    other_count: int,
    are_alike: Callable[[int, int, int, int], bool],
    may_begin: Callable[[int, int], bool],
    known: dict[tuple[int, int], Cut],
) -> Cut:
    """The words from two places on, cut. What is found is added to `known`."""
    if (at, other_at) in known:
        return known[at, other_at]
    found: Cut = None
    for end, other_end in _ends_of_units(at, other_at, count, other_count, may_begin):
        following = (end, other_end, count, other_count, are_alike, may_begin, known)
        # Where one text has no words left, what the other adds is looked at first: that is quicker.
        if (end == count or other_end == other_count) and _cut_from(*following) is None:
            continue
        if are_alike(at, end, other_at, other_end) and (rest := _cut_from(*following)) is not None:
            found = ((at, end, other_at, other_end), *rest)
            break
    known[at, other_at] = found
    return found


def _ends_of_units(
    at: int, other_at: int, count: int, other_count: int, may_begin: Callable[[int, int], bool]
) -> Iterator[tuple[int, int]]:
    """Where a unit of words from two places on may end in each text: a word that is added, or words of both."""
    if other_at < other_count:
        yield at, other_at + 1
    if at < count:
        yield at + 1, other_at
    if at == count or other_at == other_count or not may_begin(at, other_at):
        return
    mine, yours = min(LONGEST, count - at), min(LONGEST, other_count - other_at)
    for size in range(2, mine + yours + 1):
        for some in range(max(1, size - yours), min(size - 1, mine) + 1):
            yield at + some, other_at + size - some
