"""Text of files and of people on a terminal: control characters are shown, not obeyed."""

import re

#: Control characters but tab and line end, those that turn the direction of writing, and halves of a character.
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with characters that steer a terminal written as \x1b or \u202e, as Python writes them.

    >>> print(visible("\x1b[31mred"))
    \x1b[31mred
    """
    return STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_json(text: str) -> str:
    r"""JSON with characters that steer a terminal escaped, as JSON allows: it means the same.

    >>> print(visible_json('"\x9b2J"'))
    "\u009b2J"
    """
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
