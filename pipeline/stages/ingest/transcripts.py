"""A conversation written into one text, cut at its delimiters."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.stages.ingest.turns import ROLES, Turn, role_of
from schemas.shapes import Role

#: Delimiter words (case-folded) and the role of the text after them, where `turns.ROLES` does not have them.
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
    "[inst]": "user",
    "[/inst]": "assistant",
    "<<sys>>": "system",
    "<</sys>>": "user",
    "[tool_results]": "tool",
    "[/tool_results]": "assistant",
}


class Style(NamedTuple):
    """A way to delimit turns. Group 1 of `mark` is the name of a role, known or not."""

    name: str
    mark: re.Pattern[str]
    #: Marks of a beginning or an end that belong to no turn.
    edges: tuple[str, ...] = ()
    #: Whether a system prompt without a mark may come before the first mark.
    preamble: bool = False


STYLES = (
    Style("ChatML", re.compile(r"<\|im_start\|>[ ]*([\w-]+)\b\n?"), ("<|im_end|>",)),
    Style(
        "Llama 3",
        re.compile(r"<\|start_header_id\|>[ ]*([^<|\n]+?)[ ]*<\|end_header_id\|>"),
        ("<|begin_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|python_tag|>"),
    ),
    Style("Llama 2", re.compile(r"(\[/?INST\]|<</?SYS>>|\[/?TOOL_RESULTS\])"), ("<s>", "</s>")),
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
        re.compile(
            r"^(system|user|human|assistant|gpt|function response|tool response|질문|답변|사용자|챗봇)[ ]*:",
            re.IGNORECASE | re.MULTILINE,
        ),
        ("<|endoftext|>",),
    ),
)


def _trim(text: str, edges: tuple[str, ...]) -> str:
    text = text.strip()
    for edge in edges:
        text = text.removeprefix(edge).removesuffix(edge).strip()
    return text


def turns_of(text: str, roles: Mapping[str, Role] = {}) -> tuple[str, list[Turn]] | None:
    """(style, turns) of a transcript, None where the text is not one: no style's marks show two roles in it.

    White space around a turn belongs to its delimiter. `<sys>` after a `<usr>` is that question's input. A mark ends
    the turn before it, whatever its role. Raises Fault (unknown-role) for a role that is neither known nor in `roles`.
    """
    found = _style(text, roles)
    return (found[0].name, _cut(text, *found, roles)) if found else None


def is_transcript(text: str) -> bool:
    """Whether a text is a transcript, even if it has a role that is not known."""
    return _style(text, {}) is not None


def _style(text: str, roles: Mapping[str, Role]) -> tuple[Style, list[re.Match[str]], str] | None:
    """The style of a transcript, its marks, and the text before the first of them."""
    for style in STYLES:
        marks = list(style.mark.finditer(text))
        if {"user", "assistant"} <= {_role(mark[1], roles) for mark in marks}:
            before = _trim(text[: marks[0].start()], style.edges)
            if not before or style.preamble:
                return style, marks, before
    return None


def _role(name: str, roles: Mapping[str, Role]) -> Role | None:
    return roles.get(name) or WORDS.get(name.casefold()) or ROLES.get(name.casefold())


def _cut(text: str, style: Style, marks: list[re.Match[str]], before: str, roles: Mapping[str, Role]) -> list[Turn]:
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns = [Turn("system", before)] if before else []
    asked = False
    for number, (mark, end) in enumerate(zip(marks, ends, strict=True), 1):
        role = _role(mark[1], roles) or role_of(mark[1], number, roles)
        content = _trim(text[mark.end() : end], style.edges)
        if mark[1] == "sys" and asked:
            role = "context"
        asked = asked or role == "user"
        # Llama 2 opens a user turn and puts the system prompt inside it, and opens the answer around results of tools.
        if content or mark[1] not in ("[INST]", "[/TOOL_RESULTS]"):
            turns.append(Turn(role, content))
    return turns
