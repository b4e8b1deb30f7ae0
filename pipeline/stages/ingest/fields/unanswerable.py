"""Questions that their text does not answer, as sets of reading comprehension mark them."""

from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import ANSWERABLE, UNANSWERABLE
from pipeline.stages.ingest.fields.paths import Record, yes_or_no
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.parse.printed import opened
from schemas.shapes import Articles, Columns


def marked_unanswerable(record: Record) -> str | None:
    """The field that says that a question has no answer in its text; None where none does.

    >>> marked_unanswerable({"is_impossible": True}), marked_unanswerable({"has_answer": True})
    ('is_impossible', None)
    """
    if not _MARKS.isdisjoint(record):
        for key in record:
            truth = yes_or_no(record[key]) if key in _MARKS else None
            if truth is not None and truth == (key in UNANSWERABLE):
                return key
    if "answers" in record and _is_empty_list(opened(record["answers"])):
        return "answers"
    return "answer" if _is_empty_list(record.get("answer")) else None


#: Names of both kinds of marks.
_MARKS = {*UNANSWERABLE, *ANSWERABLE}


def _is_empty_list(value: Any) -> bool:
    """Whether a value is a list of answers, or holds one, in which there is none."""
    return not isinstance(value, str) and (value == [] or (isinstance(value, dict) and value.get("text") == []))


def no_answer(field: str, shape: Columns | Articles) -> Fault:
    """The fault of such a question, with the line of toml that teaches an answer to it."""
    line = toml(shape.model_copy(update={"no_answer": "…"}))
    detail = f"`{field}` says that the text does not answer the question: to learn that, write in the source"
    return Fault("no-answer", f"{detail} `{line}`, with the answer in words of your own in place of …")
