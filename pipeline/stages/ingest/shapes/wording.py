"""Words for labels that are numbers or truth values, in the template that a message offers."""

from collections.abc import Sequence

from pipeline.stages.ingest.fields.names import named
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.shapes.multiple_choice import number_in
from schemas.shapes import Template

#: So many different numbers may be labels: more of them are a measure.
MOST_LABELS = 20
#: The task and the labels of two sentences, as all sets of this form number them.
ENTAILS = "두 문장의 관계가 함의, 중립, 모순 가운데 무엇인지 쓰세요."
RELATIONS = {"0": "함의", "1": "중립", "2": "모순"}
#: Names of the first and of the second sentence.
PREMISES, HYPOTHESES = ("premise", "전제", "전제문"), ("hypothesis", "가설", "가설문")
YES_OR_NO = {"true": "예", "false": "아니요"}


def worded(template: Template, records: Sequence[Record]) -> Template:
    """The template, with words for the labels of the records, and for their task, where these are known.

    Words that only people know are to be filled in: "…".
    """
    path = template.output[1:-1]
    values = [at(record, path) for record in records]
    if all(isinstance(value, bool) for value in values):
        return template.model_copy(update={"labels": {path: YES_OR_NO}})
    numbers = {number_in(value) for value in values}
    if None in numbers or len(numbers) > MOST_LABELS or (len(numbers) == len(values) and len(values) > MOST_LABELS):
        return template
    if named(records[0], PREMISES) and named(records[0], HYPOTHESES) and numbers <= {0, 1, 2}:
        return template.model_copy(update={"instruction": ENTAILS, "labels": {path: RELATIONS}})
    words = dict.fromkeys(sorted({spelled(value).strip() for value in values}), "…")
    return template.model_copy(update={"labels": {path: words}})
