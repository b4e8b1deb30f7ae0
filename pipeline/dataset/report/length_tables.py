"""The tables of lengths: by source, by part, and what another max_length would cut."""

from typing import NamedTuple

from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.kept import MEASURED
from pipeline.dataset.report.lengths import Bar, Box

#: Bars of a histogram.
BARS = 48


class Distribution(NamedTuple):
    """Of a source (None: all others): the bars of its lengths, their quantiles, the sequences that are cut."""

    source: str | None
    bars: list[Bar]
    box: Box
    cut: int


def histograms(summary: Summary) -> list[Distribution]:
    """Whole sequences by source, on one axis."""
    whole = summary.lengths["whole"]
    boxes = {number: box for number in range(len(summary.sources) + 1) if (box := whole.box(number))}
    longest = max((box.quantiles[4] for box in boxes.values()), default=0)
    width = max(-(-max(longest * 5 // 4, summary.manifest.options.tokenize.max_length * 9 // 8) // BARS), 1)
    return [
        Distribution(
            summary.name_of(number), list(whole.of(number).bars(width, BARS)), box, _count(summary, "cut", number)
        )
        for number, box in boxes.items()
    ]


def _count(summary: Summary, kind: str, number: int) -> int:
    box = summary.lengths[kind].box(number)
    return box.number if box else 0


class Part(NamedTuple):
    """A part of a row: its lengths in all sources, and in each."""

    name: str
    unit: str
    box: Box
    by_source: list[tuple[str | None, Box]]


def parts(summary: Summary) -> list[Part]:
    """Lengths in tokens of what is given, learned and cut; in characters of the texts."""
    units = {"whole": "tokens", "given": "tokens", "learned": "tokens", "cut": "tokens"}
    found = []
    for name in (*units, *MEASURED):
        lengths = summary.lengths[name]
        if box := lengths.box():
            numbers = range(len(summary.sources) + 1)
            by_source = [(summary.name_of(number), each) for number in numbers if (each := lengths.box(number))]
            found.append(Part(name, units.get(name, "characters"), box, by_source))
    return found


def limits(summary: Summary) -> list[tuple[int, int, int]]:
    """For max_length as it is, and others: the sequences and the tokens that it cuts."""
    now, box, above = summary.manifest.options.tokenize.max_length, summary.lengths["whole"].box(), summary.above
    if box is None:
        return []
    found = zip(above.limits.tolist(), above.number.tolist(), above.over.tolist(), strict=True)
    return [each for each in found if each[0] == now or now // 8 <= each[0] <= max(box.longest * 2, now)]
