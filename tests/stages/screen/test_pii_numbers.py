"""A number of a person is found in a long text, however many other digits are around it."""

import orjson

from pipeline.stages.screen import pii
from pipeline.stages.screen.pii import NUMBER, digits_in, find_pii, kinds_of, most_digits_together
from tests.support.paths import ROOT

KINDS = kinds_of(disguised=True)
#: Kinds of which some form is a number.
NUMBERS = {kind.name for kind in KINDS if any(form.digits >= NUMBER for form in kind.forms)}
#: Sentences with a digit here and there.
FILLER = "1편을 보고 2편까지 다 봤는데 재미있었습니다. 배우 3명의 연기가 좋았고 10점을 주고 싶은 영화였어요.\n" * 40


def texts() -> list[str]:
    """The texts of the cases on personal data."""
    files = sorted((ROOT / "tests" / "cases").glob("screen_pii*.jsonl"))
    lines = [line for path in files for line in path.read_bytes().splitlines()]
    values = [value for line in lines if line.strip() for value in orjson.loads(line).values()]
    return [value for value in values if isinstance(value, str)]


def test_the_digits_of_a_number_are_together() -> None:
    """`find_pii` looks for numbers only where digits are together."""
    seen = set()
    for text in texts():
        for kind, start, end in find_pii(text, KINDS):
            if kind.name in NUMBERS and digits_in(pii.folded(text[start:end])) >= NUMBER:
                value = pii.folded(text[start:end])
                assert most_digits_together(value) == digits_in(value), value
                seen.add(kind.name)
    assert seen >= {"pii-phone", "pii-resident-number", "pii-card", "pii-account", "pii-business-number"}


def test_a_long_text_hides_no_number() -> None:
    for text in texts():
        assert numbers_in(text) == numbers_in(f"{text}\n\n{FILLER}"), text


def numbers_in(text: str) -> list[tuple[str, str]]:
    return [(kind.name, text[start:end]) for kind, start, end in find_pii(text, KINDS) if kind.name in NUMBERS]
