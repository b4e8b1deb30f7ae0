"""The fixes, as an ordered table of small pure functions, and their application to one text.

The shape follows ftfy (`ftfy.fixes`, `fix_and_explain`): every fix does one thing, says when it can be needed, and is
named in the explanation of the texts that it changed. The functions are in the modules beside this one.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.stages.normalize import characters, encoding, layout, markup, mojibake, words
from pipeline.table.protected_spans import hide, hide_nothing, hide_without_blocks, restore
from schemas.record import VISIBLE

#: Takes a text apart into what a fix may change and what it leaves alone: `restore` puts them together.
Hide = Callable[[str], tuple[str, list[str]]]


class Fix(NamedTuple):
    name: str
    fix: Callable[[str], str]
    #: A text that the fix would change matches this pattern, written for Arrow's RE2.
    scan: str
    #: What the fix leaves alone: protected spans, but nothing where it repairs the encoding.
    hide: Hide = hide
    default: bool = True


#: Chinese characters, as RE2 reads it.
_CJK = r"[\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}]"


#: In this order. Encoding first, since spans are found in text that is decoded.
FIXES: tuple[Fix, ...] = (
    Fix("byte-order-mark", encoding.drop_byte_order_mark, r"\x{FEFF}", hide=hide_nothing),
    Fix("nul", encoding.drop_nul, r"\x00", hide=hide_nothing),
    Fix("line-endings", encoding.unify_line_endings, r"\r", hide=hide_nothing),
    Fix(
        "mojibake",
        mojibake.decode_mojibake,
        rf"[\x{{B0}}-\x{{FF}}][\x{{80}}-\x{{FF}}{mojibake.CP1252}]|{_CJK}[^\x00-\x7f]{{2}}{_CJK}",
        hide=hide_nothing,
    ),
    Fix("nfc", encoding.compose, encoding.COMPOSABLE, hide=hide_nothing),
    Fix("filler-syllables", encoding.compose_filled, r"\x{3164}[ㄱ-ㅎ][ㅏ-ㅣ]"),
    Fix("line-separators", characters.break_lines, r"[\x0b\x0c\x{2028}\x{2029}]"),
    Fix("terminal-escapes", characters.drop_escapes, r"\x1b[\[\]PX^_()]", hide=hide_nothing),
    Fix("control", characters.drop_controls, r"[\x00-\x08\x0e-\x1f\x7f]"),
    Fix(
        "zero-width",
        characters.drop_zero_width,
        r"[\x{AD}\x{61C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}]",
    ),
    Fix("html-entities", markup.decode_entities, r"&[A-Za-z#]"),
    Fix("html-breaks", markup.break_at_br, r"<[bB][rR]"),
    Fix("html-tags", markup.drop_tags, r"</[A-Za-z]", hide=hide_without_blocks, default=False),
    Fix(
        "special-tokens",
        markup.drop_special_tokens,
        r"\|>|</?s>|<end_of_turn>|<(?:[be]os|[BE]OS|pad|PAD)>|\[(?:[BE]OS|PAD)\]|endofturn\|?\]",
    ),
    Fix("half-width-jamo", characters.widen_jamo, r"[\x{FFA1}-\x{FFDC}]"),
    Fix("full-width-latin", characters.narrow_latin, r"[０-９Ａ-Ｚａ-ｚ]"),
    Fix(
        "spaces", characters.unify_spaces, r"[\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}\x{3164}\x{FFA0}]"
    ),
    Fix("trailing-spaces", layout.drop_trailing_spaces, r"[ \t](?:\n|$)"),
    Fix("blank-lines", layout.squeeze_blank_lines, r"\n\n\n|^\n|\n$"),
    Fix("repeats", characters.squeeze_repeats, r"[ㄱ-ㅣ]{4}|!{4}|\?{4}|[♡♥]{4}", default=False),
    Fix("quotes", characters.unify_quotes, r"[‘-‟]", default=False),
    Fix("dashes", characters.unify_dashes, r"[‐-―]", default=False),
    Fix("hanja", words.read_hanja, _CJK, default=False),
    Fix("hanja-gloss", words.gloss_hanja, _CJK, default=False),
    Fix("spacing", words.correct_spacing, r"[가-힣]", default=False),
)

_visible = re.compile(VISIBLE)


def apply_fixes(text: str, fixes: Sequence[Fix]) -> tuple[str, set[str]]:
    r"""The text with the fixes applied in order until none changes it, and the names of those that changed it.

    A fix that would leave nothing visible of a text is not applied: a valid record stays one.

    >>> defaults = [fix for fix in FIXES if fix.default]
    >>> apply_fixes("\ufeff안녕\u00a0 ", defaults) == ("안녕", {"byte-order-mark", "spaces", "trailing-spaces"})
    True
    """
    names: set[str] = set()

    def apply(part: str, fix: Fix) -> str:
        fixed = fix.fix(part)
        if fixed == part or (_visible.search(part) and not _visible.search(fixed)):
            return part
        names.add(fix.name)
        return fixed

    while True:
        before = text
        for take_apart, group in itertools.groupby(fixes, key=lambda fix: fix.hide):
            prose, spans = take_apart(text)
            for fix in group:
                prose = apply(prose, fix)
            text = restore(prose, spans)
        if text == before:
            return text, names
