"""The shape of a file's records, from a sample of them: one for each record, and a fault where people must choose."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.stages.ingest.calls import is_empty
from pipeline.stages.ingest.columns import labelled
from pipeline.stages.ingest.detect import readings_of, shapes_of
from pipeline.stages.ingest.detect_answers import unanswered
from pipeline.stages.ingest.detect_choices import choice_fields, decided, first_of
from pipeline.stages.ingest.detect_columns import one_or_more
from pipeline.stages.ingest.detect_conversations import role_key, text_key
from pipeline.stages.ingest.fields import Record, at
from pipeline.stages.ingest.given import is_given, paths_of, spelled
from pipeline.stages.ingest.multiple_choice import number_in
from pipeline.stages.ingest.names import (
    ANSWER,
    ASKED,
    BETTER,
    CHOSEN,
    COUNTERS,
    DIRECTIVES,
    EVIDENCE,
    GROUP,
    GROUPS,
    JUDGED,
    LABELS,
    OF_USER,
    OPINIONS,
    OUTPUT,
    PERSONA,
    TRANSCRIPTS,
    TURNS,
    explains,
    named,
    tells_the_task,
)
from pipeline.stages.ingest.parsing import Fault, FileFault, Number, dumps
from pipeline.stages.ingest.roles import known_role
from pipeline.stages.ingest.speakers import speaker_of
from pipeline.stages.ingest.toml_line import toml
from pipeline.stages.ingest.unmapped import (
    as_columns,
    is_copy,
    is_sentence,
    korean_twins,
    unmapped_scene,
    unmapped_texts,
    unmapped_values,
)
from pipeline.stages.ingest.ways import (
    beside_shapes,
    guesses,
    made_of_another,
    message_columns,
    other_texts,
    ways,
)
from pipeline.stages.ingest.wording import worded
from schemas.shapes import (
    Columns,
    Conversation,
    Delimited,
    Exchanges,
    MultipleChoice,
    Preference,
    Shape,
    TreeRecords,
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
        #: The fields of which the sample shows what they hold.
        self.known = frozenset(name for record in records for name, value in record.items() if not is_empty(value))
        self.flat: dict[tuple[Any, ...], list[Shape]] = {}
        #: Questions that only repeat the instruction beside them.
        self.copies: frozenset[str] = frozenset()
        #: Where each record is a turn, how they are grouped.
        self.grouped: TurnRecords | TreeRecords | None = tree_records(records) or turn_records(records)
        if isinstance(self.grouped, TurnRecords) and self.grouped.speakers == "in-order":
            raise _unknown(records, [toml(self.grouped)])
        if self.grouped:
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
        self.shapes = [self.settled(shape) for shapes in found for shape in shapes]
        if records and not self.shapes:
            raise _unknown(records)
        lines = _lines(self.shapes)
        votes = Counter(lines)
        self.neighbour = self.shapes[lines.index(max(votes, key=lambda line: votes[line]))] if votes else None
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
        if new and isinstance(shape, Columns | Preference):
            names = [name for name in unmapped_texts([record], shape) if name in new]
            if names:
                raise FileFault(_unmapped(names, shape, [record]).detail)

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

    def settled(self, shape: Shape) -> Shape:
        """The shape without the questions that only repeat the instruction, with the number of the first choice."""
        if isinstance(shape, MultipleChoice):
            return shape.model_copy(update={"first": self.first.get(shape.answer)})
        if not self.copies or not isinstance(shape, Columns):
            return shape
        left = [path for path in paths_of(shape.input) if path not in self.copies]
        return shape.model_copy(update={"input": one_or_more(left)})


def may_hold_transcript(names: Sequence[str]) -> bool:
    """Whether a column may be a label beside the others, or a transcript, turns or answers printed into a text."""
    return any(name.casefold() in (*TRANSCRIPTS, *TURNS, *LABELS, "answers", "history") for name in names)


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
        if isinstance(shape, Conversation | Exchanges | Delimited) and (names := unmapped_scene(records, shape)):
            raise _unmapped(names, shape, records)
        if isinstance(shape, MultipleChoice) and (names := unmapped_texts(records, as_columns(shape))):
            raise _unmapped(names, shape, records)
        if not isinstance(shape, Columns | Preference):
            continue
        if twins := korean_twins(records, shape):
            raise _in_two_languages(twins, shape)
        if names := unmapped_texts(records, shape):
            raise _unmapped(names, shape, records)
        if isinstance(shape, Columns) and (read := _counted_from_0(records, shape)):
            detail = f"`{shape.output}` is the number of a choice, where 0 is the first: use `{read}`"
            raise Fault("ambiguous-shape", detail)
        if isinstance(shape, Columns) and (names := unmapped_values(records, shape)):
            raise _unmapped_values(names, shape, records)


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


def _in_two_languages(twins: Mapping[str, str], shape: Columns | Preference) -> Fault:
    """The fault of records that hold their texts in Korean as well."""
    taken: dict[str, Any] = {
        option: twins[value] for option, value in shape if isinstance(value, str) and value in twins
    }
    if isinstance(shape.input, tuple):
        taken["input"] = tuple(twins.get(path, path) for path in shape.input)
    korean, others = (", ".join(f"`{name}`" for name in names) for names in (twins.values(), twins))
    read = shape.model_copy(update=taken)
    return Fault(
        "unmapped-text",
        f"{korean} hold in Korean what {others} hold in another language: choose in the source "
        f"`{toml(read)}`, so that they are learned, or `{toml(shape)}`, so that they stay in meta",
    )


def _unmapped_values(names: Sequence[str], shape: Columns, records: Sequence[Record]) -> Fault:
    """The fault of records in which only numbers, lists or objects say why a prompt has several answers."""
    spoken = ", ".join(f"`{name}`" for name in names)
    nested = [
        name for name in names if isinstance(records[0].get(name), list | dict) and not is_given(records[0][name])
    ]
    if nested or shape.output is None:
        way = f"write them as a text in a field `input` of the source file, or choose in the source `{toml(shape)}`"
    else:
        template = labelled(shape.instruction, names, shape.output)
        way = f"choose in the source `{toml(template)}`, so that they are a part of the input, or `{toml(shape)}`"
    found = f"prompts repeat with other answers, and {spoken} may say why, but no column takes them"
    return Fault("unmapped-text", f"{found}: {way}, so that they stay in meta")


#: The shapes whose records may hold texts beside those that they take.
Mapped = Columns | MultipleChoice | Preference | Conversation | Exchanges | Delimited
#: What a text is in a column, for a message.
MEANT = {
    "instruction": "the instruction",
    "system": "the system prompt",
    "input": "a part of the input",
    "reasoning": "the thought before the answer",
    "output": "the answer",
}


def _unmapped(names: Sequence[str], shape: Mapped, records: Sequence[Record]) -> Fault:
    spoken = ", ".join(f"`{name}`" for name in names) + (" holds" if len(names) == 1 else " hold")
    if isinstance(shape, Columns) and (better := _says_which_is_better(names, records)):
        detail = f"{spoken} texts, and `{better}` may say which is better: write the better answer as `chosen` and the"
        meta = f"choose in the source `{toml(shape)}`, so that they stay in meta"
        return Fault("unmapped-text", f"{detail} other one as `rejected` in the source file, or {meta}")
    opinions = [name for name in names if name.strip().casefold() in OPINIONS]
    if isinstance(shape, Columns) and shape.output and opinions:
        return _opinions(opinions[0], shape)
    read, meant = _with_unmapped(names, shape, records)
    ways = [(read, " and ".join(meant)), (shape, None)]
    if isinstance(shape, Columns) and all(name.strip().casefold() in EVIDENCE for name in names):
        ways.insert(1, (shape.model_copy(update={"reasoning": tuple(names)}), MEANT["reasoning"]))
    if isinstance(shape, Columns) and _are_labels(records, shape):
        ways = [(_template_of(each, records), word) for each, word in ways if word != MEANT["reasoning"]]
    differ = any(len({dumps(record.get(name)) for record in records}) > 1 for name in names)
    texts = "texts that differ from record to record" if differ or len(records) < 2 else "the same text in each record"
    lines = [f"`{toml(each)}`, so that they {f'are {word}' if word else 'stay in meta'}" for each, word in ways]
    choice = ", or ".join(lines)
    return Fault("unmapped-text", f"{spoken} {texts}, and no column takes them: choose in the source {choice}")


def _are_labels(records: Sequence[Record], shape: Columns) -> bool:
    """Whether the answers are numbers or truth values, which only a template words."""
    values = [at(record, shape.output) for record in records]
    return bool(shape.output) and all(isinstance(value, int | float | Number) for value in values)


def _template_of(shape: Shape, records: Sequence[Record]) -> Shape:
    """The template that reads the same fields."""
    if not isinstance(shape, Columns):
        return shape
    template = labelled(shape.instruction, paths_of(shape.input), shape.output or "")
    return worded(template, records) if isinstance(at(records[0], shape.output), bool) else template


def _opinions(name: str, shape: Columns) -> Fault:
    """The fault of records that hold what others say of their answers."""
    judged = shape.model_copy(
        update={"input": one_or_more([*paths_of(shape.input), shape.output or ""]), "output": name}
    )
    return Fault(
        "unmapped-text",
        f"`{name}` holds what is said of `{shape.output}`: choose in the source `{toml(shape)}`, so that "
        f"`{shape.output}` is learned and `{name}` stays in meta, or `{toml(judged)}`, so that `{name}` is learned",
    )


def _says_which_is_better(names: Sequence[str], records: Sequence[Record]) -> str | None:
    """The field that names the better one of several texts; None where there is none."""
    found = [name for name in named(records[0], (*CHOSEN, *BETTER, *JUDGED)) if name not in names]
    few = [
        name for name in found if len(names) > 1 and not any(is_sentence(str(record.get(name))) for record in records)
    ]
    return few[0] if few else None


def _with_unmapped(names: Sequence[str], shape: Mapped, records: Sequence[Record]) -> tuple[Shape, list[str]]:
    """The shape that takes these texts as well, and what they are in it."""
    taken: dict[str, Any] = {}
    rest = [*names]
    prompts = [name for name in rest if _may_be_system(name, shape)]
    if len(prompts) == 1 and not shape.system:
        taken["system"] = prompts[0]
        rest.remove(prompts[0])
    if isinstance(shape, Columns | MultipleChoice):
        tasks = [name for name in rest if tells_the_task(name)]
        if tasks and shape.instruction.strip().casefold() not in DIRECTIVES:
            taken["instruction"] = tasks[0]
            rest = [shape.instruction, *(name for name in rest if name != tasks[0])]
        if thoughts := tuple(filter(explains, rest)):
            taken["reasoning"] = thoughts
            rest = [name for name in rest if name not in thoughts]
    if isinstance(shape, Columns):
        answers = [name for record in records for name in other_texts(record, shape) if not explains(name)]
        attempts = [name for name in rest if ANSWER.fullmatch(name)]
        if attempts or (shape.output is None and answers):
            taken["output"] = (attempts or answers[-1:])[0]
            rest = [name for name in rest if name not in (*attempts, taken["output"])]
    if rest:
        given = (*paths_of(shape.input), *rest) if "instruction" not in taken else (*rest, *paths_of(shape.input))
        taken["input"] = one_or_more(given)
    meant = [word for name, word in MEANT.items() if name in taken]
    return shape.model_copy(update=taken), meant


def _may_be_system(name: str, shape: Mapped) -> bool:
    """Whether a field may be the system prompt: it says who answers, or beside turns what is to be done."""
    word = name.strip().casefold()
    if PERSONA.fullmatch(word):
        return not OF_USER.fullmatch(word)
    return not isinstance(shape, Columns | MultipleChoice | Preference) and tells_the_task(word)


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


def _ambiguous(record: Record, shapes: Sequence[Shape]) -> Fault:
    lines = " or ".join(f"`{toml(shape)}`" for shape in shapes)
    winner = named(record, JUDGED) if all(isinstance(shape, Conversation) for shape in shapes) else []
    if winner:
        lines += (
            f"; or, where `{winner[0]}` says which is better, write that one as `chosen` and the other as `rejected`"
        )
    return Fault("ambiguous-shape", f"the record can be read in {len(shapes)} ways: choose in the source {lines}")
