"""The records that came, went or changed, in groups of one source and one reason."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.dataset.diff.join import Joined, Numbers
from pipeline.dataset.diff.records import IDS, PARTS, Group, Records
from schemas.difference import Kind

#: Why a record came or went that the other dataset does not have at all.
NOT_THERE = {"came": "is not in the old dataset", "went": "is not in the new dataset"}
REJECTED = {"came": "was rejected by", "went": "is rejected by"}
#: In place of the number of a record, where a dataset does not have it.
NONE = -1


class Found(NamedTuple):
    """Records of one kind with one reason: their numbers in both datasets, or NONE."""

    kind: Kind
    source: str
    why: str
    old: Numbers
    new: Numbers


def find(old: Records, new: Records, joined: Joined, groups: Sequence[Group], with_ids: bool) -> Iterator[Found]:
    """Every group, the largest first within a kind. A record that changed in two ways is in two groups.

    `groups`: by their places in Records. `with_ids`: token ids are compared, too.
    """
    was, now = old.kept[joined.old], new.kept[joined.new]
    came, went, both = ~was & now, was & ~now, was & now
    left, right = joined.old, joined.new
    yield from _by_reason("came", old.group[left[came]], left[came], right[came], groups)
    alone = joined.new_alone[new.kept[joined.new_alone]]
    yield from _by_reason("came", new.group[alone], np.full_like(alone, NONE), alone, groups)
    yield from _by_reason("went", new.group[right[went]], left[went], right[went], groups)
    alone = joined.old_alone[old.kept[joined.old_alone]]
    yield from _by_reason("went", old.group[alone], alone, np.full_like(alone, NONE), groups)
    left, right = left[both], right[both]
    for place, part in enumerate(PARTS):
        if place != IDS or with_ids:
            other = old.parts[left, place] != new.parts[right, place]
            yield from _by_source(part, new.group[right[other]], left[other], right[other], groups)


def _by_reason(
    kind: Kind, of: npt.NDArray[np.int32], old: Numbers, new: Numbers, groups: Sequence[Group]
) -> Iterator[Found]:
    """`of`: the group of each record, on the side where it is rejected or alone."""
    for number, _ in Counter(of.tolist()).most_common():
        source, stage, reason = groups[number]
        why = f"{REJECTED[kind]} {stage}: {reason}" if stage else NOT_THERE[kind]
        yield Found(kind, source, why, old[of == number], new[of == number])


def _by_source(
    part: str, of: npt.NDArray[np.int32], old: Numbers, new: Numbers, groups: Sequence[Group]
) -> Iterator[Found]:
    for number, _ in Counter(of.tolist()).most_common():
        yield Found("changed", groups[number][0], part, old[of == number], new[of == number])


def numbers_of(found: Sequence[Found], kind: Kind) -> Numbers:
    """The numbers of all records of a kind, each once: in the dataset that keeps them."""
    numbers = [one.old if kind == "went" else one.new for one in found if one.kind == kind]
    return np.unique(np.concatenate([np.empty(0, np.int64), *numbers]))
