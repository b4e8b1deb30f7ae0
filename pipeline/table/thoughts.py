"""Thoughts written at the beginning of an answer: taken out of it, and put back exactly as they were."""

import re
from collections.abc import Sequence
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
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<seed:think>": "</seed:think>",
}
#: Marks around the answer that follows a thought.
ANSWER_OPENS, ANSWER_CLOSES = "<|begin_of_solution|>", "<|end_of_solution|>"
#: Marks that close a thought whose opening mark the prompt held, or the publisher cut off.
ALONE = ("</think>", "[/think]", "◁/think▷", "</seed:think>", "<|end_of_thought|>")
#: What opens a thought at the beginning of an answer.
OPENING_MARK = re.compile(rf"\s*({'|'.join(map(re.escape, CLOSERS))})\s*", re.IGNORECASE)
#: A thought without a text, with the white space behind it, as chat templates write it before an answer that has none.
EMPTY_THOUGHT = re.compile(
    "|".join(re.escape(opens) + r"\s*" + re.escape(closes) + r"\s*" for opens, closes in CLOSERS.items())
)
_ALONE = re.compile(rf"(?<![`'\"“‘])({'|'.join(map(re.escape, ALONE))})(?![`'\"”’])", re.IGNORECASE)
_SIGNS = tuple(dict.fromkeys(mark[:2] for mark in ALONE))
_ANSWER = re.compile(rf"\s*{re.escape(ANSWER_OPENS)}\s*")
_ANSWER_END = re.compile(rf"\s*{re.escape(ANSWER_CLOSES)}\s*$")
#: A mark of a thought, as `finds` needs them.
MARKS = (*CLOSERS, *ALONE)


def finds(marks: Sequence[str]) -> list[str]:
    """Patterns that find these marks in any case, one for each sign that marks begin with: with a fixed first sign, a
    scan is three times as fast. Python's `re` and Arrow's RE2 read them alike.

    >>> finds(["<think>", "<thought>", "[think]"])
    ['<(?i:think>|thought>)', '\\\\[(?i:think\\\\])']
    """
    signs = dict.fromkeys(mark[0] for mark in marks)
    rests = {sign: "|".join(re.escape(mark[1:]) for mark in marks if mark[0] == sign) for sign in signs}
    return [f"{re.escape(sign)}(?i:{rest})" for sign, rest in rests.items()]


class Thought(NamedTuple):
    """An answer in five texts, in their order: the mark that opens the thought ("" where it is missing), the thought,
    the mark that closes it, the answer, the mark that closes the answer ("" as a rule). The marks hold the white space
    around them.
    """

    opening: str
    reasoning: str
    closing: str
    answer: str
    ending: str = ""


def split_thought(text: str) -> Thought | None:
    r"""The parts of an answer that begins with a thought; None where it does not, or where the thought has no end.

    `"".join(...)` of the parts is the text.

    >>> split_thought("<think>\n여섯 번 더한다.\n</think>\n\n18입니다.")
    Thought(opening='<think>\n', reasoning='여섯 번 더한다.', closing='\n</think>\n\n', answer='18입니다.', ending='')
    >>> split_thought("<Thinking> 음… </Thinking>네.")
    Thought(opening='<Thinking> ', reasoning='음…', closing=' </Thinking>', answer='네.', ending='')
    >>> split_thought("여섯 번 더한다.</think>18입니다.")
    Thought(opening='', reasoning='여섯 번 더한다.', closing='</think>', answer='18입니다.', ending='')
    >>> split_thought("<think> 끝이 없다")
    """
    opens = OPENING_MARK.match(text)
    if opens is None:
        return _without_opening(text)
    closer = CLOSERS[opens[1].casefold()]
    closes = re.compile(re.escape(closer), re.IGNORECASE).search(text, opens.end(1))
    if closes is None:
        return None
    close, behind = closes.span()
    if text.startswith(OPENING) and text.startswith(CLOSING, close - 1) and close > len(OPENING):
        # As this project writes it: white space inside these marks belongs to the thought and to the answer.
        return Thought(OPENING, text[len(OPENING) : close - 1], CLOSING, text[close - 1 + len(CLOSING) :])
    return _parts(text, opens.end(1), close, behind)


def _without_opening(text: str) -> Thought | None:
    """The same of a text in which one mark closes a thought, and none opens one."""
    if not any(sign in text for sign in _SIGNS):
        return None
    closes = [*_ALONE.finditer(text)]
    if len(closes) != 1 or not text[: closes[0].start()].strip() or any(map(text.casefold().__contains__, CLOSERS)):
        return None
    if text.count("```", 0, closes[0].start()) % 2:
        return None
    return _parts(text, 0, *closes[0].span())


def _parts(text: str, opened: int, close: int, behind: int) -> Thought:
    """The parts of a text whose thought begins at `opened`, and whose closing mark is between `close` and `behind`."""
    inside, after = text[opened:close], text[behind:]
    start = opened + len(inside) - len(inside.lstrip())
    end = max(start, opened + len(inside.rstrip()))
    begin = behind + len(after) - len(after.lstrip())
    marked = _ANSWER.match(text, behind)
    ended = _ANSWER_END.search(text, marked.end()) if marked else None
    if marked and ended:
        return Thought(
            text[:start], text[start:end], text[end : marked.end()], text[marked.end() : ended.start()], ended[0]
        )
    return Thought(text[:start], text[start:end], text[end:begin], text[begin:])


def marks_of(thought: Thought) -> list[str] | None:
    """The marks of a thought where they are not those that this project writes: with them it can be restored."""
    marks = [thought.opening, thought.closing, *([thought.ending] if thought.ending else [])]
    return None if marks == [OPENING, CLOSING] else marks


def is_open_thought(text: str | None) -> bool:
    """Whether a text begins with a thought that has no end.

    >>> is_open_thought("<think> 끝이 없다"), is_open_thought("<think>음</think>네."), is_open_thought("<b>네</b>")
    (True, False, False)
    """
    return text is not None and OPENING_MARK.match(text) is not None and split_thought(text) is None


def join_thought(reasoning: str, answer: str) -> str:
    """An answer with its thought before it, as this project writes it: `split_thought` takes it apart again."""
    return f"{OPENING}{reasoning}{CLOSING}{answer}"
