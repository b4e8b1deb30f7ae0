"""Text that was decoded wrongly: replacement characters, C1 controls, and the letters that a wrong codec makes."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, around, unquoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: What bytes 80 to BF are in Latin-1 and in Windows-1252.
_CONTINUED = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_WRONG = pattern(
    rf"[ÃÂ][\x80-\xbf]|Â(?= |$)|â€{_CONTINUED}|â€|[ê-í]{_CONTINUED}{{2}}|[ãäåæçèé]{_CONTINUED}{{2}}|ð{_CONTINUED}{{3}}"
    r"|ï¿½|(?:[\xb0-\xc8][\xa1-\xfe]){2}"
)
#: Bytes of UTF-8 that were read as a Korean code: question marks with syllables that no Korean word has.
_CP949 = pattern(r"[?？]([가-힣])|([가-힣])[?？](?=[가-힣])")
SCAN = (
    r"\x{FFFD}|[\x{80}-\x{9F}]|[ÃÂ][\x{80}-\x{BF}]|Â[ \n]|Â$|â€|[ã-í][\x{80}-\x{BF}\x{2010}-\x{2122}]|ðŸ|ï¿½"
    r"|[\x{B0}-\x{C8}][\x{A1}-\x{FE}][\x{B0}-\x{C8}]|\?[가-힣]"
)


def is_rare(syllable: str) -> bool:
    """Whether a syllable is none of the 2,350 of KS X 1001.

    >>> is_rare("쒓"), is_rare("한")
    (True, False)
    """
    return len(syllable.encode("euc_kr", "replace")) != 2


def mojibake(texts: Texts, options: ScreenOptions) -> str | None:
    if asks(texts.instruction, "about-characters"):
        return None
    text = "\n".join(texts[:3])
    count, controls = text.count("\ufffd"), len(re.findall(r"[\x80-\x9f]", text))
    if count or controls:
        return f"{count} replacement characters (U+FFFD), {controls} C1 controls: text that no codec could read"
    if match := _WRONG.search(unquoted(text)):
        return f"letters that a wrong codec makes: {around(match)}"
    for match in _CP949.finditer(text):
        if is_rare(match[1] or match[2]):
            return f"letters that a wrong codec makes: {around(match)}"
    return None
