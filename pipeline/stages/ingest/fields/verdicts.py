"""Fields that say whether an answer is a good one: their names, and the words of their values."""

import functools
from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.names import RIGHT, is_index, leaf, named
from pipeline.stages.ingest.fields.paths import NO, YES, Record, yes_or_no
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.parse.exact_json import dumps
from schemas.shapes import Columns, Conversation, Delimited, Exchanges

#: Names of a truth value that is true of a good answer, and of one that is true of a bad answer.
TRUE_OF_GOOD = {
    *(*RIGHT, "is_good", "accepted", "is_accepted", "approved", "is_approved", "valid", "is_valid", "adopted"),
    *("passed", "is_passed", "usable", "is_usable", "정답", "정확성", "정확여부", "적합여부", "적합성", "합격여부"),
    *("채택", "채택여부", "승인", "승인여부", "유효여부", "통과여부"),
}
TRUE_OF_BAD = {
    *("is_wrong", "wrong", "is_incorrect", "incorrect", "is_bad", "is_invalid", "invalid", "is_rejected", "rejected"),
    *("hallucination", "is_hallucination", "has_hallucination", "hallucinated", "is_hallucinated"),
    *("오답", "오답여부", "환각", "환각여부", "오류여부", "부적합여부", "반려여부"),
}
#: Names of a judgement in words. (A number under them is a score.)
JUDGEMENT = {
    *("feedback", "rating", "quality", "status", "verdict", "judgement", "judgment", "evaluation", "decision"),
    *("review_result", "review_status", "qc_result", "품질", "평가", "평가결과", "판정", "판정결과", "상태"),
    *("검수", "검수결과", "검수상태", "검토결과", "검토상태", "심사결과", "승인상태"),
}
#: Words for true and false, beside those of `yes_or_no`.
TRUE, FALSE = ("y", "yes", "t", "o", "○", "예", "네", "참"), ("n", "no", "f", "x", "×", "아니오", "아니요", "거짓")
#: Words for a good and for a bad answer.
GOOD = {
    *("chosen", "good", "desirable", "correct", "right", "accept", "accepted", "approve", "approved", "pass", "passed"),
    *("valid", "thumbs_up", "thumbs up", "thumbsup", "like", "👍", "정답", "정확", "적합", "합격", "승인", "채택"),
    *("통과", "좋음", "양호", "우수", "맞음", "유효"),
}
BAD = {
    *("rejected", "bad", "undesirable", "incorrect", "wrong", "reject", "fail", "failed", "invalid", "declined"),
    *("thumbs_down", "thumbs down", "thumbsdown", "dislike", "👎", "오답", "부정확", "부적합", "불합격", "반려"),
    *("미승인", "불승인", "미채택", "불채택", "탈락", "나쁨", "불량", "틀림", "무효", "폐기"),
}
#: The shapes with a `label`.
Judged = Columns | Conversation | Exchanges | Delimited


def good_or_bad(value: Any) -> bool | None:
    """Whether a value says that an answer is good; None where it says neither.

    >>> good_or_bad("Chosen"), good_or_bad(0), good_or_bad("기쁨")
    (True, False, None)
    """
    word = value.strip().casefold() if isinstance(value, str) else value
    if isinstance(word, str) and word in GOOD | BAD:
        return word in GOOD
    return yes_or_no(word) if not isinstance(word, list | dict) else None


def judged(path: str, value: Any) -> bool | None:
    """Whether a field says that an answer is good, by its name and its value; None where it says neither.

    >>> judged("is_wrong", True), judged("채택", "N"), judged("오답여부", "오답"), judged("correct", "B")
    (False, False, False, None)
    """
    word = value.strip().casefold() if isinstance(value, str) else value
    if isinstance(word, str) and word in (*TRUE, *FALSE):
        word = word in TRUE
    good = good_or_bad(word)
    says_true = not isinstance(word, str) or word not in GOOD | BAD
    return not good if good is not None and says_true and leaf(path) in TRUE_OF_BAD else good


@functools.lru_cache(4096)
def names_verdict(name: str) -> bool:
    """Whether a field of this name may say that an answer is a good one."""
    return leaf(name) in TRUE_OF_GOOD | TRUE_OF_BAD | JUDGEMENT


def verdict(name: str, value: Any) -> bool | None:
    """What a field of such a name says of an answer. (A number may be that of a choice, or a score.)

    >>> verdict("rating", "bad"), verdict("rating", 1), verdict("correct", 1), verdict("is_correct", 0)
    (False, None, None, False)
    """
    if not names_verdict(name) or value is None:
        return None
    is_word = isinstance(value, str) and value.strip().casefold() in GOOD | BAD
    if leaf(name) in JUDGEMENT and not is_word:
        return None
    return judged(name, value) if isinstance(value, bool | str) or not is_index(name) else None


def may_be_bad(name: str) -> list[str]:
    """The words under such a name that may call an answer a bad one."""
    truths = () if leaf(name) in JUDGEMENT else (*TRUE, *FALSE, *YES, *NO)
    return sorted({*BAD, *truths})


def is_right(name: str, value: Any) -> bool:
    """Whether a field says of an answer that it is the right one, or a wrong one.

    >>> is_right("is_correct", False), is_right("정답여부", 1), is_right("correct", 1)
    (True, True, False)
    """
    return name.strip().casefold() in RIGHT and verdict(name, value) is not None


def rights_in(record: Record) -> list[str]:
    """The fields of a record that say whether its answer is the right one."""
    return [key for key in named(record, RIGHT) if is_right(key, record[key])]


def verdicts_in(record: Record) -> dict[str, bool]:
    """The fields of an answer that say whether it is a good one. (A good word under a name of judging is a note.)"""
    said = {key: verdict(key, value) for key, value in record.items() if names_verdict(key)}
    return {key: good for key, good in said.items() if good is False or (good and leaf(key) not in JUDGEMENT)}


def judging_field(records: Sequence[Record], shape: Judged, taken: Sequence[str]) -> str | None:
    """The field of records that says whether their answers are good ones; None where none does.

    Raises Fault (ambiguous-shape) where only some values say it, and where two fields contradict each other.
    """
    names = [name for name in dict.fromkeys(key for record in records for key in record) if names_verdict(name)]
    found = {}
    for name in (name for name in names if name not in taken):
        values = [value for record in records if (value := record.get(name)) not in (None, "")]
        said = [verdict(name, value) for value in values]
        unknown = [value for value, good in zip(values, said, strict=True) if good is None]
        if unknown and False in said and all(map(_is_word, unknown)):
            bad = values[said.index(False)]
            raise _unclear(name, bad, unknown[0], shape)
        if values and not unknown and (False in said or leaf(name) not in JUDGEMENT):
            found[name] = [verdict(name, record.get(name)) for record in records]
    bad_ones = {name: said for name, said in found.items() if False in said} or dict(list(found.items())[:1])
    if len({tuple(said) for said in bad_ones.values()}) > 1:
        lines = " or ".join(f"`{toml(shape.model_copy(update={'label': name}))}`" for name in bad_ones)
        spoken = ", ".join(f"`{name}`" for name in bad_ones)
        raise Fault("ambiguous-shape", f"{spoken} do not call the same answers bad: choose in the source {lines}")
    return next(iter(bad_ones), None)


def later_verdict(name: str, value: Any, shape: Judged) -> str:
    """What to say of the first bad answer behind records that showed none."""
    return (
        f"`{name}` calls an answer bad ({dumps(value)}): choose in the source "
        f"`{toml(shape.model_copy(update={'label': name}))}`, so that its row has the label false, or "
        f"`{toml(shape.model_copy(update={'label': ''}))}`, so that all answers are learned"
    )


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value.split()) <= 2


def _unclear(name: str, bad: Any, other: Any, shape: Judged) -> Fault:
    return Fault(
        "ambiguous-shape",
        f"`{name}` calls some answers bad ({dumps(bad)}), and {dumps(other)} says neither good nor bad: choose in the "
        f"source `{toml(shape.model_copy(update={'label': name}))}`, so that records with other words are rejected, "
        f"or `{toml(shape.model_copy(update={'label': ''}))}`, so that all answers are learned",
    )
