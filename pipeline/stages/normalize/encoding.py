"""Fixes of what decoding leaves in a text: marks, line ends, and forms of one character."""

import re
import unicodedata


def drop_byte_order_mark(text: str) -> str:
    r"""U+FEFF marks an encoding; concatenated files leave it in mid-text.

    >>> drop_byte_order_mark("\ufeff안녕\ufeff")
    '안녕'
    """
    return text.replace("\ufeff", "")


def drop_nul(text: str) -> str:
    r"""NUL is not text: it ends strings in C code further down.

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


#: A superset of the characters that NFC may change, alone or after another: marks, jamo that follow, and singletons. In
#: whole blocks, since Arrow compiles the pattern for every batch. The test holds it against every code point.
COMPOSABLE = (
    r"[\x{300}-\x{387}\x{483}-\x{2001}\x{20D0}-\x{20FF}\x{2126}-\x{212B}\x{2329}\x{232A}\x{2ADC}\x{2CEF}-\x{2DFF}"
    r"\x{302A}-\x{302F}\x{3099}\x{309A}\x{A66F}-\x{ABED}\x{F900}-\x{FAFF}\x{FB1D}-\x{FB4E}\x{FE20}-\x{FE2F}"
    r"\x{10000}-\x{1D244}\x{1E000}-\x{1E94A}\x{2F800}-\x{2FA1F}]"
)


def compose_filled(text: str) -> str:
    r"""A syllable that KS X 1001 lacks, spelt as filler, initial, vowel and final (or filler), becomes that syllable.

    >>> compose_filled("비행기에서 \u3164ㅂㅘㅅ는데")
    '비행기에서 봣는데'
    """

    def compose(match: re.Match[str]) -> str:
        initial, vowel, final = match.groups()
        code = (_INITIALS.index(initial) * 21 + ord(vowel) - ord("ㅏ")) * 28
        return chr(ord("가") + code + (0 if final == "\u3164" else _FINALS.index(final) + 1))

    return re.sub(rf"\u3164([{_INITIALS}])([ㅏ-ㅣ])([{_FINALS}\u3164])", compose, text)


_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"


_FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
