"""The shape of a file's records, from a sample of them: one for each record, and a fault where people must choose."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.detect.answers import answered_elsewhere, printed_answers, unanswered
from pipeline.stages.ingest.detect.choices import choice_fields, decided, first_of
from pipeline.stages.ingest.detect.columns import one_or_more
from pipeline.stages.ingest.detect.conversations import role_key, text_key
from pipeline.stages.ingest.detect.pairs import judged_by
from pipeline.stages.ingest.detect.record import possible_shapes, shapes_of
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.calls import is_empty
from pipeline.stages.ingest.fields.given import paths_of
from pipeline.stages.ingest.fields.names import (
    ASKED,
    COUNTERS,
    DIALOGUES,
    DIRECTIVES,
    GROUP,
    GROUPS,
    JUDGED,
    LABELS,
    OUTPUT,
    RIGHT,
    TRANSCRIPTS,
    TURNS,
    leaf,
    named,
)
from pipeline.stages.ingest.fields.of_documents import of_the_task
from pipeline.stages.ingest.fields.paths import Record, at, yes_or_no
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.fields.speakers import speaker_of
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.unmapped import (
    as_columns,
    is_copy,
    korean_twins,
    unmapped_scene,
    unmapped_texts,
    unmapped_values,
)
from pipeline.stages.ingest.fields.unmapped_turns import turns_fault, unmapped_in_turns
from pipeline.stages.ingest.fields.verdicts import (
    JUDGEMENT,
    Judged,
    judging_field,
    later_verdict,
    names_verdict,
    verdict,
)
from pipeline.stages.ingest.fields.written import is_said, spelled
from pipeline.stages.ingest.offers.left_out_texts import (
    Mapped,
    context_fault,
    in_two_languages,
    texts_fault,
    values_fault,
)
from pipeline.stages.ingest.offers.second_lists import lists_beside, lists_fault, lists_of_records, without_lists
from pipeline.stages.ingest.offers.ways import (
    beside_shapes,
    guesses,
    made_of_another,
    message_columns,
    ways,
)
from pipeline.stages.ingest.parse.exact_json import Number
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.multiple_choice import number_in
from pipeline.stages.ingest.shapes.to_rows import context_name
from schemas.shapes import (
    Articles,
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Instances,
    MultipleChoice,
    Pairs,
    Preference,
    Shape,
    TreeRecords,
    TurnRecords,
)

#: The types of the values of a flat record.
FLAT = frozenset((str, int, bool, Number, type(None)))


class Detected:
    """The shape of each record by its own fields; of a record that fits none, the one shape of its neighbours.

    `sample`: the first values of the file; `outers`: for each of them, the fields of the document around it.
    Raises Fault (unknown-shape, ambiguous-shape, unmapped-text) where the sample as a whole cannot be read, or leaves
    out texts; the detail lists what was found.
    """

    def __init__(self, sample: Sequence[Any], outers: Sequence[Record | None] = ()) -> None:
        records = [value for value in sample if isinstance(value, dict)]
        around = [outer for value, outer in zip(sample, outers, strict=False) if isinstance(value, dict)]
        #: The fields of which the sample shows what they hold.
        self.known = frozenset(name for record in records for name, value in record.items() if not is_empty(value))
        self.flat: dict[tuple[Any, ...], list[Shape]] = {}
        #: Questions that only repeat the instruction beside them.
        self.copies: frozenset[str] = frozenset()
        #: The field that says whether an answer is a good one, and others that may say it of a later record.
        self.judge: str | None = None
        self.watched: frozenset[str] = frozenset()
        #: Where each record is a turn, how they are grouped.
        self.grouped: TurnRecords | TreeRecords | None = tree_records(records) or turn_records(records)
        if isinstance(self.grouped, TurnRecords) and self.grouped.speakers == "in-order":
            raise _unknown(records, [toml(self.grouped)])
        if self.grouped:
            if isinstance(self.grouped, TurnRecords) and (names := unmapped_in_turns(records, self.grouped)):
                raise turns_fault(names, self.grouped)
            self.shapes: list[Shape] = [self.grouped] * len(records)
            self.neighbour: Shape | None = self.grouped
            return
        found = [self._shapes(record) for record in records]
        for record, shapes in zip(records, found, strict=True):
            if len(shapes) > 1:
                raise _ambiguous(record, shapes)
        self.copies = _copies(records, found)
        #: Of answers that are the numbers of choices, by their field: the number of the first choice.
        self.first = decided(
            records, [shape for shapes in found for shape in shapes if isinstance(shape, MultipleChoice)]
        )
        self.judge, self.watched = _judge(records, found)
        self.shapes = [self.settled(shape) for shapes in found for shape in shapes]
        if records and not self.shapes:
            raise _unknown(records)
        lines = _lines(self.shapes)
        votes = Counter(lines)
        self.neighbour = self.shapes[lines.index(max(votes, key=lambda line: votes[line]))] if votes else None
        if any(around):
            records = [{**outer, **record} for outer, record in zip(of_the_task(around), records, strict=True)]
        _must_map_texts(
            [(record, self.settled(shapes[0])) for record, shapes in zip(records, found, strict=True) if shapes]
        )

    def of(self, record: Record) -> Shape:
        """The shape of one record. Raises Fault: unknown-shape, ambiguous-shape; FileFault."""
        if self.grouped:
            return self.grouped
        shapes = self._shapes(record)
        if len(shapes) > 1:
            raise _ambiguous(record, shapes)
        if shapes:
            shape = self.settled(shapes[0])
            self._must_map_new(record, shape)
            return shape
        if self.neighbour and any(at(record, path) is not None for path in fields(self.neighbour)):
            return self.neighbour
        raise _unknown([record])

    def _must_map_new(self, record: Record, shape: Shape) -> None:
        """Hold a record to the same rule in the fields that come after the sample. Raises FileFault."""
        new = [name for name in record if name not in self.known]
        if (self.watched or new) and isinstance(shape, Judged):
            for name in record.keys() & {*self.watched, *new}:
                if name != shape.label and verdict(name, record[name]) is False:
                    raise FileFault(later_verdict(name, record[name], shape))
        if new and isinstance(shape, Mapped):
            names = [name for name in _left_out([record], shape) if name in new]
            if names:
                raise FileFault(texts_fault(names, shape, [record]).detail)

    def _shapes(self, record: Record) -> list[Shape]:
        """The shapes of a record. Of a flat one its keys and types decide, save for transcripts and labels."""
        kinds = tuple(map(type, record.values()))
        if not FLAT.issuperset(kinds) or may_hold_transcript(tuple(record)):
            return shapes_of(record)
        key = (*record, *kinds)
        if key not in self.flat:
            found = possible_shapes(record)
            if len(found) != 1:
                return shapes_of(record)
            self.flat[key] = found
        return self.flat[key]

    def settled(self, shape: Shape) -> Shape:
        """The shape without the questions that only repeat the instruction, with the number of the first choice."""
        if isinstance(shape, MultipleChoice):
            return shape.model_copy(update={"first": self.first.get(shape.answer)})
        if self.judge and isinstance(shape, Judged) and not shape.label and self.judge not in fields(shape):
            shape = shape.model_copy(update={"label": self.judge})
        if not self.copies or not isinstance(shape, Columns):
            return shape
        left = [path for path in paths_of(shape.input) if path not in self.copies]
        return shape.model_copy(update={"input": one_or_more(left)})


def _judge(records: Sequence[Record], found: Sequence[Sequence[Shape]]) -> tuple[str | None, frozenset[str]]:
    """The field that says whether answers are good ones, and the other fields that have the name of one.

    Raises Fault: ambiguous-shape.
    """
    shape = next((shapes[0] for shapes in found if shapes), None)
    if not isinstance(shape, Judged) or (isinstance(shape, Columns) and not (shape.output or shape.tool_calls)):
        return None, frozenset()
    taken = [path for path in fields(shape) if path != shape.label]
    taken.extend(paths_of(shape.input))
    names = frozenset(name for record in records for name in record if names_verdict(name) and name not in taken)
    if shape.label and shape.label not in names:
        return None, frozenset()  # a tag or a label, which has the first word
    if not names:
        return None, names
    scores = {name for name in names if leaf(name) not in JUDGEMENT and _are_scores([at(r, name) for r in records])}
    return judging_field(records, shape, [*taken, *scores]), names - scores


def _are_scores(values: Sequence[Any]) -> bool:
    """Whether values are numbers beside 0 and 1."""
    return any(isinstance(value, int | float | Number) and yes_or_no(value) is None for value in values)


def may_hold_transcript(names: Sequence[str]) -> bool:
    """Whether a column may be a label beside the others, or a transcript, turns or answers printed into a text."""
    return any(name.casefold() in (*TRANSCRIPTS, *TURNS, *LABELS, *RIGHT, "answers", "history") for name in names)


def detected_in(sample: Sequence[Entry]) -> Detected:
    """The shapes of the first records of a file. Raises Fault as Detected does, and where a second list is not read."""
    beside = lists_beside(sample)
    lists = lists_of_records(beside)
    found = Detected([entry.value for entry in sample], [without_lists(entry.outer or {}, beside) for entry in sample])
    if lists:
        raise lists_fault(lists, found.neighbour)
    return found


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


def _lines(shapes: Sequence[Shape]) -> list[str]:
    """The line of toml of each shape. (Most records have one and the same.)"""
    lines = {name: toml(shape) for name, shape in {id(shape): shape for shape in shapes}.items()}
    return [lines[id(shape)] for shape in shapes]


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
    for (record, shape), line in zip(found, _lines([shape for _, shape in found]), strict=True):
        by_shape.setdefault(line, (shape, []))[1].append(record)
    for shape, records in by_shape.values():
        if fault := unanswered(records, shape):
            raise fault
        if isinstance(shape, Articles) and (names := _contexts(records, shape)):
            raise context_fault(names, shape)
        if isinstance(shape, Columns | Preference) and (twins := korean_twins(records, shape)):
            raise in_two_languages(twins, shape)
        if isinstance(shape, Mapped) and (names := _left_out(records, shape)):
            raise texts_fault(names, shape, records)
        if isinstance(shape, Conversation | Exchanges) and (names := unmapped_in_turns(records, shape)):
            raise turns_fault(names, shape)
        if isinstance(shape, Columns) and (fault := answered_elsewhere(records, shape)):
            raise fault
        if isinstance(shape, Columns) and (read := _counted_from_0(records, shape)):
            detail = f"`{shape.output}` is the number of a choice, where 0 is the first: use `{read}`"
            raise Fault("ambiguous-shape", detail)
        if isinstance(shape, Columns) and (fault := printed_answers(records, shape)):
            raise fault
        if isinstance(shape, Columns) and (label := judged_by(records, shape)):
            raise _ambiguous(records[0], [shape.model_copy(update={"label": label}), shape])
        if isinstance(shape, Columns) and (names := unmapped_values(records, shape)):
            raise values_fault(names, shape, records)


def _left_out(records: Sequence[Record], shape: Mapped) -> list[str]:
    """The fields of texts of the task that a shape leaves out."""
    if isinstance(shape, Conversation | Exchanges | Delimited):
        return unmapped_scene(records, shape)
    if isinstance(shape, Instances):
        return unmapped_texts(_texts_beside(records, shape), as_columns(shape))
    return unmapped_texts(
        records, as_columns(shape) if isinstance(shape, MultipleChoice | Pairs | Completions) else shape
    )


def _texts_beside(records: Sequence[Record], shape: Instances) -> list[Record]:
    """Records without their lists of examples, which are no part of a task."""
    return [
        {key: value for key, value in record.items() if isinstance(value, str) or key == shape.instances}
        for record in records
    ]


def _contexts(records: Sequence[Record], shape: Articles) -> list[str]:
    """The fields of texts beside questions, where none of them has a known name."""
    held = [item for record in records for item in at(record, shape.paragraphs) or [record] if isinstance(item, dict)]
    unknown = [item for item in held if context_name(item) is None]
    return unmapped_texts(unknown, Columns(instruction="qas", output=None, input=None)) if unknown else []


def _counted_from_0(records: Sequence[Record], shape: Columns) -> str | None:
    """The line of toml of records whose answers are numbers of choices, as texts, and count from 0; None for others."""
    fields = choice_fields(records[0])
    numbers = [number_in(at(record, shape.output)) for record in records]
    if not fields or None in numbers or 0 not in numbers:
        return None
    rest = [path for path in paths_of(shape.input) if path not in fields]
    read = MultipleChoice(
        instruction=shape.instruction,
        choices=one_or_more(fields),
        answer=shape.output or "",
        first=0,
        input=one_or_more(rest),
        system=shape.system,
    )
    return toml(read) if first_of(records, read) == 0 else None


def tree_records(records: Sequence[Record]) -> TreeRecords | None:
    """How records that are a message each, and name the one that they answer, make trees; None for other records."""
    if not records or not all("parent_id" in record and "replies" not in record for record in records):
        return None
    role, text = role_key(records), text_key(records)
    ids = [key for key in named(records[0], ("message_id", "id")) if all(record.get(key) for record in records)]
    parents = {spelled(record["parent_id"]) for record in records if record["parent_id"] not in (None, "")}
    if not role or not text or not ids or not parents & {spelled(record[ids[0]]) for record in records}:
        return None
    return TreeRecords(id=ids[0], role=role, text=text)


def turn_records(records: Sequence[Record]) -> TurnRecords | None:
    """How records that are a turn each make conversations; None where they are something else."""
    if len(records) < 2:
        return None
    first = {key: value for key, value in records[0].items() if all(key in record for record in records)}
    role, text = role_key(records) or (named(first, GROUPS) and message_columns(records)), text_key(records)
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


def _unknown(records: Sequence[Record], known: Sequence[str] = ()) -> Fault:
    """The fault of records of no known shape. `known`: the lines of toml that read them."""
    record = records[0]
    found = f"no known shape fits a record with the fields {', '.join(list(record)[:12]) or 'none'}"
    if not known and (remedy := beside_shapes(records)):
        return Fault("unknown-shape", f"{found}: {remedy}")
    lines = known or [*ways(records)] or [*made_of_another(record), *guesses(records)]
    remedy = " or ".join(f"`{way}`" for way in lines[:3])
    if not remedy:
        return Fault("unknown-shape", f"{found}: none is a text to learn; take the file out of `files` in the source")
    if "…" in remedy:
        remedy += ", with words of your own in place of …"
    if "column1" in record:
        names = ", ".join(['"…"'] * len(record))
        remedy += f"; or the names of its columns as `header = [{names}]`, with a `skip` of 1 where line 1 is a header"
    return Fault("unknown-shape", f"{found}: name its shape in the source, {remedy}")


def _with_talk(record: Record, shapes: Sequence[Shape]) -> list[Shape]:
    """The shapes, and the columns whose question is about a dialogue that may be a conversation by itself."""
    talks = [shape.turns for shape in shapes if isinstance(shape, Conversation) and named(record, DIALOGUES)]
    first = shapes[0]
    if not isinstance(first, Columns) or not talks or not is_said(at(record, talks[0])):
        return [*shapes]
    return [first.model_copy(update={"input": one_or_more([*paths_of(first.input), talks[0]])}), *shapes]


def _ambiguous(record: Record, shapes: Sequence[Shape]) -> Fault:
    shapes = _with_talk(record, shapes)
    lines = " or ".join(f"`{toml(shape)}`" for shape in shapes)
    winner = named(record, JUDGED) if all(isinstance(shape, Conversation) for shape in shapes) else []
    if winner:
        lines += (
            f"; or, where `{winner[0]}` says which is better, write that one as `chosen` and the other as `rejected`"
        )
    return Fault("ambiguous-shape", f"the record can be read in {len(shapes)} ways: choose in the source {lines}")
