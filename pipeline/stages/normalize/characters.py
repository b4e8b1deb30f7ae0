"""Fixes of single characters: invisible ones, spaces, and the width and shape of letters and signs."""

import re
import unicodedata


def break_lines(text: str) -> str:
    r"""Vertical tab, form feed and Unicode's line and paragraph separators break a line as LF does.

    >>> break_lines("하나\u2028둘\x0b셋")
    '하나\n둘\n셋'
    """
    return re.sub(r"[\x0b\x0c\u2028\u2029]", "\n", text)


#: Escapes of terminals: colours and cursors (CSI), titles and links (OSC and the like), character sets.
_TERMINAL = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0AB])"
_ESCAPE = re.compile(_TERMINAL)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def drop_escapes(text: str) -> str:
    r"""The escapes of terminals for colours, titles and links are not text, in code neither.

    >>> drop_escapes("\x1b[1;31m빨강\x1b[0m"), drop_escapes("\x1b]8;;https://a.kr\x1b\\여기\x1b]8;;\x1b\\")
    ('빨강', '여기')
    """
    return _ESCAPE.sub("", text)


def drop_controls(text: str) -> str:
    r"""C0 controls and DEL are not text. Tab and line feed stay.

    C1 controls stay too: they are the bytes of undecoded text, and `screen` flags them.

    >>> drop_controls("가\x08나\t라")
    '가나\t라'
    """
    return _CONTROL.sub("", text)


#: Scripts in which joiners shape letters, and scripts without spaces, where U+200B parts words.
_JOINING = r"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua87f"


_SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff"


_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


_EMOJI = r"\u2190-\u2bff\u3030\u303d\u00a9\u00ae\ufe0f\u20e3\U0001f000-\U0001faff\U000e007f"


#: Each alternative starts with its character, so that the engine skips to one; the lookbehind sees that character too.
_ZERO_WIDTH = re.compile(
    rf"\u00ad|\u2060|\u180e"
    rf"|\u200b(?<![{_SPACELESS}]\u200b)(?![{_SPACELESS}])"
    rf"|\u200c(?<![{_JOINING}]\u200c)"
    rf"|\u200d(?:(?<![{_JOINING}{_EMOJI}]\u200d)|(?<=[{_EMOJI}]\u200d)(?![{_EMOJI}]))"
)


_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def drop_zero_width(text: str) -> str:
    r"""Invisible characters split words for every tool that counts them: zero-width space, joiners, soft hyphen, bidi.

    They stay where they carry meaning: joiners in emoji and in scripts that they shape, zero-width spaces in scripts
    without spaces, bidi controls in texts that hold right-to-left letters.

    >>> drop_zero_width("한\u200b국\u00ad어\u202e"), drop_zero_width("\U0001f468\u200d\U0001f469")
    ('한국어', '👨\u200d👩')
    """
    text = _ZERO_WIDTH.sub("", text)
    plain = _BIDI.sub("", text)
    return text if plain != text and _RIGHT_TO_LEFT.search(text) else plain


def widen_jamo(text: str) -> str:
    r"""Half-width jamo become the jamo of the keyboard, one for one, as their Unicode mapping says.

    >>> widen_jamo("ﾻﾻﾻ")
    'ㅋㅋㅋ'
    """
    return re.sub(r"[\uffa1-\uffdc]", lambda jamo: _narrow(jamo[0]), text)


def narrow_latin(text: str) -> str:
    r"""Full-width Latin letters and digits become the plain ones. Punctuation stays, as part of faces and of Chinese.

    >>> narrow_latin("ＡＩ １０대 ①㎏（주）｀")
    'AI 10대 ①㎏（주）｀'
    """
    return re.sub(r"[０-９Ａ-Ｚａ-ｚ]", lambda char: _narrow(char[0]), text)


def _narrow(char: str) -> str:
    """The plain form of a <narrow> or <wide> character (one step of its decomposition, not all of NFKC)."""
    mapping = unicodedata.decomposition(char).split()
    return chr(int(mapping[1], 16)) if mapping and mapping[0] in ("<narrow>", "<wide>") else char


def unify_spaces(text: str) -> str:
    r"""Every other space (no-break, thin, ideographic, the Hangul filler) becomes a space: words stay apart.

    >>> unify_spaces("서울\u00a0특별시\u3000강남구")
    '서울 특별시 강남구'
    """
    return re.sub(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u3164\uffa0]", " ", text)


def squeeze_repeats(text: str) -> str:
    r"""Jamo, exclamation and question marks, hearts: three of a kind mean as much as thirty. Never digits or syllables.

    >>> squeeze_repeats("안녕ㅋㅋㅋㅋㅋㅋ 10000원!!!!! 아아아아아")
    '안녕ㅋㅋㅋ 10000원!!! 아아아아아'
    """
    return re.sub(r"([ㄱ-ㅣ!?♡♥])\1{3,}", r"\1\1\1", text)


def unify_quotes(text: str) -> str:
    r"""Curly quotes become straight ones. Korean brackets stay.

    >>> unify_quotes("“훈민정음”과 ‘한글’, 《책》")
    '"훈민정음"과 \'한글\', 《책》'
    """
    return re.sub("[‘’‚‛]", "'", re.sub("[“”„‟]", '"', text))


def unify_dashes(text: str) -> str:
    r"""Hyphens and dashes of every width become a hyphen. The minus sign stays.

    >>> unify_dashes("1990–2000년 — 서울‑부산 −5도")
    '1990-2000년 - 서울-부산 −5도'
    """
    return re.sub("[‐-―]", "-", text)
