"""The phrases of the instructions, counted: openings, endings, forms, and verbs with their objects."""

from collections import Counter
from typing import NamedTuple

from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.phrases import NOUN, STATEMENT, ending, opening, request_of

#: Lines of a table, verbs of the wheel, objects of a verb.
MOST, VERBS, OBJECTS = 12, 8, 6

Counted = list[tuple[str, int]]


class Phrases(NamedTuple):
    """What is counted in the `different` instructions of `rows` rows. `verbs`: each with its count and its objects."""

    rows: int
    different: int
    openings: Counted
    endings: Counted
    forms: Counted
    verbs: list[tuple[str, int, Counted]]
    requests: int


def phrases_of(summary: Summary) -> Phrases | None:
    """The phrases of the sampled rows; None where there are none."""
    every = [row["instruction"] for rows in summary.texts.values() for row in rows if row["instruction"]]
    instructions = list(dict.fromkeys(every))
    if not instructions:
        return None
    requests = [request_of(text) for text in instructions]
    asked = [request for request in requests if request.form not in (NOUN, STATEMENT) and len(request.verb) > 1]
    return Phrases(
        rows=len(every),
        different=len(instructions),
        openings=most(Counter(filter(None, map(opening, instructions))), MOST),
        endings=most(Counter(filter(None, map(ending, instructions))), MOST),
        forms=most(Counter(request.form for request in requests), MOST),
        verbs=_verbs(Counter((request.verb, request.object) for request in asked)),
        requests=len(asked),
    )


def most(counted: Counter[str], count: int) -> Counted:
    """The most frequent ones, in an order that is always the same."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:count]


def _verbs(pairs: Counter[tuple[str, str]]) -> list[tuple[str, int, Counted]]:
    verbs: Counter[str] = Counter()
    objects: dict[str, Counter[str]] = {}
    for (verb, noun), count in pairs.items():
        verbs[verb] += count
        if noun:
            objects.setdefault(verb, Counter())[noun] += count
    return [(verb, count, most(objects.get(verb, Counter()), OBJECTS)) for verb, count in most(verbs, VERBS)]
