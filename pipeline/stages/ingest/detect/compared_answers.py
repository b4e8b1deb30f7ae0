"""Two answers to one prompt in fields of their own, and which of them is better, as shapes for a message."""

import re
from collections.abc import Iterator, Sequence

from pipeline.stages.ingest.detect.columns import are_texts, given_fields, one_or_more
from pipeline.stages.ingest.fields.names import (
    ANSWER,
    ASKING,
    BETTER,
    INSTRUCTION,
    JUDGED,
    OUTPUT,
    REJECTED,
    SEVERAL,
    named,
)
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.parse.printed import opened
from pipeline.stages.ingest.shapes.multiple_choice import first_number, number_in
from pipeline.stages.ingest.shapes.preferences import better_of
from schemas.shapes import Choice, Fields, Preference, Shape

#: Names of a worse answer, and of a better one.
WORSE = re.compile(
    r"(?:.*[_ ])?(?:bad|worse|worst|wrong|incorrect|rejected|negative|losing|loser|dispreferred|unpreferred"
    r"|non[_ ]?preferred)(?:[_ ](?:answer|response|output|completion|reply)s?)?"
    r"|(?:response|answer|output)_k|.*(?:비선호|나쁜|오답|틀린|부정|잘못된).*",
    re.IGNORECASE,
)
BETTER_ONE = re.compile(
    r"(?:.*[_ ])?(?:good|better|best|right|correct|accepted|chosen|positive|winning|winner|preferred|golden?)"
    r"(?:[_ ](?:answer|response|output|completion|reply)s?)?"
    r"|(?:response|answer|output)_j|.*(?:선호|좋은|정답|맞는|긍정|올바른).*",
    re.IGNORECASE,
)
#: Names of the one of several answers that is the best.
BEST = (*BETTER, *JUDGED, "best", "best_index", "best_idx", "best_id", "best_response_id", "chosen", "chosen_index")
#: The sign at the end of a name by which one of two answers is called.
NUMBERED = re.compile(r"(.*?)[_ .]?([0-9]|[a-b])", re.IGNORECASE | re.DOTALL)


def is_worse(name: str) -> bool:
    """Whether a field of this name holds a worse answer.

    >>> is_worse("wrong_answer"), is_worse("비선호답변"), is_worse("선호답변")
    (True, True, False)
    """
    return WORSE.fullmatch(name.strip()) is not None or name.strip().casefold() in REJECTED


def judged_by_name(name: str) -> bool:
    """Whether the name of a field says that its answers are better or worse ones."""
    return is_worse(name) or BETTER_ONE.fullmatch(name.strip()) is not None


def compared(records: Sequence[Record]) -> list[Shape]:
    """The shapes of a prompt with a better and a worse answer; none for other records."""
    asked = named(records[0], (*INSTRUCTION, *ASKING))
    if asked:
        return [*_by_name(records, asked[0]), *_by_number(records, asked[0])]
    texts = [name for name in records[0] if all(isinstance(each.get(name), str) for each in records)]
    others = [name for name in texts if not judged_by_name(name)]
    return [*_by_name(records, others[0])] if len(others) == 1 else []


def _by_name(records: Sequence[Record], asked: str) -> Iterator[Preference]:
    """A better and a worse answer, by the names of their fields."""
    texts = [name for name in records[0] if name != asked and all(isinstance(each.get(name), str) for each in records)]
    worse = [name for name in texts if is_worse(name)]
    better = [name for name in texts if name not in worse and BETTER_ONE.fullmatch(name.strip())]
    better = better or [name for name in named(records[0], OUTPUT) if name in texts and name not in worse]
    if worse and better:
        yield Preference(
            prompt=asked, chosen=better[0], rejected=worse[0], input=_given(records[0], [asked, better[0], worse[0]])
        )


def _by_number(records: Sequence[Record], asked: str) -> Iterator[Choice]:
    """Two answers, and a field that says in each record which of them is better."""
    for one, other in _two_answers(records):
        given = _given(records[0], [asked, one, other])
        for name in (name for name in named(records[0], BEST) if name not in (one, other)):
            values = [record.get(name) for record in records]
            numbers = [number for value in values if (number := number_in(value)) is not None]
            if not numbers:
                shape = Choice(prompt=asked, answers=(one, other), better=name, input=given)
                if any(better_of(value, shape) is not None for value in values):
                    yield shape
            elif len(numbers) == len(values) and set(numbers) <= {0, 1, 2}:
                first = first_number(numbers, [2] * len(numbers))
                for way in (0, 1) if first is None else (first,):
                    yield Choice(prompt=asked, answers=(one, other), better=name, first=way, input=given)


def _two_answers(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """The paths of two answers: fields whose names differ in their last sign, or the items of a list of two."""
    record = records[0]
    names = [name for name in record if ANSWER.fullmatch(name.strip()) and NUMBERED.fullmatch(name.strip())]
    names = [name for name in names if all(isinstance(each.get(name), str) for each in records)]
    for word in dict.fromkeys(_word(name) for name in names):
        family = sorted(name for name in names if _word(name) == word)
        if len(family) == 2:
            yield family[0], family[1]
    for key in named(record, SEVERAL):
        lists = [opened(each.get(key)) for each in records]
        if all(are_texts(items) and len(items) == 2 for items in lists):
            yield f"{key}.0", f"{key}.1"


def _word(name: str) -> str:
    match = NUMBERED.fullmatch(name.strip())
    return match[1] if match else name


def best_of_several(records: Sequence[Record]) -> str | None:
    """What to do with lists of several answers of which a field names the best one; None where there are none."""
    for key in named(records[0], SEVERAL):
        lists = [opened(record.get(key)) for record in records]
        name = best_of_list(records, key)
        if name and all(map(are_texts, lists)) and any(len(items) != 2 for items in lists):
            return f"`{name}` says which of `{key}` is the best one: write that one as `output` in the source file"
    return None


def best_of_list(records: Sequence[Record], key: str) -> str | None:
    """The field that says in each record which answer of a list is the best one; None where none does."""
    for name in named(records[0], BEST):
        numbers = [number_in(record.get(name)) for record in records]
        lists = [opened(at(record, key)) for record in records]
        if name != key and all(
            number is not None and isinstance(items, list) and number <= len(items)
            for number, items in zip(numbers, lists, strict=True)
        ):
            return name
    return None


def _given(record: Record, taken: Sequence[str]) -> Fields:
    """What the answers are about."""
    lists = {path.partition(".")[0] for path in taken}
    return one_or_more([path for path in given_fields(record) if path not in lists])
