"""Two texts side by side, with the words marked in which they differ."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from markupsafe import Markup

#: Characters of a text that are compared.
LONGEST = 1200


def marked(old: str, new: str) -> tuple[Markup, Markup]:
    """Both texts, with <del> around words of the one and <ins> around words of the other.

    >>> marked("이유를 설명해 줘", "이유를 설명해줘")
    (Markup('이유를 <del>설명해 줘</del>'), Markup('이유를 <ins>설명해줘</ins>'))
    """
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text[:LONGEST]) for text in (old, new))
    parts = list(_parts(one, other))
    left = Markup("").join(Markup("<del>{}</del>").format(a) if changed and a else a for a, _, changed in parts)
    right = Markup("").join(Markup("<ins>{}</ins>").format(b) if changed and b else b for _, b, changed in parts)
    return left, right


def _parts(one: list[str], other: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Stretches of both texts, and whether they differ. A space between two that differ belongs to them."""
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        yield "".join(one[a:b]), "".join(other[c:d]), tag != "equal"
