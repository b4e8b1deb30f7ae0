"""The way of a record as people read it on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipeline.dataset.hidden import Hide, hidden, masked
from pipeline.dataset.show import TRAINED, Shown, as_tokens, in_brackets, in_colour, pieces_of
from pipeline.dataset.show_texts import as_messages, has_texts
from pipeline.dataset.shown_rows import ShowError
from pipeline.dataset.whereabouts import Whereabouts
from pipeline.io.highlight import clipped, highlighted
from pipeline.io.terminal_text import visible
from pipeline.run.explain import CHANGING, Explanation, Step, as_text, evidence_of
from schemas.errors import TableError
from schemas.reasons import FLAGS

Row = dict[str, Any]
#: Characters of a record that are shown, and the columns of a duplicate.
RECORD = 2000
OTHER = ("system", "history", "instruction", "input", "output", "rejected")


def report(found: Explanation, colour: bool, hide: Hide = masked) -> str:
    """Everything about a record. `hide`: what is done to each text of the data before it is shown."""
    lines: list[str] = []
    if found.origin:
        lines += [visible(f"# {found.origin}, source {found.row['source']}"), ""]
        if found.raw is not None:
            lines += ["raw record:", visible(clipped(hide(found.raw), RECORD)), ""]
        lines += ["row:", _row(found.row, hide), ""]
    rejected = False
    for step in found.steps:
        reached = not rejected or bool(step.changes or step.fixes or step.flags)
        lines += _step(step, colour, hide) if reached else [f"{step.name}: not reached"]
        rejected = bool(step.rejected) or (rejected and not (reached and step.name == "verdicts"))  # brought back
    lines += _tokens(found, colour, hide)
    if found.origin:
        lines += _dataset(found, colour, hide)
    return "\n".join(lines)


def _row(row: Row, hide: Hide) -> str:
    if not has_texts(row):
        return "  no texts were read from it"
    try:
        return "\n".join(as_messages({name: hidden(value, hide) for name, value in row.items()}).split("\n")[1:-1])
    except (TableError, ShowError, ValueError, KeyError) as error:
        return visible(f"  cannot be shown as messages: {error}")


def _step(step: Step, colour: bool, hide: Hide) -> Iterator[str]:
    nothing = not (step.changes or step.fixes or step.flags or step.rejected)
    yield f"{step.name}: {'no change' if nothing else ', '.join(step.fixes)}".rstrip(": ")
    for change in step.changes:
        new = hide(change.new)
        # What screen changes it masks: the old text is shown with --raw alone, also where `hide` does not find it.
        old = new if step.name == "screen" and hide is not str else hide(change.old)
        yield f"  {change.field}: {highlighted(old, new, colour)}"
    for flag in step.flags:
        yield visible(f"  flag {hide(flag)}")
    if step.rejected:
        yield visible(f"  rejected: {hide(step.rejected)}")


def _tokens(found: Explanation, colour: bool, hide: Hide) -> Iterator[str]:
    if cut := found.last.get("truncated"):
        yield f"  truncated: {cut:,} tokens are cut, because the row is longer than max_length"
    if found.tokenizer is None:
        yield visible(f"tokens: none: {found.why_not_tokenized}")
        return
    if any(hide(as_text(found.last.get(name))) != as_text(found.last.get(name)) for name in CHANGING):
        yield "tokens: not shown, because the texts hold personal data that screen does not mask (--raw shows them)"
        return
    if found.origin:
        if found.last.get("reject_stage"):
            return
        yield from ("", "tokens:", as_tokens(found.last, found.tokenizer, colour, ids=True).rstrip())
        return
    (ids,) = found.tokenizer.encode_literally(pa.array([found.last["output"] or ""])).to_pylist()
    pieces = list(pieces_of(Shown("", ids, [TRAINED] * len(ids)), found.tokenizer))
    yield f"tokenize: {len(ids):,} tokens"
    yield (in_colour(pieces, ids=True) if colour else in_brackets(pieces, ids=True)[1:-1])


def _dataset(found: Explanation, colour: bool, hide: Hide) -> Iterator[str]:
    """What dedupe, mix and split decided, and whether the dataset is of the same state."""
    yield ""
    where = found.dataset
    if where is None or where.row is None:
        state = "is not built" if where is None else "does not have this record"
        yield f"dedupe, split: not known, because the dataset {state}. Build it (make processed), and ask again."
        return
    row = where.row
    if row.get("reject_stage") in ("dedupe", "mix"):
        yield visible(f"{row['reject_stage']}: rejected: {row['reject_reason']}: {hide(row['reject_detail'] or '')}")
    elif row.get("reject_stage") is None:
        yield "dedupe: kept"
    for flag in row.get("flags") or ():
        if flag in FLAGS["dedupe"]:
            yield visible(f"  flag {hide(evidence_of(flag, row))}")
    yield from _others(where, colour, hide)
    yield f"split: {where.split}" if where.split else visible(f"in rejects.jsonl, by {row['reject_stage']}")
    other = [name for name in CHANGING if name != "raw" and as_text(row.get(name)) != as_text(found.last.get(name))]
    marked = (row.get("reject_stage") in (None, "dedupe", "mix")) != (found.last.get("reject_stage") is None)
    if other or marked:
        what = f" ({', '.join(other)})" if other else ""
        yield f"note: the dataset has this record in another state{what}: it was built before a change. Build it again."


def _others(where: Whereabouts, colour: bool, hide: Hide) -> Iterator[str]:
    """The duplicates of a record, with what differs from it."""
    assert where.row is not None
    named = [("kept in its place", where.keeper)] if where.keeper else []
    named += [("rejected in favour of it", row) for row in where.copies]
    named += [("of the same cluster, kept too", row) for row in where.similar]
    for what, other in named:
        texts = [
            (name, hide(as_text(where.row.get(name))), hide(as_text(other.get(name))))
            for name in CHANGING
            if name in OTHER
        ]
        differing = [(name, one, two) for name, one, two in texts if one != two]
        yield visible(f"  {what}: {other['origin']}{'' if differing else ', the same text'}")
        yield from (f"    {name}: {highlighted(one, two, colour)}" for name, one, two in differing)
