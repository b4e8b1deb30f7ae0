"""Records to rows: one small pure function per shape (`schemas.shapes` says what each is)."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.parsing import Fault, Number, dumps
from pipeline.stages.ingest.readers import Entry
from pipeline.stages.ingest.rows import Row, rejected
from pipeline.stages.ingest.transcripts import STYLES, Turn, turns_of
from pipeline.stages.ingest.turns import Exchange, exchanges
from schemas.shapes import (
    Articles,
    Columns,
    Conversation,
    Delimited,
    Instances,
    Pairs,
    Preference,
    Questions,
    Shape,
    Template,
    Turns,
)

Record = dict[str, Any]
#: The shape of a record. Raises Fault where it has none, or several.
Choose = Callable[[Record], Shape]

#: What people and machine translators write where a task has no input.
NO_INPUT_WORDS = (
    *("nan", "none", "null", "noinput", "n/a", "입력없음", "입력이없습니다", "입력이필요하지않습니다"),
    *("노인풋", "노인입력"),
)


def _letters(word: str) -> str:
    return " *".join(f"[{letter}{letter.upper()}]" if letter.isascii() else letter for letter in word)


#: A text that means only "no input", in any case and spacing, with or without brackets, quotes and full stop around it:
#: `nan`, `<noinput>`, `입력 없음`. Written so that Python's `re` and Arrow's RE2 read it alike.
NO_INPUT = rf"^[\s<>\[\](){{}}\"'`.。_-]*(?:{'|'.join(map(_letters, NO_INPUT_WORDS))})[\s<>\[\](){{}}\"'`.。_-]*$"
MEANS_NO_INPUT = re.compile(NO_INPUT, re.ASCII)


def rows_of(entry: Entry, shape: Shape, turns: Turns = "all") -> list[Row]:
    """The rows of one entry: at least one, rejected where the entry is faulty or the shape does not fit it."""
    if entry.fault or not isinstance(entry.value, dict):
        return [rejected(entry, entry.fault or not_an_object(entry.value))]
    try:
        rows: list[Row] = SHAPES[shape.kind](entry, shape, turns)
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows


def rows_or_rejects(entry: Entry, choose: Choose, turns: Turns = "all") -> list[Row]:
    """The rows of one entry in the shape that is chosen for it."""
    if entry.fault or not isinstance(entry.value, dict):
        return [rejected(entry, entry.fault or not_an_object(entry.value))]
    try:
        shape = choose(entry.value)
    except Fault as fault:
        return [rejected(entry, fault)]
    return rows_of(entry, shape, turns)


def not_an_object(value: Any) -> Fault:
    return Fault("not-an-object", f"the record is {kind(value)}, not an object with named fields")


def kind(value: object) -> str:
    """A JSON value in words, for a message."""
    if isinstance(value, bool):
        return f"a truth value ({str(value).lower()})"
    if isinstance(value, int | float | Number):
        return f"a number ({value.text if isinstance(value, Number) else value})"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(list(value)[:5])}" if value else "an empty object"
    return "null" if value is None else "a text"


def at(record: Any, path: str | None) -> Any:
    """The value under a key or a dotted path, None where there is none."""
    if not path:
        return None
    if isinstance(record, dict):
        if path in record:
            return record[path]
        head, _, rest = path.partition(".")
        return at(record[head], rest) if rest and head in record else None
    if isinstance(record, list):
        head, _, rest = path.partition(".")
        if head.isdigit() and int(head) < len(record):
            return at(record[int(head)], rest) if rest else record[int(head)]
    return None


def text_at(record: Any, path: str | None) -> str | None:
    """The text under a path, None where it is missing or null. Raises Fault (not-text) for any other value."""
    value = at(record, path)
    if value is None or isinstance(value, str):
        return value
    raise Fault("not-text", f"`{path}` is {kind(value)}, not text: quote it in the file, or map another field")


def list_at(record: Any, path: str) -> list[Any]:
    """The list under a path, empty where it is missing or null. Raises Fault (not-a-list)."""
    value = at(record, path)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise Fault("not-a-list", f"`{path}` is {kind(value)}, not a list: map another field")


def without(record: Record, paths: Sequence[str | None]) -> Record:
    """The record without the fields at these paths: what is left for `meta`. Lists stay whole."""
    left = dict(record)
    for path in paths:
        if not path:
            continue
        if path in left:
            del left[path]
            continue
        head, _, rest = path.partition(".")
        if isinstance(left.get(head), dict):
            inner = without(left[head], [rest])
            if inner:
                left[head] = inner
            else:
                del left[head]
    return left


def row(
    entry: Entry,
    others: Record,
    instruction: str | None,
    given: str | None,
    output: str | None,
    *,
    place: str = "",
    system: str | None = None,
    history: Sequence[dict[str, str]] = (),
    fixes: Sequence[str] = (),
) -> Row:
    """One row: the sentinels of "no input" become "", the fields that no column took become `meta`."""
    given = given or ""
    if MEANS_NO_INPUT.match(given):
        given, fixes = "", (*fixes, "no-input")
    meta = dumps(others) if others else None
    return Row(
        entry.place + place, instruction, given, output, system or None, history, meta, fixes=(*entry.fixes, *fixes)
    )


def numbered(number: int, count: int) -> str:
    """What `origin` ends in where a record gives several rows."""
    return f"/{number}" if count > 1 else ""


def columns(entry: Entry, shape: Columns, turns: Turns) -> list[Row]:
    """One row: each text from its own field."""
    record = entry.value
    texts: dict[str, str | None] = {}
    fault = None
    for name in ("instruction", "input", "output", "system"):
        try:
            texts[name] = text_at(record, getattr(shape, name))
        except Fault as found:
            fault = fault or found
    if fault:
        texts["input"] = texts.get("input") or ""
        return [rejected(entry, fault, **texts)]
    history = []
    for number, pair in enumerate(list_at(record, shape.history) if shape.history else [], 1):
        match pair:
            case [str(user), str(assistant)]:
                history.append({"user": user, "assistant": assistant})
            case _:
                raise Fault("not-text", f"exchange {number} of `{shape.history}` is not a pair of texts")
    others = without(record, [shape.instruction, shape.input, shape.output, shape.system, shape.history])
    return [
        row(
            entry,
            others,
            texts["instruction"],
            texts["input"],
            texts["output"],
            system=texts["system"],
            history=history,
        )
    ]


def from_exchanges(
    entry: Entry, system: str | None, found: Sequence[Exchange], others: Record, turns: Turns
) -> Iterator[Row]:
    """A row per exchange, or of the first or last alone. A question without an answer is a rejected row."""
    numbers = {"all": range(len(found)), "first": range(1), "last": range(len(found) - 1, len(found))}[turns]
    for number in numbers:
        exchange = found[number]
        given = row(
            entry,
            others,
            exchange.question,
            exchange.context,
            exchange.answer,
            place=numbered(number + 1, len(found)),
            system=system,
            history=exchange.history,
            fixes=exchange.fixes,
        )
        if exchange.answer is None:
            fault = Fault("no-answer", "the conversation ends with a question without an answer")
            bad = rejected(entry, fault)
            given = given._replace(raw=bad.raw, reason=bad.reason, detail=bad.detail, meta=None)
        yield given


def turns_in(turns: list[Any], role: str, text: str) -> tuple[list[Turn], list[Record]]:
    """(role, text) of each turn, and its other fields. Raises Fault: not-an-object, unknown-role, not-text."""
    found: list[Turn] = []
    extras: list[Record] = []
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise Fault("not-an-object", f"turn {number} is {kind(turn)}, not an object with `{role}` and `{text}`")
        name, value = turn.get(role), turn.get(text)
        if not isinstance(name, str):
            raise Fault("unknown-role", f"`{role}` of turn {number} is {kind(name)}, not the name of a role")
        if not isinstance(value, str):
            raise Fault("not-text", f"`{text}` of turn {number} is {kind(value)}, not text")
        found.append((name, value))
        extras.append({key: item for key, item in turn.items() if key not in (role, text) and item is not None})
    return found, extras


def conversation(entry: Entry, shape: Conversation, turns: Turns) -> list[Row]:
    record = entry.value
    parts, extras = turns_in(list_at(record, shape.turns), shape.role, shape.text)
    system, found = exchanges(parts, shape.roles)
    prompt = text_at(record, shape.system)
    others = without(record, [shape.turns, shape.system])
    if any(extras):
        others[shape.turns] = extras
    both = "\n".join(text for text in (prompt, system) if text)
    return list(from_exchanges(entry, both, found, others, turns))


def delimited(entry: Entry, shape: Delimited, turns: Turns) -> list[Row]:
    text = text_at(entry.value, shape.text) or ""
    cut = turns_of(text)
    if cut is None:
        known = ", ".join(style.name for style in STYLES)
        raise Fault("no-delimiters", f"`{shape.text}` holds no question and answer between known delimiters ({known})")
    system, found = exchanges(cut[1], {})
    return list(from_exchanges(entry, system, found, without(entry.value, [shape.text]), turns))


def _turns_at(value: Any, role: str, path: str | None) -> list[Turn]:
    """The turns in one field of a preference record: a text, a {from, value}, a list of those."""
    if value is None:
        return []
    if isinstance(value, str):
        cut = turns_of(value)
        return cut[1] if cut else [(role, value)]
    names = (
        ("role", "content")
        if "role" in (value[0] if isinstance(value, list) and value else value)
        else ("from", "value")
    )
    if isinstance(value, dict):
        return turns_in([value], *names)[0]
    if isinstance(value, list):
        return turns_in(value, *names)[0]
    raise Fault("not-text", f"`{path}` is {kind(value)}: neither a text nor turns")


def preference(entry: Entry, shape: Preference, turns: Turns) -> list[Row]:
    record = entry.value
    prompt = _turns_at(at(record, shape.prompt), "user", shape.prompt)
    chosen = _turns_at(at(record, shape.chosen), "assistant", shape.chosen)
    rejected_turns = _turns_at(at(record, shape.rejected), "assistant", shape.rejected)
    if len(chosen) > 1:
        # The answer comes with its whole conversation: the prompt is what both begin with.
        if rejected_turns and chosen[0] != rejected_turns[0]:
            raise Fault(
                "different-prompts",
                f"`{shape.chosen}` and `{shape.rejected}` do not begin alike: one has another prompt",
            )
        prompt = []
    elif not prompt:
        raise Fault("no-prompt", f"`{shape.chosen}` is an answer alone: name the field of its prompt in the shape")
    context = _turns_at(at(record, shape.context), "user", shape.context) if shape.context else []
    system, found = exchanges([*context, *prompt, *chosen], {})
    both = "\n".join(text for text in (text_at(record, shape.system), system) if text)
    others = without(record, [shape.chosen, shape.context, shape.system])
    # Only the last answer was preferred. What came before it is its history.
    return list(from_exchanges(entry, both, found[-1:], others, "all"))


def instances(entry: Entry, shape: Instances, turns: Turns) -> list[Row]:
    record = entry.value
    tasks = list_at(record, shape.instances)
    if not tasks:
        raise Fault("no-turns", f"`{shape.instances}` is empty")
    instruction = text_at(record, shape.instruction)
    rest = without(record, [shape.instruction, shape.instances])
    return [
        row(
            entry,
            {**rest, **without(task, ["input", "output"])} if isinstance(task, dict) else rest,
            instruction,
            text_at(task, "input"),
            text_at(task, "output"),
            place=numbered(number, len(tasks)),
        )
        for number, task in enumerate(tasks, 1)
    ]


def pairs(entry: Entry, shape: Pairs, turns: Turns) -> list[Row]:
    record = entry.value
    questions, answers = list_at(record, shape.questions), list_at(record, shape.answers)
    if len(questions) != len(answers) or not questions:
        raise Fault(
            "unequal-lists",
            f"{len(questions)} `{shape.questions}` and {len(answers)} `{shape.answers}`: which answers which?",
        )
    others = without(record, [shape.questions, shape.answers])
    return [
        row(
            entry,
            others,
            text_at(questions, str(number)),
            "",
            text_at(answers, str(number)),
            place=numbered(number + 1, len(questions)),
        )
        for number in range(len(questions))
    ]


def articles(entry: Entry, shape: Articles, turns: Turns) -> list[Row]:
    record = entry.value
    found = []
    paragraphs = list_at(record, shape.paragraphs) if at(record, shape.paragraphs) is not None else [record]
    for paragraph in paragraphs:
        context = text_at(paragraph, "context")
        for question in list_at(paragraph, "qas"):
            answer = at(question, "answers.0.text") or at(question, "answer.text") or at(question, "answer")
            found.append((question, context, answer if isinstance(answer, str) else None))
    if not found:
        raise Fault("no-turns", f"`{shape.paragraphs}` hold no question (`qas`)")
    rest = without(record, [shape.paragraphs, "context", "qas"])
    return [
        row(
            entry,
            {**rest, **without(question, ["question"])},
            text_at(question, "question"),
            context,
            answer,
            place=numbered(number, len(found)),
        )
        for number, (question, context, answer) in enumerate(found, 1)
    ]


def questions(entry: Entry, shape: Questions, turns: Turns) -> list[Row]:
    asked = list_at(entry.value, shape.questions)
    detail = f"`{shape.questions}` holds {len(asked)} questions and no field answers them: this is an evaluation set"
    return [rejected(entry, Fault("no-answer", detail), instruction=text_at(asked, "0"))]


FIELD = re.compile(r"\{([^{}]+)\}")


def template(entry: Entry, shape: Template, turns: Turns) -> list[Row]:
    record = entry.value
    used: list[str] = []

    def word(match: re.Match[str]) -> str:
        path = match[1]
        value = at(record, path)
        if value is None:
            raise Fault("missing-field", f"`{path}`, which the template asks for, is missing or null")
        spelled = _spelled(value, path)
        if path in shape.labels:
            if spelled not in shape.labels[path]:
                known = ", ".join(shape.labels[path])
                raise Fault("unknown-label", f"`{path}` is {spelled!r}: the template has words only for {known}")
            return shape.labels[path][spelled]
        if isinstance(value, str):
            used.append(path)
        return spelled

    instruction = FIELD.sub(word, shape.instruction)
    given, output = FIELD.sub(word, shape.input), FIELD.sub(word, shape.output)
    return [row(entry, without(record, used), instruction, given, output)]


def _spelled(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, list | dict):
        raise Fault("not-text", f"`{path}` is {kind(value)}: name a field inside it")
    return dumps(value)


SHAPES: dict[str, Callable[..., list[Row]]] = {
    "columns": columns,
    "conversation": conversation,
    "delimited": delimited,
    "preference": preference,
    "instances": instances,
    "pairs": pairs,
    "articles": articles,
    "questions": questions,
    "template": template,
}
