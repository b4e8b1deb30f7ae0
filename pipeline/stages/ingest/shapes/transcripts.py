"""A conversation written into one text, cut at its delimiters."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.stages.ingest.fields.roles import ROLES, SPEAKERS, known_role, role_of
from pipeline.stages.ingest.shapes.turn import THOUGHT_CHANNEL, Turn
from schemas.shapes import Role

#: Delimiter words (case-folded) and the role of the text after them, where `fields.roles.ROLES` does not have them.
WORDS: dict[str, Role] = {
    "instruction": "user",
    "질문": "user",
    "명령어": "user",
    "지시": "user",
    "지시사항": "user",
    "맥락": "context",
    "response": "assistant",
    "답변": "assistant",
    "응답": "assistant",
    "q": "user",
    "a": "assistant",
    "문": "user",
    "답": "assistant",
    "[inst]": "user",
    "[/inst]": "assistant",
    "<<sys>>": "system",
    "<</sys>>": "user",
    "[tool_results]": "tool",
    "[/tool_results]": "assistant",
}


#: Words of WORDS and others after `###`.
HEADINGS = (
    *(
        "instruction",
        "input",
        "context",
        "response",
        "질문",
        "명령어",
        "지시사항",
        "지시",
        "입력",
        "맥락",
        "응답",
        "답변",
    ),
)
#: Words that are marks as a heading alone, without a colon.
ALONE = (*HEADINGS, "system", "human", "user", "assistant", "시스템", "사용자", "어시스턴트", "챗봇")


class Style(NamedTuple):
    """A way to delimit turns. Group 1 of `mark` is the name of a role, known or not; group 2, if there is one, the
    channel of harmony on which it speaks.
    """

    name: str
    mark: re.Pattern[str]
    #: Marks of a beginning or an end that belong to no turn.
    edges: tuple[str, ...] = ()
    #: Whether a system prompt without a mark may come before the first mark.
    preamble: bool = False
    #: Whether a mark is a word that a text may use for itself: then the first word of each role is its only mark.
    steady: bool = False


#: The style of few-shot examples: a task may end in `A:` and mean it.
FEW_SHOT = "Q: A:"
#: Roles whose names may stand before a colon.
PEOPLE: tuple[Role, ...] = ("system", "user", "assistant")


#: People who are neither the user nor the assistant for certain: a mark with one of them ends the turn before it, and
#: the shape has to say whose turn it is.
STRANGERS = re.compile(
    r"관리자|운영자|진행자|사회자|감수자|검수자|매니저|면접관|조사관|교수|기자|감독|선생|선생님|학생|엄마|아빠"
    r"|moderator|admin|administrator|manager|supervisor|reviewer|narrator|host|guest|teacher|student|interviewer"
    r"|interviewee|speaker"
)
#: Words that are people more often than not: in the last answer they may be headings (담당자: 홍길동).
LIKELY_PEOPLE = re.compile(r"[가-힣]{2,5}(?:자|사|원|님)")


def _words(*more: str) -> str:
    """The names of people that stand before a colon, as a pattern."""
    people = [name for role in PEOPLE for name in SPEAKERS[role]]
    return "|".join(re.escape(word) for word in sorted({*people, *more}, key=lambda word: (-len(word), word)))


def _headings(*names: str) -> Style:
    """Marks behind ###, of known names and of these."""
    words, alone = _words(*HEADINGS, *names), "|".join(ALONE)
    strangers = f"{STRANGERS.pattern}|{LIKELY_PEOPLE.pattern}"
    return Style(
        "### Human: ### Assistant:",
        re.compile(
            rf"###[ ]*((?:{words})(?=[ ]*[:(])|(?:{alone})(?=[ ]*$)|(?:{strangers})(?=[ ]*:))"
            r"[ ]*(?::|\([^()\n]*\):?|$)",
            re.IGNORECASE | re.MULTILINE,
        ),
        ("</s>", "<|endoftext|>"),
        preamble=True,
        steady=True,
    )


def _colons(*names: str) -> Style:
    """Names before a colon, known ones and these, at the beginning of a line."""
    words = _words("function response", "tool response", "질문", "답변", "응답", *names)
    return Style(
        "User: Assistant:",
        re.compile(rf"^({words})[ ]*[:：]", re.IGNORECASE | re.MULTILINE),
        ("<|endoftext|>", "</s>"),
        steady=True,
    )


STYLES = (
    Style("ChatML", re.compile(r"<\|im_start\|>[ ]*([\w-]+)\b\n?"), ("<|im_end|>", "<|endoftext|>")),
    Style(
        "Llama 3",
        re.compile(r"<\|start_header_id\|>(?=[^<|\n])[ ]*+([^ <|\n](?:[^<|\n]*[^ <|\n])?|)[ ]*+<\|end_header_id\|>"),
        ("<|begin_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|python_tag|>"),
    ),
    Style("Llama 2", re.compile(r"(\[/?INST\]|<</?SYS>>|\[/?TOOL_RESULTS\])"), ("<s>", "</s>")),
    Style("Gemma", re.compile(r"<start_of_turn>[ ]*([\w-]+)\b\n?"), ("<bos>", "<end_of_turn>", "<eos>")),
    Style("EXAONE", re.compile(r"\[\|(?!endofturn)([\w-]+)\|\]"), ("[BOS]", "[|endofturn|]")),
    Style(
        "Granite",
        re.compile(r"<\|start_of_role\|>[ ]*([\w-]+)[ ]*<\|end_of_role\|>"),
        ("<|end_of_text|>",),
    ),
    Style(
        "Command R",
        re.compile(r"<\|START_OF_TURN_TOKEN\|><\|(\w+)_TOKEN\|>"),
        ("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"),
    ),
    Style(
        "harmony",
        re.compile(r"<\|start\|>([^<]+)(?:<\|channel\|>(\w+))?<\|message\|>"),
        ("<|end|>", "<|return|>"),
    ),
    Style(
        "DeepSeek", re.compile(r"<｜(User|Assistant)｜>"), ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"), True
    ),
    Style("<usr> <bot> <sys>", re.compile(r"^<(usr|bot|sys)>", re.MULTILINE)),
    Style(
        "<|user|> <|assistant|>",
        re.compile(r"<\|(?!(?:end|im_|eot|eom|endof|sep|pad|bos|eos)\w*\|>)([\w-]+)\|>\n?"),
        ("<s>", "</s>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"),
    ),
    _headings(),
    _colons(),
    # On one line, only where each mark is in capitals and follows white space or the end of an answer.
    Style("USER: ASSISTANT:", re.compile(r"(?:(?<=\s)|(?<=</s>)|^)(SYSTEM|USER|ASSISTANT):"), ("</s>",), preamble=True),
    Style(FEW_SHOT, re.compile(r"^(Q|A|문|답)\d*[ ]*[:：.)](?=\s)", re.MULTILINE), steady=True),
)


@functools.lru_cache(64)
def styles_with(names: tuple[str, ...]) -> tuple[Style, ...]:
    """The styles, with these names among their marks."""
    named = {style.name: style for style in (_headings(*names), _colons(*names))} if names else {}
    return tuple(named.get(style.name, style) for style in STYLES)


def declared_style(marks: Mapping[str, Role], ends: Sequence[str]) -> Style:
    """The style of a shape that names its marks: the mark is the name of its role."""
    longest_first = sorted(marks, key=lambda mark: (-len(mark), mark))
    return Style(", ".join(marks), re.compile(f"({'|'.join(map(re.escape, longest_first))})"), tuple(ends))


def _trim(text: str, edges: tuple[str, ...]) -> str:
    text = text.strip()
    before = None
    while before != text:
        before = text
        for edge in edges:
            text = text.removeprefix(edge).removesuffix(edge).strip()
    return text


def turns_of(
    text: str, roles: Mapping[str, Role] = {}, styles: Sequence[Style] = STYLES
) -> tuple[str, list[Turn]] | None:
    """(style, turns) of a transcript, None where the text is not one: no style's marks show two roles in it.

    White space around a turn belongs to its delimiter. `<sys>` after a `<usr>` is that question's input. A mark ends
    the turn before it, whatever its role. Raises Fault (unknown-role) for a role that is neither known nor in `roles`.
    """
    found = _style(text, roles, styles)
    return (found[0].name, _cut(text, *found, roles)) if found else None


def unknown_names(text: str, roles: Mapping[str, Role], styles: Sequence[Style]) -> dict[str, int]:
    """The names in the marks of a transcript whose role is not known, each with the number of one of its turns."""
    found = _style(text, roles, styles)
    numbers: dict[str, int] = {}
    for number, mark in enumerate(found[1] if found else (), 1):
        if not _role(mark[1], roles) and not known_role(mark[1], roles):
            numbers.setdefault(mark[1], number)
    return numbers


#: How a prompt ends that a chat template opened an answer in. Arrow's RE2 reads it as Python does.
OPEN_END = r"(?:[:：>\])]|ssistant|model|esponse|답변|응답|챗봇|어시스턴트)\s*$"
MAY_BE_OPEN = re.compile(OPEN_END)


def is_open_prompt(text: str) -> bool:
    r"""Whether a text is a prompt as a chat template writes it: a transcript that ends where the answer begins.

    >>> is_open_prompt("\n\nHuman: 달은?\n\nAssistant:"), is_open_prompt("Human:과 Assistant:의 차이는?")
    (True, False)
    """
    found = _style(text, {}, STYLES) if MAY_BE_OPEN.search(text[-60:]) else None
    if found is None or found[0].name == FEW_SHOT:
        return False
    style, marks, _ = found
    return _role(marks[-1][1], {}) == "assistant" and not _trim(text[marks[-1].end() :], style.edges)


def is_transcript(text: str) -> bool:
    """Whether a text is a transcript, even if it has a role that is not known."""
    return _style(text, {}, STYLES) is not None


def _style(
    text: str, roles: Mapping[str, Role], styles: Sequence[Style]
) -> tuple[Style, list[re.Match[str]], str] | None:
    """The style of a transcript, its marks, and the text before the first of them."""
    for style in styles:
        marks = list(style.mark.finditer(text))
        if style.steady:
            marks = _steady(marks, roles)
        if {"user", "assistant"} <= {_role(mark[1], roles) for mark in marks}:
            before = _trim(text[: marks[0].start()], style.edges)
            if not before or style.preamble:
                return style, marks, before
    return None


def _steady(marks: Sequence[re.Match[str]], roles: Mapping[str, Role]) -> list[re.Match[str]]:
    """The marks whose word is the first of its role: another one (`의사:` in an answer) is a part of the text.

    A name whose role is declared or not known is a mark wherever it is, and a likely one before another turn.
    """
    last = max((mark.start() for mark in marks if _role(mark[1], roles)), default=0)
    first: dict[Role, str] = {}
    found = []
    for mark in marks:
        role, word = _role(mark[1], roles), mark[1].casefold()
        if role is None and LIKELY_PEOPLE.fullmatch(word) and not STRANGERS.fullmatch(word):
            is_mark = mark.start() < last
        elif role is None or mark[1] in roles:
            is_mark = True
        else:
            is_mark = first.setdefault(role, word) == word
        if is_mark:
            found.append(mark)
    return found


def _role(name: str, roles: Mapping[str, Role]) -> Role | None:
    return roles.get(name) or WORDS.get(name.casefold()) or ROLES.get(name.casefold())


def _cut(text: str, style: Style, marks: list[re.Match[str]], before: str, roles: Mapping[str, Role]) -> list[Turn]:
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns = [Turn("system", before)] if before else []
    asked = False
    for number, (mark, end) in enumerate(zip(marks, ends, strict=True), 1):
        role = _role(mark[1], roles) or role_of(mark[1], number, roles)
        content = _trim(text[mark.end() : end], style.edges)
        if mark.re.groups > 1 and mark[2] == THOUGHT_CHANNEL and content:
            turns.append(Turn(role, reasoning=content))
            continue
        if mark[1] == "sys" and asked:
            role = "context"
        asked = asked or role == "user"
        # Llama 2 opens a user turn and puts the system prompt inside it, and opens the answer around results of tools.
        if content or mark[1] not in ("[INST]", "[/TOOL_RESULTS]"):
            turns.append(Turn(role, content))
    return turns
