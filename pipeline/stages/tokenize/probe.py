"""What a chat template does with the messages of one exchange, found by what it makes of marks in place of texts.

A mark is put where a text will be; a template that strips, drops, repeats or rewrites texts shows it on the marks.
So no text of the data is ever searched in what a template wrote.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipeline.table.thoughts import CLOSING, EMPTY_THOUGHT, OPENING
from pipeline.tokenizers.protocol import ChatTemplateError

#: A mark: the number of the message, and "r" where the thought of the message will be.
MARK = re.compile("⟦([0-9]+)(r?)⟧")
#: What marks the places of the name of a call, and of a tool's description. The argument of each call has its own mark.
CALL, TOOL = "⟦call⟧", "⟦tool⟧"
#: The id of a call that is not real, as Mistral's templates ask for it.
AN_ID = "call00000"
ANY_MARK = re.compile("⟦[0-9a-z]+⟧")

#: Every character that Python's (and so a template's) `strip()` takes off.
SPACE = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
#: White space by which it is found what a template strips: all three, then SPACE.
TRIED = (" ", "\n", "\t")
#: What a template must leave as it is inside a text.
INSIDE = "가 <b>&amp;</b> {{ messages }} {% if x %}\\n\t\"'`*_\n\n  끝"

#: The fields in which templates read a thought; THOUGHT_IN_CONTENT: none, it is written before the answer.
THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
THOUGHT_IN_CONTENT = "content"

#: The tool of a conversation that is not real.
A_TOOL = {
    "type": "function",
    "function": {
        "name": TOOL,
        "description": "",
        "parameters": {"type": "object", "properties": {"a": {"type": "string", "description": ""}}, "required": ["a"]},
    },
}
#: What ends the sentence about a template that cannot be used.
REMEDY = "Give the tokenizer another template (chat_template.jinja in its folder)."
#: The same, where it cannot write thoughts.
NO_THOUGHTS = 'Set [tokenize] reasoning = "drop".'
#: Parts of an answer, in words.
THOUGHT, TEXT = "the thought of an answer", "the text of an answer"

#: The number of the system prompt, where messages are counted without it.
SYSTEM = -1

#: Writes a conversation: messages, whether an answer comes next, tools.
Render = Callable[[Sequence[dict[str, Any]], bool, Sequence[Any]], str]


class Setting(NamedTuple):
    """An exchange and where it is. `kinds`: of its messages (`conversation.Message.kind`)."""

    system: bool
    tools: bool
    first: bool
    last: bool
    kinds: tuple[str, ...]


class Answer(NamedTuple):
    """How an answer of an exchange is written.

    `prompt`: the literal text that a model is given after the message before the answer. `rest`: the literal text of
    the next message, which is not learned. `more`: a special token that ends the answer and that the template writes
    only where the conversation goes on. `eos`: nothing in the template ends it. `alike`: it is written as where it is
    the last, but for an empty thought. `prompted`: it comes after what a model is given that is to write it, and with
    the empty thought that it has where it is the last. `lost`: its thought is not written. `empty`: where it is the
    last, it has an empty thought.
    """

    prompt: str
    rest: str
    more: str
    eos: bool
    alike: bool
    prompted: bool
    lost: bool
    empty: bool


class Exchange(NamedTuple):
    """How an exchange is written. By numbers in the exchange: its answers, what is stripped off the texts (by number
    and "r" for thoughts), and `inline`, the results of tools that a template writes in a way of its own."""

    answers: dict[int, Answer]
    stripped: dict[tuple[int, str], tuple[str, str]]
    inline: frozenset[int]


def message_of(
    role: str, texts: dict[str, str], thought_field: str | None, calls: Sequence[Any], **others: Any
) -> dict[str, Any]:
    """A message for the template. `texts`: "" → content, "r" → thought, where there is one."""
    message: dict[str, Any] = {"role": role, "content": texts[""]}
    if "r" in texts and thought_field == THOUGHT_IN_CONTENT:
        message["content"] = f"{OPENING}{texts['r']}{CLOSING}{texts['']}"
    elif "r" in texts and thought_field:
        message[thought_field] = texts["r"]
    if calls:
        message["tool_calls"] = calls
    return message | others


def marked(number: int, kind: str, thought_field: str | None, text: Callable[[str], str] = str) -> dict[str, Any]:
    """A message of this kind with marks in place of its texts; `text` changes what is put in place of a text."""
    role, _, more = kind.partition(" ")
    texts = {"": text(f"⟦{number}⟧")}
    if role != "assistant":
        others = {"tool_call_id": AN_ID, "name": CALL} if role == "tool" else {}
        return message_of(role, texts, None, (), **others)
    if "thought" in more:
        texts["r"] = text(f"⟦{number}r⟧")
    if "alone" in more:
        texts[""] = ""
    return message_of(role, texts, thought_field, [_call(place) for place in range(_number_of_calls(kind))])


def _number_of_calls(kind: str) -> int:
    return int(re.sub("[^0-9]", "", kind) or 0)


def _argument(place: int) -> str:
    """The mark of the argument of a message's call."""
    return f"⟦argument{place}⟧"


def _call(place: int) -> dict[str, Any]:
    """A call that is not real."""
    return {"id": AN_ID, "type": "function", "function": {"name": CALL, "arguments": {"a": _argument(place)}}}


def fault(found: str) -> ChatTemplateError:
    return ChatTemplateError(f"{found}. {REMEDY}")


class Prober:
    """Asks one chat template. `render` writes a conversation, `specials` finds the special tokens of the tokenizer."""

    def __init__(self, render: Render, specials: re.Pattern[str]) -> None:
        self.render = render
        self.specials = specials
        self.thought_field = self._thought_field()

    def _thought_field(self) -> str | None:
        """The field from which the template takes the thought of an answer; None: it writes no thought."""
        for field in (*THOUGHT_FIELDS, THOUGHT_IN_CONTENT):
            messages = [marked(0, "user", None), marked(1, "assistant thought 0", field)]
            try:
                if "⟦1r⟧" in self.render(messages, False, ()):
                    return field
            except ChatTemplateError:
                continue
        return None

    def exchange(self, setting: Setting) -> Exchange:
        """How the messages of an exchange are written. Raises ChatTemplateError where they are not, or not as they
        are."""
        before = ["system"] * setting.system + ["user", "assistant"] * (not setting.first)
        kinds = [*before, *setting.kinds, *(["user", "assistant"] * (not setting.last))]
        tools = [A_TOOL] if setting.tools else []
        start, end = len(before), len(before) + len(setting.kinds)
        messages = [marked(number, kind, self.thought_field) for number, kind in enumerate(kinds)]
        text = self.render(messages, False, tools)
        if setting.tools and TOOL not in text:
            raise fault("the chat template does not write tools")
        written = [(int(found[1]), found[2]) for found in MARK.finditer(text)]
        once = [(number, "") for number, kind in enumerate(kinds) if not kind.endswith("alone")]
        if sorted(mark for mark in written if not mark[1]) != once or len(set(written)) < len(written):
            roles = " → ".join(kind.partition(" ")[0] for kind in kinds)
            raise fault(
                f"the chat template does not write each message of a conversation {roles} once: it wrote {text!r}"
            )
        in_text = [mark for mark in written if kinds[mark[0]] != "system"]
        for one, other in itertools.pairwise(in_text):
            if one[0] > other[0]:
                raise out_of_order(_part(other, kinds), _part(one, kinds))
        answers = {
            number - start: self._answer(messages, number, tools, text, kinds[number])
            for number in range(start, end)
            if messages[number]["role"] == "assistant"
        }
        inline = self._inline(kinds, tools, text)
        stripped = self._stripped(kinds, tools, text, inline)
        ends = {(number - start, which): ends for (number, which), ends in stripped.items() if start <= number < end}
        if setting.system:
            ends[SYSTEM, ""] = stripped[0, ""]
        return Exchange(
            answers,
            ends,
            frozenset(number - start for number in inline if start <= number < end),
        )

    def _answer(self, messages: list[dict[str, Any]], number: int, tools: list[Any], text: str, kind: str) -> Answer:
        alone = self.render(messages[: number + 1], False, tools)
        here, last = region(text, number), region(alone, number)
        for written in (last, here):
            must_be_in_order(written, number, kind)
        anchor = ANY_MARK.findall(last)[-1]
        try:
            asked = self.render(messages[:number], True, tools)
        except ChatTemplateError:
            asked = alone[: len(alone) - len(last)] + ANY_MARK.split(last, maxsplit=1)[0]
        (mine, behind), (whole, ended) = (_parted(written, anchor) for written in (here, last))
        goes_on = len(messages) > number + 1
        end = behind[: common(behind, ended, self.specials)] if goes_on else ended
        rest = behind[len(end) :] if goes_on else ""
        more, eos = "", False
        if not self.specials.search(end):
            special = self._first_special(rest or self._goes_on(messages[: number + 1], tools, anchor, len(ended)))
            if special and rest:
                rest = rest[len(special) :]
            elif special:
                more = special
            else:
                rest, eos = end + rest, True
        thoughtless = EMPTY_THOUGHT.sub("", whole, count=1)
        prompted = alone.startswith(asked) and mine == whole
        lost = "thought" in kind and f"⟦{number}r⟧" not in last
        prompt = asked[_behind(asked, number - 1) :]
        return Answer(prompt, rest, more, eos, mine in (whole, thoughtless), prompted, lost, thoughtless != whole)

    def _goes_on(self, messages: list[dict[str, Any]], tools: list[Any], anchor: str, ended: int) -> str:
        """What is written after the end of the last answer, where the conversation goes on."""
        role = "tool" if messages[-1].get("tool_calls") else "user"
        follow = [marked(len(messages), role, None), marked(len(messages) + 1, "assistant", None)]
        try:
            text = self.render([*messages, *follow], False, tools)
        except ChatTemplateError:
            return ""
        return _parted(region(text, len(messages) - 1), anchor)[1][ended:]

    def _first_special(self, text: str) -> str:
        """The special token with which a text begins, and the space before it."""
        found = self.specials.match(text.lstrip())
        return text[: len(text) - len(text.lstrip())] + found[0] if found else ""

    def _written(self, kinds: list[str], tools: list[Any], text: Callable[[str], str], plain: set[int]) -> str:
        return self.render(
            [
                marked(number, kind, self.thought_field, str if number in plain else text)
                for number, kind in enumerate(kinds)
            ],
            False,
            tools,
        )

    def _inline(self, kinds: list[str], tools: list[Any], text: str) -> set[int]:
        """The numbers of the tools' results, where the template does not write them as they are."""
        results = {number for number, kind in enumerate(kinds) if kind == "tool"}
        for plain in (set[int](), results):
            got = self._written(kinds, tools, lambda mark: mark + INSIDE + mark, plain)
            wanted = MARK.sub(
                lambda mark: mark[0] if int(mark[1]) in plain else mark[0] + INSIDE + mark[0],  # noqa: B023
                text,
            )
            if got == wanted:
                return plain
        raise _not_literal(kinds, wanted, got)

    def _stripped(
        self, kinds: list[str], tools: list[Any], text: str, inline: set[int]
    ) -> dict[tuple[int, str], tuple[str, str]]:
        """For each mark the white space that the template takes off the left and the right of its text."""
        order = [(int(found[1]), found[2]) for found in MARK.finditer(text)]
        literals = MARK.split(text)[::3]
        left, right = dict.fromkeys(order, ""), dict.fromkeys(order, "")
        for space in TRIED:
            before = MARK.split(self._written(kinds, tools, lambda mark: space + mark, inline))  # noqa: B023
            after = MARK.split(self._written(kinds, tools, lambda mark: mark + space, inline))  # noqa: B023
            for pieces in (before, after):
                if list(zip(map(int, pieces[1::3]), pieces[2::3], strict=True)) != order:
                    raise _not_literal(kinds, text, "".join(pieces))
            for place, mark in enumerate(order):
                if mark[0] in inline:
                    continue
                for side, pieces, at, wanted in (
                    (left, before, place, literals[place] + space),
                    (right, after, place + 1, space + literals[place + 1]),
                ):
                    if pieces[3 * at] == literals[at]:
                        side[mark] += space
                    elif pieces[3 * at] != wanted:
                        raise _not_literal(kinds, wanted, pieces[3 * at])
        everything = "".join(TRIED)
        return {
            mark: (
                SPACE if left[mark] == everything else left[mark],
                SPACE if right[mark] == everything else right[mark],
            )
            for mark in order
        }


def region(text: str, number: int) -> str:
    """What is written from the end of the message before to the first mark of the message after."""
    start, end = place_of(text, number)
    return text[start:end]


def place_of(text: str, number: int) -> tuple[int, int]:
    """Where `region` begins and ends."""
    start = _behind(text, number - 1)
    return start, next((found.start() for found in MARK.finditer(text, start) if int(found[1]) != number), len(text))


def _behind(text: str, number: int) -> int:
    """The place behind the mark of a message."""
    mark = f"⟦{number}⟧"
    return text.rindex(mark) + len(mark) if mark in text else 0


def _parted(written: str, anchor: str) -> tuple[str, str]:
    """An answer as it is written up to the end of this mark, its last, and what is behind it."""
    before, mark, behind = written.rpartition(anchor)
    if not mark:
        raise fault("the chat template writes an answer at another place where the conversation goes on")
    return before + mark, behind


def _part(mark: tuple[int, str], kinds: list[str]) -> str:
    """What belongs at a mark, in words."""
    number, which = mark
    role = kinds[number].partition(" ")[0]
    return THOUGHT if which else {"assistant": TEXT, "tool": "the result of a tool"}.get(role, "a message of the user")


def out_of_order(part: str, other: str) -> ChatTemplateError:
    found = f"the chat template writes {part} behind {other}"
    return ChatTemplateError(f"{found}. {NO_THOUGHTS}") if part == THOUGHT else fault(found)


def must_be_in_order(written: str, number: int, kind: str) -> None:
    """Hold an answer to the order of its record, which is that in which a model writes it: thought, text, calls.

    Raises ChatTemplateError, too where a call or the whole answer is not written.
    """
    calls = [_argument(place) for place in range(_number_of_calls(kind))]
    count = sum(call in written for call in calls)
    if count < len(calls):
        raise fault(
            f"the chat template writes {count} of the {len(calls)} calls of a message"
            if count
            else "the chat template does not write calls of tools"
        )
    parts = {f"⟦{number}r⟧": THOUGHT, f"⟦{number}⟧": TEXT, **dict.fromkeys(calls, "its calls")}
    places = {mark: place for place, mark in enumerate(parts)}
    shown = [mark for mark in dict.fromkeys(ANY_MARK.findall(written)) if mark in places]
    if not shown:
        raise fault(f"the chat template does not write the answer: {written!r}")
    for one, other in itertools.pairwise(shown):
        if places[one] > places[other]:
            raise out_of_order(parts[other], parts[one])


def common(text: str, other: str, specials: re.Pattern[str]) -> int:
    """How many characters both begin with; where neither ends there, back to the end of a special token or a space."""
    pairs = enumerate(zip(text, other, strict=False))
    length = next((place for place, (one, two) in pairs if one != two), min(len(text), len(other)))
    if length in (len(text), len(other)):
        return length
    ends = [found.end() for found in specials.finditer(text) if found.end() <= length]
    spaces = [place + 1 for place in range(length) if text[place].isspace()]
    return max((*ends, *spaces), default=0)


def _not_literal(kinds: list[str], wanted: str, got: str) -> ChatTemplateError:
    roles = " → ".join(kind.partition(" ")[0] for kind in kinds)
    return fault(
        f"the chat template changes the contents of a conversation {roles}, so it is not known "
        f"which tokens are the answer: {wanted!r} became {got!r}"
    )
