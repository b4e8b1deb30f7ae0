"""Texts that mean only that there is no input."""

import re

#: What people and machine translators write where a task has no input.
NO_INPUT_WORDS = (
    *("nan", "none", "null", "noinput", "n/a", "입력없음", "입력이없습니다", "입력이필요하지않습니다"),
    *("노인풋", "노인입력"),
)


def _letters(word: str) -> str:
    return " *".join(f"[{letter}{letter.upper()}]" if letter.isascii() else letter for letter in word)


#: A text that means only "no input", in any case and spacing, with or without brackets, quotes and full stop around it:
#: `nan`, `<noinput>`, `입력 없음`. Written so that Python's `re` and Arrow's RE2 read it alike.
NO_INPUT = rf"^[\s<>\[\](){{}}\"'`.。_-]*(?:{'|'.join(map(_letters, NO_INPUT_WORDS))})[\s<>\[\](){{}}\"'`.。_-]*$"
MEANS_NO_INPUT = re.compile(NO_INPUT, re.ASCII)
