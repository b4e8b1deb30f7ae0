"""Personal data written by someone who had not seen the code, and how what a tool finds in it is counted.

The file stays as it was written. It uses names and addresses reserved for examples (RFC 2606, 5737, 3849) where
those of people are meant; `screen` leaves these alone by design, so `unreserved` puts others in their place.
"""

import collections
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tests.support.paths import CASES

#: Kind, start and end of what is in a text, or of what a tool found there.
Stretch = tuple[str, int, int]

KINDS = {"rrn": ("resident-number", "foreigner-number"), "bank-account": ("account",)}
RESERVED = (
    (r"(?i)\bexample(?=\.)", "exsample"),
    (r"(?<=\.)example\b", "kr"),
    (r"\b203\.0\.113\.", "203.252.33."),
    (r"\b198\.51\.100\.", "198.252.33."),
    (r"\b192\.0\.2\.", "192.252.33."),
    (r"\b2001:0?db8:", "2001:2b8:"),
)


class Case(NamedTuple):
    text: str
    items: Sequence[Stretch]


def read(change: Callable[[str], str] = str) -> list[Case]:
    """The cases, with `change` applied to the texts and to what is to be found in them."""
    path = CASES / "screen_pii_heldout.jsonl"
    cases = []
    for row in map(json.loads, filter(None, path.read_text("utf-8").split("\n"))):
        text, items, at = change(row["text"]), [], collections.Counter[str]()
        for item in row["pii"]:
            value = change(item["value"])
            start = text.index(value, at[value])
            at[value] = start + len(value)
            items.append((item["kind"], start, at[value]))
        cases.append(Case(text, items))
    return cases


def unreserved(text: str) -> str:
    for pattern, other in RESERVED:
        text = re.sub(pattern, other, text, flags=re.ASCII)
    return text


def compare(items: Iterable[Stretch], found: Iterable[Stretch]) -> tuple[list[str], list[str], list[str]]:
    """Kinds of what was found rightly, found wrongly, and missed. Right is a stretch of the kind that overlaps."""
    left = list(found)
    right, missed = [], []
    for kind, start, end in items:
        names = [f"pii-{name}" for name in KINDS.get(kind, (kind,))]
        hit = next((got for got in left if got[0] in names and got[1] < end and start < got[2]), None)
        if hit is None:
            missed.append(kind)
        else:
            left.remove(hit)
            right.append(kind)
    of = {f"pii-{name}": kind for kind, names in KINDS.items() for name in names}
    return right, [of.get(kind, kind.removeprefix("pii-")) for kind, _, _ in left], missed
