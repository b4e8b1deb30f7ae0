"""Korean that was decoded with the wrong codec, read back: a stretch of it whole or not at all."""

import re

#: Characters of CP1252 outside Latin-1: what the bytes 0x80 to 0x9F look like when UTF-8 is read as CP1252.
CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
#: A text that speaks of encodings shows what they do to text.
_ABOUT_ENCODINGS = re.compile(
    r"인코딩|디코딩|모지바케|占쏙옙|깨[져지진짐졌]|외계어|문자 ?집합|코드 ?페이지"
    r"|(?i:mojibake|encod|decod|charset|utf-?8|euc-?kr|cp-?949|latin-?1|iso-?8859|cp-?1252|windows-?1252|unicode)"
)
#: Between two runs of one stretch: signs, digits and spaces, but no letters.
_BETWEEN = r"[\x00-@\[-`{-\x7f]"
_LATIN = rf"[\x80-\xff{CP1252}]"
_AS_LATIN = re.compile(rf"{_LATIN}{{2,}}+(?:{_BETWEEN}{{1,40}}{_LATIN}++)*+")
_LATIN_RUN = re.compile(rf"{_LATIN}+")
#: UTF-8 read as CP949: every other syllable starts with a byte EA-ED, which there is the lead of a Chinese character.
_CP949_RUN = r"(?<![^\x00-\x7f\s])[\u4e00-\u9fff\uf900-\ufaff][^\x00-\x7f\s]{3,}"
_AS_CP949 = re.compile(_CP949_RUN)
#: CP949 writes a syllable as a lead byte B0-C8 and a trail byte A1-FE. Two syllables of three different characters or
#: more are certain ("½½½½" is not Korean); beside them, so are a single syllable and the signs of KS X 1001 (lead A1).
_CP949_WORD = re.compile(
    r"(?<![\x80-\xff])(?:\xa1[\xa1-\xfe])*+((?:[\xb0-\xc8][\xa1-\xfe]){2,}+)(?:\xa1[\xa1-\xfe])*+(?![\x80-\xff])"
)
_CP949_WORDS = re.compile(r"(?:[\xa1\xb0-\xc8][\xa1-\xfe])++")
#: What may come out of UTF-8, and single signs that are right as they are.
_DECODED = re.compile("[가-힣ㄱ-ㅣ“”‘’–—…•·°²³½×、。「」『』〈〉《》]+")
_SIGN = re.compile("[°±²³µ·½¼¾×÷–—…•‘’“”€™]")


def decode_mojibake(text: str) -> str:
    r"""Korean that was decoded with the wrong codec, where the way back is certain: to Hangul or its punctuation.

    UTF-8 read as Latin-1 or CP1252 (found by ftfy), CP949 read as Latin-1, UTF-8 read as CP949. A stretch of text is
    decoded whole or not at all, with the punctuation and digits in it. A text that speaks of encodings stays.

    >>> decode_mojibake("ì•ˆë…•"), decode_mojibake("¾È³çÇÏ¼¼¿ä"), decode_mojibake("÷÷÷÷ é 안녕")
    ('안녕', '안녕하세요', '÷÷÷÷ é 안녕')
    >>> decode_mojibake("ÀÌ ¿µÈ\xad´Â ¡°Àç¹ÌÀÖ´Ù¡±")
    '이 영화는 “재미있다”'
    >>> decode_mojibake("모토로라충전".encode().decode("cp949")), decode_mojibake("禮讚人生")
    ('모토로라충전', '禮讚人生')
    >>> decode_mojibake("ì•ˆë…•, ì„¸ê³„!"), decode_mojibake("ì•ˆë…•, ì„¸ê³!"), decode_mojibake("ì•ˆë…•은 왜 깨져요?")
    ('안녕, 세계!', 'ì•ˆë…•, ì„¸ê³!', 'ì•ˆë…•은 왜 깨져요?')
    """
    if _ABOUT_ENCODINGS.search(text):
        return text
    if any(len(set(run)) > 2 for run in _CP949_WORD.findall(text)):
        text = _AS_LATIN.sub(_from_cp949_as_latin, text)
    return _from_cp949(_AS_LATIN.sub(_from_latin, text))


def _from_cp949_as_latin(stretch: re.Match[str]) -> str:
    if not all(_CP949_WORDS.fullmatch(run) or _SIGN.fullmatch(run) for run in _LATIN_RUN.findall(stretch[0])):
        return stretch[0]

    def fix(run: re.Match[str]) -> str:
        return run[0] if _SIGN.fullmatch(run[0]) else run[0].encode("latin-1").decode("cp949")

    return _LATIN_RUN.sub(fix, stretch[0])


def _from_latin(stretch: re.Match[str]) -> str:
    if not re.search(r"[\xea-\xed]|â€|Â|ã€", stretch[0]):
        return stretch[0]
    from ftfy import fix_encoding

    def fix(run: str) -> str:
        fixed: str = run if _SIGN.fullmatch(run) else fix_encoding(run)
        return fixed

    fixed = {run: fix(run) for run in _LATIN_RUN.findall(stretch[0])}
    if not all(_DECODED.fullmatch(new) or _SIGN.fullmatch(run) for run, new in fixed.items()):
        return stretch[0]
    return _LATIN_RUN.sub(lambda run: fixed[run[0]], stretch[0])


def _from_cp949(text: str) -> str:
    """All runs of the text, or none: they were read wrongly together."""
    runs = _AS_CP949.findall(text)
    decoded = {run: _decoded_cp949(run) for run in runs}
    if not any(decoded.values()):
        return text
    damaged = any(new is None and _is_wrong(run) for run, new in decoded.items())
    return text if damaged else _AS_CP949.sub(lambda run: decoded[run[0]] or run[0], text)


def _decoded_cp949(run: str) -> str | None:
    try:
        fixed = run.encode("cp949").decode("utf-8")
    except UnicodeError:
        return None
    return fixed if re.fullmatch(r"[가-힣]{2,}", fixed) else None


def _is_wrong(run: str) -> bool:
    """Whether a run mixes Chinese characters and syllables as text does that was read wrongly: in no word of Korean."""
    return bool(
        re.search(r"[가-힣][\u4e00-\u9fff\uf900-\ufaff]", run)
        and re.search(r"[\u4e00-\u9fff\uf900-\ufaff][가-힣]", run)
    )
