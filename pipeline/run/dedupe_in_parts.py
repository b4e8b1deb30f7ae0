"""Decide on duplicates in parts, by any engine: the steps of `pipeline.stages.dedupe.parts`, one after the other.

What one step gives to the next is in files of a shared folder. The process that starts the run holds the decisions, and
where they fit the links between contexts, but no row and no fingerprint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.io.exchange import EachItem, Exchange, Sent, exchange
from pipeline.io.progress import note
from pipeline.stages.dedupe import components, parts, stars
from pipeline.stages.dedupe.components import Labels
from pipeline.stages.dedupe.parts import Rows, Span

Item = TypeVar("Item")


@dataclass(frozen=True)
class Steps:
    """Where the steps run, and where their files are. `parts`: the tasks of a step that begins with such files."""

    each: EachItem
    folder: Path
    parts: int
    #: Rows of a task that begins with rows.
    span: int = 1 << 20
    #: Links between contexts that one process brings together (of these it needs about 3 GB); of more, tasks do.
    most_links: int = 1 << 26

    def begin(self, name: str, work: Callable[[Item], Sent], items: Sequence[Item]) -> Exchange:
        """A step on these items."""
        return exchange(self.each, work, items, self.folder / name, self.parts)

    def go_on(self, name: str, work: Callable[[pa.Table], Sent], before: Exchange) -> Exchange:
        """A step on what another one gives, whose files are removed."""
        found = self.begin(name, OfPart(work, (before,)), range(self.parts))
        before.remove()
        return found

    def give(self, work: Callable[..., Any], *before: Exchange) -> list[Any]:
        """What each task gives of what other steps give, whose files are removed."""
        found = list(self.each(OfPart(work, before), range(self.parts)))
        for step in before:
            step.remove()
        return found


@dataclass(frozen=True)
class OfPart:
    """Work on the rows that earlier steps have for a task."""

    work: Callable[..., Any]
    before: tuple[Exchange, ...]

    def __call__(self, number: int) -> Any:
        return self.work(*(step.part(number) for step in self.before))


def decide_in_parts(all_: Rows, to: Steps) -> pa.Table:
    """The decisions on all rows, as `decide` gives them."""
    rows = len(all_.prints)
    spans = [Span(start, min(start + to.span, rows)) for start in range(0, max(rows, 1), to.span)]
    shared, counts = [], Counter[str]()
    if all_.job.options.shared_output != "keep":
        shared = to.give(partial(parts.shared_outputs, all_), to.begin("outputs", partial(parts.outputs, all_), spans))
    similar = _similar_contexts(all_, to, spans, counts)
    linked = [similar, *_continuations(all_, to, spans)]
    count = sum(step.rows for step in linked)
    few = count <= to.most_links
    note(f"{'dedupe':<11} {count:,} links between contexts, brought together {'here' if few else 'by tasks'}")
    labels = Labels((brought_together if few else brought_together_by_tasks)(linked, to))
    prints = to.begin("prints", partial(parts.rows_to_parts, all_, labels), spans)
    pairs = to.go_on("pairs", partial(parts.pairs_to_parts, labels), similar)
    decided = to.give(partial(parts.decide_part, all_), prints, pairs)
    largest = max(len(part.rows) for part in decided)
    note(f"{'dedupe':<11} in {to.parts:,} parts, the largest of {largest:,} rows")
    return parts.join(decided, rows, shared, counts)


def _similar_contexts(all_: Rows, to: Steps, spans: list[Span], counts: Counter[str]) -> Exchange:
    """Pairs of similar contexts (`parts.SIMILAR`). Adds how much was compared."""
    if all_.job.options.near == all_.job.options.near_prompt == "keep":
        return to.begin("similar", partial(parts.nothing, parts.SIMILAR), [None])
    contexts = to.begin("contexts", partial(parts.contexts, all_), spans)
    buckets = to.go_on("buckets", partial(parts.buckets, all_), contexts)
    candidates = to.go_on("candidates", partial(parts.candidates, all_), buckets)
    similar = to.go_on("similar", partial(parts.verified, all_), candidates)
    counts.update(candidates.counts + similar.counts)
    return similar


def _continuations(all_: Rows, to: Steps, spans: list[Span]) -> list[Exchange]:
    """Links between records and the conversations that continue them, where there are conversations."""
    if not sum(to.each(partial(parts.count_talks, all_), spans)):
        return []
    texts = to.begin("texts", partial(parts.answers_and_messages, all_), spans)
    known = np.sort(np.concatenate(to.give(parts.answers_in_talks, texts)))
    if not len(known):
        return []
    records = to.begin("records", partial(parts.records, all_, known), spans)
    return [to.go_on("continued", parts.links, records)]


def brought_together(linked: list[Exchange], to: Steps) -> Exchange:
    """The labels of the connected components, found here."""
    edges = pa.concat_tables([part.select(parts.LINK.names) for step in linked for part in step])
    found = components.labels(*(edges[name].to_numpy() for name in parts.LINK.names))
    return exchange(lambda work, items: map(work, items), lambda _: found, [None], to.folder / "labels", to.parts)


def brought_together_by_tasks(linked: list[Exchange], to: Steps) -> Exchange:
    """The same by rounds of tasks, until a round changes nothing."""
    every = [(step, number) for step in linked for number in range(step.parts)]
    edges, before, number = to.begin("edges", _both_ways, every), None, 0
    while True:
        stars_ = to.go_on(f"large-{number}", stars.large_star, edges)
        edges = to.begin(f"small-{number}", OfPart(stars.small_star, (stars_,)), range(to.parts))
        if edges.counts == before:
            edges.remove()
            return to.go_on("labels", stars.labels, stars_)
        stars_.remove()
        before, number = edges.counts, number + 1


def _both_ways(of: tuple[Exchange, int]) -> Sent:
    step, number = of
    return stars.both_ways(step.part(number))
