"""The fixes, as an ordered table of small pure functions, and their application to one text.

The shape follows ftfy (`ftfy.fixes`, `fix_and_explain`): every fix does one thing, says when it can be needed, and is
named in the explanation of the texts that it changed.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.normalize.spans import in_prose
from schemas.record import VISIBLE


class Fix(NamedTuple):
    name: str
    fix: Callable[[str], str]
    #: A text that the fix would change matches this pattern, written for Arrow's RE2.
    scan: str
    #: Encoding-level: applies to the whole text. Any other fix leaves protected spans alone.
    everywhere: bool = False
    default: bool = True


def drop_byte_order_mark(text: str) -> str:
    r"""U+FEFF marks an encoding; concatenated files leave it in mid-text.

    >>> drop_byte_order_mark("\ufeff안녕\ufeff")
    '안녕'
    """
    return text.replace("\ufeff", "")


def drop_nul(text: str) -> str:
    r"""NUL is no text: it ends strings in C code further down.

    >>> drop_nul("서\x00울")
    '서울'
    """
    return text.replace("\x00", "")


def unify_line_endings(text: str) -> str:
    r"""Windows (CR LF) and old Mac (CR) line ends become LF.

    >>> unify_line_endings("하나\r\n둘\r셋")
    '하나\n둘\n셋'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def compose(text: str) -> str:
    r"""Unicode NFC: conjoining jamo (file names and text from macOS) become syllables; old Hangul has none and stays.

    >>> compose("\u1112\u1161\u11ab\u1100\u1173\u11af")
    '한글'
    >>> compose("10³㎏①½ㅋㅋ") == "10³㎏①½ㅋㅋ"
    True
    """
    return unicodedata.normalize("NFC", text)


#: A superset of the characters that NFC may change, alone or after another: marks, jamo that follow, and singletons.
#: The test holds it against every code point.
COMPOSABLE = (
    r"[\p{M}\x{1160}-\x{11FF}\x{0374}\x{037E}\x{0387}\x{0958}-\x{095F}\x{09DC}-\x{09DF}\x{0A33}-\x{0A5E}\x{0B5C}\x{0B5D}"
    r"\x{0F43}-\x{0F69}\x{1F71}-\x{1FFD}\x{2000}\x{2001}\x{2126}-\x{212B}\x{2329}\x{232A}\x{2ADC}\x{F900}-\x{FAFF}"
    r"\x{FB1D}-\x{FB4E}\x{1D15E}-\x{1D1C0}\x{2F800}-\x{2FA1F}]"
)


def drop_controls(text: str) -> str:
    r"""C0 controls and DEL are no text; vertical tab and form feed break a line. Tab and line feed stay.

    C1 controls stay too: they are the bytes of undecoded text, and `screen` flags them.

    >>> drop_controls("가\x08나\x0b다\t라")
    '가나\n다\t라'
    """
    return re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", re.sub(r"[\x0b\x0c]", "\n", text))


#: Scripts in which joiners shape letters, and scripts without spaces, where U+200B parts words.
JOINING = r"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua87f"
SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff"
RIGHT_TO_LEFT = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
EMOJI = r"\u2190-\u2bff\u3030\u303d\u00a9\u00ae\ufe0f\u20e3\U0001f000-\U0001faff\U000e007f"
ZERO_WIDTH = re.compile(
    rf"[\u00ad\u2060\u180e]"
    rf"|(?<![{SPACELESS}])\u200b(?![{SPACELESS}])"
    rf"|(?<![{JOINING}])\u200c"
    rf"|(?<![{JOINING}{EMOJI}])\u200d|(?<=[{EMOJI}])\u200d(?![{EMOJI}])"
)
BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def drop_zero_width(text: str) -> str:
    r"""Invisible characters split words for every tool that counts them: zero-width space, joiners, soft hyphen, bidi.

    They stay where they carry meaning: joiners in emoji and in scripts that they shape, zero-width spaces in scripts
    without spaces, bidi controls in texts that hold right-to-left letters.

    >>> drop_zero_width("한\u200b국\u00ad어\u202e"), drop_zero_width("\U0001f468\u200d\U0001f469")
    ('한국어', '👨\u200d👩')
    """
    text = ZERO_WIDTH.sub("", text)
    return text if re.search(RIGHT_TO_LEFT, text) else BIDI.sub("", text)


def unify_spaces(text: str) -> str:
    r"""Every other space (no-break, thin, ideographic, the Hangul filler) becomes a space: words stay apart.

    >>> unify_spaces("서울\u00a0특별시\u3000강남구")
    '서울 특별시 강남구'
    """
    return re.sub(SPACES, " ", text)


SPACES = r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u3164]"


def drop_trailing_spaces(text: str) -> str:
    r"""Spaces and tabs at the ends of lines. Line by line: a pattern would be quadratic on long runs of spaces.

    >>> drop_trailing_spaces("하나  \n  둘\t")
    '하나\n  둘'
    """
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


#: In this order. Encoding first, since spans are found in text that is decoded.
FIXES: tuple[Fix, ...] = (
    Fix("byte-order-mark", drop_byte_order_mark, r"\x{FEFF}", everywhere=True),
    Fix("nul", drop_nul, r"\x00", everywhere=True),
    Fix("line-endings", unify_line_endings, r"\r", everywhere=True),
    Fix("nfc", compose, COMPOSABLE, everywhere=True),
    Fix("control", drop_controls, r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    Fix(
        "zero-width",
        drop_zero_width,
        r"[\x{AD}\x{61C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}]",
    ),
    Fix("spaces", unify_spaces, r"[\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}\x{3164}]"),
    Fix("trailing-spaces", drop_trailing_spaces, r"[ \t](?:\n|$)"),
)

_visible = re.compile(VISIBLE)


def apply_fixes(text: str, fixes: Sequence[Fix]) -> tuple[str, set[str]]:
    r"""The text with the fixes applied in order until none changes it, and the names of those that changed it.

    A fix that would leave nothing visible of a text is not applied: a valid record stays one.

    >>> apply_fixes("\ufeff안녕\u00a0 ", FIXES) == ("안녕", {"byte-order-mark", "spaces", "trailing-spaces"})
    True
    """
    names: set[str] = set()
    while True:
        before = text
        for name, fix, _, everywhere, _ in fixes:
            fixed = fix(text) if everywhere else in_prose(fix, text)
            if fixed != text and (_visible.search(fixed) or not _visible.search(text)):
                names.add(name)
                text = fixed
        if text == before:
            return text, names
