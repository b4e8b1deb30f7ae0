"""The words of the report in English and Korean, from texts.toml, and the marks by which the page shows one of them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape

from schemas import reasons

#: A text in both languages.
Texts = dict[str, tuple[str, str]]

_BOTH = Markup('<span class="t" lang="en">{}</span><span class="t" lang="ko">{}</span>')


@cache
def _file() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))


def texts(section: Literal["page", "script"]) -> Texts:
    """The texts of a section of texts.toml."""
    return _file()[section]


def t(key: str, *values: object) -> Markup:
    """A text of the page in both languages, with these values in it."""
    english, korean = texts("page")[key]
    return both(english, korean) if not values else both(*(escape(text).format(*values) for text in (english, korean)))


@cache
def both(english: str, korean: str) -> Markup:
    """Two texts of which the page shows one; the same text only once."""
    return escape(english) if english == korean else _BOTH.format(english, korean)


def meaning(name: str) -> Markup:
    """What a reason ("stage: name"), flag ("flag: name") or fix ("fix: name") means.

    "" where it is not known, as one of a step of the user.
    """
    english = meanings().get(name, "")
    return both(english, in_korean(name) or english) if english else Markup()


def in_korean(name: str) -> str | None:
    """The meaning of a name in Korean."""
    kind, _, bare = name.partition(": ")
    if kind == "fix" and bare in _file()["fixes"]:
        return str(_file()["fixes"][bare][1])
    names: dict[str, str] = _file()["names"]
    return names.get(name) or names.get(bare)


@cache
def meanings() -> dict[str, str]:
    """The English meanings of reasons, flags and fixes."""
    found = {f"{stage}: {name}": why for stage, names in reasons.REASONS.items() for name, why in names.items()}
    for name, why in reasons.FINDINGS.items():
        found |= {f"screen: {name}": why, f"flag: {name}": why}
    found |= {f"flag: {name}": why for names in reasons.FLAGS.values() for name, why in names.items()}
    found |= {f"fix: {name}": why for names in reasons.FIXES.values() for name, why in names.items()}
    return found | {f"fix: {name}": english for name, (english, _) in _file()["fixes"].items()}
