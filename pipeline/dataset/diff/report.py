"""A difference between two datasets as people read it on a terminal."""

from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.dataset.diff.examples import KINDS, SHOWN
from pipeline.io.highlight import clipped, highlighted
from pipeline.io.terminal_text import visible
from schemas.difference import Difference, Example, Kind, Setting

#: Characters of a text, and of a value, that are shown.
TEXT, VALUE = 160, 70
LINE_END = "\n"
HEADINGS: dict[Kind, str] = {"came": "came", "went": "went", "changed": "changed"}


def report(found: Difference, colour: bool) -> str:
    """Counts, reasons, settings and examples."""
    lines = [f"{found.old} → {found.new}", *_counts(found), *_reasons(found), *_settings(found)]
    lines += [f"note: {note}" for note in found.notes]
    if not found.differs:
        lines.append("no difference")
    text = visible("\n".join(lines))
    return "\n".join([text, *(_example(one, colour) for one in found.examples)])


def _counts(found: Difference) -> Iterator[str]:
    rejected = ["?" if count is None else f"{count:,}" for count in found.rejected]
    yield f"records kept: {found.kept[0]:,} → {found.kept[1]:,}; rejected: {rejected[0]} → {rejected[1]}"
    totals = ", ".join(f"{found.totals[kind]:,} {HEADINGS[kind]}" for kind in KINDS)
    moved = f" ({found.moved:,} kept records have another place in the raw files)" if found.moved else ""
    yield f"{totals}, {found.same:,} the same{moved}"
    if found.rejects and any(found.rejects):
        came, went, other = found.rejects
        yield f"rejected records: {came:,} are new, {went:,} are gone, {other:,} have another reason"


def _reasons(found: Difference) -> Iterator[str]:
    for kind in KINDS:
        of_kind = [one for one in found.rows if one.kind == kind]
        if of_kind:
            yield f"\n{HEADINGS[kind]}:"
        width = max((len(f"{one.rows:,}") for one in of_kind), default=0)
        yield from (f"  {one.rows:>{width},}  {one.source}: {one.why}" for one in of_kind)


def _settings(found: Difference) -> Iterator[str]:
    if found.settings:
        yield "\nmade with other settings:"
    for one in found.settings:
        yield f"  {one.name}: {_change(one)}"


def _change(one: Setting) -> str:
    """Both values; of a whole section, or a raw file with its sha256, words say enough."""
    if one.name.startswith("raw.") or isinstance(one.old or one.new, dict):
        return "is new" if one.old is None else "is gone" if one.new is None else "changed"
    return f"{_value(one.old)} → {_value(one.new)}"


def _value(value: Any) -> str:
    return "none" if value is None else visible(clipped(orjson.dumps(value).decode(), VALUE))


def _example(example: Example, colour: bool) -> str:
    old, new = example.old, example.new
    side = (old if example.kind == "went" else new) or {}
    places = dict.fromkeys(str(side["origin"] or "?") for side in (old, new) if side)
    lines = [visible(f"\n# {HEADINGS[example.kind]}: {' → '.join(places)}, {clipped(example.why, TEXT)}")]
    for name, value in side.items():
        if name == "origin":
            continue
        if example.kind == "changed" and old:
            lines.append(f"{name}: {_changed(name, old[name], value, colour)}")
        elif value:
            lines.append(f"{name}: {visible(clipped(_text(value).replace(LINE_END, '⏎'), TEXT))}")
    return "\n".join(lines)


def _changed(name: str, old: Any, new: Any, colour: bool) -> str:
    """A text with what changed in it; both values of a number, a name or a list of names."""
    return highlighted(_text(old), _text(new), colour) if name in (*SHOWN, "meta") else f"{_value(old)} → {_value(new)}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
