"""The shapes that are conversations, each to one row (`schemas.shapes` says what each is)."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import is_given
from pipeline.stages.ingest.fields.marks import Marks
from pipeline.stages.ingest.fields.names import CONTEXT, named
from pipeline.stages.ingest.fields.paths import Record, at, text_at, without
from pipeline.stages.ingest.fields.speakers import SPOKEN, in_order, must_go_on, speaker_of, unknown_role
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.turn_lists import each_record, turns_at
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.grouped import TURNS, text_field
from pipeline.stages.ingest.shapes.preferences import turns_in_field
from pipeline.stages.ingest.shapes.rows import Row, numbered
from pipeline.stages.ingest.shapes.talk_rows import row_with_beside
from pipeline.stages.ingest.shapes.transcripts import declared_style, styles_with, turns_of, unknown_names
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turn_objects import Keys, turn_of
from schemas.shapes import (
    Conversation,
    Delimited,
    TurnRecords,
)


def conversation(entry: Entry, shape: Conversation) -> list[Row]:
    """One row: a list of turns. A row for each list, where the path has a `*`."""
    records = each_record(entry.value, shape.turns)
    rows = []
    for number, (record, path) in enumerate(records, 1):
        place = numbered(number, len(records))
        turns = _turns(turns_at(record, path), shape)
        if turns and turns[-1].role != "assistant" and (answer := _answer(record, shape)):
            turns, record = [*turns, *answer], without(record, [shape.answer])
        rows.append(row_with_beside(entry._replace(value=record), turns, path, shape, place))
    if not rows:
        raise Fault("no-turns", f"`{shape.turns}` holds no conversation")
    return rows


def _turns(found: Sequence[Any], shape: Conversation) -> list[Turn]:
    """The turns of a list. Raises Fault: unknown-role, too-many-speakers, turns-out-of-order, and as `turn_of` does."""
    if found and all(isinstance(text, str) for text in found):
        return [Turn(SPOKEN[place % 2], text) for place, text in enumerate(found)]
    if shape.order:
        must_go_on([at(turn, shape.order) for turn in found], shape.order)
    names = [speaker_of(turn, shape.role) for turn in found]
    roles = in_order(names, shape) if shape.speakers == "in-order" else shape.roles
    keys = Keys(shape.role, shape.text, shape.reasoning, Marks(shape.learn, shape.learn_from))
    try:
        return [turn_of(turn, number, keys, roles) for number, turn in enumerate(found, 1)]
    except Fault as fault:
        if fault.reason == "unknown-role" and None not in names:
            raise unknown_role([name or "" for name in names], shape) or fault from None
        raise


def _answer(record: Record, shape: Conversation) -> list[Turn]:
    """The turns of an answer beside the turns. Raises Fault as `turns_in_field` does."""
    value = at(record, shape.answer)
    if not isinstance(value, list | dict):
        text = text_at(record, shape.answer)
        return [] if text is None else [Turn("assistant", text)]
    return turns_in_field(value, "assistant", shape.answer, Marks(shape.learn, shape.learn_from))


def turn_records(entry: Entry, shape: TurnRecords) -> list[Row]:
    """One row: the turns that `grouped` put together."""
    if not isinstance(at(entry.value, TURNS), list):
        raise Fault("no-turns", f"the record holds no turns of one `{shape.group}`")
    talk = Conversation(
        turns=TURNS,
        role=shape.role,
        text=text_field(shape),
        roles=shape.roles,
        speakers=shape.speakers,
        tools=None,
        # (What all turns of a conversation are about is in its record.)
        input=tuple(name for name in named(entry.value, CONTEXT) if is_given(entry.value[name])) or None,
        reasoning=shape.reasoning,
        learn=shape.learn,
        learn_from=shape.learn_from,
    )
    return conversation(entry, talk)


def delimited(entry: Entry, shape: Delimited) -> list[Row]:
    """One row: a transcript."""
    styles = (declared_style(shape.marks, shape.ends),) if shape.marks else styles_with(tuple(shape.roles))
    text, roles = text_at(entry.value, shape.text) or "", {**shape.roles, **shape.marks}
    if strangers := unknown_names(text, roles, styles):
        guess = shape.model_copy(update={"roles": {**shape.roles, **dict.fromkeys(strangers, "system")}})
        name, number = next(iter(strangers.items()))
        found = f"turn {number} has the unknown role {name!r}"
        raise Fault("unknown-role", f"{found}: say in `roles` who speaks, such as `{toml(guess)}`")
    cut = turns_of(text, roles, styles)
    if cut is None:
        known = ", ".join(style.name for style in styles)
        raise Fault("no-delimiters", f"`{shape.text}` holds no question and answer between known delimiters ({known})")
    return [row_with_beside(entry, cut[1], shape.text, shape)]
