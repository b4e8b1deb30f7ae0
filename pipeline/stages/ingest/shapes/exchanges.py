"""Questions and their answers in lists or fields of their own, each record to one row."""

from collections.abc import Mapping
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import given_at, without_given
from pipeline.stages.ingest.fields.paths import Record, at, kind, list_at, text_at, texts_at
from pipeline.stages.ingest.fields.speakers import SPOKEN
from pipeline.stages.ingest.fields.turn_lists import turns_at
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row, numbered, rejected
from pipeline.stages.ingest.shapes.talk_rows import row_of_talk, row_with_beside, system_at, with_input
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turn_objects import Keys, take_given, turn_of
from schemas.shapes import (
    Exchanges,
    Pairs,
    Questions,
    Role,
    TurnFields,
)

#: Who asks and who answers in an exchange, whatever the list is called, and where the list is called one of TURNS.
EXCHANGES = (("human", "assistant"), ("user", "assistant"), ("human", "bot"), ("user", "bot"), ("human", "gpt"))
EXCHANGES_OF_TURNS = (
    *(("input", "output"), ("question", "answer"), ("q", "a"), ("prompt", "response"), ("instruction", "output")),
    *(("user_message", "system_message"), ("user_message", "assistant_message"), ("질문", "답변"), ("질문", "대답")),
)


def turn_fields(entry: Entry, shape: TurnFields) -> list[Row]:
    """One row: the fields are the turns."""
    record = entry.value
    texts = [text_at(record, path) or "" for path in shape.turns]
    turns = [Turn(SPOKEN[place % 2], text) for place, text in enumerate(texts) if text.strip()]
    given, fixes = given_at(record, shape.input)
    others = without_given(record, shape.input, [*shape.turns, shape.system])
    turns = with_input(turns, given) if given else turns
    found = row_of_talk(entry, turns, others, "turns", system=system_at(record, shape.system))
    return [found._replace(fixes=(*found.fixes, *fixes))]


def exchanges(entry: Entry, shape: Exchanges) -> list[Row]:
    """One row: a list of questions with their answers."""
    turns: list[Turn] = []
    for number, pair in enumerate(turns_at(entry.value, shape.turns), 1):
        turns += exchange(pair, number, shape.user, shape.assistant)
    return [row_with_beside(entry, turns, shape.turns, shape)]


def exchange(pair: Any, number: int, user: str, assistant: str) -> list[Turn]:
    """The two turns of an exchange, or one where the other is null. Raises Fault: not-an-object, not-text."""
    if not isinstance(pair, dict | list):
        raise Fault("not-an-object", f"exchange {number} is {kind(pair)}, not a question and its answer")
    if isinstance(pair, list) and len(pair) > 2:
        raise Fault("not-text", f"exchange {number} holds {len(pair)} items, not a question and its answer")
    if not _may_hold(pair, user) and not _may_hold(pair, assistant):
        raise Fault("not-an-object", f"exchange {number} is {kind(pair)}: it holds neither `{user}` nor `{assistant}`")
    question, answer = (_text_in(pair, key, number) for key in (user, assistant))
    rest = {key: item for key, item in pair.items() if key not in (user, assistant)} if isinstance(pair, dict) else {}
    if question is None and answer is not None:
        return [Turn("assistant", answer, rest=rest)]
    given, rest = take_given(rest)
    asked = Turn("user", question or "", given=given, rest=rest)
    return [asked] if answer is None else [asked, Turn("assistant", answer)]


def _may_hold(pair: Record | list[Any], key: str) -> bool:
    """Whether an exchange is of the kind that has such a key: an object with it, or a list where it is a place."""
    head = key.partition(".")[0]
    return head.isdecimal() if isinstance(pair, list) else key in pair or head in pair


def _text_in(pair: Any, key: str, number: int) -> str | None:
    value = at(pair, key)
    if value is None or isinstance(value, str):
        return value
    raise Fault("not-text", f"`{key}` of exchange {number} is {kind(value)}, not text")


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
            turns += exchange(item, number, *_names_in(item, path))
    return turns


def _names_in(item: Any, path: str) -> tuple[str, str]:
    """Who asks and who answers in an earlier exchange. Raises Fault (not-an-object) where no name of them is known."""
    if not isinstance(item, dict):
        return "0", "1"
    known = EXCHANGES + EXCHANGES_OF_TURNS
    found = [pair for pair in known if item.keys() >= {*pair}] or [pair for pair in known if item.keys() & {*pair}]
    if found:
        return found[0]
    raise Fault(
        "not-an-object",
        f"`{path}` holds {kind(item)}: neither a message with `role` and `content` nor a question and its answer; "
        'write it so in the source file, or put `history = ""` into the shape, so that it stays in meta',
    )


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
    others = without_given(record, shape.input, [shape.questions, shape.answers])
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
