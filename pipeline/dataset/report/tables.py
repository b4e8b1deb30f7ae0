"""The tables of the report, from the manifest and the summary: plain values that the template writes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from pipeline.dataset.report.differences import around_the_change, marked
from pipeline.dataset.report.duplicates import Pair, example_of
from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.rows import TEXT, short
from pipeline.dataset.report.sample import Key, Row
from schemas.columns import STAGES
from schemas.manifest import Manifest, Rejected

#: Texts in which a change is looked for.
CHANGED = ("instruction", "input", "output", "reasoning", "system")
#: Sources that are listed one by one.
LISTED = 50


class Step(NamedTuple):
    """A stage: rows that it rejects, and rows that remain after it."""

    stage: str
    rejected: int
    remain: int


def funnel(manifest: Manifest) -> list[Step]:
    """The stages in their order. Repeats of a mixture come in at `mix`."""
    remain, steps = manifest.counts.rows_in, []
    for stage in STAGES:
        rejected = sum(each.rows for each in manifest.counts.rejected if each.stage == stage)
        remain += (manifest.counts.repeated if stage == "mix" else 0) - rejected
        steps.append(Step(stage, rejected, remain))
    return steps


class OfSource(NamedTuple):
    """Rows of a source: kept, and rejected by stage. "": all other sources."""

    name: str
    kept: int
    rejected: dict[str, int]
    others: int = 0

    @property
    def rows(self) -> int:
        return self.kept + sum(self.rejected.values())


def sources(manifest: Manifest) -> list[OfSource]:
    """The sources, the largest first."""
    rejected: dict[str, Counter[str]] = {}
    for each in manifest.counts.rejected:
        rejected.setdefault(each.source, Counter())[each.stage] += each.rows
    names = {*manifest.counts.sources, *rejected}
    every = [OfSource(name, manifest.counts.sources.get(name, 0), rejected.get(name, Counter())) for name in names]
    every.sort(key=lambda source: (-source.rows, source.name))
    if rest := every[LISTED:]:
        by_stage: Counter[str] = Counter()
        for source in rest:
            by_stage.update(source.rejected)
        every = [*every[:LISTED], OfSource("", sum(source.kept for source in rest), by_stage, len(rest))]
    return every


class Reason(NamedTuple):
    stage: str
    reason: str
    rows: int
    sources: list[Rejected]
    others: int


def reasons(manifest: Manifest) -> list[Reason]:
    """Reasons in the order of the stages, the most frequent first, each with its sources."""
    groups: dict[tuple[str, str], list[Rejected]] = {}
    for each in manifest.counts.rejected:
        groups.setdefault((each.stage, each.reason), []).append(each)
    found = []
    for (stage, reason), parts in groups.items():
        parts.sort(key=lambda part: (-part.rows, part.source))
        found.append(Reason(stage, reason, sum(part.rows for part in parts), parts[:6], len(parts[6:])))
    return sorted(found, key=lambda each: (STAGES.index(each.stage), -each.rows, each.reason))


class Learned(NamedTuple):
    """A source (None: all others): rows, tokens and learned tokens, and its shares asked and got."""

    source: str | None
    rows: int
    tokens: int
    learned: int
    asked: float | None = None
    got: float | None = None


def learned(summary: Summary) -> list[Learned]:
    """What each source gives to learn: as the manifest counts it for a mixture, else as counted here."""
    if mixture := summary.manifest.mixture:
        every = sorted(mixture.sources, key=lambda share: (-share.learned_tokens, share.source))[:LISTED]
        return [Learned(s.source, s.rows, s.tokens, s.learned_tokens, s.asked, s.got) for s in every]
    counted, total = summary.manifest.counts.sources, summary.manifest.counts.kept
    listed = sum(counted[name] for name in summary.sources)
    found = []
    for number in range(len(summary.sources) + 1):
        name = summary.name_of(number)
        given, of_answers = (int(summary.lengths[kind].sums[number]) for kind in ("given", "learned"))
        rows = counted[name] if name is not None else total - listed
        if rows:
            found.append(Learned(name, rows, given + of_answers, of_answers))
    return found


def kinds(summary: Summary) -> list[tuple[str, int]]:
    """What rows have besides a question and its answer, the most frequent first."""
    return sorted(
        ((name, rows) for name, rows in summary.kinds.items() if name != "cut"), key=lambda kind: (-kind[1], kind[0])
    )


def differences(summary: Summary, samples: bool) -> list[tuple[str, int, str]]:
    """Kinds of differences, how often, and an example."""
    found = []
    for kind, count in sorted(summary.differences.items(), key=lambda item: (-item[1], item[0]))[:40]:
        rows = [summary.rejected.row(number) for number in summary.rejected.of(Key("difference", kind))]
        example = next(filter(None, (example_of(kind, row) for row in rows)), "") if samples else ""
        found.append((kind, count, short(example)))
    return found


class ShownPair(NamedTuple):
    similarity: float
    kept: str
    rejected: str
    texts: list[tuple[str, Markup, Markup]]


def doubtful_pairs(pairs: list[Pair]) -> list[ShownPair]:
    """Pairs side by side, with the words marked that differ."""
    return [
        ShownPair(pair.similarity, short(pair.kept["origin"]), short(pair.rejected["origin"]), list(_sides(pair)))
        for pair in pairs
    ]


def _sides(pair: Pair) -> Iterator[tuple[str, Markup, Markup]]:
    for name in ("instruction", "input", "output"):
        kept, rejected = (short(row[name] or "", 2 * TEXT) for row in (pair.kept, pair.rejected))
        if kept or rejected:
            yield (name, *marked(kept, rejected))


def changes(summary: Summary, before: Mapping[str, Row]) -> dict[str, list[tuple[Markup, Markup]]]:
    """For each fix texts of sampled rows before and after it, with the words marked that differ: up to two."""
    found: dict[str, list[tuple[Markup, Markup]]] = {}
    for key in summary.kept.every_key():
        if key.facet == "fix":
            rows = [summary.kept.row(number) for number in summary.kept.of(key)]
            pairs = [(before[row["origin"]], row) for row in rows if row["origin"] in before]
            texts = [(old.get(name) or "", new.get(name) or "") for old, new in pairs for name in CHANGED]
            found[key.value] = [marked(*around_the_change(old, new)) for old, new in texts if old != new][:2]
    return found


def examples(summary: Summary) -> dict[str, list[str]]:
    """For each flag what the evidence of sampled rows says: up to three sentences."""
    found: dict[str, list[str]] = {}
    for key in summary.kept.every_key():
        if key.facet == "flag":
            rows = (summary.kept.row(number) for number in summary.kept.of(key))
            details = dict.fromkeys(detail for row in rows for detail in _details(row, key.value))
            found[key.value] = [short(detail) for detail in details][:3]
    return found


def _details(row: Row, flag: str) -> list[str]:
    evidence: list[dict[str, Any]] = row.get("evidence") or []
    return [str(each["detail"]) for each in evidence if each["flag"] == flag and each["detail"]]
