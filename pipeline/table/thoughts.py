"""Thoughts written at the beginning of an answer: taken out of it, and put back exactly as they were."""

import re
from typing import NamedTuple

#: How this project writes a thought before an answer.
OPENING, CLOSING = "<think>\n", "\n</think>\n\n"
#: How models and datasets open a thought, and what closes each.
CLOSERS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<|channel>thought": "<channel|>",
}
#: What opens a thought at the beginning of an answer.
OPENING_MARK = re.compile(rf"\s*({'|'.join(map(re.escape, CLOSERS))})\s*", re.IGNORECASE)
#: Finds every text that opens a thought, and others. Written so that Python's `re` and Arrow's RE2 read it alike.
OPENS_THOUGHT = rf"(?i)(?:{'|'.join(map(re.escape, CLOSERS))})"
#: A thought without a text, with the white space behind it, as chat templates write it before an answer that has none.
EMPTY_THOUGHT = re.compile(
    "|".join(re.escape(opens) + r"\s*" + re.escape(closes) + r"\s*" for opens, closes in CLOSERS.items())
)


class Thought(NamedTuple):
    """An answer in four texts, in their order: the mark that opens the thought, the thought, the mark that closes it,
    the answer. The marks hold the white space around them.
    """

    opening: str
    reasoning: str
    closing: str
    answer: str


def split_thought(text: str) -> Thought | None:
    r"""The parts of an answer that begins with a thought; None where it does not, or where the thought has no end.

    `"".join(...)` of the parts is the text.

    >>> split_thought("<think>\n여섯 번 더한다.\n</think>\n\n18입니다.")
    Thought(opening='<think>\n', reasoning='여섯 번 더한다.', closing='\n</think>\n\n', answer='18입니다.')
    >>> split_thought("<Thinking> 음… </Thinking>네.")
    Thought(opening='<Thinking> ', reasoning='음…', closing=' </Thinking>', answer='네.')
    >>> split_thought("<think> 끝이 없다")
    """
    opens = OPENING_MARK.match(text)
    if opens is None:
        return None
    closer = CLOSERS[opens[1].casefold()]
    closes = re.compile(re.escape(closer), re.IGNORECASE).search(text, opens.end(1))
    if closes is None:
        return None
    close, behind = closes.span()
    if text.startswith(OPENING) and text.startswith(CLOSING, close - 1) and close > len(OPENING):
        # As this project writes it: white space inside these marks belongs to the thought and to the answer.
        return Thought(OPENING, text[len(OPENING) : close - 1], CLOSING, text[close - 1 + len(CLOSING) :])
    inside, after = text[opens.end(1) : close], text[behind:]
    start = opens.end(1) + len(inside) - len(inside.lstrip())
    end = max(start, opens.end(1) + len(inside.rstrip()))
    begin = behind + len(after) - len(after.lstrip())
    return Thought(text[:start], text[start:end], text[end:begin], text[begin:])


def is_open_thought(text: str | None) -> bool:
    """Whether a text begins with a thought that has no end.

    >>> is_open_thought("<think> 끝이 없다"), is_open_thought("<think>음</think>네."), is_open_thought("<b>네</b>")
    (True, False, False)
    """
    return text is not None and OPENING_MARK.match(text) is not None and split_thought(text) is None


def join_thought(reasoning: str, answer: str) -> str:
    """An answer with its thought before it, as this project writes it: `split_thought` takes it apart again."""
    return f"{OPENING}{reasoning}{CLOSING}{answer}"
