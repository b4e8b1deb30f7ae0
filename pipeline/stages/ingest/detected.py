"""The shape of a file's records, from a sample of them: one for each record, and a fault where people must choose."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.columns import labelled
from pipeline.stages.ingest.conversations import each_record, turns_at
from pipeline.stages.ingest.detect import given_fields, one_or_more, readings_of, role_key, shapes_of, text_key
from pipeline.stages.ingest.fields import Record, at
from pipeline.stages.ingest.given import paths_of
from pipeline.stages.ingest.names import (
    ASKED,
    COUNTERS,
    DIRECTIVES,
    GROUP,
    GROUPS,
    INSTRUCTION,
    LABELS,
    NOTES,
    ORIGIN,
    OUTPUT,
    TRANSCRIPTS,
    TURNS,
    named,
)
from pipeline.stages.ingest.parsing import Fault, Number
from pipeline.stages.ingest.recipes import recipes
from pipeline.stages.ingest.shapes import FIELD
from pipeline.stages.ingest.speakers import SPOKEN, speaker_of
from pipeline.stages.ingest.toml_line import toml
from pipeline.stages.ingest.turns import known_role
from pipeline.stages.ingest.unmapped import NO_TEXT, is_copy, is_sentence, unmapped_texts
from schemas.shapes import (
    Columns,
    Conversation,
    Delimited,
    Instances,
    Preference,
    Shape,
    Template,
    TurnFields,
    TurnRecords,
)

#: The types of the values of a flat record.
FLAT = frozenset((str, int, bool, Number, type(None)))


class Detected:
    """The shape of each record by its own fields; of a record that fits none, the one shape of its neighbours.

    `sample`: the first values of the file. Raises Fault (unknown-shape, ambiguous-shape, unmapped-text) where the
    sample as a whole cannot be read, or leaves out texts; the detail lists what was found.
    """

    def __init__(self, sample: Sequence[Any]) -> None:
        records = [value for value in sample if isinstance(value, dict)]
        self.flat: dict[tuple[Any, ...], list[Shape]] = {}
        #: Questions that only repeat the instruction beside them.
        self.copies: frozenset[str] = frozenset()
        #: Where each record is a turn, how they are grouped.
        self.grouped = turn_records(records)
        if self.grouped and self.grouped.speakers == "in-order":
            raise _unknown(records[0], [toml(self.grouped)])
        if self.grouped:
            self.shapes: list[Shape] = [self.grouped] * len(records)
            self.neighbour: Shape | None = self.grouped
            return
        found = [self._shapes(record) for record in records]
        for record, shapes in zip(records, found, strict=True):
            if len(shapes) > 1:
                raise _ambiguous(record, shapes)
        self.copies = _copies(records, found)
        self.shapes = [self._plain(shape) for shapes in found for shape in shapes]
        if records and not self.shapes:
            raise _unknown(records[0])
        lines = [toml(shape) for shape in self.shapes]
        votes = Counter(lines)
        self.neighbour = self.shapes[lines.index(max(votes, key=lambda line: votes[line]))] if votes else None
        _must_map_texts(
            [(record, self._plain(shapes[0])) for record, shapes in zip(records, found, strict=True) if shapes]
        )

    def of(self, record: Record) -> Shape:
        """The shape of one record. Raises Fault: unknown-shape, ambiguous-shape."""
        if self.grouped:
            return self.grouped
        shapes = self._shapes(record)
        if len(shapes) > 1:
            raise _ambiguous(record, shapes)
        if shapes:
            return self._plain(shapes[0])
        if self.neighbour and any(at(record, path) is not None for path in fields(self.neighbour)):
            return self.neighbour
        raise _unknown(record)

    def _shapes(self, record: Record) -> list[Shape]:
        """The shapes of a record. Of a flat one its keys and types decide, save for transcripts and labels."""
        kinds = tuple(map(type, record.values()))
        if not FLAT.issuperset(kinds) or may_hold_transcript(tuple(record)):
            return shapes_of(record)
        key = (*record, *kinds)
        if key not in self.flat:
            readings = readings_of(record)
            if len(readings) != 1:
                return shapes_of(record)
            self.flat[key] = readings
        return self.flat[key]

    def _plain(self, shape: Shape) -> Shape:
        """The shape without the questions that only repeat the instruction."""
        if not self.copies or not isinstance(shape, Columns):
            return shape
        left = [path for path in paths_of(shape.input) if path not in self.copies]
        return shape.model_copy(update={"input": one_or_more(left)})


def may_hold_transcript(names: Sequence[str]) -> bool:
    """Whether one of these columns may be a transcript, turns written into a text, or a label, beside the others."""
    return any(name.casefold() in TRANSCRIPTS + TURNS + LABELS for name in names)


#: Options of a shape that name keys inside of its list.
INNER = {
    "conversation": ("role", "text", "speakers", "order"),
    "exchanges": ("user", "assistant"),
    "completions": ("text", "score"),
    "tree": ("role", "text", "replies", "rank", "paths"),
}


def fields(shape: Shape) -> list[str]:
    """The paths that a shape reads."""
    inner = INNER.get(shape.kind, ())
    return [
        value
        for key, value in shape
        if isinstance(value, str) and key not in ("kind", "instances", "tools", "tool_calls", *inner)
    ]


def _copies(records: Sequence[Record], found: Sequence[Sequence[Shape]]) -> frozenset[str]:
    """The questions beside an instruction that nearly always repeat it, or are repeated in it."""
    rows: dict[str, list[tuple[Record, str]]] = defaultdict(list)
    for record, shapes in zip(records, found, strict=True):
        for shape in shapes[:1]:
            if isinstance(shape, Columns):
                for path in paths_of(shape.input):
                    if path.strip().casefold() in ASKED:
                        rows[path].append((record, shape.instruction))
    return frozenset(
        path
        for path, pairs in rows.items()
        if is_copy([str(record[path] or "") for record, _ in pairs], [record for record, _ in pairs], [pairs[0][1]])
    )


def _must_map_texts(found: Sequence[tuple[Record, Shape]]) -> None:
    """Hold the shapes to the rule that no text of a task is left out. Raises Fault: unmapped-text."""
    by_shape: dict[str, tuple[Shape, list[Record]]] = {}
    for record, shape in found:
        by_shape.setdefault(toml(shape), (shape, []))[1].append(record)
    for shape, records in by_shape.values():
        if isinstance(shape, Columns | Preference) and (names := unmapped_texts(records, shape)):
            raise _unmapped(names, shape)


def _unmapped(names: Sequence[str], shape: Columns | Preference) -> Fault:
    spoken = ", ".join(f"`{name}`" for name in names) + (" holds" if len(names) == 1 else " hold")
    read = shape.model_copy(update={"input": one_or_more([*paths_of(shape.input), *names])})
    return Fault(
        "unmapped-text",
        f"{spoken} texts that differ from record to record, and no column takes "
        f"them: choose in the source `{toml(read)}`, so that they are a part of the input, or `{toml(shape)}`, so that "
        "they stay in meta",
    )


def turn_records(records: Sequence[Record]) -> TurnRecords | None:
    """How records that are a turn each make conversations; None where they are something else."""
    if len(records) < 2:
        return None
    first = {key: value for key, value in records[0].items() if all(key in record for record in records)}
    role, text = role_key(records), text_key(records)
    asks = named(first, DIRECTIVES) and named(first, OUTPUT)
    if not role or not text or asks or "parent_id" in first:
        return None
    likely = [key for key in first if GROUP.fullmatch(key.strip().casefold()) and key not in (role, text)]
    groups = [key for key in dict.fromkeys((*named(first, GROUPS), *likely)) if _groups(records, key)]
    if not groups:
        return None
    names = [speaker_of(record, role) or "" for record in records]
    counters = [key for key in named(first, COUNTERS) if key not in (groups[0], text, role)]
    strangers = all(known_role(name, {}) is None for name in names)
    return TurnRecords(
        group=groups[0],
        role=role,
        text=text,
        order=counters[0] if counters else None,
        speakers="in-order" if strangers else "named",
    )


def _groups(records: Sequence[Record], key: str) -> bool:
    """Whether a field parts the records into several conversations, of which one has more than one turn."""
    ids = [record[key] for record in records]
    if not all(isinstance(value, str | int) for value in ids):
        return False
    return len(set(ids)) > 1 and any(before == now for before, now in itertools.pairwise(ids))


def _unknown(record: Record, ways: Sequence[str] = ()) -> Fault:
    """The fault of a record of no known shape. `ways`: the lines of toml that read it."""
    keys = ", ".join(list(record)[:12]) or "none"
    ways = ways or [*_ways(record)] or [*_made_of_another(record)]
    remedy = " or ".join(f"`{way}`" for way in ways[:3]) or (
        'for columns as `shape = { kind = "columns", instruction = "…", output = "…" }`, for a labelled set as '
        '`shape = { kind = "template", instruction = "…", input = "{…}", output = "{…}" }`'
    )
    if "column1" in record:
        remedy += '; or the names of its columns as `header = ["…", "…"]`, with a `skip` of 1 where line 1 is a header'
    return Fault(
        "unknown-shape", f"no known shape fits a record with the fields {keys}: name its shape in the source, {remedy}"
    )


def _ways(record: Record) -> Iterator[str]:
    """The lines of toml that read a record of no known shape."""
    likely = _likely_conversation(record)
    if likely and _is_of_two(record, likely):
        yield toml(likely)
    yield from _headers(record)
    for name, recipe in recipes().items():
        if recipe.shape and _has_all(record, recipe.shape):
            yield f'recipe = "{name}"'
    yield from map(toml, _inside(record))
    yield from map(toml, _marked(record))
    asked, answers = named(record, INSTRUCTION), named(record, (*OUTPUT, *LABELS))
    if answers and not likely:
        taken = (*asked[:1], answers[0])
        given = [path for path in dict.fromkeys((*given_fields(record), *_texts(record))) if path not in taken]
        template = labelled(asked[0] if asked else "…", given, answers[0])
        yield toml(template if asked else template.model_copy(update={"instruction": "…"}))


def _made_of_another(record: Record) -> Iterator[str]:
    """The line of toml that reads a text and what is made of it: a summary, a translation."""
    texts = _texts(record)
    if len(texts) == 2 and all(is_sentence(record[name]) for name in texts):
        yield toml(labelled("", texts[:1], texts[1]).model_copy(update={"instruction": "…"}))


def _inside(record: Record) -> Iterator[Shape]:
    """The shape of an object in the record."""
    for key, value in record.items():
        shapes = shapes_of(value) if isinstance(value, dict) else []
        shape = shapes[0] if len(shapes) == 1 else None
        if isinstance(shape, Instances):
            names = {"instruction": f"{key}.{shape.instruction}", "instances": f"{key}.{shape.instances}"}
            yield shape.model_copy(update=names)
        elif isinstance(shape, Columns) and shape.output and isinstance(at(value, shape.instruction), str):
            inside = [f"{key}.{path}" for path in paths_of(shape.input)]
            texts = {"instruction": shape.instruction, "output": shape.output, "system": shape.system}
            paths = {name: f"{key}.{path}" if path else None for name, path in texts.items()}
            yield shape.model_copy(update={**paths, "input": one_or_more(inside)})


#: A word before a colon at the beginning of a line.
SPEAKS = re.compile(r"^([^\s:：][^:：\n]{0,19})[:：](?=[ \t]*\S)", re.MULTILINE)


def _marked(record: Record) -> Iterator[Delimited]:
    """A text in which two names take turns, each before a colon."""
    for key, value in record.items():
        names = list(dict.fromkeys(SPEAKS.findall(value))) if isinstance(value, str) else []
        if len(names) == 2 and SPEAKS.match(value):
            yield Delimited(text=key, marks={f"{name}:": role for name, role in zip(names, SPOKEN, strict=True)})


def _texts(record: Record) -> list[str]:
    """The fields of a record that hold texts and are no notes about it."""
    return [
        key
        for key, value in record.items()
        if isinstance(value, str) and key.strip().casefold() not in {*ORIGIN, *NOTES} and not NO_TEXT.fullmatch(value)
    ]


def _headers(record: Record) -> Iterator[str]:
    """The lines of toml that read a table without a header line, or whose first record was taken for one."""
    texts = {name: value for name, value in record.items() if isinstance(value, str)}
    if "column1" in texts:
        longest = sorted(sorted(texts, key=lambda name: -len(texts[name]))[:2], key=list(texts).index)
        if any(NO_TEXT.fullmatch(texts[name]) for name in longest):
            return
        yield toml(Columns(instruction=longest[0], output=longest[-1], input=None))
    elif len(texts) == len(record) == 2 and any(is_sentence(name) for name in texts):
        yield 'header = ["instruction", "output"]'


def _is_of_two(record: Record, talk: Conversation) -> bool:
    """Whether no more than two people speak in a conversation."""
    first, path = each_record(record, talk.turns)[0]
    return len({speaker_of(turn, talk.role) for turn in turns_at(first, path)}) <= 2


def conversation_of_people(record: Record) -> Conversation | None:
    """A list of objects that name a speaker and what is said, at any depth; None where no list is one."""
    for path, turns in _lists_in(record, ""):
        role, text = role_key(turns), text_key(turns)
        if len(turns) > 1 and role and text:
            return Conversation(turns=path, role=role, text=text, speakers="in-order")
    return None


def _likely_conversation(record: Record) -> Conversation | None:
    """A list of turns under known names, else under names that may mean that: of two people with the shortest texts as
    their names, and what is said is longest. None where no list is one.
    """
    if people := conversation_of_people(record):
        return people
    for path, turns in _lists_in(record, ""):
        if shapes_of(turns[0]):
            continue  # records, and no turns
        texts = [name for name in turns[0] if all(isinstance(turn.get(name), str) for turn in turns)]
        texts = [name for name in texts if name.strip().casefold() not in ORIGIN]
        texts.sort(key=lambda name: sum(len(turn[name]) for turn in turns))
        speakers = [name for name in texts[:-1] if len({turn[name] for turn in turns}) == 2]
        if len(turns) > 1 and speakers:
            return Conversation(turns=path, role=speakers[0], text=texts[-1], speakers="in-order")
    return None


def _lists_in(value: Any, path: str) -> Iterator[tuple[str, list[Record]]]:
    """The lists of objects in a value with their paths: of lists in lists, those of the first object with a `*`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists_in(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        yield path, value
        if path.count("*") == 0:
            yield from _lists_in(value[0], f"{path}.*")


def _has_all(record: Record, shape: Shape) -> bool:
    """Whether all the fields of a template, or of turns in fields or in records of their own, are there."""
    asked: Sequence[str]
    if isinstance(shape, Template):
        asked = FIELD.findall(shape.instruction + shape.input + shape.output)
    elif isinstance(shape, TurnFields):
        asked = shape.turns
    elif isinstance(shape, TurnRecords):
        asked = [shape.group, shape.role, *([shape.text] if isinstance(shape.text, str) else shape.text)]
    else:
        return False
    return all(at(record, path) is not None for path in asked)


def _ambiguous(record: Record, shapes: Sequence[Shape]) -> Fault:
    lines = " or ".join(f"`{toml(shape)}`" for shape in shapes)
    return Fault("ambiguous-shape", f"the record can be read in {len(shapes)} ways: choose in the source {lines}")
