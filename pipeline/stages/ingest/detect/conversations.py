"""Lists of turns and transcripts as the shape of a record."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.detect.columns import given_fields, one_or_more, tools_field
from pipeline.stages.ingest.fields.calls import is_empty
from pipeline.stages.ingest.fields.given import is_given
from pipeline.stages.ingest.fields.names import (
    CALLED,
    GROUPS,
    PARTS,
    ROLE_KEYS,
    SYSTEM,
    TEXT_KEYS,
    TOOLS,
    TRANSCRIPTS,
    TURNS,
    named,
)
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.fields.speakers import speaker_of
from pipeline.stages.ingest.fields.turn_lists import turns_in
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.shapes.exchanges import EXCHANGES, EXCHANGES_OF_TURNS
from pipeline.stages.ingest.shapes.transcripts import is_transcript
from schemas.shapes import (
    Conversation,
    Delimited,
    Exchanges,
    Fields,
    Shape,
    Tree,
)


class Beside(NamedTuple):
    """The fields beside the turns that the shapes of conversations read."""

    system: str | None = None
    tools: str | None = TOOLS[0]
    input: Fields = None


def beside_turns(record: Record, but: str = "") -> Beside:
    """What a record holds beside the turns under the key `but`."""
    systems = [key for key in named(record, SYSTEM) if key != but]
    given = [path for path in given_fields(record) if path != but and _is_filled(at(record, path))]
    return Beside(systems[0] if systems else None, tools_field(record), one_or_more(given))


def conversations_in(record: Record, taken: Collection[str | None] = (), prefix: str = "") -> Iterator[Shape]:
    """The lists of turns in a record, in its objects and in theirs. `taken`: fields that another shape reads."""
    for key, value in record.items():
        is_named = key.casefold() in TURNS
        # A text that is JSON is a list of turns only where its name says so.
        if key in taken or (not isinstance(value, list | dict) and not (isinstance(value, str) and is_named)):
            continue
        turns = turns_in(value)
        if isinstance(turns, list):
            shape = _turns(prefix + key, turns, is_named) or _inside(prefix + key, turns)
            if shape:
                yield shape if prefix else shape.model_copy(update=beside_turns(record, key)._asdict())
        elif isinstance(value, dict) and prefix.count(".") < DEPTH:
            if isinstance(value.get("replies"), list):
                yield Tree(root=key)
            else:
                yield from conversations_in(value, (), f"{prefix}{key}.")


#: Names of a list whose texts are turns.
SPOKEN_LISTS = ("conversations", "conversation", "messages")
#: How deep in objects a list of turns is looked for.
DEPTH = 3


def _inside(path: str, documents: list[Any]) -> Conversation | None:
    """The shape of turns in each object of a list: document[].utterance[]. None where these are no turns."""
    if not documents or not all(isinstance(document, dict) for document in documents):
        return None
    for key, turns in documents[0].items():
        shape = _turns(f"{path}.*.{key}", turns, False) if isinstance(turns, list) and turns else None
        if isinstance(shape, Conversation) and all(isinstance(document.get(key), list) for document in documents):
            return shape
    return None


def _is_filled(value: Any) -> bool:
    return bool(value) and is_given(value) and (not isinstance(value, str) or bool(value.strip()))


def _turns(path: str, turns: list[Any], is_named: bool) -> Conversation | Exchanges | None:
    """The shape of a list of turns, None where it is another list. `is_named`: its name says that it holds turns."""
    if not turns:
        return Conversation(turns=path) if is_named else None
    if all(isinstance(turn, dict) for turn in turns):
        role, text = role_key(turns), text_key(turns)
        if role and text and _is_one_talk(turns):
            # Names of people alone say nothing of who asks and who answers.
            known = any((name := speaker_of(turn, role)) is None or known_role(name, {}) for turn in turns)
            return Conversation(turns=path, role=role, text=text) if known else None
        for user, assistant in (*EXCHANGES, *(EXCHANGES_OF_TURNS if is_named else ())):
            if all(user in turn or assistant in turn for turn in turns) and any(
                user in turn and assistant in turn for turn in turns
            ):
                return Exchanges(turns=path, user=user, assistant=assistant)
    elif len(turns) > 1 and path.casefold() in SPOKEN_LISTS and all(isinstance(text, str) for text in turns):
        return Conversation(turns=path)  # a user and an assistant in turn (LIMA)
    elif is_named and all(map(_is_pair, turns)):
        return Exchanges(turns=path, user="0", assistant="1")
    return None


def role_key(turns: Sequence[Record]) -> str | None:
    """The path of the speaker in every turn: a name or a number, or one in the object of a speaker."""
    for name in named(turns[0], ROLE_KEYS):
        if all(name in turn for turn in turns) and _is_any(name, turns):
            value = turns[0][name]
            inside = [key for key in ("role", "id", "name") if isinstance(value, dict) and key in value]
            return f"{name}.{inside[0]}" if inside else name
    return None


def text_key(turns: Sequence[Record]) -> str | None:
    """The key of the text in every turn that is not only calls. (Fields of calls may be there and hold none.)"""
    for name in dict.fromkeys((*named(turns[0], TEXT_KEYS), *TEXT_KEYS, PARTS)):
        if all(name in turn or _calls(turn) for turn in turns) and _is_any(name, turns):
            return name
    return None


def _is_any(name: str, turns: Sequence[Record]) -> bool:
    """Whether a field holds something in one turn. (The structs of a table hold the keys of all its records.)"""
    return any(turn.get(name) is not None for turn in turns)


def _calls(turn: Record) -> bool:
    return any(not is_empty(turn.get(name)) for name in CALLED)


def _is_one_talk(turns: Sequence[Record]) -> bool:
    """Whether a list is one conversation, and not the turns of several, each with the id of its own."""
    groups = named(turns[0], GROUPS)
    return not groups or len({spelled(turn.get(groups[0])) for turn in turns}) == 1


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str | None) for text in value)


def transcripts_in(record: Record, is_beside: bool) -> Iterator[Shape]:
    for key, value in record.items():
        if isinstance(value, str) and (not is_beside or key.casefold() in TRANSCRIPTS) and is_transcript(value):
            beside = beside_turns(record, key)
            yield Delimited(text=key, system=beside.system, tools=beside.tools, input=beside.input)
