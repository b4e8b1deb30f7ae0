"""Personal data is masked where texts of a dataset are shown: what is on a terminal is often copied."""

import re
from collections.abc import Callable
from typing import Any

from pipeline.stages.screen import key_of
from pipeline.stages.screen.pii import find_pii, kinds_of, mask_pii, spelled
from pipeline.table.json_strings import map_strings

Hide = Callable[[str], str]
#: Control characters but tab and line end, and those of no width.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
#: The end of a line inside a number or an address.
SPLIT = re.compile(r"(?<=[\d@.-])[ \t\r]*\n\s*(?=[\w@.-])|(?<=\w)[ \t\r]*\n\s*(?=[@.-])")
KINDS = kinds_of(disguised=True)


def masked(text: str) -> str:
    r"""The text with all personal data that is found in it masked, whatever the options of screen are.

    Of JSON each string is searched, with its escapes read, and each long number. Characters that cannot be seen, and
    the ends of lines, are left out where they hide some of it.

    >>> masked("전화 010-23\u200b45-6789"), masked("사과\u200b는"), masked("010\n-2345-6789")
    ('전화 <전화번호>', '사과\u200b는', '<전화번호>')
    >>> print(masked(r'{"a": "\u0030\u0031\u0030-2345-6789", "phone": 1023456789}'))
    {"a": "<전화번호>", "phone": "<전화번호>"}
    """
    return map_strings(text, _of_string, _of_number)


def hidden(value: Any, hide: Hide) -> Any:
    """A value with each text in it hidden. (JSON in a text stays JSON.)"""
    match value:
        case str():
            return hide(value)
        case list():
            return [hidden(item, hide) for item in value]
        case dict():
            return {name: hidden(item, hide) for name, item in value.items()}
    return value


def _of_string(text: str, path: str) -> str:
    """A string may hold JSON itself, as the arguments of a call do."""
    return map_strings(text, _of_text, _of_number) if text.lstrip()[:1] in ("{", "[") else _of_text(text, path)


def _of_text(text: str, path: str) -> str:
    key = _key(path)
    found = len(find_pii(text, KINDS, key))
    for bare in (UNSEEN.sub("", text), SPLIT.sub("", UNSEEN.sub("", text))):
        if bare != text and (more := len(find_pii(bare, KINDS, key))) > found:
            text, found = bare, more
    return mask_pii(text, KINDS, KINDS, key)


def _of_number(number: str, path: str) -> str:
    written = spelled(number, KINDS, _key(path))
    new = _of_text(written, path)
    return number if new == written else new


def _key(path: str) -> str:
    return key_of(f".{path}") if path else ""
