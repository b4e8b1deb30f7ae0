"""Records that are a turn each, put together to conversations."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.speakers import must_go_on
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.joined import joined, together
from schemas.shapes import Shape, TreeRecords, TurnRecords

#: The key of the turns in the record of a conversation.
TURNS = "turns"


def grouped(entries: Iterator[Entry], shape: Shape | None) -> Iterator[Entry]:
    """An entry for each conversation, or tree of them, where each record is a turn; else the entries as they are."""
    if isinstance(shape, TreeRecords):
        return joined(entries, shape)
    return _conversations(entries, shape) if isinstance(shape, TurnRecords) else entries


def _conversations(entries: Iterator[Entry], shape: TurnRecords) -> Iterator[Entry]:
    """An entry for each conversation, placed where its first turn is.

    Turns that follow one another with the same value in `group` are a conversation. One that goes on after another
    began is faulty (parted-conversation), as is one whose turns go back (turns-out-of-order). Faulty entries stay.
    """
    seen: set[str] = set()
    held: list[Entry] = []
    for entry in entries:
        if entry.fault or not isinstance(entry.value, dict) or at(entry.value, shape.group) is None:
            fault = entry.fault or Fault("no-group", f"`{shape.group}` says of no conversation that it holds this turn")
            yield entry._replace(fault=fault)
            continue
        if held and _group(entry, shape) != _group(held[0], shape):
            yield _conversation(held, shape, seen)
            held = []
        held.append(entry)
    if held:
        yield _conversation(held, shape, seen)


def _group(entry: Entry, shape: TurnRecords) -> str:
    return spelled(at(entry.value, shape.group))


def _conversation(held: Sequence[Entry], shape: TurnRecords, seen: set[str]) -> Entry:
    """The entry of one conversation: what all its turns say alike, and the turns with the rest."""
    turns = [_with_text(entry.value, shape) for entry in held]
    own = {shape.role, shape.order, *_texts(shape)}
    alike = {
        key: value
        for key, value in turns[0].items()
        if key not in own and all(_same(turn, key, value) for turn in turns)
    }
    value = {**alike, TURNS: [{key: item for key, item in turn.items() if key not in alike} for turn in turns]}
    group = _group(held[0], shape)
    fault = _fault(turns, shape, group, seen)
    seen.add(group)
    return together(held)._replace(value=value, fault=fault)


def _same(turn: Record, key: str, value: Any) -> bool:
    return key in turn and turn[key] == value


def _fault(turns: Sequence[Record], shape: TurnRecords, group: str, seen: set[str]) -> Fault | None:
    if group in seen:
        detail = f"`{shape.group}` {group} goes on here after other conversations: sort the source by `{shape.group}`"
        return Fault("parted-conversation", detail)
    try:
        if shape.order:
            must_go_on([at(turn, shape.order) for turn in turns], shape.order)
    except Fault as fault:
        return fault
    return None


def _texts(shape: TurnRecords) -> tuple[str, ...]:
    return shape.text if isinstance(shape.text, tuple) else (shape.text,)


def text_field(shape: TurnRecords) -> str:
    """The field that holds the text of every turn in the record of a conversation."""
    return _texts(shape)[0]


def _with_text(record: Record, shape: TurnRecords) -> Record:
    """The record of a turn with its text in the first of the fields that may hold it."""
    first, *others = _texts(shape)
    filled = next((path for path in (first, *others) if _is_filled(record.get(path))), first)
    if filled == first:
        return record
    return {**{key: value for key, value in record.items() if key != filled}, first: record[filled]}


def _is_filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
