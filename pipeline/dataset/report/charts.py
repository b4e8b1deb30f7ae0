"""Charts as inline SVG, from plain functions. Colours are classes, so that the style decides them.

A bar or box stands in a cell of a table beside its number, stretches to the width of the cell and is hidden from
screen readers: the number says the same.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from markupsafe import Markup, escape

from pipeline.dataset.report.lengths import Bar, Box

#: Classes of colours in the style: s1 … s8.
COLOURS = 8


def colour(number: int) -> str:
    """The class of the colour of a series; all after the last have the same."""
    return f"s{min(number, COLOURS - 1) + 1}"


def _round(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def stretched(content: Markup, kind: str, height: int = 10) -> Markup:
    """An SVG of 100 by `height` units that stretches to its place."""
    plain = 'preserveAspectRatio="none" aria-hidden="true" focusable="false"'
    return Markup(f'<svg class="{escape(kind)}" viewBox="0 0 100 {height}" {plain}>{escape(content)}</svg>')


def rect(kind: str, x: float, width: float, y: float = 0, height: float = 10, title: str = "") -> Markup:
    hover = f"<title>{escape(title)}</title>" if title else ""
    place = f'x="{_round(x)}" y="{_round(y)}" width="{_round(width)}" height="{_round(height)}"'
    return Markup(f'<rect class="{escape(kind)}" {place}>{hover}</rect>')


def bar(value: float, most: float, kind: str = "s1") -> Markup:
    """A bar of the share of `value` in `most`; what is not 0 can be seen."""
    width = max(100 * value / most, 0.5) if value and most else 0
    return stretched(rect(kind, 0, width), "bar")


def stack(values: Sequence[tuple[str, float, str]], most: float) -> Markup:
    """Parts of a bar, one after another: class, value and title of each."""
    ends = [0.0, *accumulate(value for _, value, _ in values)]
    parts = zip(values, pairwise(ends), strict=True)
    found = [
        rect(kind, 100 * start / most, 100 * (end - start) / most, title=title)
        for (kind, _, title), (start, end) in parts
        if end > start and most
    ]
    return stretched(Markup("").join(found), "bar")


def histogram(bars: Sequence[Bar], limit: int | None, kind: str = "s1") -> Markup:
    """Bars over a common axis. What is beyond `limit` has another colour, and a line marks it."""
    most = max((each.number for each in bars), default=0)
    end = bars[-1].high
    found = []
    for each in bars:
        if each.number:
            height = max(100 * each.number / most, 1.5)
            over = limit is not None and each.low >= limit
            title = f"{each.low:,}–{each.high - 1:,}: {each.number:,}"
            width = 100 * (each.high - each.low) / end
            found.append(
                rect("over" if over else kind, 100 * each.low / end, width * 0.94, 100 - height, height, title)
            )
    if limit is not None and limit <= end:
        x = _round(100 * limit / end)
        found.append(Markup('<line class="limit" x1="{0}" x2="{0}" y1="0" y2="100"/>').format(x))
    return stretched(Markup("").join(found), "histogram", 100)


def box_plot(box: Box, most: int, kind: str = "s1") -> Markup:
    """From 5 to 95 % a line, from 25 to 75 % a box, and the median in it. `most`: the end of the axis."""
    low, first, middle, third, high = (100 * value / (most or 1) for value in box.quantiles)
    line = Markup('<line class="whisker" x1="{}" x2="{}" y1="5" y2="5"/>').format(_round(low), _round(high))
    median = Markup('<line class="median" x1="{0}" x2="{0}" y1="0" y2="10"/>').format(_round(middle))
    return stretched(line + rect(kind, first, max(third - first, 0.4)) + median, "box")


def _on_circle(share: float, radius: float) -> str:
    """A point on a circle around (300, 300), by the share of a turn from the top."""
    angle = 2 * math.pi * share
    return f"{_round(300 + radius * math.sin(angle))} {_round(300 - radius * math.cos(angle))}"


def ring(kind: str, start: float, end: float, radii: tuple[int, int], title: str) -> Markup:
    """A part of a ring, from one share of a turn to another."""
    inner, outer = radii
    end = min(end, start + 0.99999)
    large = int(end - start > 0.5)
    path = (
        f"M{_on_circle(start, outer)}A{outer} {outer} 0 {large} 1 {_on_circle(end, outer)}"
        f"L{_on_circle(end, inner)}A{inner} {inner} 0 {large} 0 {_on_circle(start, inner)}Z"
    )
    return Markup('<path class="{}" d="{}"><title>{}</title></path>').format(kind, path, title)


def label(text: str, start: float, end: float, radii: tuple[int, int]) -> Markup:
    """A text along the radius of a part of a ring, where it has the room."""
    middle, (inner, outer) = (start + end) / 2, radii
    size, room = 17, outer - inner - 10
    if 2 * math.pi * (end - start) * inner < size:
        return Markup("")
    longest = max(room // size, 1)
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    x, y = _on_circle(middle, (inner + outer) / 2).split()
    turn = _round(360 * middle - (90 if middle < 0.5 else 270))
    return Markup('<text x="{0}" y="{1}" transform="rotate({2} {0} {1})" dy="6">{3}</text>').format(x, y, turn, text)


def wheel(groups: Iterable[tuple[str, int, Sequence[tuple[str, int]]]]) -> Markup:
    """Two rings: a group and its count inside, its parts with their counts outside."""
    groups = list(groups)
    total = sum(count for _, count, _ in groups) or 1
    found, start = [], 0.0
    for number, (name, count, parts) in enumerate(groups):
        end, kind = start + count / total, colour(number)
        found += [ring(kind, start, end, (90, 190), f"{name}: {count:,}"), label(name, start, end, (90, 190))]
        found.append(ring(f"{kind} rest", start, end, (192, 296), f"{name}: {count:,}"))
        inside = start
        for part, of_part in parts:
            after = inside + of_part / total
            found += [ring(f"{kind} outer", inside, after, (192, 296), f"{part} {name}: {of_part:,}")]
            found += [label(part, inside, after, (192, 296))]
            inside = after
        start = end
    return Markup('<svg class="wheel" viewBox="0 0 600 600" aria-hidden="true" focusable="false">{}</svg>').format(
        Markup("").join(found)
    )
