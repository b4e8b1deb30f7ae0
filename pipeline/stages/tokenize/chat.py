"""How a conversation is written for a causal model: by the tokenizer's chat template, or else by a Korean prompt.

A form is the text of a conversation with gaps for the texts of the messages, cut where an answer to learn begins and
ends. That of a chat template is what the template makes of marks in place of texts, once for each structure (the kinds
of the messages); tools, and the calls of tools, which a template writes as JSON of its own, are literal text of the
conversation that has them.

An answer begins where that ends which a model is given when it is to write it (`add_generation_prompt`), and ends
where the next message begins: its thought, its calls, and the run of special tokens at its end belong to it.
"""

import contextlib
import itertools
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.stages.tokenize.conversation import Conversation, Message, any_of, json_text
from pipeline.stages.tokenize.probe import (
    A_TOOL,
    AN_ID,
    CALL,
    MARK,
    SYSTEM,
    TOOL,
    Answer,
    Exchange,
    Prober,
    Setting,
    common,
    fault,
    marked,
    message_of,
)
from pipeline.table.thoughts import CLOSING, OPENING
from pipeline.tokenizers.protocol import ChatTemplateError, Tokenizer
from schemas.options import TokenizeOptions

#: The prompt for tokenizers without a chat template: a system prompt (this one, where the record has none), then
#: `### 지시문:`, `### 입력:` where there is one, `### 답변:`, each on a line of its own with an empty line before it.
#: EOS ends every answer.
PREAMBLE = "다음은 수행할 작업을 설명하는 지시문입니다. 지시문에 알맞은 답변을 작성하세요."
INSTRUCTION = "\n\n### 지시문:\n"
INPUT = "\n\n### 입력:\n"
ANSWER_HEADING = "\n\n### 답변:\n"

#: Between a system prompt and the first message of the user, for templates that have no place for a system prompt.
FOLD = "\n\n"

#: Texts that look like a mark of a chat template, at which some templates take a text apart (RE2 and Python alike).
LOOKS_LIKE_A_MARK = r"<[/|]?[A-Za-z]|\|>|/(no_?)?think"

#: Of a tool that the chat template cannot write.
TOOL_FORM = (
    "a tool of this row is not in the form that the chat template reads. In the source file, write it as "
    '{"type": "function", "function": {"name": …, "description": …, "parameters": …}}'
)

#: Forms that are kept for each tokenizer.
KEPT = 4096


class Gap(NamedTuple):
    """The place of a text: the message and which text of it ("" content, "r" thought), and what is stripped off it."""

    message: int
    which: str
    left: str
    right: str


class Span(NamedTuple):
    """A piece of a conversation: literal texts and gaps, then ids. `answer`: the number of the message that it is the
    answer of, -1 where it is given. `thought`: it ends with the thought of that answer, before the answer itself.
    `exchange`: the number of the exchange in which it is, or which it leads to.
    """

    pieces: tuple[str | Gap, ...]
    ids: tuple[int, ...] = ()
    answer: int = -1
    thought: bool = False
    exchange: int = 0


#: How the conversations of one structure are written.
Form = tuple[Span, ...]


@lru_cache(maxsize=4)
def _writer(tokenizer: Tokenizer, args: tuple[tuple[str, Any], ...], masked: bool) -> "Writer":
    return Writer(tokenizer, dict(args), masked)


def writer_of(tokenizer: Tokenizer, options: TokenizeOptions) -> "Writer":
    """The writer of this tokenizer, which keeps the forms that it found."""
    return _writer(tokenizer, tuple(sorted(options.template_args.items())), options.reasoning == "mask")


class Writer:
    """Writes conversations as one tokenizer wants them: `form` says how. `masked`: thoughts are spans of their own."""

    def __init__(self, tokenizer: Tokenizer, args: Mapping[str, Any], masked: bool) -> None:
        self.masked = masked
        self.tokenizer = tokenizer
        self.args = args
        self.special_pattern = any_of(sorted(tokenizer.specials, key=len, reverse=True))
        specials = sorted(tokenizer.specials, key=len, reverse=True)
        self._specials = re.compile("|".join(map(re.escape, specials)) or r"(?!)")
        self.brings_space = _brings_space(tokenizer)
        self._plain = lru_cache(maxsize=KEPT)(self._plain_form)
        self._exchange = lru_cache(maxsize=KEPT)(self._probe)
        self.way = "written"
        self.parts = self.arguments_as_text = False
        if tokenizer.chat is not None:
            # Some templates read only contents that are lists of parts, or only arguments of calls that are text.
            if not self._reads("user", "assistant"):
                self.parts = True
                self.parts = self._reads("user", "assistant")
            calls = ("user", "assistant 1alone", "tool", "assistant")
            if not self._reads(*calls):
                self.arguments_as_text = True
                self.arguments_as_text = self._reads(*calls)
            self.way = self._way_of_system()
            self.prober = Prober(self.render, self._specials)

    @property
    def between(self) -> str:
        """What joins an instruction and its input."""
        return INPUT if self.tokenizer.chat is None else "\n"

    def form(self, conversation: Conversation) -> Form:
        """How this conversation is written: one that does not end with an answer up to where the answer will begin.

        Raises ChatTemplateError for a template that drops, repeats or rewrites texts, or a tokenizer without EOS.
        """
        if self.tokenizer.chat is None:
            return self._korean_prompt(conversation)
        conversation = self.folded(conversation)
        if conversation.has_tools:
            return self._chat_form(conversation)
        return self._plain(bool(conversation.system), tuple(message.kind for message in conversation.messages))

    def answers(self, conversation: Conversation, first: int = 0) -> dict[int, Answer]:
        """How each answer is written, by the number of its message, from the message `first` on, which begins an
        exchange. Raises ChatTemplateError."""
        if self.tokenizer.chat is None:
            return dict.fromkeys(conversation.answers, Answer("", "", "", True, True, True, False, False))
        exchanges = self._exchanges(self.folded(conversation), first)
        return {
            number: exchange.answers[number - start]
            for number, (start, exchange) in enumerate(exchanges, first)
            if number - start in exchange.answers
        }

    def prompt(self, conversation: Conversation) -> str:
        """What a model is given to write the next message, as text. The last message is not an answer.

        Without what the tokenizer itself puts before a text. Raises ChatTemplateError.
        """
        if self.tokenizer.chat is None:
            written = []
            for span in self.form(conversation)[1:]:
                written += [text_of(piece, conversation) for piece in span.pieces]
                written.append(self.tokenizer.decode(span.ids))
            return "".join(written)
        conversation = self.folded(conversation)
        return self.render(self._messages(conversation), True, conversation.tools)

    def head(self, conversation: Conversation) -> str:
        """What is written before the first message of the user: the system prompt and the tools."""
        before = []
        conversation = self.folded(conversation)
        for piece in self.form(conversation)[0].pieces:
            if isinstance(piece, Gap) and piece.message >= 0:
                break
            before.append(text_of(piece, conversation))
        return "".join(before)

    def folded(self, conversation: Conversation) -> Conversation:
        """The conversation with its system prompt in the first message, where the template has no place for it."""
        if self.tokenizer.chat is None or self.way != "folded" or not conversation.system:
            return conversation
        first, *rest = conversation.messages
        first = first._replace(content=conversation.system + FOLD + first.content)
        return Conversation("", conversation.tools, (first, *rest))

    def mark_in(self, conversation: Conversation) -> str | None:
        """A special token, or a mark of those that say where texts belong, in what the template writes in a way of its
        own: tools, calls, names, some results."""
        exchanges = self._exchanges(self.folded(conversation))
        texts = [json_text(conversation.tools)]
        for number, message in enumerate(conversation.messages):
            first, exchange = exchanges[number]
            texts += _names(message).values()
            if message.calls:
                texts.append(json_text(message.calls))
            if number - first in exchange.inline:
                texts.append(message.content)
        found = (self._specials.search(text) or MARK.search(text) for text in texts)
        return next((mark[0] for mark in found if mark), None)

    def literal(self, conversation: Conversation) -> bool:
        """Whether the template writes this conversation as its form says, and so every text of it as it is."""
        if self.tokenizer.chat is None:
            return True
        conversation = self.folded(conversation)
        spans = self.form(conversation)
        text = "".join(text_of(piece, conversation) for span in spans for piece in span.pieces)
        try:
            wanted = self.render(self._messages(conversation), False, conversation.tools)
        except ChatTemplateError:
            return False
        return text.startswith(wanted) or wanted.startswith(text)

    def render(self, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool, tools: Sequence[Any]) -> str:
        chat = self._chat
        system = messages[0]["role"] == "system"
        if not system or add_generation_prompt or self.way != "answered" or messages[-1]["role"] != "assistant":
            return chat(messages, add_generation_prompt, tools)
        # Mistral's templates write a system prompt only into the last message of the user, until it is answered: the
        # conversation as it is given to a model, with the answer behind it.
        user, answer = "⟦user⟧", "⟦answer⟧"
        exchange = chat([{"role": "user", "content": user}, {"role": "assistant", "content": answer}], False, ())
        given = chat(messages[:-1], True, tools)
        return given + str(messages[-1]["content"]) + exchange.rpartition(answer)[2]

    def _chat(self, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool, tools: Sequence[Any]) -> str:
        """What the template makes of the messages, in the form that it reads."""
        assert self.tokenizer.chat is not None
        if self.parts:
            messages = [
                message | {"content": [{"type": "text", "text": message["content"]}]} for message in map(dict, messages)
            ]
        if self.arguments_as_text:
            messages = [_with_arguments_as_text(message) for message in messages]
        return self.tokenizer.chat(messages, add_generation_prompt, tools, self.args)

    def _reads(self, *kinds: str) -> bool:
        """Whether the template writes messages of these kinds as they are given now."""
        messages = [marked(number, kind, None) for number, kind in enumerate(kinds)]
        try:
            text = self._chat(messages, False, [A_TOOL])
        except ChatTemplateError:
            return False
        return "⟦0⟧" in text and (CALL in text or "tool" not in kinds)

    def _way_of_system(self) -> str:
        """How a system prompt gets into the text: "written", "answered" (see `render`), or "folded"."""
        messages = [marked(number, role, None) for number, role in enumerate(("system", "user", "assistant"))]
        for self.way in ("written", "answered"):
            with contextlib.suppress(ChatTemplateError):
                text = self.render(messages, False, ())
                if sorted(MARK.findall(text)) == [("0", ""), ("1", ""), ("2", "")]:
                    return self.way
        return "folded"

    def _probe(self, setting: Setting) -> Exchange | ChatTemplateError:
        try:
            return self.prober.exchange(setting)
        except ChatTemplateError as error:
            return error

    def _messages(self, conversation: Conversation) -> list[dict[str, Any]]:
        """The messages as the template gets them."""
        system = [{"role": "system", "content": conversation.system}] if conversation.system else []
        return system + [
            message_of(
                message.role,
                {"": message.content} | ({"r": message.reasoning} if message.reasoning else {}),
                self.prober.thought_field,
                message.calls,
                **_names(message),
            )
            for message in conversation.messages
        ]

    def _plain_form(self, system: bool, kinds: tuple[str, ...]) -> Form:
        """The form of conversations without tools: it holds none of their texts."""
        messages = tuple(_with_kind(kind) for kind in kinds)
        return self._chat_form(Conversation("system" if system else "", (), messages))

    def _chat_form(self, conversation: Conversation) -> Form:
        system = bool(conversation.system)
        exchanges = self._exchanges(conversation)
        messages = [marked(0, "system", None)] * system
        for number, message in enumerate(conversation.messages):
            first, exchange = exchanges[number]
            written = marked(number + system, message.kind, self.prober.thought_field)
            written |= _names(message)
            if message.calls:
                written["tool_calls"] = message.calls
            if number - first in exchange.inline:
                written["content"] = written["content"] + message.content + written["content"]
            messages.append(written)
        asked = conversation.messages[-1].role != "assistant"
        return self._cut(self._with_tools(messages, asked, conversation.tools), exchanges, system, conversation)

    def _with_tools(self, messages: Sequence[Mapping[str, Any]], asked: bool, tools: Sequence[Any]) -> str:
        """What the template makes of messages and tools. Raises ChatTemplateError, too for tools in another form than
        the probes have, where it leaves one out."""
        others = [tool for tool in tools if not _in_form(tool)]
        try:
            renamed = [tool | {"name": TOOL} if isinstance(tool, dict) else TOOL for tool in others]
            if not others or self.render(messages, asked, renamed).count(TOOL) >= len(others):
                return self.render(messages, asked, tools)
        except ChatTemplateError:
            if not others:
                raise
        raise ChatTemplateError(TOOL_FORM)

    def _exchanges(self, conversation: Conversation, first: int = 0) -> list[tuple[int, Exchange]]:
        """For each message the number of the first message of its exchange, and how that exchange is written."""
        messages = conversation.messages
        starts = [number for number in range(first, len(messages)) if messages[number].role == "user"]
        found: list[tuple[int, Exchange]] = []
        for start, end in itertools.pairwise([*starts, len(messages)]):
            where = bool(conversation.system), bool(conversation.tools), start == 0, end == len(messages)
            setting = Setting(*where, tuple([message.kind for message in messages[start:end]]))
            exchange = self._exchange(setting)
            if isinstance(exchange, ChatTemplateError):
                raise exchange
            found += [(start, exchange)] * (end - start)
        return found

    def _cut(self, text: str, exchanges: list[tuple[int, Exchange]], system: bool, conversation: Conversation) -> Form:
        """The spans of a text with marks."""
        marked = _Marked(text, exchanges, system)
        last = len(conversation.messages) - 1
        order = {first: place for place, first in enumerate(conversation.questions)}
        spans: list[Span] = []
        done = 0
        for number, (first, exchange) in enumerate(exchanges):
            answer = exchange.answers.get(number - first)
            if answer is None:
                continue
            start, end = marked.region(number)
            here = text[start:end]
            rest = next((rest for rest in _rests(answer.rest, conversation, number) if here.endswith(rest)), None)
            if rest is None:
                raise fault(f"the chat template does not end an answer as in a shorter conversation: {here!r}")
            begin, stop = start + common(here, answer.prompt, self._specials), end - len(rest)
            place = order[first]
            spans.append(Span(marked.pieces(done, begin), exchange=place))
            thought = marked.behind.get((number, "r"), -1) if self.masked else -1
            if begin < thought < stop:
                spans.append(Span(marked.pieces(begin, thought), (), number, True, place))
                begin = thought
            more = (answer.more,) if answer.more and number == last else ()
            ids = self._eos() if answer.eos else ()
            spans.append(Span((*marked.pieces(begin, stop), *more), ids, number, False, place))
            done = stop
        if conversation.messages[last].role != "assistant":
            spans.append(Span(marked.pieces(done, len(text)), exchange=len(order) - 1))
        return tuple(spans)

    def _korean_prompt(self, conversation: Conversation) -> Form:
        spans = [Span((), tuple(self.tokenizer.single[0]))]
        given: list[str | Gap] = [_gap(SYSTEM) if conversation.system else PREAMBLE]
        at = -1
        for number, message in enumerate(conversation.messages):
            if message.role == "user":
                given += [INSTRUCTION, _gap(number)]
                at += 1
                continue
            spans.append(Span((*given, ANSWER_HEADING), exchange=at))
            given = []
            thought: tuple[str | Gap, ...] = (OPENING, _gap(number, "r")) if message.reasoning else ()
            rest: tuple[str | Gap, ...] = (CLOSING, _gap(number)) if message.reasoning else (_gap(number),)
            if self.masked and thought:
                spans.append(Span(thought, (), number, True, at))
                thought = ()
            spans.append(Span((*thought, *rest), self._eos(), number, False, at))
        if given:
            spans.append(Span((*given, ANSWER_HEADING), exchange=at))
        return tuple(spans)

    def _eos(self) -> tuple[int, ...]:
        if self.tokenizer.eos_id is None:
            raise ChatTemplateError(
                f"the tokenizer {self.tokenizer.name} has no end-of-sequence token, without which a model never learns "
                "to stop. Name one as eos_token in its tokenizer_config.json."
            )
        return (self.tokenizer.eos_id,)


class _Marked:
    """A text with marks: where the marks are, and what belongs there."""

    def __init__(self, text: str, exchanges: list[tuple[int, Exchange]], system: bool) -> None:
        self.text = text
        self.exchanges = exchanges
        #: Start and end of each mark, the number of its message, and which text of it belongs there.
        self.marks = [(found.start(), found.end(), int(found[1]) - system, found[2]) for found in MARK.finditer(text)]
        self.behind = {(number, which): end for _, end, number, which in self.marks}

    def region(self, number: int) -> tuple[int, int]:
        """From the end of the message before to the first mark of the message after."""
        start = self.behind.get((number - 1, ""), 0)
        after = bisect_left(self.marks, (start,))
        others = (mark[0] for mark in self.marks[after : after + 3] if mark[2] != number)
        return start, next(others, len(self.text))

    def pieces(self, start: int, end: int) -> tuple[str | Gap, ...]:
        """A part of the text: its literal texts, and the gaps at its marks."""
        found: list[str | Gap] = []
        at = start
        for mark in self.marks[bisect_left(self.marks, (start,)) : bisect_left(self.marks, (end,))]:
            found += [self.text[at : mark[0]], *self._gap(mark[2], mark[3])]
            at = mark[1]
        found.append(self.text[at:end])
        return tuple(piece for piece in found if piece)

    def _gap(self, number: int, which: str) -> list[Gap]:
        if number == SYSTEM:
            return [Gap(SYSTEM, "", *self.exchanges[0][1].stripped[SYSTEM, ""])]
        first, exchange = self.exchanges[number]
        if number - first in exchange.inline:
            return []  # the template has written the text itself
        return [Gap(number, which, *exchange.stripped[number - first, which])]


def _gap(message: int, which: str = "") -> Gap:
    return Gap(message, which, "", "")


def text_of(piece: str | Gap, conversation: Conversation) -> str:
    """A literal text, or the text that belongs into the gap."""
    if isinstance(piece, str):
        return piece
    if piece.message == SYSTEM:
        text = conversation.system
    else:
        message = conversation.messages[piece.message]
        text = message.reasoning if piece.which else message.content
    text = text.lstrip(piece.left) if piece.left else text
    return text.rstrip(piece.right) if piece.right else text


def _rests(rest: str, talk: Conversation, number: int) -> list[str]:
    """What the template may write between an answer and the result of its call: with the names and ids that it has."""
    if CALL not in rest and AN_ID not in rest:
        return [rest]
    calls = talk.messages[number].calls
    names, ids = [call["function"]["name"] for call in calls], [call.get("id") for call in calls]
    for after in talk.messages[number + 1 : number + 2]:
        names, ids = [after.name, *names], [after.tool_call_id, *ids]
    ids.append(AN_ID)
    return [rest.replace(CALL, name).replace(AN_ID, id_) for name in names if name for id_ in ids if id_]


def _names(message: Message) -> dict[str, str]:
    """What the result of a tool says of the call that it answers."""
    found = {"tool_call_id": message.tool_call_id, "name": message.name}
    return {field: value for field, value in found.items() if value is not None and message.role == "tool"}


def _in_form(tool: Any) -> bool:
    """Whether a tool has the form that OpenAI gave it, which all templates with tools read."""
    return isinstance(tool, dict) and isinstance(tool.get("function"), dict)


def _with_arguments_as_text(message: Mapping[str, Any]) -> dict[str, Any]:
    calls = [
        call | {"function": call["function"] | {"arguments": json_text(call["function"]["arguments"])}}
        for call in message.get("tool_calls", ())
    ]
    return dict(message) | ({"tool_calls": calls} if calls else {})


def _with_kind(kind: str) -> Message:
    """A message of this kind, without calls."""
    role, _, more = kind.partition(" ")
    return Message(role, "content", "thought" if "thought" in more else "")


def _brings_space(tokenizer: Tokenizer) -> bool:
    """Whether a text that is encoded alone begins with a space of its own, as with SentencePiece's dummy prefix."""
    once, twice = tokenizer.encode(pa.array(["a", "a a"])).to_pylist()
    return bool(twice == once + once)
