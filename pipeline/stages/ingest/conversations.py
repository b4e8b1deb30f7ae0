"""The shapes that are conversations, each to one row (`schemas.shapes` says what each is)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.beside import Marks, take_label, take_learn
from pipeline.stages.ingest.calls import json_value, repairs_in_json
from pipeline.stages.ingest.fields import Record, at, kind, list_at, text_at, texts_at, without
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.given import given_at, paths_of
from pipeline.stages.ingest.grouped import TURNS, text_field
from pipeline.stages.ingest.parsing import Fault, dumps
from pipeline.stages.ingest.rows import Row, numbered, rejected, row
from pipeline.stages.ingest.speakers import SPOKEN, in_order, must_go_on, speaker_of, unknown_role
from pipeline.stages.ingest.toml_line import toml
from pipeline.stages.ingest.transcripts import declared_style, styles_with, turns_of, unknown_names
from pipeline.stages.ingest.turn_objects import MEDIA, Keys, content_of, holds_media, turn_of
from pipeline.stages.ingest.turns import Turn, talk_of
from schemas.shapes import (
    RECORD_LEARN,
    Conversation,
    Delimited,
    Exchanges,
    Pairs,
    Questions,
    Role,
    TurnFields,
    TurnRecords,
)

#: Who asks and who answers in an exchange, whatever the list is called, and where the list is called one of TURNS.
EXCHANGES = (("human", "assistant"), ("user", "assistant"), ("human", "bot"), ("user", "bot"), ("human", "gpt"))
EXCHANGES_OF_TURNS = (
    *(("input", "output"), ("question", "answer"), ("q", "a"), ("prompt", "response"), ("instruction", "output")),
    *(("user_message", "system_message"), ("user_message", "assistant_message"), ("질문", "답변"), ("질문", "대답")),
)
#: Tools in the system prompt of Glaive: a sentence about functions, and their declarations.
GLAIVE_TOOLS = re.compile(r"SYSTEM:\s*(.*?functions.*?)(?:\s*-\s*|\s+)(\{.*\})\s*$", re.DOTALL)


def row_of_talk(
    entry: Entry,
    turns: Sequence[Turn],
    others: Record,
    path: str,
    *,
    system: str | None = None,
    tools: str | None = None,
    place: str = "",
) -> Row:
    """The row of a conversation. What its turns hold besides goes to `meta` under `path`, a list with an object for
    each turn. `system`: a prompt beside the turns. Raises Fault as `talk_of` does.
    """
    talk = talk_of(turns, tools is not None)
    if any(talk.rests):
        others = {**others, path: talk.rests}
    both = "\n".join(text for text in (system, talk.system) if text)
    given = row(
        entry,
        others,
        talk.instruction,
        talk.input,
        talk.output,
        place=place,
        system=both,
        history=talk.history,
        fixes=talk.fixes,
    )
    return given._replace(
        tools=tools,
        steps=talk.steps,
        reasoning=talk.reasoning,
        tool_calls=talk.tool_calls,
        learn=talk.learn,
        flags=(MEDIA,) if any(map(holds_media, talk.rests)) else (),
    )


def conversation(entry: Entry, shape: Conversation) -> list[Row]:
    """One row: a list of turns. A row for each list, where the path has a `*`."""
    records = each_record(entry.value, shape.turns)
    rows = []
    for number, (record, path) in enumerate(records, 1):
        place = numbered(number, len(records))
        rows.append(_beside(entry._replace(value=record), _turns(turns_at(record, path), shape), path, shape, place))
    if not rows:
        raise Fault("no-turns", f"`{shape.turns}` holds no conversation")
    return rows


def _turns(found: Sequence[Any], shape: Conversation) -> list[Turn]:
    """The turns of a list. Raises Fault: unknown-role, too-many-speakers, turns-out-of-order, and as `turn_of` does."""
    if shape.order:
        must_go_on([at(turn, shape.order) for turn in found], shape.order)
    names = [speaker_of(turn, shape.role) for turn in found]
    roles = in_order(names, shape) if shape.speakers == "in-order" else shape.roles
    keys = Keys(shape.role, shape.text, shape.reasoning, Marks(shape.learn, shape.learn_from))
    try:
        return [turn_of(turn, number, keys, roles) for number, turn in enumerate(found, 1)]
    except Fault as fault:
        if fault.reason == "unknown-role" and None not in names:
            raise unknown_role([name or "" for name in names], shape) or fault from None
        raise


def each_record(record: Record, path: str) -> list[tuple[Record, str]]:
    """A record for each item of the list before a `.*` in a path, and the path in it.

    >>> each_record({"id": 1, "document": [{"a": []}, {"a": []}]}, "document.*.a")
    [({'id': 1, 'document': {'a': []}}, 'document.a'), ({'id': 1, 'document': {'a': []}}, 'document.a')]
    """
    head, star, tail = path.partition(".*.")
    if not star:
        return [(record, path)]
    return [({**record, head: item}, f"{head}.{tail}") for item in list_at(record, head)]


def turn_records(entry: Entry, shape: TurnRecords) -> list[Row]:
    """One row: the turns that `grouped` put together."""
    if not isinstance(at(entry.value, TURNS), list):
        raise Fault("no-turns", f"the record holds no turns of one `{shape.group}`")
    talk = Conversation(
        turns=TURNS,
        role=shape.role,
        text=text_field(shape),
        roles=shape.roles,
        speakers=shape.speakers,
        tools=None,
        reasoning=shape.reasoning,
        learn=shape.learn,
        learn_from=shape.learn_from,
    )
    return conversation(entry, talk)


def turn_fields(entry: Entry, shape: TurnFields) -> list[Row]:
    """One row: the fields are the turns."""
    record = entry.value
    texts = [text_at(record, path) or "" for path in shape.turns]
    turns = [Turn(SPOKEN[place % 2], text) for place, text in enumerate(texts) if text.strip()]
    others = without(record, [*shape.turns, shape.system])
    return [row_of_talk(entry, turns, others, "turns", system=system_at(record, shape.system))]


def exchanges(entry: Entry, shape: Exchanges) -> list[Row]:
    """One row: a list of questions with their answers."""
    turns: list[Turn] = []
    for number, pair in enumerate(turns_at(entry.value, shape.turns), 1):
        turns += exchange(pair, number, shape.user, shape.assistant)
    return [_beside(entry, turns, shape.turns, shape)]


def exchange(pair: Any, number: int, user: str, assistant: str) -> list[Turn]:
    """The two turns of an exchange, or one where the other is null. Raises Fault: not-an-object, not-text."""
    if not isinstance(pair, dict | list):
        raise Fault("not-an-object", f"exchange {number} is {kind(pair)}, not a question and its answer")
    if isinstance(pair, list) and len(pair) > 2:
        raise Fault("not-text", f"exchange {number} holds {len(pair)} items, not a question and its answer")
    question, answer = (_text_in(pair, key, number) for key in (user, assistant))
    rest = {key: item for key, item in pair.items() if key not in (user, assistant)} if isinstance(pair, dict) else {}
    if answer is None:
        return [Turn("user", question or "", rest=rest)]
    if question is None:
        return [Turn("assistant", answer, rest=rest)]
    return [Turn("user", question, rest=rest), Turn("assistant", answer)]


def _text_in(pair: Any, key: str, number: int) -> str | None:
    value = at(pair, key)
    if value is None or isinstance(value, str):
        return value
    raise Fault("not-text", f"`{key}` of exchange {number} is {kind(value)}, not text")


def delimited(entry: Entry, shape: Delimited) -> list[Row]:
    """One row: a transcript."""
    styles = (declared_style(shape.marks, shape.ends),) if shape.marks else styles_with(tuple(shape.roles))
    text, roles = text_at(entry.value, shape.text) or "", {**shape.roles, **shape.marks}
    if strangers := unknown_names(text, roles, styles):
        guess = shape.model_copy(update={"roles": {**shape.roles, **dict.fromkeys(strangers, "system")}})
        name, number = next(iter(strangers.items()))
        found = f"turn {number} has the unknown role {name!r}"
        raise Fault("unknown-role", f"{found}: say in `roles` who speaks, such as `{toml(guess)}`")
    cut = turns_of(text, roles, styles)
    if cut is None:
        known = ", ".join(style.name for style in styles)
        raise Fault("no-delimiters", f"`{shape.text}` holds no question and answer between known delimiters ({known})")
    return [_beside(entry, cut[1], shape.text, shape)]


def earlier_turns(record: Record, path: str, roles: Mapping[str, Role]) -> list[Turn]:
    """The turns of a field that holds what was said before a question: messages with roles, or exchanges.

    Raises Fault: not-a-list, and as `turn_of` and `exchange` do.
    """
    turns: list[Turn] = []
    for number, item in enumerate(turns_at(record, path), 1):
        keys = item.keys() if isinstance(item, dict) else ()
        if "role" in keys:
            turns.append(turn_of(item, number, Keys("role", "content"), roles))
        elif "from" in keys:
            turns.append(turn_of(item, number, Keys("from", "value"), roles))
        else:
            known = EXCHANGES + EXCHANGES_OF_TURNS
            turns += exchange(item, number, *next((pair for pair in known if set(pair) <= set(keys)), ("0", "1")))
    return turns


def pairs(entry: Entry, shape: Pairs) -> list[Row]:
    """A list of questions and a list of answers: one conversation, or where they are independent a row for each."""
    record = entry.value
    questions, answers = list_at(record, shape.questions), list_at(record, shape.answers)
    if len(questions) != len(answers) or not questions:
        raise Fault(
            "unequal-lists",
            f"{len(questions)} `{shape.questions}` and {len(answers)} `{shape.answers}`: which answers which?",
        )
    given, fixes = given_at(record, shape.input)
    others = without(record, [shape.questions, shape.answers, *paths_of(shape.input)])
    talks = [
        [Turn("user", text_at(questions, str(number)) or ""), Turn("assistant", text_at(answers, str(number)) or "")]
        for number in range(len(questions))
    ]
    if not shape.independent:
        talks = [[turn for talk in talks for turn in talk]]
    found = []
    for number, talk in enumerate(talks, 1):
        turns = with_input(talk, given) if given else talk
        found.append(row_of_talk(entry, turns, others, shape.answers, place=numbered(number, len(talks))))
    return [each._replace(fixes=(*each.fixes, *fixes)) for each in found]


def questions(entry: Entry, shape: Questions) -> list[Row]:
    """One rejected row: there is no answer to learn."""
    if shape.prompt:
        prompt, more = (texts_at(entry.value, paths) for paths in (shape.prompt, shape.more))
        if not prompt:
            raise Fault("missing-field", f"no text in {' or '.join(f'`{path}`' for path in shape.prompt)}")
        fault = Fault("no-answer", "this is a record of an evaluation set: nothing is learned from it")
        return [rejected(entry, fault, instruction="\n".join(prompt), input="\n".join(more))]
    asked = list_at(entry.value, shape.questions)
    detail = f"`{shape.questions}` holds {len(asked)} questions and no field answers them: this is an evaluation set"
    if "answer_id" in (entry.outer or {}):
        detail = f"`{shape.questions}` holds {len(asked)} answers of a model without their questions: join both files"
    return [rejected(entry, Fault("no-answer", detail), instruction=text_at(asked, "0"))]


def _beside(
    entry: Entry, turns: Sequence[Turn], path: str, shape: Conversation | Exchanges | Delimited, place: str = ""
) -> Row:
    """The row of a conversation whose record may hold a system prompt, an input, tools and more beside the turns."""
    record = entry.value
    given, fixes = given_at(record, shape.input)
    declared = tools_at(record, shape.tools)
    prompt = system_at(record, shape.system)
    others = without(record, [path, *paths_of(shape.input), shape.system])
    if not declared.flags:
        others = without(others, [shape.tools])
    if declared.text is None and prompt and (glaive := glaive_tools(prompt)):
        prompt, listed = glaive
        declared = tools_at({"tools": listed}, "tools")
    marks = Marks([name for name in RECORD_LEARN if name in shape.learn], shape.learn_from)
    learn, others = take_learn(others, marks)
    label, others = take_label(others, shape.label)
    if given:
        turns = with_input(turns, given)
    row = row_of_talk(entry, turns, others, path, system=prompt, tools=declared.text, place=place)
    row = row._replace(label=label, fixes=(*row.fixes, *fixes, *declared.fixes), flags=(*row.flags, *declared.flags))
    return _learned(row, learn)


def with_input(turns: Sequence[Turn], given: str) -> list[Turn]:
    """The turns with an input for the first question."""
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), len(turns))
    return [*turns[:first], Turn("context", given), *turns[first:]]


def _learned(row: Row, learn: bool | None) -> Row:
    """The row of a record that says of all its answers whether they are learned; an answer's own word comes first."""
    if learn is None:
        return row
    history, steps = (
        [
            {**message, "learn": learn} if message["role"] == "assistant" and message["learn"] is None else message
            for message in messages
        ]
        for messages in (row.history, row.steps)
    )
    return row._replace(history=history, steps=steps, learn=learn if row.learn is None else row.learn)


def system_at(record: Record, path: str | None) -> str | None:
    """The system prompt under a path: a text, or the parts of one. Raises Fault: not-text."""
    value = at(record, path)
    parts = value.get("parts") if isinstance(value, dict) else value
    content = content_of(parts, f"`{path}`") if isinstance(parts, list) else None
    if content is None:
        return text_at(record, path)
    if holds_media({"parts": content.rest}):
        raise Fault("not-text", f"`{path}` holds a part that is no text: a system prompt is text alone")
    return "\n".join(content.texts) or None


def glaive_tools(prompt: str) -> tuple[str, str] | None:
    """The system prompt and the tools in a system prompt as Glaive writes it; None for another prompt.

    >>> glaive_tools('SYSTEM: You may use these functions. Use them if required -\\n{"name": "f", "parameters": {}}')
    ('You may use these functions. Use them if required', '[{"name":"f","parameters":{}}]')
    """
    found = GLAIVE_TOOLS.match(prompt)
    if found is None:
        return None
    # One declaration after another, with nothing between them.
    tools = json_value("[" + re.sub(r"\}\s*\n\s*\{", "},{", found[2]) + "]")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "name" in tool for tool in tools):
        return None
    return found[1], dumps(tools)


class Tools(NamedTuple):
    """The tools that a record declares, as a JSON array, with the repairs and the flags of reading them."""

    text: str | None = None
    fixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def tools_at(record: Record, path: str | None) -> Tools:
    """The tools that a field declares: definitions, also without the object of the function around them (flat-tools).

    What is no definition is not read (tools-unread).

    >>> tools_at({"tools": [{"name": "area", "parameters": {}}]}, "tools").text
    '[{"type":"function","function":{"name":"area","parameters":{}}}]'
    >>> tools_at({"tools": "area: 넓이를 구한다"}, "tools")
    Tools(text=None, fixes=(), flags=('tools-unread',))
    """
    given = at(record, path)
    value = json_value(given) if isinstance(given, str) else given
    listed = [value] if isinstance(value, dict) and value else value
    if listed in (None, [], {}) and (not isinstance(given, str) or value is not None or not given.strip()):
        return Tools()
    tools = [json_value(tool) if isinstance(tool, str) else tool for tool in listed] if isinstance(listed, list) else []
    if not tools or not all(isinstance(tool, dict) for tool in tools):
        return Tools(flags=("tools-unread",))
    repairs = repairs_in_json(given) if isinstance(given, str) else ()
    flat = any(map(_is_flat, tools))
    tools = [{"type": "function", "function": tool} if _is_flat(tool) else tool for tool in tools]
    return Tools(dumps(tools), (*repairs, *(["flat-tools"] if flat else [])))


def _is_flat(tool: Record) -> bool:
    """Whether a definition is the function alone, as xLAM and Glaive write it."""
    return isinstance(tool.get("name"), str) and not tool.keys() & {"function", "type"}


def turns_at(record: Record, path: str) -> list[Any]:
    """The turns under a path: a list, a JSON text or a Python literal of one, or an object of lists of one length.

    Raises Fault: not-a-list.
    """
    value = turns_in(at(record, path))
    return list_at({path: value}, path) if value is not None else []


def turns_in(value: Any) -> Any:
    """A list of turns from the forms in which containers hold it; any other value as it is.

    >>> turns_in("[['q', 'a']]"), turns_in({"role": ["user"], "content": ["안녕?"]})
    ([['q', 'a']], [{'role': 'user', 'content': '안녕?'}])
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        read = json_value(value)
        value = value if read is None else read
    if isinstance(value, dict) and len(value) > 1 and all(isinstance(items, list) for items in value.values()):
        lengths = {len(items) for items in value.values()}
        if len(lengths) == 1:
            return [dict(zip(value, items, strict=True)) for items in zip(*value.values(), strict=True)]
    return value
