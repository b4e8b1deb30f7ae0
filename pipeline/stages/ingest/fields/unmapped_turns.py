"""Fields of single turns that the answers may need, and that no column takes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import ANSWERING, ASKING, CALLED, CONTEXT, ROLE_KEYS, TEXT_KEYS, TOOLS, leaf
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.fields.speakers import speaker_of
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.turn_lists import each_record, turns_at
from pipeline.stages.ingest.fields.unmapped import are_sentences, is_talk_note, speaks_as, text_in
from schemas.shapes import LEARN, Conversation, Exchanges, TurnRecords

#: The shapes whose turns are objects.
Spoken = Conversation | Exchanges | TurnRecords
#: Fields of a turn that are read, or hold its text in another form.
READ = {*ROLE_KEYS, *TEXT_KEYS, *CALLED, *TOOLS, *LEARN, *ASKING, *ANSWERING, "parts", "annotations"}
#: From this share of common words on, a field is the text of its turn in another form.
SAME = 0.5


class Said(NamedTuple):
    """A turn, whether a user says it, and its text."""

    turn: Record
    is_of_user: bool
    text: str


def unmapped_in_turns(records: Sequence[Record], shape: Spoken) -> list[str]:
    """The fields of turns that hold sentences of the task, and that the shape leaves out."""
    values: dict[str, list[str]] = defaultdict(list)
    texts: dict[str, list[str]] = defaultdict(list)
    known: set[str] = set()
    for said in _turns(records, shape):
        for name in said.turn:
            word = leaf(name)
            if word in READ or name in _taken(shape):
                continue
            if said.is_of_user and word in CONTEXT:
                known.add(name)
            elif value := text_in(said.turn, name):
                if isinstance(shape, TurnRecords) and values[name][-1:] == [value]:
                    continue  # what all turns of a conversation have alike
                values[name].append(value)
                texts[name].append(said.text)
    return [
        name
        for name, found in values.items()
        if name not in known
        and not is_talk_note(leaf(name))
        and (len(found) > 1 or len(records) == 1)
        and are_sentences(found)
        and speaks_as(found, texts[name])
        and not all(map(_is_form_of, found, texts[name]))
    ]


def _turns(records: Sequence[Record], shape: Spoken) -> Iterator[Said]:
    if isinstance(shape, TurnRecords):
        paths = [shape.text] if isinstance(shape.text, str) else [*shape.text]
        for turn in records:
            yield Said(turn, _is_of_user(turn, shape.role), "\n".join(text_in(turn, path) for path in paths))
        return
    for outer in records:
        for record, path in each_record(outer, shape.turns):
            for turn in _listed(record, path):
                if isinstance(shape, Exchanges):
                    both = "\n".join(text_in(turn, key) for key in (shape.user, shape.assistant))
                    yield Said(turn, True, both)
                else:
                    yield Said(turn, _is_of_user(turn, shape.role), text_in(turn, shape.text))


def _listed(record: Record, path: str) -> Iterator[Record]:
    try:
        yield from (turn for turn in turns_at(record, path) if isinstance(turn, dict))
    except Fault:
        return


def _is_of_user(turn: Record, role: str) -> bool:
    name = at(turn, role)
    name = name if isinstance(name, str) else speaker_of(turn, role)
    return name is not None and known_role(name, {}) == "user"


def _taken(shape: Spoken) -> set[str]:
    """The fields of a turn that the shape takes."""
    if isinstance(shape, Exchanges):
        return {shape.user, shape.assistant}
    taken = {shape.role.partition(".")[0], *shape.reasoning, *shape.learn, shape.order or ""}
    if isinstance(shape, TurnRecords):
        taken |= {shape.group, *([shape.text] if isinstance(shape.text, str) else shape.text)}
    else:
        taken.add(shape.text)
    return taken


def _is_form_of(value: str, text: str) -> bool:
    """Whether a text repeats another one, or most of its words.

    >>> _is_form_of("배가 아주 고파요.", "배가 아주 고파."), _is_form_of("서울은 한강을 낀다.", "수도는?")
    (True, False)
    """
    words = set(value.split())
    return value in text or text in value or len(words & set(text.split())) >= SAME * len(words)


def turns_fault(names: Sequence[str], shape: Spoken) -> Fault:
    spoken = ", ".join(f"`{name}`" for name in names)
    return Fault(
        "unmapped-text",
        f"{spoken} in the turns may hold what the answers depend on, and no column takes it: write it in the source "
        f"file as `context` in the turn of the user that it belongs to, or choose in the source `{toml(shape)}`, so "
        "that it stays in meta",
    )
