"""Records whose texts are fields of their own, each to one row."""

from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import calls_in, calls_of, is_empty, is_whole, no_calls, repairs_in
from pipeline.stages.ingest.fields.given import NUMBERS, given_at, lettered_choices, paths_of, without_given
from pipeline.stages.ingest.fields.marks import Marks, take_label, take_learn
from pipeline.stages.ingest.fields.paths import Record, at, kind, text_at, without
from pipeline.stages.ingest.fields.thoughts import take_thought
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.tool_definitions import tools_at
from pipeline.stages.ingest.fields.unanswerable import marked_unanswerable, no_answer
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.exchanges import earlier_turns
from pipeline.stages.ingest.shapes.multiple_choice import beyond_choices
from pipeline.stages.ingest.shapes.preferences import prompt_turns, turns_in_field
from pipeline.stages.ingest.shapes.rows import Row, rejected, row
from pipeline.stages.ingest.shapes.talk_rows import row_of_talk, system_at
from pipeline.stages.ingest.shapes.transcripts import is_open_prompt
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turn_objects import MEDIA, holds_media
from pipeline.stages.ingest.shapes.turns import talk_of
from pipeline.stages.ingest.shapes.wording import worded
from pipeline.table.messages import Message
from schemas.shapes import LEARN, Columns, Template

#: The roles of an answer.
ANSWER_ROLES = ("assistant", "call")


def columns(entry: Entry, shape: Columns) -> list[Row]:
    """One row: each text from its own field."""
    record = entry.value
    prompt = at(record, shape.instruction)
    if _is_spoken(prompt) or _is_spoken(at(record, shape.output)):
        return [_spoken(entry, shape)]
    if isinstance(prompt, str) and is_open_prompt(prompt):
        given = _spoken(entry, shape)
        return [given._replace(fixes=(*given.fixes, "prompt-marks"))]
    texts, fixes, fault = _texts(record, shape)
    if fault:
        return [rejected(entry, fault, **{**texts, "input": texts.get("input") or ""})]
    paths = _paths(shape)
    if unanswerable := marked_unanswerable(record):
        if not shape.no_answer:
            known = {"instruction": texts["instruction"], "input": texts["input"] or ""}
            return [rejected(entry, no_answer(unanswerable, shape), **known)]
        texts["output"], paths = shape.no_answer, [path for path in paths if path != shape.output]
    said, others, repairs = _beside(record, shape)
    others = without_given(others, shape.input, paths)
    history: list[Message] = []
    if shape.history:
        turns = earlier_turns(record, shape.history, shape.roles)
        earlier = talk_of([*turns, Turn("user", texts["instruction"] or "")])
        history, fixes = earlier.history, (*fixes, *earlier.fixes)
        # Without an instruction the last question is one of the earlier turns, or there is none.
        asked = earlier.instruction if texts["instruction"] else earlier.instruction.strip()
        texts["instruction"] = asked or texts["instruction"]
        texts["input"] = "\n".join(text for text in (earlier.input, texts["input"]) if text)
        texts["system"] = "\n".join(text for text in (texts["system"], earlier.system) if text)
        if any(earlier.rests):
            others[shape.history] = earlier.rests[:-1]
        if any(map(holds_media, earlier.rests)):
            said["flags"] = (MEDIA, *said["flags"])
    reasoning, output, others, thought = take_thought(texts["output"], others, shape.reasoning)
    if output and said["tool_calls"] is None and (read := calls_in(output, said["tools"] is not None)):
        output, said["tool_calls"], repairs = read.text, dumps(read.calls), (*repairs, *read.fixes)
        if not is_whole(read.source):
            others = {**others, "tool_calls": read.source}
    given = row(
        entry,
        others,
        texts["instruction"],
        texts["input"],
        "" if output is None and said["tool_calls"] else output,
        system=texts["system"],
        history=history,
        fixes=(*fixes, *thought, *repairs),
    )
    return [given._replace(reasoning=reasoning, **said)]


def _texts(record: Record, shape: Columns) -> tuple[dict[str, str | None], tuple[str, ...], Fault | None]:
    """The texts by column, the repairs that this took, and the fault of the first field that is no text."""
    texts: dict[str, str | None] = {}
    fixes: tuple[str, ...] = ()
    fault = None
    for name in ("instruction", "input", "output", "system"):
        try:
            if name == "input":
                texts[name], fixes = given_at(record, shape.input, at(record, shape.output))
            else:
                texts[name] = text_at(record, getattr(shape, name))
        except Fault as found:
            fault = fault or _numbers_are_not_text(found, record, shape)
    fault = fault or beyond_choices(record, shape.input, at(record, shape.output))
    return texts, fixes, fault


def _paths(shape: Columns) -> list[str | None]:
    """The fields of a shape's texts, beside its input."""
    return [shape.instruction, shape.output, shape.system, shape.history]


def _is_spoken(value: Any) -> bool:
    """Whether a field holds a list of messages in place of a text."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) for turn in value)


def _beside(record: Record, shape: Columns) -> tuple[dict[str, Any], Record, tuple[str, ...]]:
    """What a record says in fields beside its texts, by column, the record without these fields, and the repairs.

    Raises Fault: unclear-label, not-a-call; UnclearLearn.
    """
    learn, others = take_learn(record, Marks(shape.learn, shape.learn_from))
    label, others = take_label(others, shape.label)
    tools, calls = tools_at(record, shape.tools), at(record, shape.tool_calls)
    if tools.text is not None:
        others = without(others, [shape.tools])
    written = None
    if not is_empty(calls):
        read = calls_of(calls)
        if read is None:
            raise no_calls(calls, f"`{shape.tool_calls}`")
        written = dumps(read)
        others = without(others, [shape.tool_calls]) if is_whole(calls) else others
    repairs = repairs_in(calls) if written else ()
    said = {"tools": tools.text, "tool_calls": written, "label": label, "learn": learn, "flags": tools.flags}
    return said, others, (*tools.fixes, *repairs)


def _spoken(entry: Entry, shape: Columns) -> Row:
    """The row of a record whose prompt or answer is a list of messages (TRL), or whose prompt is a transcript."""
    record = entry.value
    said, others, repairs = _beside(record, shape)
    others = without_given(others, shape.input, _paths(shape))
    turns = earlier_turns(record, shape.history, shape.roles) if shape.history else []
    marks = Marks(LEARN if shape.learn else (), shape.learn_from)
    turns += prompt_turns(at(record, shape.instruction), shape.instruction, marks)
    given, fixes = given_at(record, shape.input)
    if given:
        turns.append(Turn("context", given))
    answer = at(record, shape.output)
    turns += (
        [Turn("assistant", answer)]
        if isinstance(answer, str)
        else turns_in_field(answer, "assistant", shape.output, marks)
    )
    turns, others = _with_thought(turns, others, shape)
    spoken = row_of_talk(
        entry,
        turns,
        others,
        shape.output or shape.instruction,
        system=system_at(record, shape.system),
        tools=said["tools"],
    )
    spoken = spoken._replace(fixes=(*spoken.fixes, *fixes, *repairs))
    said = {name: value for name, value in said.items() if value is not None}
    said["flags"] = (*spoken.flags, *said["flags"])
    return spoken._replace(**said)


def _with_thought(turns: Sequence[Turn], others: Record, shape: Columns) -> tuple[list[Turn], Record]:
    """The turns with the thought that a field of the record holds, and the record without it. Where the last answer has
    another thought of its own, the field stays where it is.
    """
    thought, _, rest, _ = take_thought(None, others, shape.reasoning)
    last = turns[-1] if turns else None
    if thought is None or last is None or last.role not in ANSWER_ROLES or last.reasoning not in (None, "", thought):
        return [*turns], others
    return [*turns[:-1], last._replace(reasoning=thought)], rest


def _numbers_are_not_text(fault: Fault, record: Record, shape: Columns) -> Fault:
    """The same fault; of a number or a truth value in the place of an answer, with the shape that reads it."""
    value = at(record, shape.output)
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        first = toml(shape.model_copy(update={"output": f"{shape.output}.0"}))
        whole = toml(labelled(shape.instruction, paths_of(shape.input), shape.output or ""))
        ways = f"to take the first one use `{first}`, to take all of them as one answer use `{whole}`"
        return Fault("not-text", f"`{shape.output}` is {kind(value)}, not text: {ways}")
    if fault.reason != "not-text" or isinstance(value, str | list | dict | None):
        return fault
    given = [path for path in paths_of(shape.input) if at(record, path) is not None]
    template = labelled(shape.instruction, given, shape.output or "")
    template = worded(template, [record]) if isinstance(value, bool) else template
    number = "" if isinstance(value, bool) else 'write `numbers = "as-text"` in the source, or '
    return Fault("not-text", f"`{shape.output}` is {kind(value)}, not text: {number}use `{toml(template)}`")


def labelled(question: str, given: Sequence[str], answer: str) -> Template:
    """The template that reads a question, what it is about, and an answer that is not a text."""
    names = dict(zip(lettered_choices(given), NUMBERS, strict=False))  # an answer that is a text needs no template
    lines = [f"{names.get(path, path)}: {{{path}}}" if len(given) > 1 else f"{{{path}}}" for path in given]
    return Template(instruction=f"{{{question}}}", input="\n".join(lines), output=f"{{{answer}}}")
