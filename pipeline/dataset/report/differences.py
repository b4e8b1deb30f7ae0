"""Two texts side by side, with the words marked in which they differ."""

import re
import unicodedata
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


def around_the_change(old: str, new: str, length: int = 80) -> tuple[str, str]:
    """Both texts from a little before the first place where they differ, with what cannot be seen made visible.

    >>> around_the_change("가나다 \\u200b라", "가나다 라")
    ('가나다 [U+200B]라', '가나다 라')
    """
    shorter = min(len(old), len(new))
    change = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    start = max(change - 20, 0)
    old, new = old[start:], new[start:]
    if len(old) > length and (end := new.find(old[length - 10 : length])) > 0:  # cut both behind the same words
        old, new = old[:length], new[: end + 10]
    return visible(old[:length]), visible(new[:length])


def visible(text: str) -> str:
    """The text with characters that cannot be seen as their numbers, and spaces at line ends as ␣.

    >>> visible("가\\u200b나\\r\\n다  ")
    '가[U+200B]나[U+000D]⏎다␣␣'
    """
    text = re.sub(r"[ \t]+(?=\n|$)", lambda found: "␣" * len(found[0]), text)
    return "".join(_visible(each) for each in text)


def _visible(character: str) -> str:
    if character == "\n":
        return "⏎"
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Co") or (
        unicodedata.category(character) == "Zs" and character != " "
    )
    jamo = "\u1100" <= character <= "\u11ff" or character == "\u3164"
    return f"[U+{ord(character):04X}]" if hidden or jamo else character


def _parts(one: list[str], other: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Stretches of both texts, and whether they differ. A space between two that differ belongs to them."""
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        yield "".join(one[a:b]), "".join(other[c:d]), tag != "equal"
