"""How a conversation is written for a causal model: by the tokenizer's chat template, or else by a Korean prompt.

A form says which literal text stands before the content of each message. That of a chat template is read off what the
template makes of marks in place of contents, once for each structure (the roles of the messages): it brings default
system prompts, the stripping of contents and turns that are written differently at the end, all without looking for a
content in rendered text. What a template writes of itself before an answer, such as an empty thought, is given and not
learned. A template that changes contents in any other way is refused.
"""

import contextlib
import re
from typing import NamedTuple

import pyarrow as pa

from pipeline.tokenizers.protocol import Chat, ChatTemplateError, Tokenizer

#: The prompt for tokenizers without a chat template: a system prompt (this one, where the record has none), then
#: `### 지시문:`, `### 입력:` where there is one, `### 답변:`, each on a line of its own with an empty line before it.
#: EOS ends every answer.
PREAMBLE = "다음은 수행할 작업을 설명하는 지시문입니다. 지시문에 알맞은 답변을 작성하세요."
INSTRUCTION = "\n\n### 지시문:\n"
INPUT = "\n\n### 입력:\n"
ANSWER_HEADING = "\n\n### 답변:\n"

#: Between a system prompt and the first message of the user, for templates that have no place for a system prompt.
FOLD = "\n\n"

#: Every character that Python's (and so a template's) `strip()` takes off.
SPACE = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
#: White space by which it is told what a template strips: all three, then SPACE.
TRIED = (" ", "\n", "\t")
#: What a template must leave as it is inside a content.
INSIDE = "가 <b>&amp;</b> {{ messages }} {% if x %}\\n\t\"'`*_\n\n  끝"
#: Marks of reasoning, after which some templates look: where one does, contents that hold it are refused row by row.
REASONING = "</think>"

MARK = re.compile("⟦([0-9]+)⟧")


class Part(NamedTuple):
    """A message as it is written: the literal text before its content, and what is stripped off the content.

    `end`: the ids that end it, where it is an answer: the special token with which the template goes on, else EOS.
    """

    message: int
    before: str
    left: str
    right: str
    end: tuple[int, ...]


class Form(NamedTuple):
    """How the conversations of one structure are written.

    `parts` in the order of the text; `prefix`: ids before the first. `between`: joins an instruction and its input.
    `folded`: the system prompt stands in the first message of the user. `refused`: contents that hold this text are
    not written literally.
    """

    roles: tuple[str, ...]
    parts: tuple[Part, ...]
    prefix: tuple[int, ...]
    between: str
    folded: bool
    refused: str | None


def form_of(system: bool, exchanges: int, tokenizer: Tokenizer) -> Form:
    """The form of a conversation of so many exchanges, with or without a system prompt.

    Raises ChatTemplateError for a template that drops, repeats or rewrites contents, or a tokenizer without EOS.
    """
    roles = ("user", "assistant") * exchanges
    if tokenizer.chat is None:
        return _korean_prompt(("system", *roles) if system else roles, tokenizer)
    bare = _chat_form(roles, tokenizer.chat, tokenizer)
    for chat in (tokenizer.chat, _answered_last(tokenizer.chat)) if system else ():
        with contextlib.suppress(ChatTemplateError):
            return _chat_form(("system", *roles), chat, tokenizer)
    return bare._replace(folded=system)


def _answered_last(chat: Chat) -> Chat:
    """The conversation up to the last answer as it is given to a model, with that answer behind it.

    Mistral's templates write a system prompt only there: into the last message of the user, before it is answered.
    """

    def written(messages: list[dict[str, str]], to_be_answered: bool) -> str:
        user, answer = "⟦user⟧", "⟦answer⟧"
        exchange = chat([{"role": "user", "content": user}, {"role": "assistant", "content": answer}], False)
        return chat(messages[:-1], True) + messages[-1]["content"] + exchange.rpartition(answer)[2]

    return written


def _korean_prompt(roles: tuple[str, ...], tokenizer: Tokenizer) -> Form:
    before = {"system": "", "user": INSTRUCTION, "assistant": ANSWER_HEADING}
    parts = [
        Part(number, before[role], "", "", _eos(tokenizer) if role == "assistant" else ())
        for number, role in enumerate(roles)
    ]
    if roles[0] == "user":
        parts[0] = parts[0]._replace(before=PREAMBLE + INSTRUCTION)
    return Form(roles, tuple(parts), tuple(tokenizer.single[0]), INPUT, False, None)


def _chat_form(roles: tuple[str, ...], chat: Chat, tokenizer: Tokenizer) -> Form:
    marks = [f"⟦{number}⟧" for number in range(len(roles))]
    literals, order = _apart(chat, roles, marks)
    left, right = _stripped(chat, roles, marks, literals, order)
    _expect_literal(chat, roles, marks, literals, order, INSIDE)
    try:
        _expect_literal(chat, roles, marks, literals, order, f"가\n{REASONING}\n\n나")
        refused = None
    except ChatTemplateError:
        refused = REASONING
    parts = []
    for place, number in enumerate(order):
        end: tuple[int, ...] = ()
        if roles[number] == "assistant":
            if _brings_space(tokenizer):
                literals[place] = literals[place].removesuffix(" ")
            end, literals[place + 1] = _end(literals[place + 1], tokenizer)
        parts.append(Part(number, literals[place], left[number], right[number], end))
    return Form(roles, tuple(parts), (), "\n", False, refused)


def _apart(chat: Chat, roles: tuple[str, ...], contents: list[str]) -> tuple[list[str], list[int]]:
    """The literal texts around the marks in a rendered conversation, and the numbers of the marks in their order."""
    text = chat([{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)], False)
    pieces = MARK.split(text)
    order = list(map(int, pieces[1::2]))
    if sorted(order) != list(range(len(roles))) or order[-1] != len(roles) - 1:
        raise ChatTemplateError(
            f"the chat template does not write each message of a conversation {' → '.join(roles)} once, the answer "
            f"last: it wrote {text!r}. Give the tokenizer another template (chat_template.jinja in its folder)."
        )
    return pieces[::2], order


def _stripped(
    chat: Chat, roles: tuple[str, ...], marks: list[str], literals: list[str], order: list[int]
) -> tuple[list[str], list[str]]:
    """For each message the white space that the template takes off the left and the right of its content."""
    left, right = [""] * len(roles), [""] * len(roles)
    for space in TRIED:
        before, _ = _apart(chat, roles, [space + mark for mark in marks])
        after, _ = _apart(chat, roles, [mark + space for mark in marks])
        for place, number in enumerate(order):
            if before[place] == literals[place]:
                left[number] += space
            elif before[place] != literals[place] + space:
                raise _not_literal(roles, space + marks[number], before[place] + marks[number])
            if after[place + 1] == literals[place + 1]:
                right[number] += space
            elif after[place + 1] != space + literals[place + 1]:
                raise _not_literal(roles, marks[number] + space, marks[number] + after[place + 1])
    everything = "".join(TRIED)
    return (
        [SPACE if space == everything else space for space in left],
        [SPACE if space == everything else space for space in right],
    )


def _expect_literal(
    chat: Chat, roles: tuple[str, ...], marks: list[str], literals: list[str], order: list[int], inside: str
) -> None:
    contents = [mark + inside + mark for mark in marks]
    text = chat([{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)], False)
    wanted = literals[0] + "".join(contents[n] + after for n, after in zip(order, literals[1:], strict=True))
    if text != wanted:
        raise _not_literal(roles, wanted, text)


def _not_literal(roles: tuple[str, ...], wanted: str, got: str) -> ChatTemplateError:
    return ChatTemplateError(
        f"the chat template changes the contents of a conversation {' → '.join(roles)}, so it is not known "
        f"which tokens are the answer: {wanted!r} became {got!r}. Give the tokenizer another template "
        "(chat_template.jinja in its folder)."
    )


def _end(after: str, tokenizer: Tokenizer) -> tuple[tuple[int, ...], str]:
    """The ids that end an answer, and the literal text that goes on after them."""
    for written in sorted(tokenizer.specials, key=len, reverse=True):
        if after.lstrip().startswith(written):
            return (tokenizer.specials[written],), after.lstrip().removeprefix(written)
    return _eos(tokenizer), after


def _eos(tokenizer: Tokenizer) -> tuple[int, ...]:
    if tokenizer.eos_id is None:
        raise ChatTemplateError(
            f"the tokenizer {tokenizer.name} has no end-of-sequence token, without which a model never learns to stop. "
            "Name one as eos_token in its tokenizer_config.json."
        )
    return (tokenizer.eos_id,)


def _brings_space(tokenizer: Tokenizer) -> bool:
    """Whether a text that is encoded alone begins with a space of its own, as with SentencePiece's dummy prefix."""
    once, twice = tokenizer.encode(pa.array(["a", "a a"])).to_pylist()
    return bool(twice == once + once)
