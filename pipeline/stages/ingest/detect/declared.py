"""The shape that a source declares: what its records are, and how they call a text of the document around them."""

from collections.abc import Iterator

from pipeline.stages.ingest.detect.recipes import recipe
from pipeline.stages.ingest.faults import FileFault
from pipeline.stages.ingest.fields.of_documents import TaskName, known_task_name
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.to_rows import FIELD, rows_of
from schemas.options import Source
from schemas.shapes import Columns, Shape, Template, TreeRecords, TurnRecords


def declared_shape(source: Source) -> Shape | None:
    """The shape that a source names, itself or by its recipe; None where the records decide."""
    return source.shape or (recipe(source.recipe).shape if source.recipe else None)


def reads(record: Record, shape: Shape) -> bool:
    """Whether a shape gives a row of a record, and not a reject. (One that stops its file is a record, too.)"""
    try:
        return not rows_of(Entry("", record, b""), shape)[0].reason
    except FileFault:
        return True


def is_of(record: Record, shape: Shape) -> bool:
    """Whether an object is a record of a declared shape, and not a document around them."""
    if isinstance(shape, TurnRecords):
        return at(record, shape.group) is not None and at(record, shape.role) is not None
    if isinstance(shape, TreeRecords):
        return at(record, shape.id) is not None and at(record, shape.role) is not None
    if isinstance(shape, Columns):
        # Columns give a row of any object, if need be one without texts.
        answers = (shape.instruction,) if shape.output is None else (shape.output, shape.tool_calls)
        return any(at(record, path) is not None for path in answers) and reads(record, shape)
    return reads(record, shape)


def task_names(shape: Shape) -> TaskName:
    """The names that records of a shape have for texts of a document: its own, or those that detection gives them."""
    read = set(_paths(shape))

    def name(key: str) -> str | None:
        return next((known for known in (key, known_task_name(key)) if known in read), None)

    return name


def _paths(shape: Shape) -> Iterator[str]:
    """The fields that a shape names."""
    if isinstance(shape, Template):
        yield from FIELD.findall("\n".join((shape.instruction, shape.input, shape.output)))
        return
    for option in shape.model_dump(exclude={"kind", "learn", "reasoning"}).values():
        yield from filter(lambda path: isinstance(path, str), option if isinstance(option, tuple) else (option,))
