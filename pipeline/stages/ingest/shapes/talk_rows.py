"""The row of a conversation, with what its record holds beside the turns."""

from collections.abc import Sequence

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import given_at, without_given
from pipeline.stages.ingest.fields.marks import Marks, take_label, take_learn
from pipeline.stages.ingest.fields.paths import Record, at, text_at, without
from pipeline.stages.ingest.fields.tool_definitions import glaive_tools, tools_at
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row, row
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turn_objects import MEDIA, content_of, holds_media
from pipeline.stages.ingest.shapes.turns import talk_of
from schemas.shapes import (
    RECORD_LEARN,
    Conversation,
    Delimited,
    Exchanges,
)


def row_of_talk(
    entry: Entry,
    turns: Sequence[Turn],
    others: Record,
    path: str,
    *,
    system: str | None = None,
    tools: str | None = None,
    place: str = "",
) -> Row:
    """The row of a conversation. What its turns hold besides goes to `meta` under `path`, a list with an object for
    each turn. `system`: a prompt beside the turns. Raises Fault as `talk_of` does.
    """
    talk = talk_of(turns, tools is not None)
    if any(talk.rests):
        others = {**others, path: talk.rests}
    both = "\n".join(text for text in (system, talk.system) if text)
    given = row(
        entry,
        others,
        talk.instruction,
        talk.input,
        talk.output,
        place=place,
        system=both,
        history=talk.history,
        fixes=talk.fixes,
    )
    return given._replace(
        tools=tools,
        steps=talk.steps,
        reasoning=talk.reasoning,
        tool_calls=talk.tool_calls,
        learn=talk.learn,
        flags=(MEDIA,) if any(map(holds_media, talk.rests)) else (),
    )


def row_with_beside(
    entry: Entry, turns: Sequence[Turn], path: str, shape: Conversation | Exchanges | Delimited, place: str = ""
) -> Row:
    """The row of a conversation whose record may hold a system prompt, an input, tools and more beside the turns."""
    record = entry.value
    given, fixes = given_at(record, shape.input)
    declared = tools_at(record, shape.tools)
    prompt = system_at(record, shape.system)
    others = without_given(record, shape.input, [path, shape.system])
    if not declared.flags:
        others = without(others, [shape.tools])
    if declared.text is None and prompt and (glaive := glaive_tools(prompt)):
        prompt, listed = glaive
        declared = tools_at({"tools": listed}, "tools")
    marks = Marks([name for name in RECORD_LEARN if name in shape.learn], shape.learn_from)
    learn, others = take_learn(others, marks)
    label, others = take_label(others, shape.label)
    if given:
        turns = with_input(turns, given)
    row = row_of_talk(entry, turns, others, path, system=prompt, tools=declared.text, place=place)
    row = row._replace(label=label, fixes=(*row.fixes, *fixes, *declared.fixes), flags=(*row.flags, *declared.flags))
    return _learned(row, learn)


def with_input(turns: Sequence[Turn], given: str) -> list[Turn]:
    """The turns with an input for the first question."""
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), len(turns))
    return [*turns[:first], Turn("context", given), *turns[first:]]


def _learned(row: Row, learn: bool | None) -> Row:
    """The row of a record that says of all its answers whether they are learned; an answer's own word comes first."""
    if learn is None:
        return row
    history, steps = (
        [
            {**message, "learn": learn} if message["role"] == "assistant" and message["learn"] is None else message
            for message in messages
        ]
        for messages in (row.history, row.steps)
    )
    return row._replace(history=history, steps=steps, learn=learn if row.learn is None else row.learn)


def system_at(record: Record, path: str | None) -> str | None:
    """The system prompt under a path: a text, or the parts of one. Raises Fault: not-text."""
    value = at(record, path)
    parts = value.get("parts") if isinstance(value, dict) else value
    content = content_of(parts, f"`{path}`") if isinstance(parts, list) else None
    if content is None:
        return text_at(record, path)
    if holds_media({"parts": content.rest}):
        raise Fault("not-text", f"`{path}` holds a part that is no text: a system prompt is text alone")
    return "\n".join(content.texts) or None
