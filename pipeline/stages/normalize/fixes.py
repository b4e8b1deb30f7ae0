"""The fixes, as an ordered table of small pure functions, and their application to one text.

The shape follows ftfy (`ftfy.fixes`, `fix_and_explain`): every fix does one thing, says when it can be needed, and is
named in the explanation of the texts that it changed.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipeline.table.protected_spans import MARK, hide, restore
from schemas.errors import MissingLibraryError
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


#: Characters of CP1252 outside Latin-1: what the bytes 0x80 to 0x9F look like when UTF-8 is read as CP1252.
_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_AS_LATIN = re.compile(rf"[\x80-\xff{_CP1252}]{{2,}}")
#: UTF-8 read as CP949: every other syllable starts with a byte EA-ED, which there is the lead of a Chinese character.
_AS_CP949 = re.compile(r"(?<![^\x00-\x7f\s])[\u4e00-\u9fff\uf900-\ufaff][^\x00-\x7f\s]{3,}")
_HANGUL = re.compile(r"[가-힣]")


#: Chinese characters, as RE2 reads it.
_CJK = r"[\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}]"


def decode_mojibake(text: str) -> str:
    r"""Korean that was decoded with the wrong codec, where the way back is certain: to Hangul or its punctuation.

    UTF-8 read as Latin-1 or CP1252 (found by ftfy), CP949 read as Latin-1, UTF-8 read as CP949. A stretch of text is
    decoded whole or not at all.

    >>> decode_mojibake("ì•ˆë…•"), decode_mojibake("¾È³çÇÏ¼¼¿ä"), decode_mojibake("÷÷÷÷ é 안녕")
    ('안녕', '안녕하세요', '÷÷÷÷ é 안녕')
    >>> decode_mojibake("ÀÌ ¿µÈ\xad´Â ¡°Àç¹ÌÀÖ´Ù¡±")
    '이 영화는 “재미있다”'
    >>> decode_mojibake("모토로라충전".encode().decode("cp949")), decode_mojibake("禮讚人生")
    ('모토로라충전', '禮讚人生')
    """
    if any(len(set(run)) > 2 for run in _CP949_WORD.findall(text)):
        text = _AS_LATIN.sub(_from_cp949_as_latin, text)
    return _AS_CP949.sub(_from_cp949, _AS_LATIN.sub(_from_latin, text))


#: CP949 writes a syllable as a lead byte B0-C8 and a trail byte A1-FE. Two syllables of three different characters or
#: more are certain ("½½½½" is not Korean); beside them, so are a single syllable and the signs of KS X 1001 (lead A1).
_CP949_WORD = re.compile(
    r"(?<![\x80-\xff])(?:\xa1[\xa1-\xfe])*((?:[\xb0-\xc8][\xa1-\xfe]){2,})(?:\xa1[\xa1-\xfe])*(?![\x80-\xff])"
)


def _from_cp949_as_latin(match: re.Match[str]) -> str:
    run = match[0]
    return run.encode("latin-1").decode("cp949") if re.fullmatch(r"(?:[\xa1\xb0-\xc8][\xa1-\xfe])+", run) else run


def _from_latin(match: re.Match[str]) -> str:
    run = match[0]
    if re.search(r"[\xea-\xed]|â€|Â", run):
        from ftfy import fix_encoding

        fixed: str = fix_encoding(run)
        if re.fullmatch("[가-힣ㄱ-ㅣ“”‘’–—…•·°²³½×、。「」『』]+", fixed):
            return fixed
    return run


def _from_cp949(match: re.Match[str]) -> str:
    try:
        fixed = match[0].encode("cp949").decode("utf-8")
    except UnicodeError:
        return match[0]
    return fixed if re.fullmatch(r"[가-힣]{2,}", fixed) else match[0]


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


def break_lines(text: str) -> str:
    r"""Vertical tab, form feed and Unicode's line and paragraph separators break a line as LF does.

    >>> break_lines("하나\u2028둘\x0b셋")
    '하나\n둘\n셋'
    """
    return re.sub(r"[\x0b\x0c\u2028\u2029]", "\n", text)


#: Escapes of terminals: colours and cursors (CSI), titles and links (OSC and the like), character sets.
_TERMINAL = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0AB])"
_CONTROL = re.compile(rf"{_TERMINAL}|[\x00-\x08\x0e-\x1f\x7f]")


def drop_controls(text: str) -> str:
    r"""C0 controls and DEL are not text, and neither are the escapes of terminals. Tab and line feed stay.

    C1 controls stay too: they are the bytes of undecoded text, and `screen` flags them.

    >>> drop_controls("가\x08나\t라"), drop_controls("\x1b[1;31m빨강\x1b[0m")
    ('가나\t라', '빨강')
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


#: Talk of HTML: then tags and entities are what the text is about.
_ABOUT_HTML = re.compile(r"html|xml|태그|엔[터티]티|이스케이프|마크업|escape|markup|entit", re.IGNORECASE)
_TAG = re.compile(r"<(/?[A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*+)?/?>")
_BREAK = re.compile(r"(?<![ \t])[ \t]*+<br[ \t]*+/?>(?:[ \t]*+\n|[ ](?![ ]))?", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:quot|apos|nbsp|middot|hellip|[lr]dquo|[lr]squo|[mn]dash|bull|#0?39|#3[24]|#160|#x27);")

_NUMBERED = re.compile(r"&#(?:[0-9]{3,5}|[xX][0-9A-Fa-f]{3,4});")


def _numbered(entity: re.Match[str]) -> str:
    """Hangul, punctuation and invisible characters; letters of others may be an example of how to write them."""
    char = html.unescape(entity[0])
    kept = re.fullmatch("[가-힣ㄱ-ㅣ\u2010-\u2027\u2030-\u205e\u200b\ufeff\u3000-\u301f]", char)
    return char if kept else entity[0]


def decode_entities(text: str) -> str:
    r"""HTML entities of punctuation, spaces and Hangul; `&amp;`, `&lt;`, `&gt;` where they start no tag or entity.

    A text that speaks of HTML keeps them.

    >>> decode_entities("영화 &#39;비밀&#39; &amp; &lt;기생충&gt;"), decode_entities("HTML에서 &nbsp;는 공백")
    ("영화 '비밀' & <기생충>", 'HTML에서 &nbsp;는 공백')
    >>> decode_entities("&lt;b&gt; &amp;lt;")
    '&lt;b&gt; &amp;lt;'
    >>> decode_entities("&#50504;&#xB155;&#8203;?")
    '안녕\u200b?'
    """
    if "&" not in text or _ABOUT_HTML.search(text):
        return text
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = _NUMBERED.sub(_numbered, text)
    text = re.sub(r"&lt;(?![A-Za-z/!?&])", "<", text)
    text = re.sub(r"(?<![\w\"'/-])&gt;|(?<=[가-힣])&gt;", ">", text, flags=re.ASCII)
    return re.sub(r"&amp;(?![A-Za-z#][A-Za-z0-9]{0,31};)", "&", text)


def break_at_br(text: str) -> str:
    r"""`<br>` left in prose becomes a line break. Not where the text is HTML or speaks of it.

    >>> break_at_br("1. 산책<br>2. 독서<br />\n3. 잠")
    '1. 산책\n2. 독서\n3. 잠'
    >>> break_at_br("<br> 태그는 줄을 바꿉니다."), break_at_br("<td>가<br>나</td>")
    ('<br> 태그는 줄을 바꿉니다.', '<td>가<br>나</td>')
    """
    if not _BREAK.search(text) or _ABOUT_HTML.search(text):
        return text
    if any(tag[1].lower() != "br" for tag in _TAG.finditer(text)):
        return text
    return _BREAK.sub("\n", text)


_PRESENTATION = {"p", "div", "span", "font", "b", "i", "u", "em", "strong", "center"}


def drop_tags(text: str) -> str:
    r"""Presentational tags around prose go, their words stay. Off by default: `<b>` may be the answer.

    >>> drop_tags("저녁으로 <b>라비올리</b>를 먹었다. <For Paul> >ㅁ<b>")
    '저녁으로 라비올리를 먹었다. <For Paul> >ㅁ<b>'
    """
    if _ABOUT_HTML.search(text):
        return text
    tags = list(_TAG.finditer(text))
    names = [tag[1].lower() for tag in tags]
    # Only pairs: what is never closed may be a title or a face.
    opened: dict[str, list[int]] = {}
    paired: set[int] = set()
    for number, name in enumerate(names):
        if name in _PRESENTATION:
            opened.setdefault(name, []).append(number)
        elif name.startswith("/") and opened.get(name[1:]):
            paired |= {number, opened[name[1:]].pop()}
    for number in sorted(paired, reverse=True):
        text = text[: tags[number].start()] + text[tags[number].end() :]
    return text


_TOKEN_AT_END = re.compile(
    r"(?:<\|(?:endoftext|end_of_text|end_of_turn|im_end|eot_id|eom_id|end|return)\|>"
    r"|<end_of_turn>|<eos>|<EOS>|\[EOS\]|\[\|?endofturn\|?\]|</s>|<pad>|<PAD>|\[PAD\])\s*+\Z"
)
_TOKENS_AT_START = re.compile(r"\A(?:\s*+(?:<\|begin_of_text\|>|<\|startoftext\|>|<bos>|<BOS>|\[BOS\]|<s>))++")
#: Tokens of models of any kind, and how a text ends that goes on to name one.
_TOKEN_NAMED = re.compile(r"\[(?:CLS|SEP|UNK|MASK|PAD|BOS|EOS)\]|</?s>|<(?:pad|unk|mask|bos|eos|PAD|UNK|MASK|BOS|EOS)>")
_ABOUT_TO_NAME = re.compile(r"(?:[,、·/|=:(\['\"`‘“]\s*|(?:[은는이가을를와과랑및로]|또는|그리고|and|or|is|are) )\Z")


def drop_special_tokens(text: str) -> str:
    r"""The end-of-text token of some model at the end of a text, and the beginning-of-text token at its start.

    A token that the text names, alone or among others, stays.

    >>> drop_special_tokens("<s>서울입니다.</s>"), drop_special_tokens("답\n<|im_end|>\n<|endoftext|>")
    ('서울입니다.', '답\n')
    >>> drop_special_tokens("GPT는 <|endoftext|> 토큰을 씁니다."), drop_special_tokens("취소선은 <s>이렇게</s>")
    ('GPT는 <|endoftext|> 토큰을 씁니다.', '취소선은 <s>이렇게</s>')
    >>> drop_special_tokens("서울입니다.</s><pad><pad>"), drop_special_tokens("[CLS], [SEP], <pad>")
    ('서울입니다.', '[CLS], [SEP], <pad>')
    """
    start = _TOKENS_AT_START.match(text)
    body = text[start.end() :] if start else text
    length = len(body)
    while end := _TOKEN_AT_END.search(body[max(0, length - 200) : length]):
        length -= len(end[0])
    kept = body[:length]
    if _TOKEN_NAMED.search(kept) or _ABOUT_TO_NAME.search(kept):
        kept = body
    is_pair = start is not None and start[0].endswith("<s>") and "</s>" in kept
    return text[: len(text) - len(body)] + kept if is_pair else kept


def widen_jamo(text: str) -> str:
    r"""Half-width jamo become the jamo of the keyboard, one for one, as their Unicode mapping says.

    >>> widen_jamo("ﾻﾻﾻ")
    'ㅋㅋㅋ'
    """
    return re.sub(r"[\uffa1-\uffdc]", lambda jamo: _narrow(jamo[0]), text)


def _narrow(char: str) -> str:
    """The plain form of a <narrow> or <wide> character (one step of its decomposition, not all of NFKC)."""
    mapping = unicodedata.decomposition(char).split()
    return chr(int(mapping[1], 16)) if mapping and mapping[0] in ("<narrow>", "<wide>") else char


def narrow_latin(text: str) -> str:
    r"""Full-width Latin letters and digits become the plain ones. Punctuation stays, as part of faces and of Chinese.

    >>> narrow_latin("ＡＩ １０대 ①㎏（주）｀")
    'AI 10대 ①㎏（주）｀'
    """
    return re.sub(r"[０-９Ａ-Ｚａ-ｚ]", lambda char: _narrow(char[0]), text)


def unify_spaces(text: str) -> str:
    r"""Every other space (no-break, thin, ideographic, the Hangul filler) becomes a space: words stay apart.

    >>> unify_spaces("서울\u00a0특별시\u3000강남구")
    '서울 특별시 강남구'
    """
    return re.sub(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u3164\uffa0]", " ", text)


def drop_trailing_spaces(text: str) -> str:
    r"""Spaces and tabs at the ends of lines. Line by line: a pattern would be quadratic on long runs of spaces.

    >>> drop_trailing_spaces("하나  \n  둘\t")
    '하나\n  둘'
    """
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


def squeeze_blank_lines(text: str) -> str:
    r"""More than one blank line becomes one, and none at either end. Indentation stays.

    >>> squeeze_blank_lines("\n  하나\n\n\n\n둘\n")
    '  하나\n\n둘'
    """
    return re.sub(r"\n{3,}", "\n\n", text.strip("\n"))


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


def correct_spacing(text: str) -> str:
    """Spaces put between words by kiwipiepy (install `ko-instruct[spacing]`), line by line; none is taken away.

    A stretch of prose whose other characters would change is left as it was.
    """
    kiwi = _kiwi()
    return re.sub(rf"[^\n{MARK}]+", lambda prose: _spaced(kiwi, prose[0]), text)


def _spaced(kiwi: Any, prose: str) -> str:
    if not _HANGUL.search(prose):
        return prose
    words = prose.strip()
    spaced: str = kiwi.space(words)
    rest = iter(spaced)
    added_only = all(char in rest for char in words) and spaced.replace(" ", "") == words.replace(" ", "")
    return prose.replace(words, spaced) if added_only else prose


@functools.cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise MissingLibraryError("The fix spacing needs kiwipiepy: pip install 'ko-instruct[spacing]'") from error
    return Kiwi(num_workers=1)


_HANJA = re.compile(r"[\u4e00-\u9fff\uf900-\ufaff]+")


def read_hanja(text: str) -> str:
    """Chinese characters become their Korean reading, with the initial-sound rule (`pip install --no-deps hanja`)."""
    return _HANJA.sub(_reading, text)


def gloss_hanja(text: str) -> str:
    """The same, with the original kept: 漢字 becomes 한자(漢字). What has its reading beside it stays."""

    def gloss(run: re.Match[str]) -> str:
        reading = _reading(run)
        before, after = text[: run.start()], text[run.end() :]
        if before[-1:] in ("(", "（") or after.startswith((f"({reading}", f"（{reading}")) or reading == run[0]:
            return run[0]
        return f"{reading}({run[0]})"

    return _HANJA.sub(gloss, text)


def _reading(run: re.Match[str]) -> str:
    try:
        from hanja import translate
    except ImportError as error:
        # It asks for PyYAML 6.0.1 alone and for test tools, and so agrees with nothing; it runs with any PyYAML.
        raise MissingLibraryError(
            "The fixes hanja and hanja-gloss need the library hanja: pip install --no-deps hanja"
        ) from error
    # Behind a digit no word begins: 2023年 is 2023년, not 2023연.
    before = run.string[max(0, run.start() - 1) : run.start()]
    context = before if before.isdigit() else ""
    return str(translate(context + run[0], "substitution"))[len(context) :]


#: In this order. Encoding first, since spans are found in text that is decoded.
FIXES: tuple[Fix, ...] = (
    Fix("byte-order-mark", drop_byte_order_mark, r"\x{FEFF}", everywhere=True),
    Fix("nul", drop_nul, r"\x00", everywhere=True),
    Fix("line-endings", unify_line_endings, r"\r", everywhere=True),
    Fix(
        "mojibake",
        decode_mojibake,
        rf"[\x{{B0}}-\x{{FF}}][\x{{80}}-\x{{FF}}{_CP1252}]|{_CJK}[^\x00-\x7f]{{2}}{_CJK}",
        everywhere=True,
    ),
    Fix("nfc", compose, COMPOSABLE, everywhere=True),
    Fix("filler-syllables", compose_filled, r"\x{3164}[ㄱ-ㅎ][ㅏ-ㅣ]"),
    Fix("line-separators", break_lines, r"[\x0b\x0c\x{2028}\x{2029}]"),
    Fix("control", drop_controls, r"[\x00-\x08\x0e-\x1f\x7f]"),
    Fix(
        "zero-width",
        drop_zero_width,
        r"[\x{AD}\x{61C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}]",
    ),
    Fix("html-entities", decode_entities, r"&[a-z#]"),
    Fix("html-breaks", break_at_br, r"<[bB][rR]"),
    Fix("html-tags", drop_tags, r"</[A-Za-z]", default=False),
    Fix(
        "special-tokens",
        drop_special_tokens,
        r"\|>|</?s>|<end_of_turn>|<(?:[be]os|[BE]OS|pad|PAD)>|\[(?:[BE]OS|PAD)\]|endofturn\|?\]",
    ),
    Fix("half-width-jamo", widen_jamo, r"[\x{FFA1}-\x{FFDC}]"),
    Fix("full-width-latin", narrow_latin, r"[０-９Ａ-Ｚａ-ｚ]"),
    Fix("spaces", unify_spaces, r"[\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}\x{3164}\x{FFA0}]"),
    Fix("trailing-spaces", drop_trailing_spaces, r"[ \t](?:\n|$)"),
    Fix("blank-lines", squeeze_blank_lines, r"\n\n\n|^\n|\n$"),
    Fix("repeats", squeeze_repeats, r"[ㄱ-ㅣ]{4}|!{4}|\?{4}|[♡♥]{4}", default=False),
    Fix("quotes", unify_quotes, r"[‘-‟]", default=False),
    Fix("dashes", unify_dashes, r"[‐-―]", default=False),
    Fix("hanja", read_hanja, _CJK, default=False),
    Fix("hanja-gloss", gloss_hanja, _CJK, default=False),
    Fix("spacing", correct_spacing, r"[가-힣]", default=False),
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
        for fix in fixes:
            if fix.everywhere:
                text = apply(text, fix)
        prose, spans = hide(text)
        for fix in fixes:
            if not fix.everywhere:
                prose = apply(prose, fix)
        text = restore(prose, spans)
        if text == before:
            return text, names
