"""A conversation written into one text, cut at its delimiters."""

import re
from typing import NamedTuple

from schemas.shapes import Role

Turn = tuple[str, str]  # role name, text

#: Delimiter words (case-folded) and the role of the text after them.
WORDS: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "instruction": "user",
    "질문": "user",
    "명령어": "user",
    "지시": "user",
    "지시사항": "user",
    "사용자": "user",
    "input": "context",
    "context": "context",
    "입력": "context",
    "맥락": "context",
    "assistant": "assistant",
    "response": "assistant",
    "gpt": "assistant",
    "답변": "assistant",
    "응답": "assistant",
    "챗봇": "assistant",
    "[inst]": "user",
    "[/inst]": "assistant",
    "<<sys>>": "system",
    "<</sys>>": "user",
    "usr": "user",
    "bot": "assistant",
    "sys": "system",
}


class Style(NamedTuple):
    """A way to delimit turns. Group 1 of `mark` is a key of WORDS."""

    name: str
    mark: re.Pattern[str]
    #: Marks of a beginning or an end that belong to no turn.
    edges: tuple[str, ...] = ()
    #: Whether a system prompt without a mark may come before the first mark.
    preamble: bool = False


STYLES = (
    Style("ChatML", re.compile(r"<\|im_start\|>(system|user|assistant)\b\n?"), ("<|im_end|>",)),
    Style(
        "Llama 3",
        re.compile(r"<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>"),
        ("<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>"),
    ),
    Style("Llama 2", re.compile(r"(\[/?INST\]|<</?SYS>>)"), ("<s>", "</s>")),
    Style("<usr> <bot> <sys>", re.compile(r"^<(usr|bot|sys)>", re.MULTILINE)),
    Style(
        "### Human: ### Assistant:",
        re.compile(
            r"###[ ]*(system|human|user|assistant|instruction|input|context|response"
            r"|질문|명령어|지시사항|지시|입력|맥락|응답|답변)[ ]*(?::|\([^()\n]*\):?|$)",
            re.IGNORECASE | re.MULTILINE,
        ),
        preamble=True,
    ),
    Style(
        "User: Assistant:",
        re.compile(r"^(system|user|human|assistant|gpt|질문|답변|사용자|챗봇)[ ]*:", re.IGNORECASE | re.MULTILINE),
    ),
)


def _trim(text: str, edges: tuple[str, ...]) -> str:
    text = text.strip()
    for edge in edges:
        text = text.removeprefix(edge).removesuffix(edge).strip()
    return text


def turns_of(text: str) -> tuple[str, list[Turn]] | None:
    """(style, turns) of a transcript, None where the text is not one: no style's marks show two roles in it.

    White space around a turn belongs to its delimiter. `<sys>` after a `<usr>` is that question's input.
    """
    for style in STYLES:
        marks = list(style.mark.finditer(text))
        if not marks:
            continue
        before = _trim(text[: marks[0].start()], style.edges)
        if before and not style.preamble:
            continue
        ends = [mark.start() for mark in marks[1:]] + [len(text)]
        turns: list[Turn] = [("system", before)] if before else []
        for mark, end in zip(marks, ends, strict=True):
            role: str = WORDS[mark[1].casefold()]
            content = _trim(text[mark.end() : end], style.edges)
            if role == "system" and mark[1] == "sys" and any(earlier == "user" for earlier, _ in turns):
                role = "context"
            # Llama 2 opens a user turn and puts the system prompt inside it.
            if content or mark[1] != "[INST]":
                turns.append((role, content))
        if len({role for role, _ in turns} & {"user", "assistant"}) == 2:
            return style.name, turns
    return None
