"""Questions that their text does not answer, as sets of reading comprehension mark them."""

from pipeline.stages.ingest.fields import Record, at, yes_or_no
from pipeline.stages.ingest.names import ANSWERABLE, UNANSWERABLE, named
from pipeline.stages.ingest.parsing import Fault
from pipeline.stages.ingest.toml_line import toml
from schemas.shapes import Articles, Columns


def marked_unanswerable(record: Record) -> str | None:
    """The field that says that a question has no answer in its text; None where none does.

    >>> marked_unanswerable({"is_impossible": True}), marked_unanswerable({"has_answer": True})
    ('is_impossible', None)
    """
    if found := [key for key in named(record, UNANSWERABLE) if yes_or_no(record[key])]:
        return found[0]
    found = [key for key in named(record, ANSWERABLE) if yes_or_no(record[key]) is False]
    empty = [key for key in ("answers", "answer") if record.get(key) == [] or at(record, f"{key}.text") == []]
    return next(iter((*found, *empty)), None)


def no_answer(field: str, shape: Columns | Articles) -> Fault:
    """The fault of such a question, with the line of toml that teaches an answer to it."""
    line = toml(shape.model_copy(update={"no_answer": "…"}))
    detail = f"`{field}` says that the text does not answer the question: to learn that, write in the source"
    return Fault("no-answer", f"{detail} `{line}`, with the answer in words of your own in place of …")
