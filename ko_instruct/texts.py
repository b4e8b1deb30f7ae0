"""Functions for one text, to try in a notebook what the stages do."""

from typing import NamedTuple

from pipeline.stages.normalize import chosen
from pipeline.stages.normalize.fixes import apply_fixes
from pipeline.stages.screen.pii import find_pii
from schemas.options import NormalizeOptions


class FixedText(NamedTuple):
    """A text after the fixes. `fixes`: the names of the fixes that changed it, in their order."""

    text: str
    fixes: tuple[str, ...]


class PersonalData(NamedTuple):
    """Personal data or a secret in a text: `text[start:end]`. `kind`: a name such as pii-phone, or secret."""

    kind: str
    start: int
    end: int


def fix_text(text: str, options: NormalizeOptions = NormalizeOptions()) -> FixedText:
    r"""Repair a Korean text as `normalize` does.

    >>> fix_text("서울\u200b입니다. \r\n")
    FixedText(text='서울입니다.', fixes=('line-endings', 'zero-width', 'trailing-spaces', 'blank-lines'))
    >>> fix_text("안녕ㅋㅋㅋㅋㅋㅋ", NormalizeOptions(on=("repeats",))).text
    '안녕ㅋㅋㅋ'

    Raises OptionError for an option that names no fix.
    """
    fixes = chosen(options)
    fixed, names = apply_fixes(text, fixes)
    return FixedText(fixed, tuple(fix.name for fix in fixes if fix.name in names))


def find_personal_data(text: str) -> list[PersonalData]:
    """Every piece of personal data and every secret in a text, as `screen` finds them, in the order of the text.

    >>> text = "연락처는 010-2345-6789, 메일은 hong@mail.kr입니다."
    >>> find_personal_data(text)
    [PersonalData(kind='pii-phone', start=5, end=18), PersonalData(kind='pii-email', start=24, end=36)]
    >>> [text[found.start : found.end] for found in find_personal_data(text)]
    ['010-2345-6789', 'hong@mail.kr']
    """
    return [PersonalData(kind.name, start, end) for kind, start, end in find_pii(text)]
