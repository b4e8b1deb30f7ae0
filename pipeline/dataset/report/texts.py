"""The words of the report in English and Korean, from texts.toml, and the marks by which the page shows one of them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape

from pipeline.stages.normalize.fixes import FIXES
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
    names: dict[str, str] = _file()["names"]
    return names.get(name) or names.get(name.partition(": ")[2])


@cache
def meanings() -> dict[str, str]:
    """Reasons (as "stage: reason"), flags and fixes, with their English meanings."""
    named = {f"{stage}: {reason}": why for stage, whys in reasons.REASONS.items() for reason, why in whys.items()}
    named |= {f"screen: {name}": why for name, why in reasons.FINDINGS.items()}
    flags = {name: why for whys in (*reasons.FLAGS.values(), reasons.FINDINGS) for name, why in whys.items()}
    fixes = {name: why for whys in reasons.FIXES.values() for name, why in whys.items()}
    fixes |= {each.name: _first_sentence(each.fix.__doc__ or "") for each in FIXES}
    return (
        named | {f"flag: {name}": why for name, why in flags.items()} | {f"fix: {n}": why for n, why in fixes.items()}
    )


def _first_sentence(documented: str) -> str:
    return documented.strip().split("\n\n")[0].replace("\n", " ").strip()
