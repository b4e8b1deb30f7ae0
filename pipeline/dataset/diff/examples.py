"""Examples of the records that came, went or changed: their texts, read in a second pass over both datasets."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset.diff.found import Found
from pipeline.dataset.diff.rows import records_at
from pipeline.dataset.hidden import Hide, hidden
from schemas.columns import MESSAGES, TEXTS
from schemas.difference import Example, Kind

#: What an example shows of a record that came or went; of a changed one what differs of these, and of OTHERS.
SHOWN = ("tools", *MESSAGES, *TEXTS, "tool_calls", "label", "learn")
OTHERS = ("meta", "published_split", "fixes", "flags", "split", "n_tokens")
#: A record: its numbers in the old and in the new dataset.
Place = tuple[int, int]
KINDS: tuple[Kind, ...] = ("came", "went", "changed")


def examples(old: Path, new: Path, found: Sequence[Found], count: int, hide: Hide) -> list[Example]:
    """Up to `count` examples of each kind, with their texts hidden."""
    chosen = [one for kind in KINDS for one in _chosen(found, kind, count)]
    numbers = np.array([place for _, place in chosen], np.int64).reshape(-1, 2)
    olds, news = (records_at(path, side[side >= 0]) for path, side in zip((old, new), numbers.T, strict=True))
    shown = (_example(one, olds.get(place[0]), news.get(place[1])) for one, place in chosen)
    return [_hidden(one, hide) for one in shown]


def _chosen(found: Sequence[Found], kind: Kind, count: int) -> Iterator[tuple[Found, Place]]:
    """One of each group in turn, so that every reason has examples; no record twice."""
    groups = [_first(one, count) for one in found if one.kind == kind]
    in_turn = chain.from_iterable(zip_longest(*groups))
    places: dict[Place, Found] = {}
    for item in filter(None, in_turn):
        places.setdefault(item[1], item[0])
    return ((one, place) for place, one in islice(places.items(), count))


def _first(one: Found, count: int) -> list[tuple[Found, Place]]:
    return [(one, place) for place in zip(one.old[:count].tolist(), one.new[:count].tolist(), strict=True)]


def _example(found: Found, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Example:
    if found.kind == "changed" and old and new:
        names = [name for name in (*SHOWN, *OTHERS) if old.get(name) != new.get(name)]
        return Example(kind="changed", why=found.why, old=_of(old, names), new=_of(new, names))
    detail = next((side["reject_detail"] for side in (old, new) if side and side.get("reject_detail")), None)
    why = f"{found.why}: {detail}" if detail else found.why
    names = [name for name in SHOWN if any(side and side.get(name) for side in (old, new))]
    return Example(kind=found.kind, why=why, old=_of(old, names), new=_of(new, names))


def _of(row: dict[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return row and {name: row.get(name) for name in ("origin", *names)}


def _hidden(example: Example, hide: Hide) -> Example:
    """The origin stays: it names the record."""
    old, new = (side and hidden(side, hide) | {"origin": side["origin"]} for side in (example.old, example.new))
    return Example(kind=example.kind, why=hide(example.why), old=old, new=new)
