"""Fixes of markup that is left in prose: HTML, and the tokens with which models begin and end a text."""

import html
import re
import unicodedata
from html.entities import html5

#: Talk of HTML: then tags and entities are what the text is about.
_ABOUT_HTML = re.compile(r"html|xml|태그|엔[터티]티|이스케이프|마크업|escape|markup|entit", re.IGNORECASE)
_TAG = re.compile(r"<(/?[A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*+)?/?>")
_BREAK = re.compile(r"(?<![ \t])[ \t]*+<br[ \t]*+/?>(?:[ \t]*+\n|[ ](?![ ]))?", re.IGNORECASE)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,24});")
_NUMBERED = re.compile(r"&#(?:0{0,4}[0-9]{2,6}|[xX]0{0,3}[0-9A-Fa-f]{2,5});")


def _is_sign(char: str) -> bool:
    """Punctuation, symbols, spaces and invisible characters, and Hangul; a letter may be an example of how to write it.

    >>> [char for char in "A1é가!°<&\\u200b★" if _is_sign(char)]
    ['가', '!', '°', '\\u200b', '★']
    """
    if len(char) != 1 or char in "<>&":
        return False
    return (
        unicodedata.category(char)[0] in "PSZ"
        or char in "½¼¾²³¹\u200b\ufeff"
        or "가" <= char <= "힣"
        or "ㄱ" <= char <= "ㅣ"
    )


def _decoded_name(entity: re.Match[str]) -> str:
    char = html5.get(f"{entity[1]};", "")
    return char if _is_sign(char) else entity[0]


def _decoded_number(entity: re.Match[str]) -> str:
    char = html.unescape(entity[0])
    return char if _is_sign(char) else entity[0]


def decode_entities(text: str) -> str:
    r"""HTML entities of signs, spaces and Hangul; `&amp;`, `&lt;`, `&gt;` where they start no tag or entity.

    A text that speaks of HTML keeps them.

    >>> decode_entities("영화 &#39;비밀&#39; &amp; &lt;기생충&gt;"), decode_entities("HTML에서 &nbsp;는 공백")
    ("영화 '비밀' & <기생충>", 'HTML에서 &nbsp;는 공백')
    >>> decode_entities("&lt;b&gt; &amp;lt;")
    '&lt;b&gt; &amp;lt;'
    >>> decode_entities("&#50504;&#xB155;&#33; 25&deg;C &times; 2 &#65;")
    '안녕! 25°C × 2 &#65;'
    """
    if "&" not in text or _ABOUT_HTML.search(text):
        return text
    text = _NAMED.sub(_decoded_name, text)
    text = _NUMBERED.sub(_decoded_number, text)
    text = re.sub(r"(?<!&lt;)(?:&lt;)++(?![A-Za-z/!?&])", lambda run: "<" * (len(run[0]) // 4), text)
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


#: Tags around words of a line, and those around a paragraph, which begin a line of their own.
_INLINE = frozenset(["span", "font", "b", "i", "u", "em", "strong", "small", "big", "mark"])
_BLOCK = frozenset(["p", "div", "center"])
#: Tags of a document: where one is, the others belong to the document.
_DOCUMENT = re.compile(
    r"<(?:html|head|body|table|tr|td|ul|ol|li|script|style|form|input|h[1-6]|a|img|nav|section)\b", re.IGNORECASE
)


def drop_tags(text: str) -> str:
    r"""Presentational tags around prose go, their words stay. Off by default: `<b>` may be the answer.

    A text that is an HTML document, with tables, lists or links, or speaks of HTML, keeps its tags.

    >>> drop_tags("<b>저녁</b>으로 <i>라비올리</i>를 먹었다. <For Paul> >ㅁ<b>")
    '저녁으로 라비올리를 먹었다. <For Paul> >ㅁ<b>'
    >>> drop_tags("<p>하나</p><p><b>둘</b></p>")
    '하나\n둘'
    """
    if "</" not in text or _ABOUT_HTML.search(text) or _DOCUMENT.search(text):
        return text
    tags = list(_TAG.finditer(text))
    # Only pairs: what is never closed may be a title or a face.
    opened: dict[str, list[int]] = {}
    paired: set[int] = set()
    for number, tag in enumerate(tags):
        name = tag[1].lower()
        if name in _INLINE or name in _BLOCK:
            opened.setdefault(name, []).append(number)
        elif name.startswith("/") and opened.get(name[1:]):
            paired |= {number, opened[name[1:]].pop()}
    pieces, at = [], 0
    for number in sorted(paired):
        tag = tags[number]
        pieces += [text[at : tag.start()], "\n" if _breaks(tag) else ""]
        at = tag.end()
    return "".join([*pieces, text[at:]])


def _breaks(tag: re.Match[str]) -> bool:
    """Whether a tag that goes leaves a line end: that of a paragraph does where words are behind or before it."""
    if tag[1].removeprefix("/").lower() not in _BLOCK:
        return False
    before, after = tag.string[max(0, tag.start() - 1) : tag.start()], tag.string[tag.end() : tag.end() + 2]
    if tag[1].startswith("/"):
        return after[:1].isalnum() or (after[:1] == "<" and after != "</")
    return before.isalnum() or (before != "" and before in ".!?…)")


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
