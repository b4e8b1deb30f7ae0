"""Protected spans: the parts of a text that are not prose, which text fixes leave byte for byte."""

import re
from collections.abc import Callable

#: Stands for a span while a fix runs over the prose. A noncharacter: Unicode promises it no meaning, and one that is
#: in the text all the same is itself treated as a span.
MARK = "\ufdd0"

#: Fenced code to its closing fence (or the end), inline code within its line.
SPAN = re.compile(
    rf"""
      ^[ ]{{0,3}}(?P<fence>```|~~~)(?:(?!^[ ]{{0,3}}(?P=fence)).)*+(?:^[ ]{{0,3}}(?P=fence)[`~]*|\Z)
    | `[^`\n]++`
    | {MARK}
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def in_prose(fix: Callable[[str], str], text: str) -> str:
    r"""The fix applied to the text outside its protected spans.

    >>> in_prose(str.upper, "a `b` c")
    'A `b` C'
    """
    kept: list[str] = []

    def hide(span: re.Match[str]) -> str:
        kept.append(span[0])
        return MARK

    prose = SPAN.sub(hide, text)
    fixed = fix(prose)
    if not kept or fixed == prose:
        return fixed if not kept else text
    spans = iter(kept)
    return re.sub(MARK, lambda _: next(spans), fixed)
