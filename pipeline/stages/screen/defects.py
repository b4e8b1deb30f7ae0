"""Defects of Korean instruction data: an ordered table of small finders, each with its evidence.

A finder reads one row and gives a sentence of evidence, or None. It is asked only about rows in which its field matches
its scan. All are made for precision: what is flagged should be worth a look.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.language import FOREIGN, WANTS_FOREIGN, letters, name_of, share
from pipeline.table.protected_spans import hide
from schemas.options import ScreenOptions


class Texts(NamedTuple):
    """The texts of one row that finders read; "" for null. `meta`: JSON."""

    instruction: str
    input: str
    output: str
    meta: str = ""


class Defect(NamedTuple):
    name: str
    #: The field that shows the defect.
    field: str
    find: Callable[[Texts, ScreenOptions], str | None]
    #: A row with the defect has a match of this RE2 pattern in the field.
    scan: str | None = None
    #: Or its row is among those that this function picks from the column, where no pattern can tell.
    pick: Callable[[pa.Array], list[int]] | None = None


def _around(match: re.Match[str], width: int = 40) -> str:
    return f"“{' '.join(match[0][:width].split())}”"


# Language


def not_korean(texts: Texts, options: ScreenOptions) -> str | None:
    counts = letters("\n".join(texts))
    if sum(counts.values()) < 20 or share(counts, "Hangul") >= options.min_hangul:
        return None
    name = name_of("\n".join(texts), counts, options.identify)
    return f"{share(counts, 'Hangul'):.0%} of the letters of the row are Hangul: it reads as {name}"


def _asks_in_korean(texts: Texts) -> bool:
    """A Korean prompt that wants no other language and shows none."""
    counts = letters(texts.instruction + "\n" + texts.input)
    return share(counts, "Hangul") > 0.7 and not WANTS_FOREIGN.search(texts.instruction)


def untranslated(texts: Texts, options: ScreenOptions) -> str | None:
    counts = letters(texts.output)
    latin = counts.get("Latin", 0)
    # Sentences, not a name or a formula: many letters, spaces, small letters.
    if latin < 40 or share(counts, "Latin") < 0.9 or len(re.findall(r"\b[a-z]{2,}\b", texts.output)) < 6:
        return None
    if not _asks_in_korean(texts) or re.search(r"[{};=]|\bdef |\bSELECT\b|^[ \t]*#", texts.output):
        return None
    return (
        f"the instruction is Korean, the answer is {name_of(texts.output, counts, options.identify)}: {latin} letters"
    )


def wrong_language(texts: Texts, options: ScreenOptions) -> str | None:
    counts = letters(texts.output)
    foreign = sum(count for script, count in counts.items() if script not in ("Hangul", "Latin", "Greek"))
    if foreign < 8 or foreign < 0.5 * sum(counts.values()) or not _asks_in_korean(texts):
        return None
    # Only Chinese sentences have these words; a list of Sino-Korean words (溫故知新) has none of them.
    if foreign == counts.get("Han") and len(re.findall("[的是了在们們这這我你他她不]", texts.output)) < 2:
        return None
    name = name_of(texts.output, counts, options.identify)
    return f"the instruction is Korean and asks for no other language, the answer is {name}: {foreign} letters"


# Answers that are none

_APOLOGY = re.compile(
    r"\A\W{0,2}(?<![\"'“])(?:정말 |대단히 )?(?:죄송|미안|유감)[가-힣]{0,6}[,.!]?\s[^\n]{0,90}?"
    r"(?:수(?:는|가)? ?없|불가|어렵습|어려울|부족|못합니다|드리지 못|하지 않습니다|지원하지 않|제공하지 않|모르겠)"
)
_UNABLE = re.compile(
    r"(?:입력|정보|내용|문맥|컨텍스트|데이터|이미지|일러스트\S{0,3}|링크|텍스트|본문|기사)[^\n.]{0,30}(?:없어|없으므로|없습니다|부족|않아|불충분|불분명)"
    r"[^\n]{0,60}?(?:수(?:는|가)? ?없습니다|불가(?:능)?합|보완|입력해|제공해|알려\s?주시|필요합니다)"
    r"|(?:답변|응답|요약|생성|제공|확인|분석|검색|API에 접속)"
    r"(?:을|를)?(?:할|해 드릴|드릴| 드릴|할 )? ?수(?:는|가)? ?없(?:습니다|어요|네요)"
    r"|(?:요청|부탁|질문)(?:은|는|에는|에|을|를) (?:응할|도와|들어|답할|답해|답변|수행할|처리할)[^\n.]{0,8}"
    r" ?수(?:는|가)? ?없(?:습니다|어요|네요)"
)
_ROLE = re.compile(r"고객|주문|환불|불편|학생 ?:|상담원|팀 드림")


def refusal(texts: Texts, options: ScreenOptions) -> str | None:
    if match := _APOLOGY.search(texts.output):
        return None if _ROLE.search(texts.output[:200]) else f"the answer opens with {_around(match)}"
    if len(texts.output) <= 120 and texts.output[:1] not in "\"'“‘" and (match := _UNABLE.search(texts.output)):
        return f"the whole answer is that there is none: {_around(match)}"
    return None


_DISCLAIMER = re.compile(
    r"(?:\A|[.!?\n] ?|저는 |제가 |나는 |전 )(?:저는 |나는 )?(?:대규모 |거대 |하나의 )?"
    r"(?:AI|인공지능|인공 지능|언어(?= ?모델))(?: ?(?:언어|대화|챗봇))?"
    r"(?: ?(?:모델|어시스턴트|비서|챗봇|시스템|프로그램))?"
    r"(?:으?로서|으?로써|이므로|이기 때문에|이라서|라서|이기에|라,|이라,)"
    r"|(?:저는|나는) (?:OpenAI|오픈AI|구글|Google|Anthropic)[가-힣]{0,3} [^\n.]{0,20}(?:개발|훈련|학습|만든|만들)"
    r"|\bChatGPT(?:는|로서|이므로)[^\n.]{0,40}수 없"
    r"|(?i:\bas an ai (?:language )?(?:model|assistant))"
)


def disclaimer(texts: Texts, options: ScreenOptions) -> str | None:
    match = _DISCLAIMER.search(texts.output)
    return f"the answer speaks as a model: {_around(match)}" if match else None


_NO_ANSWER = re.compile(
    r"\W*(?i:n/?a|none|null|nan|no ?output|no ?answer|<?no ?input>?"
    r"|(?:해당(?: ?사항)?|입력|출력|답변|내용) ?없음)\W*"
    r"|\s*[.\-_…]{1,6}\s*"
)


def no_answer(texts: Texts, options: ScreenOptions) -> str | None:
    return f"the whole answer is “{texts.output.strip()[:20]}”" if _NO_ANSWER.fullmatch(texts.output) else None


# Residue

_PARTICLE = re.compile(
    r"[가-힣\w\"'”’\])}](?:을\(를\)|를\(을\)|은\(는\)|는\(은\)|이\(가\)|가\(이\)|와\(과\)|과\(와\)|\(으\)로)"
)
_SLOT = re.compile(r"(?<![\w^$\\{(f\"'])\{\{?(?:[A-Za-z_][A-Za-z_ ]{1,30}|[가-힣][가-힣_ ]{1,20})\}\}?(?!\w*\s*[=({])")
_HEADER = re.compile(
    r"^#{2,4} ?(?:Instruction|Response|Input|Output|Human|Assistant|User|System"
    r"|(?:지시|명령|명령어|지시사항|응답|답변|입력|출력|질문) ?:)"
    r"|^\[?/?INST\]|<\|(?:im_start|im_end|user|assistant|system|start_header_id|eot_id|endoftext)\|>"
    r"|아래는 작업을 설명하는 (?:명령어|지시)|Below is an instruction that describes a task",
    re.MULTILINE,
)
_ABOUT_PARTICLES = re.compile(r"조사|문법|받침|템플릿|template|양식|서식|format|포맷|f-?string|변수")


def template_residue(texts: Texts, options: ScreenOptions) -> str | None:
    prose = hide(texts.output)[0]
    about = _ABOUT_PARTICLES.search(texts.instruction) or _ABOUT_PARTICLES.search(prose)
    if match := _HEADER.search(prose):
        return f"the answer holds a part of a prompt: {_around(match)}"
    if not about and (match := _PARTICLE.search(prose)):
        return f"the answer holds an unresolved particle: {_around(match)}"
    if not about and not re.search(r"print\(|return |=>|;$|\\[a-z]+\{", prose) and (match := _SLOT.search(prose)):
        return f"the answer holds an unfilled slot: {_around(match)}"
    return None


_ASK = (
    r"(?:[0-9]{1,2}[.)] ?)?(?:입력|명령어?|지시(?:문|사항)?|사용자|유저|Instruction|Input|Human|User"
    r"|(?P<question>질문|Question|Q))"
)
_ANSWER = r"(?:출력|응답|답변|답|챗봇|어시스턴트|Output|Response|Assistant|AI|Bot|Answer|A)"
_MERGED = re.compile(
    rf"^[ \t]*{_ASK} ?\d{{0,3}} ?[:：][^\n]*\n(?:[^\n]*\n){{0,30}}?[ \t]*{_ANSWER} ?\d{{0,3}} ?[:：]", re.MULTILINE
)

_ABOUT_QUESTIONS = re.compile(r"질문(?!에 (?:답|대답|응답))|문답|퀴즈|문제|면접|설문|수수께끼|(?i:faq|q ?& ?a)")


def merged_instruction(texts: Texts, options: ScreenOptions) -> str | None:
    # Where the instruction itself speaks of input and output, or of questions, examples of them are the answer.
    if re.search(r"입력|대화|챗봇|사용자|입출력|예제|인터뷰|input|코드|함수|알고리즘|프로그램", texts.instruction):
        return None
    text = texts.output
    # Behind some answer: the first words of a text are its own.
    match = _MERGED.search(text, len(text) - len(text.lstrip()) + 1)
    if match is None or (match["question"] and _ABOUT_QUESTIONS.search(texts.instruction)):
        return None
    return f"a second exchange inside the answer: “{' '.join(match[0].split()[:9])}”"


_OPEN_END = re.compile(
    r"(?:[가-힣]*(?:으로|에서|에게|에는|하고|하며|하면|하여|해서|지만|도록|위해|위한|대한|통해|통한|하는|되는|있는|없는|라는|이는"
    r"|했고|되며|되어|인해)"
    r"|[가-힣]+(?<![마가노고])[을를은는]"
    r"|(?:^|\s)(?:및|또는|그리고|또한|하지만|그러나|따라서|때문에|예를 들어|즉|등의)"
    r"|[합습입됩]니|[는할될갈을] [수데]|,)$"
)
#: The last characters of these.
_MAY_BE_OPEN = r"(?:[로서게는고며면여지만도록해위한통되어인을를은및또나에즉등의니수데]|,)[\s\pZ\x0b\x1c-\x1f\x{85}]*$"


def truncated(texts: Texts, options: ScreenOptions) -> str | None:
    text = texts.output.rstrip()
    if text.count("```") % 2:
        return "a code fence is opened and never closed"
    last = text.rpartition("\n")[2]
    # The last line must be prose that had ended sentences before: list items and titles end without a full stop.
    if len(last) < 25 or not re.search(r"[다요죠까][.!?]\s", text) or re.match(r"\s*(?:[-*+•#>|]|\d{1,3}[.)])", last):
        return None
    match = _OPEN_END.search(last[-12:])
    if match and re.search(
        r"(?:^|\s)시[를은조 ]|가사|노래|하이쿠", texts.instruction
    ):  # a line of verse is not a sentence
        return None
    return f"the answer ends in mid-sentence: “{last[-20:]}”" if match else None


def _unnumbered(text: str) -> str:
    """Without the numbers of a list, which would hide that its items are the same."""
    return re.sub(r"^\d{1,3}[.)]", "", text, flags=re.MULTILINE) if "\n2" in text else text


def _anchors(text: str) -> list[int]:
    """Where a loop may run: a loop that fills a quarter of the text covers one of these places."""
    places = []
    for place in (len(text), len(text) * 3 // 4, len(text) // 2, len(text) // 4):
        anchor = text[max(0, place - 8) : place]
        if len(anchor) == 8 and (text.count(anchor) >= 4 or anchor[0] * 8 == anchor):
            places.append(place)
    return places


def may_loop(texts: pa.Array) -> list[int]:
    """Rows in which one of these places repeats. Shorter than 90 bytes (30 syllables) no text is a loop."""
    rows = pc.indices_nonzero(pc.greater_equal(pc.binary_length(texts), 90))
    return [
        row
        for row, text in zip(rows.to_pylist(), texts.take(rows).to_pylist(), strict=True)
        if _repeats(_unnumbered(text))
    ]


def _repeats(text: str) -> bool:
    """Nearly `bool(_anchors(text))`, written for speed: every long text is asked."""
    end, far, half, near = len(text), len(text) * 3 // 4, len(text) // 2, len(text) // 4
    return (
        text.count(text[end - 8 :]) > 2
        or text.count(text[far - 8 : far]) > 2
        or text.count(text[half - 8 : half]) > 2
        or text.count(text[near - 8 : near]) > 2
    )


def repetition(texts: Texts, options: ScreenOptions) -> str | None:
    text = _unnumbered(texts.output)
    for place in _anchors(text):
        anchor = text[place - 8 : place]
        previous = text.rfind(anchor, 0, place - 1)
        period = place - len(anchor) - previous
        if previous < 0 or period <= 0:
            continue
        start, end = previous, place
        while start > 0 and text[start - 1] == text[start - 1 + period]:
            start -= 1
        while end < len(text) and text[end] == text[end - period]:
            end += 1
        unit = text[start : start + period]
        times = (end - start) // period
        if (
            times >= 4
            and end - start >= 30
            and not re.search(r"</?\w|[{};]", unit)
            and len(re.findall(r"[^\W\d_]", unit)) * 3 >= len(unit)
        ):
            return f"“{' '.join(unit[:30].split())}” {times} times on end"
    return None


def replacement(texts: Texts, options: ScreenOptions) -> str | None:
    count = sum(text.count("\ufffd") for text in texts)
    controls = sum(len(re.findall(r"[\x80-\x9f]", text)) for text in texts)
    if not count and not controls:
        return None
    return f"{count} replacement characters (U+FFFD), {controls} C1 controls: text that no codec could read"


# What is missing

_ONLY_URL = re.compile(r"\s*(?:[\w가-힣 ]{0,12}[:：]\s*)?[\[(<]?(?:https?://|www\.)\S+\s*")


def url_only(texts: Texts, options: ScreenOptions) -> str | None:
    text = texts.input or texts.instruction
    return "the input is a link and nothing else: its content is not here" if _ONLY_URL.fullmatch(text) else None


_IMAGE = re.compile(
    r"(?<![가-힣])(?:이|다음|아래|위|위의|아래의|첨부|첨부된|첨부한|첨부 파일의|주어진|제시된|제공된)"
    r" (?:이미지|사진|그림|도표|그래프|차트)(?:들)?(?:을|를|에|의|이|은|는|속|에서|가|과|와|\s|$)"
    r"|(?:^|[.!?\n] ?)(?:이미지|사진|그림|도표|그래프|차트)"
    r"(?:에서 |에 (?:보이|나온|나타난|있는|담긴)| ?속(?:의|에|에서)? )"
)
_IMAGE_MARK = re.compile(r"!\[[^\[\]]*\]\([^()]*\)|<img\b[^<>]*>|https?://\S+")
#: What stands in a prompt for an image: `<image>` and the like, but for the tag or the token that a text speaks of.
_PLACE = r"<\|?image(?:[_ -]?(?:[0-9]{1,3}|pad|placeholder|token))?\|?>|<\|vision_start\|>|<ImageHere>|\[IMG\]"
_IMAGE_PLACE = re.compile(
    rf"(?<![`'\"‘“])(?:{_PLACE})(?![`'\"’”])(?! ?(?:태그|요소|엘리먼트|토큰|플레이스홀더|tag|element|token))"
)
#: Fields of a record that hold an image, or say where it is.
_FIELDS = (
    r"(?:(?:image|img|picture|photo)s?(?:_(?:path|url|file|filename|name|id)s?)?|pixel_values|이미지|사진|그림"
    r"|이미지_?(?:경로|파일|파일명))"
)
_FIELD = rf'"{_FIELDS}":(?:"[^"./]*[./]|\[[^\]]|\{{[^}}]|[0-9])'
_IMAGE_FIELD = re.compile(_FIELD)


def missing_image(texts: Texts, options: ScreenOptions) -> str | None:
    if place := _IMAGE_PLACE.search(texts.instruction):
        return f"{place[0]} in the instruction stands for an image, which a text row cannot hold"
    match = _IMAGE.search(texts.instruction)
    if not match or (match[0].endswith("에서 ") and re.search(r"방법|어떻게", texts.instruction)):
        return None
    # A description in words may replace the image.
    words = _IMAGE_MARK.sub("", texts.input + texts.instruction[match.end() + 40 :])
    if len(re.findall(r"[가-힣A-Za-z0-9]", words)) > 15:
        return None
    return f"the instruction speaks of an image that a text row cannot hold: {_around(match)}"


def missing_image_in_input(texts: Texts, options: ScreenOptions) -> str | None:
    place = _IMAGE_PLACE.search(texts.input)
    return f"{place[0]} in the input stands for an image, which a text row cannot hold" if place else None


def image_field(texts: Texts, options: ScreenOptions) -> str | None:
    field = _IMAGE_FIELD.search(texts.meta)
    name = field and field[0].split('"')[1]
    return f"the field `{name}` of the record is an image, which a text row cannot hold" if name else None


# Style

_POLITE = re.compile(
    r"(?:니다|세요|어요|아요|해요|예요|에요|네요|군요|지요|죠|까요|[나는]가요|십시오|돼요|워요|려요|셔요)[.!?…]"
)
#: Verbs in plain speech end in a syllable with ㄴ, ㅆ or ㅄ and 다: 간다, 갔다, 없다.
_STEMS = "".join(chr(code) for code in range(0xAC00, 0xD7A4) if (code - 0xAC00) % 28 in (4, 18, 20))
_PLAIN = re.compile(
    rf"(?:[{_STEMS}많같않좋이크]다|[거이해]야|[었았했있없]어|[좋많같맞싫]아|[줘봐돼려져]|[자냐])[.!?…](?=\s|$)"
)


def mixed_speech(texts: Texts, options: ScreenOptions) -> str | None:
    prose = _QUOTES.sub("", hide(texts.output)[0])
    if re.search(r"^[ \t]*[가-힣A-Za-z]{1,8} ?[:：]", prose, re.MULTILINE):  # a dialogue has several speakers
        return None
    polite, plain = len(_POLITE.findall(prose)), len(_PLAIN.findall(prose))
    if min(polite, plain) < 2 or min(polite, plain) * 4 < max(polite, plain):
        return None
    return f"{polite} sentences in polite speech, {plain} in plain speech"


_QUOTES = re.compile(
    r"\"[^\"]*\"|“[^“”]*”|'[^'\n]*'|‘[^‘’]*’|「[^「」]*」|『[^『』]*』|\([^()\n]*\)|^[ \t]*>[^\n]*", re.MULTILINE
)


#: In this order.
DEFECTS: tuple[Defect, ...] = (
    Defect("not-korean", "instruction", not_korean, FOREIGN),
    Defect("untranslated", "output", untranslated, FOREIGN),
    Defect("wrong-language", "output", wrong_language, FOREIGN),
    Defect(
        "refusal",
        "output",
        refusal,
        r"죄송|미안|유감|수(?:는|가)? ?없(?:습니다|어요|네요)|불가|부족|보완|필요합니다|입력해|제공해|알려",
    ),
    Defect(
        "disclaimer",
        "output",
        disclaimer,
        r"(?:AI|지능|언어) ?(?:언어|대화|챗봇)? ?(?:모델|어시스턴트|비서|챗봇|시스템|프로그램)?"
        r"(?:으?로서|으?로써|이므로|이기|이?라)|저는 [OGA오구]|나는 [OGA오구]|ChatGPT|[Aa][Ss] [Aa][Nn] [Aa][Ii]",
    ),
    Defect(
        "no-answer",
        "output",
        no_answer,
        r"^[^0-9A-Za-z가-힣]*(?i:n/?a|none|null|nan|no ?(?:output|answer|input)"
        r"|(?:해당(?: ?사항)?|입력|출력|답변|내용) ?없음)[^0-9A-Za-z가-힣]*$|^[\s.\-_…]+$",
    ),
    Defect(
        "template-residue",
        "output",
        template_residue,
        r"[을를은는이가와과]\([을를은는이가와과]\)|\(으\)로|\{|##|INST\]|<\||작업을 설명하는|describes a task",
    ),
    Defect("merged-instruction", "output", merged_instruction, rf"\n\s*{_ASK} ?[0-9]{{0,3}} ?[:：]"),
    Defect("truncated", "output", truncated, rf"```|{_MAY_BE_OPEN}"),
    Defect("repetition", "output", repetition, pick=may_loop),
    Defect("url-only", "input", url_only, r"https?://|www\."),
    Defect("missing-image", "instruction", missing_image, rf"이미지|사진|그림|도표|그래프|차트|{_PLACE}"),
    Defect("missing-image", "input", missing_image_in_input, _PLACE),
    Defect("missing-image", "meta", image_field, _FIELD),
    Defect("mojibake", "output", replacement, r"\x{FFFD}|[\x{80}-\x{9F}]"),
    Defect("mixed-speech", "output", mixed_speech, r"(?:[^니]다|[야어아줘봐돼려져자냐])[.!?…]"),
)
