"""Better and worse answers to one prompt, each record to one row."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.given import given_at, without_given
from pipeline.stages.ingest.fields.marks import Marks, take_label, take_learn
from pipeline.stages.ingest.fields.paths import at, kind, list_at, number_of, text_at, without
from pipeline.stages.ingest.fields.thoughts import take_thought
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.tool_definitions import tools_at
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row, row
from pipeline.stages.ingest.shapes.talk_rows import row_of_talk, system_at, with_input
from pipeline.stages.ingest.shapes.transcripts import turns_of
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turn_objects import Keys, turn_of
from pipeline.table.thoughts import join_thought
from schemas.shapes import LEARN, Choice, Completions, Preference, Role


def turns_in_field(value: Any, role: Role, path: str | None, marks: Marks = Marks()) -> list[Turn]:
    """The turns in one field: a text of this role, a transcript, a message or a list of messages.

    Raises Fault: not-text, and as `turn_of` does.
    """
    if value is None:
        return []
    if isinstance(value, str):
        cut = turns_of(value)
        return cut[1] if cut else [Turn(role, value)]
    turns = [value] if isinstance(value, dict) else value
    if not isinstance(turns, list):
        raise Fault("not-text", f"`{path}` is {kind(value)}: neither a text nor turns")
    names = ("role", "content") if turns and isinstance(turns[0], dict) and "role" in turns[0] else ("from", "value")
    return [turn_of(turn, number, Keys(*names, learn=marks), {}) for number, turn in enumerate(turns, 1)]


def prompt_turns(value: Any, path: str | None, marks: Marks = Marks()) -> list[Turn]:
    """The turns of a prompt. (A transcript of a prompt may end where the answer begins: `Assistant:`.)"""
    turns = turns_in_field(value, "user", path, marks)
    return turns[:-1] if len(turns) > 1 and turns[-1].role == "assistant" and not turns[-1].text.strip() else turns


def preference(entry: Entry, shape: Preference) -> list[Row]:
    """One row: the prompt, the chosen answer, and the rejected one as a text.

    Where `chosen` is a whole conversation, the prompt is what comes before its last answer.
    """
    record = entry.value
    learn, others = take_learn(record, Marks(shape.learn, shape.learn_from))
    label, others = take_label(others, shape.label)
    others = without_given(others, shape.input, [shape.chosen, shape.rejected, shape.system])
    tools = tools_at(record, shape.tools)
    if tools.text is not None:
        others = without(others, [shape.tools])
    marks = Marks(LEARN if shape.learn else (), shape.learn_from)
    chosen = turns_in_field(at(record, shape.chosen), "assistant", shape.chosen, marks)
    worse = turns_in_field(at(record, shape.rejected), "assistant", shape.rejected, marks)
    given, fixes = given_at(record, shape.input)
    prompt = prompt_turns(at(record, shape.prompt), shape.prompt, marks)
    context = turns_in_field(at(record, shape.context), "user", shape.context, marks) if shape.context else []
    before = _before(chosen, [*context, *prompt], given)
    if not _is_whole(chosen):
        others = without(others, [shape.prompt, shape.context])
    elif shape.prompt and _repeats(prompt, before):
        others = without(others, [shape.prompt])
    if not any(turn.role == "user" for turn in before):
        raise Fault("no-prompt", f"`{shape.chosen}` is an answer alone: name the field of its prompt in the shape")
    if worse and _plain(_before(worse, [*context, *prompt], given)) != _plain(before):
        detail = f"`{shape.chosen}` and `{shape.rejected}` differ before their last answers"
        raise Fault("different-prompts", f"{detail}: these are answers to two prompts")
    if rest := _rest_of_worse(worse, chosen):
        others = {**others, shape.rejected: rest}
    turns = [*before, *chosen[-1:]]
    row = row_of_talk(entry, turns, others, shape.chosen, system=system_at(record, shape.system), tools=tools.text)
    learn = row.learn if learn is None else learn
    worse_text = _text(worse, shape.rejected)
    return [
        row._replace(
            rejected=worse_text,
            label=label,
            learn=learn,
            fixes=(*row.fixes, *fixes, *tools.fixes),
            flags=(*row.flags, *tools.flags),
        )
    ]


def _rest_of_worse(worse: Sequence[Turn], chosen: Sequence[Turn]) -> Any:
    """What the messages of a worse answer hold beside their texts: of the last one, or a list where earlier ones hold
    something else than those of the better answer.
    """
    rests = [dict(turn.rest) for turn in worse]
    if rests[:-1] == [dict(turn.rest) for turn in chosen[:-1]] or not any(rests[:-1]):
        return rests[-1] if rests else {}
    return rests


def _before(answer: Sequence[Turn], prompt: Sequence[Turn], given: str | None) -> list[Turn]:
    """What comes before the last turn of an answer: its own turns where it is a whole conversation, else the prompt's.

    `given`: what the last question is about; of a whole conversation, the first one.
    """
    if _is_whole(answer):
        return with_input(answer[:-1], given) if given else [*answer[:-1]]
    return [*prompt, *([Turn("context", given)] if given else []), *answer[:-1]]


def _is_whole(turns: Sequence[Turn]) -> bool:
    """Whether turns are a whole conversation, and not only what answers a prompt."""
    return any(turn.role == "user" for turn in turns)


def _plain(turns: Sequence[Turn]) -> list[tuple[object, ...]]:
    """What is said in turns, apart from white space around it."""
    return [(turn.role, turn.text.strip(), list(turn.calls), list(turn.results)) for turn in turns]


def _repeats(prompt: Sequence[Turn], before: Sequence[Turn]) -> bool:
    """Whether a prompt says only what the turns before an answer say, too."""
    said = [turn.text.strip() for turn in before]
    return all(turn.text.strip() in said for turn in prompt)


def _text(answer: Sequence[Turn], path: str) -> str | None:
    """The rejected answer as a text, with its thought at the beginning. Raises Fault: no-answer, not-text."""
    if not answer:
        return None
    last = answer[-1]
    if last.role != "assistant":
        raise Fault("no-answer", f"`{path}` ends with a message of the role {last.role}, not with an answer")
    if last.calls:
        raise Fault("not-text", f"`{path}` ends with calls of tools: only a text can be a rejected answer")
    return last.text if last.reasoning is None else join_thought(last.reasoning, last.text)


def choice(entry: Entry, shape: Choice) -> list[Row]:
    """One row: of two answers the better one, and the other as rejected.

    Raises Fault: no-better, and as `preference` does.
    """
    value = at(entry.value, shape.better)
    place = better_of(value, shape)
    if place is None:
        said = f"`{value}`" if isinstance(value, str) else kind(value)
        raise Fault("no-better", f"`{shape.better}` is {said}: which answer is better?")
    chosen, rejected = shape.answers if place == 0 else reversed(shape.answers)
    return preference(entry, Preference(prompt=shape.prompt, chosen=chosen, rejected=rejected, input=shape.input))


def better_of(value: Any, shape: Choice) -> int | None:
    """Which of two answers a value means, 0 or 1: by its number, by its name, or by the letter at the end of that.

    >>> shape = Choice(answers=("response_a", "response_b"), better="winner")
    >>> [better_of(value, shape) for value in (1, "response_a", "model_b", "tie")]
    [1, 0, 1, None]
    """
    number = number_of(value)
    if number is not None:
        return int(number) - shape.first if number in (shape.first, shape.first + 1) else None
    said = value.strip().casefold() if isinstance(value, str) else ""
    names = [name.strip().casefold() for name in shape.answers]
    ends = [name[-1] for name in names]
    if said in names:
        return names.index(said)
    match = LETTER.fullmatch(said)
    return ends.index(match[1]) if match and match[1] in ends and ends[0] != ends[1] else None


#: A letter alone, or at the end of the name of a model or an answer.
LETTER = re.compile(r"(?:.*[_ -])?([a-z])")
#: Names of a rank.
RANK = re.compile(r"(?:.*[._])?(?:rank|ranking|순위|등수)s?", re.IGNORECASE)


def completions(entry: Entry, shape: Completions) -> list[Row]:
    """One row: the answer with the best score, and as rejected the one with the worst."""
    record = entry.value
    answers = list_at(record, shape.completions)
    given = [at(answer, shape.score) for answer in answers] if shape.text else list_at(record, shape.score)
    scores = [(score, place) for place, value in enumerate(given) if (score := number_of(value)) is not None]
    if not shape.text and len(given) != len(answers):
        detail = f"{len(answers)} `{shape.completions}` and {len(given)} `{shape.score}`"
        raise Fault("unequal-lists", f"{detail}: which score is of which answer?")
    if not scores:
        detail = f"none of the {len(answers)} `{shape.completions}` has a number in `{shape.score}`"
        raise Fault("no-score", f"{detail}: name the field of the score in `score` of the shape")
    if RANK.fullmatch(shape.score) and shape.best is None:
        ways = (toml(shape.model_copy(update={"best": best})) for best in ("lowest", "highest"))
        detail = f"`{shape.score}` may be a rank, of which the lowest is the best, or a score"
        raise FileFault("{}: write in the source `{}` for a rank, or `{}`".format(detail, *ways))
    sign = -1 if shape.best == "lowest" else 1
    scores = [(sign * score, place) for score, place in scores]
    best, worst = max(scores, key=lambda of: (of[0], -of[1])), min(scores)
    pair = {best[1], worst[1]} if worst[0] < best[0] else {best[1]}
    learn, others = take_learn(record, Marks(shape.learn, shape.learn_from))
    paths = [f"{place}.{shape.text}" if shape.text else str(place) for place in (best[1], worst[1])]
    left = [
        without(answer, [shape.text]) if shape.text and place in pair else answer
        for place, answer in enumerate(answers)
    ]
    others = without_given(others, shape.input, [shape.instruction, shape.system])
    others = {**others, shape.completions: left}
    about, repairs = given_at(record, shape.input)
    better, worse = (text_at(answers, path) for path in paths)
    system, prompt = system_at(record, shape.system), at(record, shape.instruction)
    if isinstance(prompt, list):
        turns = [*prompt_turns(prompt, shape.instruction), *([] if better is None else [Turn("assistant", better)])]
        turns = with_input(turns, about) if about else turns
        found = row_of_talk(entry, turns, others, shape.instruction, system=system)
    else:
        reasoning, output, others, fixes = take_thought(better, others, ())
        text = text_at(record, shape.instruction)
        found = row(entry, others, text, about, output, system=system, fixes=fixes)._replace(reasoning=reasoning)
    found = found._replace(fixes=(*found.fixes, *repairs))
    return [found._replace(rejected=worse if len(pair) == 2 else None, learn=learn)]
