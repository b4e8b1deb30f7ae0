"""Which shape a record has: every reading of it that makes sense, and one only where there is one."""

from collections.abc import Iterator

from pipeline.stages.ingest.detect.answers import with_answer
from pipeline.stages.ingest.detect.choices import chosen_in
from pipeline.stages.ingest.detect.columns import are_texts, columns_in, one_or_more, prompts_in
from pipeline.stages.ingest.detect.conversations import beside_turns, conversations_in, transcripts_in
from pipeline.stages.ingest.detect.pairs import completions_in, may_judge, preferences_in, two_answers_in
from pipeline.stages.ingest.detect.turns import numbered_turns
from pipeline.stages.ingest.faults import FileFault
from pipeline.stages.ingest.fields.given import paths_of
from pipeline.stages.ingest.fields.names import (
    ANSWERS,
    BESIDE,
    BODY,
    DEFINITIONS,
    LABELS,
    QUESTIONS,
    TAGS,
    named,
)
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.verdicts import rights_in
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.exported import is_exported
from pipeline.stages.ingest.shapes.nodes import are_nodes
from pipeline.stages.ingest.shapes.rows import Row
from pipeline.stages.ingest.shapes.to_rows import rows_of
from schemas.shapes import (
    Articles,
    Choice,
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Exported,
    Fields,
    Instances,
    Nodes,
    Pairs,
    Preference,
    Questions,
    Shape,
)


def _labelled(record: Record, shapes: Iterator[Shape]) -> Iterator[Shape]:
    """The shapes, with the field that says whether the answer is a good one.

    A field `is_correct` says that beside any answer, a field `label` beside a prompt and its completion. A truth value
    or such a word beside another answer, and 0 or 1 beside a conversation, may be that or anything else: then there
    are two shapes.
    """
    found = list(shapes)
    if not found:
        return
    tags, labels = [*named(record, TAGS), *rights_in(record)], named(record, LABELS)
    is_kto = bool(named(record, ("prompt",)) and named(record, ("completion",)))
    for shape in found:
        if not isinstance(shape, Columns | Conversation | Exchanges | Delimited):
            yield shape
        elif tags or (labels and is_kto):
            yield shape.model_copy(update={"label": (tags or labels)[0]})
        else:
            if labels and may_judge(record[labels[0]], not isinstance(shape, Columns)):
                yield shape.model_copy(update={"label": labels[0]})
            yield shape


def _lists(record: Record) -> Iterator[Shape]:
    asks = named(record, ("instruction", *DEFINITIONS))
    for key in named(record, ("instances",)) if asks else ():
        if isinstance(record[key], list):
            yield Instances(instruction=asks[0], instances=key, input=_beside(record))
    if isinstance(record.get("paragraphs"), list) or isinstance(record.get("qas"), list):
        yield Articles()
    asked = [key for key in named(record, QUESTIONS) if are_texts(record[key])]
    answered = [path for key in named(record, ANSWERS) if (path := _list_of_texts(record, key))]
    if asked and answered:
        yield Pairs(questions=asked[0], answers=answered[0], input=_beside(record))
    elif asked:
        yield Questions(questions=asked[0])


def _list_of_texts(record: Record, key: str) -> str | None:
    """The path of a list of texts: under the key, or alone in the object there (CoQA); None where there is none."""
    value = record[key]
    if not isinstance(value, dict):
        return key if are_texts(value) else None
    inside = [name for name, items in value.items() if are_texts(items)]
    return f"{key}.{inside[0]}" if len(inside) == 1 else None


def _beside(record: Record) -> Fields:
    """What several tasks of a record are about: also a text under the name that documents give it."""
    bodies = [key for key in named(record, BODY) if isinstance(record[key], str)]
    return beside_turns(record).input or one_or_more(bodies[:1])


def shapes_of(record: Record) -> list[Shape]:
    """The shapes that a record can be read in, the likeliest first: [] if none fits, several if it is ambiguous.

    Where two shapes give the same answer (a transcript beside the columns that it was made from), the record
    holds one thing twice, and the first shape is taken.
    """
    found = possible_shapes(record)
    if len(found) < 2 or isinstance(found[0], Preference | Choice | Completions):
        return found
    # A reading that rejects the record is no choice.
    found = [shape for shape in found if _reads(record, shape)] or found[:1]
    return [found[0], *(shape for shape in found[1:] if _last(record, shape) != _last(record, found[0]))]


def possible_shapes(record: Record) -> list[Shape]:
    """The shapes that a record may have, by its fields: also those that give the same, or reject it."""
    if is_exported(record):
        return [Exported()]
    if are_nodes(record.get("mapping")):
        return [Nodes()]
    found = [*preferences_in(record)] or [*two_answers_in(record)] or [*completions_in(record)]
    if found:
        return found
    found = [*_lists(record)] or [*numbered_turns(record)] or [*chosen_in(record)]
    found = found or [*_labelled(record, columns_in(record))]
    taken = {path for shape in found if isinstance(shape, Columns) for path in (*BESIDE, *fields_of(shape))}
    found += (with_answer(record, shape) for shape in _labelled(record, conversations_in(record, taken)))
    found += _labelled(record, transcripts_in(record, bool(found)))
    if not found:
        found += prompts_in(record)
    return found


def fields_of(shape: Columns) -> list[str]:
    """The fields of a shape's texts."""
    return [path for path in (shape.instruction, *paths_of(shape.input), shape.output, shape.system) if path]


def _rows(record: Record, shape: Shape) -> list[Row] | None:
    """The rows of a record in a shape; None where a record like this stops its file."""
    try:
        return rows_of(Entry("", record, b"{}"), shape)
    except FileFault:
        return None


def _reads(record: Record, shape: Shape) -> bool:
    rows = _rows(record, shape)
    return rows is None or any(not row.reason for row in rows)


def _last(record: Record, shape: Shape) -> tuple[object, ...]:
    rows = _rows(record, shape)
    if rows is None or len(rows) > 1 or rows[-1].reason:
        return (shape,)
    last = rows[-1]
    return ((last.output or "").strip(), len(last.history), last.label)
